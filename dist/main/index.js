import { createRequire as __WEBPACK_EXTERNAL_createRequire } from "module";
/******/ var __webpack_modules__ = ({

/***/ 929:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   CA: () => (/* binding */ errorCode),
/* harmony export */   kc: () => (/* binding */ errorText),
/* harmony export */   yo: () => (/* binding */ UserError)
/* harmony export */ });
/**
 * An error whose text is meant for the user of the action: what was given, what is allowed, how to fix it.
 * `anchor` names the entry in docs/troubleshooting.md that says more.
 */
class UserError extends Error {
    name = "UserError";
    anchor;
    /** More lines, for the log only. */
    details;
    constructor(anchor, message, options = {}) {
        super(message, options);
        this.anchor = anchor;
        this.details = options.details;
    }
}
/** The text of anything thrown, on one line and of bounded length, for a log or a status file. */
function errorText(error) {
    const text = error instanceof Error ? error.message || error.name : String(error);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
    return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ").slice(0, 500);
}
/** The code of a system error (ENOENT, ECONNREFUSED, ...), or undefined. */
function errorCode(error) {
    const code = error?.code;
    return typeof code === "string" ? code : undefined;
}


/***/ }),

/***/ 321:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   TL: () => (/* binding */ quoted),
/* harmony export */   g$: () => (/* binding */ printable),
/* harmony export */   i7: () => (/* binding */ jsonLines),
/* harmony export */   r7: () => (/* binding */ shellWord)
/* harmony export */ });
/* unused harmony export codeSpan */
/**
 * Text from outside (claims, inputs, answers of servers) made safe for the log of a job. The runner takes a
 * line that begins with `::`, after white space, and `##[` anywhere in a line, for commands; control and
 * format characters can hide or forge lines.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const TOKEN = /eyJ[\w-]+\.eyJ[\w-]+(?:\.[\w-]*)?/g;
/**
 * One line of a log: no control character, no workflow command, nothing like a JWT, at most `limit`
 * characters.
 */
function printable(text, limit = 4000) {
    return text
        .slice(0, limit)
        .replace(TOKEN, "(token)")
        .replace(UNPRINTABLE, " ")
        .replaceAll("##[", "## [")
        .replace(/^(\s*)::/, "$1: :");
}
/**
 * A value in double quotes, as JSON writes it: what is invisible shows as an escape. At most `limit`
 * characters of it.
 */
function quoted(value, limit = 300) {
    return escaped(JSON.stringify(value.length > limit ? `${value.slice(0, limit)}…` : value));
}
/** Indented JSON, line by line, that means the same as the value, whatever is in it. */
function jsonLines(value) {
    return JSON.stringify(value, null, 2).split("\n").map(escaped);
}
/**
 * A code span of Markdown, in a table, too, on one line. It shows the text as it is but for what is not ASCII
 * or could end the span or the cell (https://github.github.com/gfm/#code-spans, #tables-extension-), which
 * become question marks.
 */
function codeSpan(text) {
    const shown = printable(text, 300).replace(/[^\x20-\x7e]|[`|\\]/g, "?");
    return shown === "" ? "(empty)" : `\`${shown}\``;
}
/** A word for a POSIX shell, so that a command with an untrusted value in it can be pasted. */
function shellWord(word) {
    return /^[\w+=,.@:/-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
function escaped(json) {
    const units = (text) => text.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
    return json.replace(UNPRINTABLE, units).replaceAll("##[", "##\\u005b");
}


/***/ }),

/***/ 698:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   r: () => (/* binding */ troubleshootingLink)
/* harmony export */ });
/** Where the entry of an anchor in docs/troubleshooting.md is on the web. */
function troubleshootingLink(anchor) {
    return `https://github.com/org/aws-role-refresh/blob/main/docs/troubleshooting.md#${anchor}`;
}


/***/ }),

/***/ 567:
/***/ ((__webpack_module__, __unused_webpack___webpack_exports__, __nccwpck_require__) => {

__nccwpck_require__.a(__webpack_module__, async (__webpack_handle_async_dependencies__, __webpack_async_result__) => { try {
/* harmony import */ var _actions_core__WEBPACK_IMPORTED_MODULE_0__ = __nccwpck_require__(915);
/* harmony import */ var _base_errors_js__WEBPACK_IMPORTED_MODULE_1__ = __nccwpck_require__(929);
/* harmony import */ var _base_text_js__WEBPACK_IMPORTED_MODULE_4__ = __nccwpck_require__(321);
/* harmony import */ var _base_troubleshooting_js__WEBPACK_IMPORTED_MODULE_3__ = __nccwpck_require__(698);
/* harmony import */ var _start_js__WEBPACK_IMPORTED_MODULE_2__ = __nccwpck_require__(571);





try {
    await (0,_start_js__WEBPACK_IMPORTED_MODULE_2__/* .start */ .n)(process.env);
}
catch (error) {
    if (error instanceof _base_errors_js__WEBPACK_IMPORTED_MODULE_1__/* .UserError */ .yo) {
        _actions_core__WEBPACK_IMPORTED_MODULE_0__/* .setFailed */ .C1(`${error.message}\nMore: ${(0,_base_troubleshooting_js__WEBPACK_IMPORTED_MODULE_3__/* .troubleshootingLink */ .r)(error.anchor)}`);
        if (error.details !== undefined)
            _actions_core__WEBPACK_IMPORTED_MODULE_0__/* .info */ .pq(error.details);
    }
    else {
        _actions_core__WEBPACK_IMPORTED_MODULE_0__/* .debug */ .Yz((0,_base_text_js__WEBPACK_IMPORTED_MODULE_4__/* .printable */ .g$)(error instanceof Error ? (error.stack ?? error.message) : String(error)));
        const more = (0,_base_errors_js__WEBPACK_IMPORTED_MODULE_1__/* .errorCode */ .CA)(error) === undefined ? "" : `\nMore: ${(0,_base_troubleshooting_js__WEBPACK_IMPORTED_MODULE_3__/* .troubleshootingLink */ .r)("runner-files")}`;
        _actions_core__WEBPACK_IMPORTED_MODULE_0__/* .setFailed */ .C1(`${(0,_base_errors_js__WEBPACK_IMPORTED_MODULE_1__/* .errorText */ .kc)(error)}${more}`);
    }
}

__webpack_async_result__();
} catch(e) { __webpack_async_result__(e); } }, 1);

/***/ }),

/***/ 571:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {


// EXPORTS
__nccwpck_require__.d(__webpack_exports__, {
  n: () => (/* binding */ start)
});

;// CONCATENATED MODULE: external "node:crypto"
const external_node_crypto_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:crypto");
;// CONCATENATED MODULE: external "node:timers/promises"
const promises_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:timers/promises");
;// CONCATENATED MODULE: external "node:url"
const external_node_url_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:url");
// EXTERNAL MODULE: ../node_modules/@actions/core/lib/core.js + 11 modules
var lib_core = __nccwpck_require__(915);
;// CONCATENATED MODULE: external "node:fs"
const external_node_fs_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:fs");
// EXTERNAL MODULE: ../lib/src/base/errors.js
var errors = __nccwpck_require__(929);
;// CONCATENATED MODULE: ../lib/src/base/files.js



/**
 * Replaces a file as a whole: a reader sees the old content or the new, never an empty or half file. Whatever
 * is at `path`, a symlink or a FIFO, is replaced and not followed. Mode 0600 under any umask. On failure the
 * old file stays and no other is left.
 */
function writeFileAtomic(path, content) {
    const temporary = `${path}.${(0,external_node_crypto_namespaceObject.randomBytes)(6).toString("hex")}.tmp`;
    try {
        // wx is O_CREAT | O_EXCL, which does not follow a symlink planted at the temporary name either.
        const file = external_node_fs_namespaceObject.openSync(temporary, "wx", 0o600);
        try {
            if (process.platform !== "win32")
                external_node_fs_namespaceObject.fchmodSync(file, 0o600);
            external_node_fs_namespaceObject.writeFileSync(file, content);
        }
        finally {
            external_node_fs_namespaceObject.closeSync(file);
        }
        external_node_fs_namespaceObject.renameSync(temporary, path);
    }
    catch (error) {
        external_node_fs_namespaceObject.rmSync(temporary, { force: true });
        throw error;
    }
}
/**
 * The bytes of a regular file, or undefined where there is none. Throws on any other error, and on anything
 * but a file.
 */
function readFileIfExists(path) {
    let file;
    try {
        // O_NONBLOCK: opening a FIFO would wait for its writer for ever.
        file = external_node_fs_namespaceObject.openSync(path, external_node_fs_namespaceObject.constants.O_RDONLY | (external_node_fs_namespaceObject.constants.O_NONBLOCK ?? 0));
    }
    catch (error) {
        if ((0,errors/* errorCode */.CA)(error) === "ENOENT")
            return undefined;
        throw error;
    }
    try {
        if (!external_node_fs_namespaceObject.fstatSync(file).isFile())
            throw new Error(`${path} is not a regular file`);
        return external_node_fs_namespaceObject.readFileSync(file);
    }
    finally {
        external_node_fs_namespaceObject.closeSync(file);
    }
}
/** The JSON object in a file of ours, or undefined where there is none: a crash may have left anything. */
function readJson(path) {
    try {
        const value = JSON.parse(readFileIfExists(path)?.toString("utf8") ?? "");
        return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
    }
    catch {
        return undefined;
    }
}
function writeJson(path, value) {
    writeFileAtomic(path, `${JSON.stringify(value)}\n`);
}

;// CONCATENATED MODULE: ../lib/src/aws/cli-cache.js


/**
 * Deletes sessions that the AWS CLI keeps on disk (~/.aws/cli/cache/*.json, by role and session name, not by
 * token): for up to an hour they would work after the job, and the next job on the machine would be handed
 * them. Found by what they hold, since their names are hashes whose recipe changes (aws/aws-cli#10670).
 * Returns how many; a cache that cannot be read has none.
 * @param isOurs decides by the ARN of the session, arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION, and when
 * the file was written
 */
function deleteCachedSessions(directory, isOurs) {
    let names;
    try {
        names = external_node_fs_namespaceObject.readdirSync(directory).filter((name) => name.endsWith(".json"));
    }
    catch {
        return 0;
    }
    let deleted = 0;
    for (const name of names) {
        const path = `${directory}/${name}`;
        try {
            const arn = readJson(path)?.AssumedRoleUser?.Arn;
            if (typeof arn !== "string" || !isOurs(arn, external_node_fs_namespaceObject.statSync(path).mtimeMs))
                continue;
            external_node_fs_namespaceObject.rmSync(path);
            deleted += 1;
        }
        catch {
            // Gone by another's hand, or another user's: neither is ours to delete.
        }
    }
    return deleted;
}
/** Whether a cached session is of a role (arn:aws:iam::ACCOUNT:role/PATH/NAME) and has a session name. */
function isSessionOf(assumedRoleArn, roleArn, sessionName) {
    const cached = parseRole(assumedRoleArn);
    return cached !== undefined && cached.role === parseRole(roleArn)?.role && cached.session === sessionName;
}
/**
 * Account, name and session of an assumed role, or of a role (without a session), for comparison; undefined
 * for anything else.
 */
function parseRole(arn) {
    const assumed = /^arn:([\w-]+):sts::(\d*):assumed-role\/([^/]+)\/(.+)$/.exec(arn);
    if (assumed)
        return { role: `${assumed[1]}:${assumed[2]}:${assumed[3]}`, session: assumed[4] ?? "" };
    const role = /^arn:([\w-]+):iam::(\d*):role\/(?:.*\/)?([^/]+)$/.exec(arn);
    return role ? { role: `${role[1]}:${role[2]}:${role[3]}`, session: "" } : undefined;
}

;// CONCATENATED MODULE: ../lib/src/aws/environment.js

const KEYS = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
const CONTAINER = ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];
const WEB_IDENTITY = ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"];
/**
 * Plans the environment of later steps, so that the profile is what every SDK uses whatever was ambient.
 * GitHub cannot unset a variable, and an empty one breaks some SDK for nearly each of them: only the static
 * keys (those that are set) and the container URIs are ever set to "". Throws a UserError where a named
 * profile could silently lose to what is ambient.
 */
function planEnvironment(ambient, use) {
    const isAmbient = use.profile === "default";
    const isSet = (name) => (ambient[name] ?? "") !== "";
    const exists = (name) => ambient[name] !== undefined;
    const exports = {};
    const warnings = [];
    exports.AWS_CONFIG_FILE = use.configFile;
    exports.AWS_SHARED_CREDENTIALS_FILE = use.credentialsFile;
    // Go v1 and JavaScript v2 read the config file, and STS of the region instead of the global one, only when
    // told so.
    exports.AWS_SDK_LOAD_CONFIG = "1";
    exports.AWS_STS_REGIONAL_ENDPOINTS = "regional";
    if (isAmbient) {
        exports.AWS_REGION = use.region;
        exports.AWS_DEFAULT_REGION = use.region;
        if (use.stsEndpoint !== undefined)
            exports.AWS_ENDPOINT_URL_STS = use.stsEndpoint;
        // Both, where set: some tools prefer one and some the other. Even "" counts as the name of a profile for
        // several.
        for (const name of ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]) {
            if (!exists(name) || ambient[name] === "default")
                continue;
            exports[name] = "default";
            if (isSet(name))
                warnings.push(`${name} was ${quote(ambient[name])}; it is "default" from here on, so that the role is what later steps get.`);
        }
    }
    if (!isAmbient && isSet("AWS_DEFAULT_PROFILE") && ambient.AWS_DEFAULT_PROFILE !== use.profile) {
        warnings.push(`AWS_DEFAULT_PROFILE is set, and boto3 and the AWS CLI v1 prefer it to AWS_PROFILE: steps that choose profile ${quote(use.profile)} with AWS_PROFILE would ` +
            `run as ${quote(ambient.AWS_DEFAULT_PROFILE)} there. Choose it with --profile, or set AWS_DEFAULT_PROFILE in the same step.`);
    }
    const keys = KEYS.filter(isSet);
    if (keys.length > 0) {
        // Only those: a blank AWS_SESSION_TOKEN beside keys that post has put back would break Ruby and PHP.
        for (const name of keys)
            exports[name] = "";
        warnings.push(`${list(keys)} ${verb(keys)} set and would win over the profile in nearly every SDK; blank from here on. Use static keys and a role in separate jobs.`);
    }
    const container = CONTAINER.filter(isSet);
    if (container.length > 0) {
        for (const name of CONTAINER)
            exports[name] = "";
        warnings.push(`${list(container)} ${verb(container)} set and would win over the profile in some SDKs; blank from here on.`);
    }
    checkEndpoint();
    planWebIdentity();
    return { exports, warnings };
    // The environment's endpoints beat those in a config file:
    // https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    function checkEndpoint() {
        if (use.stsEndpoint === undefined)
            return;
        const rivals = isAmbient
            ? []
            : ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"].filter((name) => isSet(name) && !sameUrl(ambient[name], use.stsEndpoint));
        if (/^true$/i.test(ambient.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS ?? ""))
            rivals.push("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
        if (rivals.length === 0)
            return;
        throw new errors/* UserError */.yo("sts-endpoint-loses", `${list(rivals)} ${verb(rivals)} set in this job and would win over sts-endpoint: later steps would send the ID token to another server. ` +
            `Remove ${rivals.length > 1 ? "them" : "it"} from the job${isAmbient ? "" : ", or leave out profile to make this role ambient"}.`);
    }
    // AWS_ROLE_ARN and its companions beat the profile in most tools, or are mixed with it one by one, and
    // blank ones break botocore: where some are set, only our own values of all three can win.
    function planWebIdentity() {
        const found = [...WEB_IDENTITY, "AWS_ROLE_SESSION_NAME"].filter(exists);
        if (!isAmbient) {
            if (use.mirror === "always")
                throw mirrorRefused("true with a named profile: the variables would win over AWS_PROFILE and give every step this role");
            const role = WEB_IDENTITY.filter(exists);
            if (role.length > 0) {
                throw new errors/* UserError */.yo("named-profile-loses", `${list(role)} ${verb(role)} set in this job. Most AWS SDKs prefer ${role.length > 1 ? "them" : "it"} to a profile chosen with AWS_PROFILE, so steps that choose ` +
                    `profile ${quote(use.profile)} would silently run as another role. Remove ${role.length > 1 ? "them" : "it"} from the job or the runner, make all uses named ` +
                    "if an earlier use of this action set mirror-environment, or leave out profile to make this role ambient.");
            }
            // Alone it only changes the session's name; an empty one would let the AWS CLI's disk cache mix up
            // jobs.
            if (found.length > 0)
                exports.AWS_ROLE_SESSION_NAME = use.sessionName;
            return;
        }
        if (use.mirror === "never" && found.length > 0) {
            throw mirrorRefused(`false while ${list(found)} ${verb(found)} set in this job: later steps would run as another role or fail`);
        }
        if (use.mirror === "always" || found.length > 0) {
            exports.AWS_ROLE_ARN = use.roleArn;
            exports.AWS_WEB_IDENTITY_TOKEN_FILE = use.tokenFile;
            exports.AWS_ROLE_SESSION_NAME = use.sessionName;
        }
        const others = "Steps that choose another profile with AWS_PROFILE get this role all the same in most SDKs; --profile is safe.";
        if (found.length > 0) {
            warnings.push(`${list(found)} ${verb(found)} set and would win over the profile or be mixed with it; all three web identity variables name this role from here on. ${others}`);
        }
        else if (use.mirror === "always") {
            warnings.push(`mirror-environment is true: this job has one role. ${others}`);
        }
    }
}
function mirrorRefused(why) {
    return new errors/* UserError */.yo("mirror-refused", `mirror-environment cannot be ${why}. Leave it at auto.`);
}
/**
 * What post exports so that later post steps find the environment as it was. Only what is still as main left
 * it. A variable that had no value keeps ours, since it cannot be unset and "" would break SDKs; the two
 * files go back to their default paths.
 * @param defaults what SDKs do without a variable, for those where that can be said
 */
function planRestore(now, exported, previous, defaults) {
    const restore = {};
    for (const [name, ours] of Object.entries(exported)) {
        const value = previous[name] || defaults[name];
        if (value && value !== ours && now[name] === ours)
            restore[name] = value;
    }
    return restore;
}
function sameUrl(one, other) {
    return one?.replace(/\/+$/, "") === other;
}
function quote(text) {
    return JSON.stringify((text ?? "").slice(0, 100));
}
function list(names) {
    return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
function verb(names) {
    return names.length > 1 ? "are" : "is";
}

;// CONCATENATED MODULE: ../lib/src/aws/profile.js
// The text of AWS config and credentials files. They are edited as text, by whole sections, and never parsed
// and printed again: the user's comments, nested keys, line ends and odd headers stay as they are, byte for
// byte. Callers decode files as latin1, which maps every byte to one character and back.
/**
 * The section of a profile for a config file. Keys in lower case at column 0, no quotes, no inline comments:
 * what every SDK's own reader takes (docs/compatibility.md). Throws on a value that could add a line or be
 * cut short, however it got here.
 */
function renderProfile(profile) {
    const section = [
        profile.name === "default" ? "[default]" : `[profile ${profile.name}]`,
        `role_arn = ${profile.roleArn}`,
        `web_identity_token_file = ${profile.tokenFile}`,
        `role_session_name = ${profile.sessionName}`,
        `region = ${profile.region}`,
    ];
    if (profile.stsEndpoint !== undefined) {
        // Not endpoint_url in the profile itself: that would send every service's calls there.
        section.push(`services = ${servicesName(profile.name)}`, `[services ${servicesName(profile.name)}]`, "sts =", `  endpoint_url = ${profile.stsEndpoint}`);
    }
    for (const line of section) {
        if (!/^[\x20-\x7e]*$/.test(line) || /[#;]|\s$/.test(line))
            throw new Error(`not fit for a config file: ${JSON.stringify(line)}`);
    }
    return `${section.join("\n")}\n`;
}
function servicesName(profileName) {
    return `aws-role-refresh-${profileName}`;
}
/**
 * Takes every section of a profile out of a config file, with the services section that renderProfile may
 * have added.
 */
function takeFromConfig(text, profileName) {
    return takeSections(text, (header) => isProfile(header, profileName) || header === `services ${servicesName(profileName)}`);
}
/** Takes every section of a profile out of a credentials file. */
function takeFromCredentials(text, profileName) {
    return takeSections(text, (header) => isProfile(header, profileName));
}
/** Adds sections to the end of a file. */
function append(text, sections) {
    if (sections === "")
        return text;
    return text === "" || text.endsWith("\n") ? text + sections : `${text}\n${sections}`;
}
// Readers differ in which headers they take for a profile's: with or without "profile", quoted, with a
// comment behind. Whatever one of them might read as this profile has to go, or that reader's user would get
// another role than the others.
function isProfile(header, profileName) {
    const name = header
        .replace(/^profile\s+/, "")
        .replace(/^(["'])(.*)\1$/, "$2")
        .trim();
    return name === profileName;
}
const HEADER = /^\s*\[([^\]]*)\]/;
const BLANK_OR_COMMENT = /^\s*(?:[#;][\s\S]*)?$/;
function takeSections(text, matches) {
    // A byte order mark would hide the first header, from boto3 and others as well as from here.
    const lines = text.replace(/^\u00ef\u00bb\u00bf/, "").split(/(?<=\n)/);
    const split = { kept: "", taken: "" };
    let taking = false;
    // Comments in front of a header belong to it; those inside a section are only known for such once another
    // key follows.
    let pending = "";
    for (const line of lines) {
        const header = HEADER.exec(line)?.[1];
        if (header !== undefined) {
            split.kept += pending;
            pending = "";
            taking = matches(header.trim());
        }
        if (!taking)
            split.kept += line;
        else if (BLANK_OR_COMMENT.test(line))
            pending += line;
        else {
            split.taken += pending + line;
            pending = "";
        }
    }
    split.kept += pending;
    return split;
}
/** The ARNs of all roles that a config file names, in any section. */
function roleArnsIn(text) {
    return [...text.matchAll(/^[ \t]*role_arn[ \t]*=[ \t]*(\S+)/gim)].map((match) => match[1] ?? "");
}

;// CONCATENATED MODULE: external "node:path"
const external_node_path_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:path");
;// CONCATENATED MODULE: ../lib/src/base/bundles.js


/**
 * The path of another bundle of dist/: dist/NAME/index.js, from dist/main/index.js or dist/post/index.js. Not
 * `new URL(…, import.meta.url)`, which the bundler would take for a file to copy.
 */
function bundlePath(name) {
    return external_node_path_namespaceObject.join(external_node_path_namespaceObject.dirname((0,external_node_url_namespaceObject.fileURLToPath)(import.meta.url)), "..", name, "index.js");
}

;// CONCATENATED MODULE: external "node:os"
const external_node_os_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:os");
;// CONCATENATED MODULE: ../lib/src/base/home.js

/** Where the AWS CLI keeps sessions (awscli/customizations/assumerole.py). */
function cliCache() {
    return `${home()}/.aws/cli/cache`;
}
/**
 * The folder that holds .aws. A user without HOME and without an entry in passwd, as containers have it, has
 * none: no file is found there.
 */
function home() {
    try {
        return (0,external_node_os_namespaceObject.homedir)();
    }
    catch {
        return "/nonexistent";
    }
}

;// CONCATENATED MODULE: external "node:http"
const external_node_http_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:http");
var external_node_http_namespaceObject_0 = /*#__PURE__*/__nccwpck_require__.t(external_node_http_namespaceObject, 2);
;// CONCATENATED MODULE: external "node:https"
const external_node_https_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:https");
var external_node_https_namespaceObject_0 = /*#__PURE__*/__nccwpck_require__.t(external_node_https_namespaceObject, 2);
;// CONCATENATED MODULE: ../lib/src/base/jwt.js
// base64url segments and nothing else: such a text cannot add a line to a file, a header or a log.
const JWT = /^[\w-]+\.([\w-]+)\.[\w-]+$/;
/** The payload of a JWT in compact form, or undefined if it is not one. */
function decodeClaims(token) {
    const payload = JWT.exec(token)?.[1];
    if (payload === undefined)
        return undefined;
    try {
        const claims = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
        return typeof claims === "object" && claims !== null && !Array.isArray(claims)
            ? claims
            : undefined;
    }
    catch {
        return undefined;
    }
}
// The last second that a Date can hold.
const MAX_SECONDS = 8.64e12;
/** A time claim (exp, iat, nbf) in milliseconds since 1970, or undefined. */
function timeClaim(claims, name) {
    const seconds = claims?.[name];
    return typeof seconds === "number" && seconds > 0 && seconds <= MAX_SECONDS ? seconds * 1000 : undefined;
}

;// CONCATENATED MODULE: ../lib/src/base/id-token.js




class IdTokenError extends Error {
    name = "IdTokenError";
    kind;
    status;
    /**
     * The system's code for an endpoint that cannot be reached: ECONNREFUSED, ENOTFOUND, a TLS code, TIMEOUT.
     */
    code;
    /** What the server asked for in Retry-After. */
    retryAfterMs;
    constructor(kind, message, details = {}) {
        super(message);
        this.kind = kind;
        this.status = details.status;
        this.code = details.code;
        this.retryAfterMs = details.retryAfterMs;
    }
}
/** GitHub's answers are about 2 kB. */
const MAX_ANSWER_BYTES = 64 * 1024;
/** Each piece of an answer costs far more memory than its bytes. */
const MAX_ANSWER_PIECES = 1024;
/** A token "from the future" by more than this would be refused by STS. */
const FUTURE_TOLERANCE_MS = 60_000;
/**
 * Asks the job's endpoint for one ID token. One request, no retry, no redirect: the request token goes to the
 * host that the runner named and to no other. Throws an IdTokenError whose message never holds a token.
 * @param timeoutMs bounds the whole exchange, from the connection to the last byte
 */
async function requestIdToken(endpoint, audience, timeoutMs, signal) {
    const { body, date } = await get(endpoint, audience, timeoutMs, signal);
    return readAnswer(body, audience, date);
}
function get(endpoint, audience, timeoutMs, signal) {
    return new Promise((resolve, reject) => {
        // Appended as text, as the toolkit's getIDToken() does: the rest of the URL is the server's own.
        const url = new URL(`${endpoint.url}${endpoint.url.includes("?") ? "&" : "?"}audience=${encodeURIComponent(audience)}`);
        const client = url.protocol === "http:" ? external_node_http_namespaceObject_0 : external_node_https_namespaceObject_0;
        const timer = setTimeout(() => {
            request.destroy(new IdTokenError("unreachable", `${url.host} did not answer within ${timeoutMs} ms`, {
                code: "TIMEOUT",
            }));
        }, timeoutMs);
        const request = client.get(url, {
            // Of its own, so that the connection is not kept; proxyEnv (HTTPS_PROXY, NO_PROXY): Node 24.5 and
            // later.
            agent: new client.Agent({ keepAlive: false, proxyEnv: process.env }),
            headers: {
                accept: "application/json; api-version=2.0",
                authorization: `Bearer ${endpoint.requestToken}`,
                "user-agent": "aws-role-refresh",
            },
            ...(signal && { signal }),
        }, (response) => {
            const chunks = [];
            let size = 0;
            response.on("data", (chunk) => {
                size += chunk.length;
                if (size > MAX_ANSWER_BYTES) {
                    request.destroy(new IdTokenError("answer", `the answer is larger than ${MAX_ANSWER_BYTES} bytes`));
                }
                else if (chunks.length === MAX_ANSWER_PIECES) {
                    request.destroy(new IdTokenError("answer", `the answer comes in more than ${MAX_ANSWER_PIECES} pieces`));
                }
                else {
                    chunks.push(chunk);
                }
            });
            response.on("error", fail);
            response.on("end", () => {
                const date = Date.parse(response.headers.date ?? "");
                const status = response.statusCode ?? 0;
                if (status !== 200) {
                    const retryAfterMs = readRetryAfter(response.headers["retry-after"], date);
                    reject(new IdTokenError("status", `${url.host} answered ${status}`, {
                        status,
                        ...(retryAfterMs !== undefined && { retryAfterMs }),
                    }));
                    return;
                }
                resolve({
                    body: Buffer.concat(chunks).toString("utf8"),
                    date: Number.isNaN(date) ? undefined : date,
                });
            });
        });
        function fail(error) {
            if (error instanceof IdTokenError)
                reject(error);
            else {
                const code = (0,errors/* errorCode */.CA)(error);
                reject(new IdTokenError("unreachable", `${url.host} cannot be reached: ${(0,errors/* errorText */.kc)(error)}`, code === undefined ? {} : { code }));
            }
        }
        request.on("error", fail);
        // An answer of 101 closes the request with neither response nor error. Where all is settled, this changes
        // nothing.
        request.on("close", () => {
            clearTimeout(timer);
            reject(new IdTokenError("unreachable", `${url.host} closed the connection without an answer`));
        });
    });
}
/** Retry-After is seconds or a date: RFC 9110, 10.2.3. */
function readRetryAfter(value, serverDate) {
    if (value === undefined)
        return undefined;
    if (/^\d{1,6}$/.test(value))
        return Number(value) * 1000;
    const until = Date.parse(value) - (Number.isNaN(serverDate) ? Date.now() : serverDate);
    return until > 0 ? until : undefined;
}
function readAnswer(body, audience, date) {
    let token;
    try {
        token = JSON.parse(body)?.value;
    }
    catch {
        throw new IdTokenError("answer", "the answer is not JSON");
    }
    const claims = typeof token === "string" ? decodeClaims(token) : undefined;
    if (typeof token !== "string" || claims === undefined)
        throw new IdTokenError("answer", "the answer holds no JWT");
    const audiences = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
    if (!audiences.includes(audience))
        throw new IdTokenError("answer", "the token is for another audience");
    // The server's own clock decides what has expired, where it tells it: the runner's may be wrong by any
    // amount.
    const clockOffsetMs = date === undefined ? undefined : date - Date.now();
    const now = date ?? Date.now();
    const expires = timeClaim(claims, "exp");
    if (expires === undefined)
        throw new IdTokenError("answer", "the token does not say when it expires");
    if (expires <= now)
        throw new IdTokenError("answer", "the token has expired already");
    const issued = timeClaim(claims, "iat") ?? now;
    if (Math.max(issued, timeClaim(claims, "nbf") ?? 0) > now + FUTURE_TOLERANCE_MS)
        throw new IdTokenError("answer", "the token is from the future");
    const lifetimeMs = expires - issued;
    if (lifetimeMs <= 0)
        throw new IdTokenError("answer", "the token expires before it was issued");
    return {
        token,
        claims,
        lifetimeMs,
        remainingMs: Math.min(lifetimeMs, expires - now),
        clockOffsetMs,
        receivedAt: performance.now(),
    };
}

;// CONCATENATED MODULE: ../lib/src/base/process.js


/**
 * proc(5), /proc/PID/stat. The name stands in parentheses and may hold any character. Undefined if there is
 * no such process.
 */
function readStat(pid) {
    try {
        const text = external_node_fs_namespaceObject.readFileSync(`/proc/${pid}/stat`, "utf8");
        const end = text.lastIndexOf(")");
        const fields = text.slice(end + 2).split(" ");
        return {
            name: text.slice(text.indexOf("(") + 1, end),
            state: fields[0] ?? "",
            parent: Number(fields[1]),
            started: fields[19] ?? "",
        };
    }
    catch {
        return undefined;
    }
}
function identify(pid) {
    return { pid, started: readStat(pid)?.started ?? "" };
}
/** Whether the very process still runs; a zombie does not. Without /proc, whether any process has its pid. */
function isRunning(process_) {
    if (process_.started !== "") {
        const stat = readStat(process_.pid);
        return (stat !== undefined && stat.started === process_.started && stat.state !== "Z" && stat.state !== "X");
    }
    try {
        return process.kill(process_.pid, 0);
    }
    catch (error) {
        return (0,errors/* errorCode */.CA)(error) === "EPERM";
    }
}
/** More than enough for a runner, a composite action and wrapper scripts. */
const MAX_ANCESTORS = 32;
/**
 * The runner's worker among this process's ancestors: the process that runs one job and then ends. Undefined
 * inside a container, whose processes have no ancestor outside, without /proc, and under other runners.
 * https://github.com/actions/runner: src/Runner.Worker; the kernel keeps 15 characters of a name, of which it
 * needs 13.
 */
function findWorker() {
    let pid = process.ppid;
    for (let i = 0; i < MAX_ANCESTORS && pid > 1; i++) {
        const stat = readStat(pid);
        if (!stat)
            return undefined;
        if (stat.name === "Runner.Worker")
            return { pid, started: stat.started };
        pid = stat.parent;
    }
    return undefined;
}

;// CONCATENATED MODULE: ../lib/src/base/proxy.js
// Proxies are Node's own affair (https://nodejs.org/api/http.html#built-in-proxy-support): agents with
// `proxyEnv`, from Node 24.5 on. What stands here only tells the user about them.



/** Whether a version of Node has agents with `proxyEnv`. */
function knowsProxies(version) {
    const [major = 0, minor = 0] = version.split(".").map(Number);
    return major > 24 || (major === 24 && minor >= 5);
}
/** The proxy that the environment names for a URL, or undefined. Without its user and password. */
function findProxy(env, url) {
    const name = new URL(url).protocol === "http:" ? "http_proxy" : "https_proxy";
    const proxy = env[name] || env[name.toUpperCase()];
    if (!proxy || isExempt(env, new URL(url)))
        return undefined;
    return isUsable(proxy) ? new URL(proxy).origin : UNUSABLE;
}
const UNUSABLE = "one that Node cannot use, since its URL does not begin with http:// or https://";
function isUsable(proxy) {
    return /^https?:\/\//.test(proxy) && URL.canParse(proxy);
}
function isExempt(env, url) {
    const entries = (env.no_proxy || env.NO_PROXY || "").split(/[\s,]+/).filter((entry) => entry !== "");
    return entries.some((entry) => entry === "*" ||
        url.host === entry ||
        url.hostname === entry ||
        url.hostname.endsWith(`.${entry.replace(/^\*?\./, "")}`));
}
/**
 * Throws a UserError where Node cannot read a proxy of the environment: from 24.5 on each agent would throw
 * for it (parseProxyUrl, lib/internal/http.js in nodejs/node), the SDK's where nothing catches it. The value
 * may hold a password and is not shown.
 */
function checkProxies(env) {
    for (const [{ Agent }, name] of [
        [external_node_http_namespaceObject_0, "http_proxy"],
        [external_node_https_namespaceObject_0, "https_proxy"],
    ]) {
        try {
            new Agent({ keepAlive: false, proxyEnv: env });
        }
        catch {
            throw new errors/* UserError */.yo("proxy-cannot-be-used", `${env[name] ? name : name.toUpperCase()} does not hold a URL that Node.js can read. Give it as http://HOST:PORT or ` +
                "http://USER:PASSWORD@HOST:PORT, with what is not a letter or digit in user and password escaped (%40 for @), or remove it.");
        }
    }
}
/** What to say where a proxy is set that this Node cannot use. */
function proxyWarning(env, url, version = process.versions.node) {
    const proxy = findProxy(env, url);
    if (proxy === UNUSABLE)
        return `The proxy of the environment is ${UNUSABLE}: requests go to GitHub and AWS directly.`;
    if (proxy === undefined || knowsProxies(version))
        return undefined;
    return `${proxy} is set as proxy, but Node ${version} cannot use it: requests go to GitHub and AWS directly. Use a runner whose Node is 24.5 or newer.`;
}

// EXTERNAL MODULE: ../lib/src/base/text.js
var base_text = __nccwpck_require__(321);
;// CONCATENATED MODULE: ../lib/src/base/token-directory.js

function tokenDirectory(path) {
    return { path, token: `${path}/token`, status: `${path}/status.json`, stop: `${path}/stop` };
}
/** The name of the directory for an audience. */
function tokenId(audience) {
    return (0,external_node_crypto_namespaceObject.createHash)("sha256").update(audience).digest("hex").slice(0, 16);
}

;// CONCATENATED MODULE: ../lib/src/explain/conditions.js

const equal = (value, actual, variables) => literal(value, variables) === actual;
const equalIgnoringCase = (value, actual, variables) => literal(value, variables).toLowerCase() === actual.toLowerCase();
const OPERATORS = new Map([
    ["StringEquals", { compare: equal, negated: false }],
    ["StringNotEquals", { compare: equal, negated: true }],
    ["StringEqualsIgnoreCase", { compare: equalIgnoringCase, negated: false }],
    ["StringNotEqualsIgnoreCase", { compare: equalIgnoringCase, negated: true }],
    ["StringLike", { compare: like, negated: false }],
    ["StringNotLike", { compare: like, negated: true }],
    ["Bool", { compare: equalIgnoringCase, negated: false }],
]);
/**
 * Whether a condition holds for a token. The rules:
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html and,
 * beside it, reference_policies_condition-single-vs-multi-valued-context-keys.html.
 * @param variables whether `${…}` in values is a policy variable
 */
function checkCondition({ operator, key, values }, claims, context, variables) {
    const line = `${(0,base_text/* printable */.g$)(operator, 60)} ${(0,base_text/* quoted */.TL)(key, 100)}`;
    const undecided = (why) => ({ holds: undefined, reason: `${line}: ${why}` });
    const [, set, base = "", ifExists] = /^(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?$/.exec(operator) ?? [];
    const known = OPERATORS.get(base);
    if (!known && operator !== "Null")
        return undecided("this operator cannot be evaluated here");
    if (variables && values.some(hasVariable))
        return undecided("policy variables cannot be evaluated here");
    const request = requestValues(key, claims, context);
    if (typeof request === "string")
        return undecided(`cannot be evaluated here, ${request}`);
    const has = request
        ? `the token has ${listed(request)}`
        : `the token has no such claim${foreign(key, context)}`;
    if (!known) {
        const holds = values.some((value) => (value.toLowerCase() === "true") === (request === undefined));
        return { holds, reason: `${line}: the policy has ${listed(values)} ("true" means absent); ${has}` };
    }
    const { compare, negated } = known;
    const accepts = (actual) => values.some((value) => compare(value, actual, variables)) !== negated;
    let holds;
    // What is absent: IfExists accepts it, a set of all values is empty and so accepted, and nothing is unequal
    // to everything.
    if (!request)
        holds = ifExists !== undefined || set === "ForAllValues" || (negated && set === undefined);
    else if (set === "ForAllValues" || (negated && set === undefined))
        holds = request.every(accepts);
    else
        holds = request.some(accepts);
    const hint = holds || negated ? "" : nearMiss(base, values, request ?? [], variables);
    return {
        holds,
        reason: `${line}: the policy ${negated ? "excludes" : "has"} ${listed(values)}; ${has}${hint}`,
    };
}
function nearMiss(base, values, request, variables) {
    const some = (test) => request.some((actual) => values.some((value) => test(value, actual)));
    const lax = (value, actual) => like(value, actual, variables);
    if (base === "StringEquals" && some(lax))
        return " (StringEquals takes * and ? literally: StringLike does not)";
    if (some((value, actual) => lax(value.toLowerCase(), actual.toLowerCase())))
        return " (letter case differs)";
    if (some((value, actual) => lax(value, withoutIds(actual))))
        return " (the token's sub carries the IDs of owner and repository)";
    if (some((value, actual) => lax(withoutIds(value), actual)))
        return " (the token's sub carries no IDs of owner and repository)";
    return "";
}
/**
 * A sub of the immutable format, `repo:owner@id/name@id:…`, as the format without IDs has it; any other text
 * as it is.
 */
function withoutIds(sub) {
    return sub.replace(/^repo:([^/:@]+)@\d+\/([^/:@]+)@\d+(?=:|$)/, "repo:$1/$2");
}
// The claims of GitHub's tokens that AWS has condition keys for, besides sub and aud, and GitHub's providers
// that it has them for:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html
// (AssumeRoleWithWebIdentity). Announced for the commercial Regions only:
// https://aws.amazon.com/about-aws/whats-new/2026/01/aws-sts-supports-validation-identity-provider-claims/
const GITHUB_CLAIMS = "actor actor_id enterprise_id environment job_workflow_ref ref repository repository_id repository_owner_id workflow";
const GITHUB_PROVIDER = /^token\.actions\.(?:githubusercontent\.com|[\w-]+\.ghe\.com)(?:\/|$)/;
/** The claims that AWS has condition keys for, `<provider>:<claim>`. */
function claimsWithKeys({ providerHost, partition }) {
    const github = partition === "aws" && GITHUB_PROVIDER.test(providerHost);
    return ["aud", "sub", ...(github ? GITHUB_CLAIMS.split(" ") : [])];
}
/**
 * The values that the request has for a condition key, undefined for none, or why nobody but AWS can know.
 */
function requestValues(key, claims, context) {
    const { prefix, name } = splitKey(key);
    if (prefix !== context.providerHost.toLowerCase()) {
        // Keys of other identity providers, which this token never has, begin with a host; all others with the
        // name of a service.
        return prefix.includes(".") ? undefined : "the key is none of the token's provider";
    }
    const keys = claimsWithKeys(context);
    if (!keys.includes(name))
        return `AWS lists no such condition key for this provider (it lists ${keys.join(", ")})`;
    const claim = claims[name];
    const present = (Array.isArray(claim) ? claim : [claim]).filter((value) => value !== undefined && value !== null);
    return present.length > 0 ? present.map(claimText) : undefined;
}
/**
 * A claim as the text that conditions compare: nothing for one that is absent, JSON for lists and objects.
 */
function claimText(claim) {
    if (claim === undefined || claim === null)
        return "";
    return typeof claim === "object" ? JSON.stringify(claim) : String(claim);
}
// Names of keys are compared without letter case; GitHub writes its claims in lower case.
function splitKey(key) {
    const colon = key.lastIndexOf(":");
    return { prefix: key.slice(0, Math.max(colon, 0)).toLowerCase(), name: key.slice(colon + 1).toLowerCase() };
}
function foreign(key, { providerHost }) {
    return splitKey(key).prefix === providerHost.toLowerCase()
        ? ""
        : ` (its keys begin with ${(0,base_text/* quoted */.TL)(`${providerHost}:`)})`;
}
// Policy variables: ${*}, ${?} and ${$} stand for the characters themselves
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars).
const CHARACTER = /\$\{([*?$])\}/g;
/** A value that means the text itself, in a policy with variables and under an operator without wildcards. */
function withoutVariables(text) {
    return text.replace(/\$(?=\{)/g, "$${$$}");
}
function hasVariable(value) {
    return /\$\{/.test(value.replace(CHARACTER, " "));
}
function literal(value, variables) {
    return variables ? value.replace(CHARACTER, "$1") : value;
}
/**
 * Whether the pattern, with * for any text and ? for any character, matches the whole text. Time at most the
 * product of the lengths.
 */
function like(pattern, text, variables) {
    const parts = pattern.match(variables ? /\$\{[*?$]\}|[\s\S]/g : /[\s\S]/g) ?? [];
    let part = 0;
    let at = 0;
    let star = -1;
    let resume = 0;
    while (at < text.length) {
        const wanted = parts[part];
        if (wanted === "*") {
            star = part++;
            resume = at;
        }
        else if (wanted !== undefined && (wanted === "?" || literal(wanted, variables) === text[at])) {
            part++;
            at++;
        }
        else if (star >= 0) {
            part = star + 1;
            at = ++resume;
        }
        else
            return false;
    }
    return parts.slice(part).every((rest) => rest === "*");
}
/** Values of a policy or a token, for a sentence: in quotes, the first five of them. */
function listed(values) {
    const more = values.length > 5 ? ` or ${values.length - 5} more` : "";
    return ((values
        .slice(0, 5)
        .map((value) => (0,base_text/* quoted */.TL)(value))
        .join(" or ") || "no value") + more);
}

;// CONCATENATED MODULE: ../lib/src/explain/trust-policy.js


// IAM's limit is 8,192 characters without white space
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const MAX_POLICY_LENGTH = 32_768;
/** Reads the JSON of a role's trust policy. Throws an Error that says what is wrong and what is allowed. */
function parseTrustPolicy(text) {
    if (text.length > MAX_POLICY_LENGTH)
        throw notAPolicy(`it has ${text.length} characters, more than ${MAX_POLICY_LENGTH}`);
    let document;
    try {
        document = JSON.parse(text);
    }
    catch (error) {
        throw notAPolicy(`it is not JSON (${(0,base_text/* printable */.g$)(error instanceof Error ? error.message : String(error), 200)})`);
    }
    if (!isObject(document) || document.Statement === undefined)
        throw notAPolicy("it is not an object with a Statement");
    const statements = Array.isArray(document.Statement) ? document.Statement : [document.Statement];
    if (statements.length === 0)
        throw notAPolicy("its Statement is empty");
    return { variables: document.Version === "2012-10-17", statements: statements.map(parseStatement) };
}
function parseStatement(statement, position) {
    const at = `statement ${position + 1}`;
    if (!isObject(statement))
        throw notAPolicy(`${at} is not an object`);
    const { Sid: sid, Effect: effect, Principal: principal, NotPrincipal: notPrincipal, Action: action, NotAction: notAction, } = statement;
    if (effect !== "Allow" && effect !== "Deny")
        throw notAPolicy(`the Effect of ${at} is ${shown(effect)}, not "Allow" or "Deny"`);
    if (principal === undefined && notPrincipal === undefined)
        throw notAPolicy(`${at} has no Principal`);
    const actions = strings(action ?? notAction);
    if (!actions || actions.length === 0)
        throw notAPolicy(`the Action of ${at} is ${shown(action ?? notAction)}, not a string or a list of strings`);
    return {
        sid: typeof sid === "string" && sid !== "" ? sid : undefined,
        effect,
        federated: isObject(principal) ? parseFederated(principal, at) : undefined,
        actions,
        otherActions: action === undefined,
        conditions: parseConditions(statement.Condition ?? {}, at),
    };
}
function parseFederated(principal, at) {
    const federated = strings(principal.Federated ?? []);
    if (!federated)
        throw notAPolicy(`Principal.Federated of ${at} is ${shown(principal.Federated)}, not a string or a list of strings`);
    const anyone = federated.includes("*") || strings(principal.AWS)?.includes("*");
    return anyone ? undefined : federated;
}
function parseConditions(block, at) {
    if (!isObject(block))
        throw notAPolicy(`the Condition of ${at} is ${shown(block)}, not an object`);
    return Object.entries(block).flatMap(([operator, keys]) => {
        if (!isObject(keys))
            throw notAPolicy(`${(0,base_text/* quoted */.TL)(operator, 60)} in ${at} is ${shown(keys)}, not an object of keys and values`);
        return Object.entries(keys).map(([key, value]) => {
            const values = strings(value);
            if (!values)
                throw notAPolicy(`the value of ${(0,base_text/* quoted */.TL)(key, 100)} in ${at} is ${shown(value)}, not a string or a list of strings`);
            return { operator, key, values };
        });
    });
}
/**
 * Whether the policy lets the bearer of these claims assume its role, and for each statement why or why not.
 * What only AWS can know (keys of the request, other operators, policy variables) is reported as such, never
 * guessed.
 */
function evaluateTrustPolicy(policy, claims, context) {
    const statements = policy.statements.map((statement, position) => {
        const findings = [
            checkPrincipal(statement, context),
            checkAction(statement, context),
            ...statement.conditions.map((condition) => checkCondition(condition, claims, context, policy.variables)),
        ];
        const reasons = (holds) => findings.filter((finding) => finding.holds === holds).map(({ reason }) => reason);
        const subject = {
            index: position + 1,
            ...(statement.sid && { sid: statement.sid }),
            effect: statement.effect,
        };
        if (reasons(false).length > 0)
            return { ...subject, outcome: "does not apply", reasons: reasons(false) };
        if (reasons(undefined).length > 0)
            return { ...subject, outcome: "cannot be evaluated here", reasons: reasons(undefined) };
        if (statement.effect === "Allow")
            return { ...subject, outcome: "allows", reasons: [] };
        return { ...subject, outcome: "denies", reasons: reasons(true) };
    });
    const denied = statements.some(({ effect, outcome }) => effect === "Deny" && outcome !== "does not apply");
    return { allowed: !denied && statements.some(({ outcome }) => outcome === "allows"), statements };
}
/** The ARN of the identity provider that a trust policy has to name. */
function providerArn({ partition, accountId, providerHost }) {
    return `arn:${partition}:iam::${accountId}:oidc-provider/${providerHost}`;
}
function checkPrincipal({ federated }, context) {
    if (!federated)
        return { holds: undefined, reason: 'Principal: "*" and NotPrincipal cannot be evaluated here' };
    const needed = providerArn(context);
    const has = federated.length > 0 ? listed(federated) : "none";
    return {
        holds: federated.includes(needed),
        reason: `Principal.Federated: the policy has ${has}; the token's provider is ${(0,base_text/* quoted */.TL)(needed)}`,
    };
}
function checkAction({ actions, otherActions }, { action }) {
    const named = actions.some((pattern) => like(pattern.toLowerCase(), action.toLowerCase(), false));
    const element = otherActions ? "NotAction" : "Action";
    return {
        holds: named !== otherActions,
        reason: `${element}: the policy has ${listed(actions)}; the call is ${action}`,
    };
}
/**
 * The narrow statement that accepts this job: its aud and its sub, letter for letter. A name can be given up
 * and taken by others, so a sub without the repository's ID is joined by the condition key for it, where AWS
 * has one.
 */
function suggestStatement(claims, context) {
    const sub = claimText(claims.sub);
    const id = claimText(claims.repository_id);
    const hasId = sub.split(/[/:]/).some((part) => part.endsWith(`@${id}`));
    const pin = !hasId && /^\d+$/.test(id) && claimsWithKeys(context).includes("repository_id");
    const aud = Array.isArray(claims.aud)
        ? claims.aud.map((one) => withoutVariables(claimText(one)))
        : withoutVariables(claimText(claims.aud));
    return {
        Effect: "Allow",
        Principal: { Federated: providerArn(context) },
        Action: context.action,
        Condition: {
            StringEquals: {
                [`${context.providerHost}:aud`]: aud,
                [`${context.providerHost}:sub`]: withoutVariables(sub),
                ...(pin && { [`${context.providerHost}:repository_id`]: id }),
            },
        },
    };
}
// IAM takes numbers and booleans for the strings they print as.
function strings(value) {
    const list = Array.isArray(value) ? value : [value];
    return list.every((one) => ["string", "number", "boolean"].includes(typeof one))
        ? list.map(String)
        : undefined;
}
function isObject(value) {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}
function shown(value) {
    return value === undefined
        ? "missing"
        : (0,base_text/* quoted */.TL)(typeof value === "string" ? value : JSON.stringify(value), 100);
}
function notAPolicy(what) {
    return new Error(`Not a trust policy: ${what}. Allowed: the JSON that "aws iam get-role --role-name NAME --query Role.AssumeRolePolicyDocument" prints, with Effect, Principal and Action in each statement.`);
}

;// CONCATENATED MODULE: ../lib/src/explain/access-denied.js



const SHOWN_CLAIMS = [
    "sub",
    "aud",
    "iss",
    "repository",
    "ref",
    "environment",
    "event_name",
    "job_workflow_ref",
    "repository_id",
    "repository_owner_id",
];
/** Why AWS may have answered AccessDenied, and the trust policy that it would not have answered so with. */
function explainRefusal(situation, context) {
    const { claims, trustPolicy } = situation;
    const name = situation.roleArn.slice(situation.roleArn.lastIndexOf("/") + 1);
    const hasPath = situation.roleArn.split("/").length > 2;
    const token = [
        "The ID token says:",
        ...SHOWN_CLAIMS.filter((claim) => claims[claim] !== undefined).map((claim) => `  ${claim.padEnd(20)} ${(0,base_text/* quoted */.TL)(claimText(claims[claim]))}`),
    ];
    if (context.accountId === "") {
        return [
            ...token,
            `Cause: the server behind sts-endpoint has no role ${(0,base_text/* quoted */.TL)(situation.roleArn)}, or its rules for that role do not accept these claims.`,
            "Fix: correct role-to-assume, or make the server accept this issuer, audience and sub.",
        ];
    }
    return [
        "AWS says no more. Either the role's trust policy does not accept this job's ID token, or there is no such role.",
        "",
        ...token,
        "",
        ...(trustPolicy === undefined
            ? ["Causes that these claims suggest:", ...causes(situation, context)]
            : verdict(trustPolicy, claims, context)),
        `  - Account ${context.accountId} has no role ${(0,base_text/* quoted */.TL)(name)}, or ${hasPath ? "one with another path" : "one with a path, which its ARN must have"} (role/PATH/NAME).`,
        `    With credentials of that account, this prints its ARN: aws iam get-role --role-name ${(0,base_text/* shellWord */.r7)(name)} --query Role.Arn --output text`,
        "",
        "This trust policy accepts exactly this job. Saved as trust.json, it takes the place of the role's own with the command below it;",
        "to keep what the role has, add only the statement to it.",
        ...(situation.accountIsMasked
            ? ["mask-aws-account-id hides the account id: put it in where this log shows ***."]
            : []),
        "",
        ...(0,base_text/* jsonLines */.i7)({ Version: "2012-10-17", Statement: [suggestStatement(claims, context)] }),
        "",
        `  aws iam update-assume-role-policy --role-name ${(0,base_text/* shellWord */.r7)(name)} --policy-document file://trust.json`,
        ...(trustPolicy === undefined
            ? [
                "",
                "To see which line of the role's trust policy refuses, give its JSON as the input explain-trust-policy.",
            ]
            : []),
    ];
}
function verdict(trustPolicy, claims, context) {
    let result;
    try {
        result = evaluateTrustPolicy(parseTrustPolicy(trustPolicy), claims, context);
    }
    catch (error) {
        return [
            `explain-trust-policy: ${error instanceof Error ? error.message : String(error)}`,
            "Other causes:",
        ];
    }
    if (result.allowed) {
        return [
            "The trust policy in explain-trust-policy accepts this job, so AWS looked at another one, or something else denies. Causes:",
            "  - The role has another trust policy by now, or the text is that of another role.",
            "  - A resource control policy (RCP) of the AWS organization denies sts:AssumeRoleWithWebIdentity.",
        ];
    }
    const shown = result.statements.slice(0, 20);
    const rest = result.statements.length - shown.length;
    return [
        "The trust policy in explain-trust-policy does not accept this job:",
        ...shown.flatMap(statementLines),
        ...(rest > 0 ? [`  and ${rest} more statements`] : []),
        "Other causes:",
    ];
}
function statementLines({ index, sid, effect, outcome, reasons }) {
    const name = sid === undefined ? `Statement ${index}` : `Statement ${index}, ${(0,base_text/* quoted */.TL)(sid, 60)}`;
    // Why a Deny leaves the job alone is nothing to put right.
    const shown = effect === "Deny" && outcome === "does not apply" ? [] : reasons.slice(0, 10);
    return [
        `  ${name} (${effect}) ${outcome}${shown.length > 0 ? ":" : ""}`,
        ...shown.map((reason) => `    ${reason}`),
    ];
}
/**
 * What these claims, and no others, make likely. The forms of sub:
 * https://docs.github.com/en/actions/reference/security/oidc
 */
function causes({ claims, audience }, context) {
    const sub = claimText(claims.sub);
    const lines = [];
    if (sub.includes(":environment:")) {
        lines.push(`The job uses an environment, so sub ends in ${(0,base_text/* quoted */.TL)(sub.slice(sub.indexOf(":environment:") + 1))}, not in ref:…; the policy must have that.`);
    }
    else if (sub.endsWith(":pull_request")) {
        lines.push("The job runs for a pull request, so sub ends in pull_request and names no branch. A policy for ref:refs/heads/… refuses it.");
    }
    else if (sub.includes(":ref:refs/tags/")) {
        lines.push("The job runs for a tag, so sub has ref:refs/tags/…. A policy for ref:refs/heads/… refuses it.");
    }
    else if (sub.includes(":ref:refs/heads/")) {
        lines.push(`The job runs on a branch, so sub has ${(0,base_text/* quoted */.TL)(sub.slice(sub.indexOf(":ref:") + 1))}. A policy for another branch or for environment:… refuses it.`);
    }
    const workflow = claimText(claims.job_workflow_ref);
    if (workflow !== "" && !workflow.startsWith(`${claimText(claims.repository)}/`)) {
        const key = claimsWithKeys(context).includes("job_workflow_ref")
            ? `; to trust that workflow, use the key ${context.providerHost}:job_workflow_ref`
            : "";
        lines.push(`The job is in the reusable workflow ${(0,base_text/* quoted */.TL)(workflow)}, but sub names the repository that calls it${key}.`);
    }
    if (withoutIds(sub) !== sub) {
        lines.push(`sub has the immutable format, with the IDs of owner and repository: GitHub's default for repositories created, renamed or transferred since 2026-07-15. A policy for ${(0,base_text/* quoted */.TL)(withoutIds(sub))} refuses it.`);
    }
    if (!/^repo:[^:]+:(?:ref:[^:]+|environment:[^:]+|pull_request)$/.test(sub)) {
        const where = (0,base_text/* shellWord */.r7)(`repos/${claimText(claims.repository)}/actions/oidc/customization/sub`);
        lines.push(`sub does not have GitHub's default form: the organization or the repository has a template of its own. See: gh api ${where}`);
    }
    if (/[A-Z]/.test(sub))
        lines.push("sub has capital letters, and IAM compares letter for letter: copy it as it stands.");
    if (!/^sts\.amazonaws\.com(?:\.cn)?$/.test(audience))
        lines.push(`The audience is ${(0,base_text/* quoted */.TL)(audience)}: the policy's condition on aud must have that.`);
    return lines.map((line) => `  - ${line}`);
}

;// CONCATENATED MODULE: ../lib/src/explain/explain.js




/** Explains why the trial exchange failed. */
function explainStsError(error, situation) {
    const code = error.code.replace(/Exception$/, "");
    const tries = `${error.attempts} ${error.attempts === 1 ? "attempt" : "attempts"}`;
    const status = error.httpStatus === undefined ? "" : `HTTP ${error.httpStatus}, `;
    const said = `${situation.endpointHost}: ${code} (${status}${tries}): ${(0,base_text/* printable */.g$)(error.message, 500)}`;
    const explain = (anchor, title, lines) => explanation(anchor, title, [said, ...lines]);
    const context = contextOf(situation);
    switch (code) {
        case "AccessDenied":
            return explain("access-denied", `AWS does not let this job assume ${situation.roleArn}`, explainRefusal(situation, context));
        case "InvalidIdentityToken":
            return invalidToken(error.message, context, situation, explain);
        case "IDPRejectedClaim":
            return explain("id-token-rejected", "AWS rejected the ID token", tokenRejected(context));
        case "ExpiredToken":
            return explain("id-token-expired", "AWS takes the ID token for expired", expired(situation));
        case "IDPCommunicationError":
            return explain("provider-not-reached", "AWS could not reach the identity provider", notReached(context));
        case "RegionDisabled":
            return explain("region-disabled", `STS is not active in ${situation.region} for account ${context.accountId}`, [
                `Fix: set aws-region to a Region that the account uses, or activate this one: aws account enable-region --region-name ${(0,base_text/* shellWord */.r7)(situation.region)}`,
                "or, for a Region that is active, switch STS on for it: IAM console, Account settings, Security Token Service.",
                `Check: aws account get-region-opt-status --region-name ${(0,base_text/* shellWord */.r7)(situation.region)}`,
            ]);
        case "MalformedPolicyDocument":
        case "PackedPolicyTooLarge":
            return explain("session-policy", "STS speaks of a session policy, and this action sends none", [
                "Fix: none in the workflow. If sts-endpoint is set, look at that server and at what it adds to requests; else report this log as a bug.",
            ]);
        case "ValidationError":
            return explain("sts-validation", "STS refused a value of the request", [
                `Fix: the message names the value. Sent were role-to-assume ${(0,base_text/* quoted */.TL)(situation.roleArn)} and, if given, role-session-name.`,
            ]);
    }
    if (THROTTLED.has(code) || error.httpStatus === 429) {
        return explain("sts-throttled", "AWS throttles STS calls", [
            `Account ${context.accountId} makes too many STS calls in ${situation.region} at the moment; ${tries} did not get through.`,
            "Fix: run the job again. If it comes back: start fewer jobs at once (strategy: max-parallel), or spread them over Regions with aws-region.",
        ]);
    }
    if (error.httpStatus === undefined)
        return unreachable("sts", code, situation.endpointHost, situation, said);
    if (error.httpStatus < 500 && NO_CODE.has(code)) {
        return explain("sts-malformed", `${situation.endpointHost} answered with something else than an answer of STS`, [
            `Cause: a proxy or a firewall answered in its place${via(situation.proxy)}, or the server behind sts-endpoint is no complete STS.`,
            `Fix: let requests to ${situation.endpointHost} through unchanged (NO_PROXY, if a proxy changes them). Check on the runner: curl -v ${(0,base_text/* shellWord */.r7)(`https://${situation.endpointHost}/`)}`,
        ]);
    }
    if (error.httpStatus >= 500) {
        return explain("sts-unavailable", "STS is not available", [
            `Fix: run the job again later; https://health.aws.amazon.com says whether ${situation.region} has trouble. Another aws-region uses another STS.`,
        ]);
    }
    return explain("sts-other", `STS refused the exchange: ${code}`, [
        `Role ${(0,base_text/* quoted */.TL)(situation.roleArn)}, audience ${(0,base_text/* quoted */.TL)(situation.audience)}, Region ${situation.region}.`,
        "Fix: what the message says. Common codes: https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html",
    ]);
}
/** Explains why there is no ID token. */
function explainIdTokenError(kind, situation) {
    const host = situation.endpointHost ?? "the ID token endpoint";
    const said = (0,base_text/* printable */.g$)(situation.message ?? host, 500);
    switch (kind) {
        case "permission":
            return explanation("id-token-permission", "This job may not ask for an ID token: it lacks the permission id-token: write", permission(situation));
        case "unreachable":
            return unreachable("id-token", situation.code ?? "", host, situation, said);
        case "status":
            return explanation("id-token-refused", `GitHub gave no ID token: HTTP ${situation.httpStatus ?? "error"}`, [said, ...refusal(situation)]);
        case "answer":
            return explanation("id-token-malformed", "The ID token endpoint answered with something else than a valid ID token", [
                said,
                `Something between this runner and GitHub may have answered in its place${via(situation.proxy)}, or this server (GHES, Forgejo, a test) is no complete one.`,
                `Fix: let the answers of ${host} through unchanged (NO_PROXY, if a proxy changes them). The token must be a JWT for audience ${(0,base_text/* quoted */.TL)(situation.audience)} with exp.`,
            ]);
    }
}
function explanation(anchor, title, lines) {
    return { anchor, title: (0,base_text/* printable */.g$)(title, 300), text: lines.map((line) => (0,base_text/* printable */.g$)(line)).join("\n") };
}
// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html, and the other services' names for
// the same.
const THROTTLED = new Set(["Throttling", "Throttled", "RequestLimitExceeded", "TooManyRequests", "SlowDown"]);
// What the SDK and trial.ts call an answer that has no error code of STS in it, or no session.
const NO_CODE = new Set(["Unknown", "UnknownError", "Error", "UnexpectedAnswer"]);
function contextOf({ claims, roleArn }) {
    const [, partition = "aws", , , accountId = ""] = roleArn.split(":");
    const providerHost = claimText(claims.iss).replace(/^https:\/\//, "");
    return { providerHost, accountId, partition, action: "sts:AssumeRoleWithWebIdentity" };
}
function invalidToken(message, context, { audience }, explain) {
    const url = (0,base_text/* shellWord */.r7)(`https://${context.providerHost}`);
    const arn = (0,base_text/* shellWord */.r7)(providerArn(context));
    if (/no openidconnect provider/i.test(message)) {
        return explain("no-identity-provider", `Account ${context.accountId} has no identity provider for ${context.providerHost}`, [
            "Cause: role-to-assume names the wrong account, or the provider was never created in that account or has another URL.",
            `Fix: correct the account in role-to-assume, or create the provider there: aws iam create-open-id-connect-provider --url ${url} --client-id-list ${(0,base_text/* shellWord */.r7)(audience)}`,
            "Check, with credentials of that account: aws iam list-open-id-connect-providers",
        ]);
    }
    if (/audience/i.test(message)) {
        return explain("audience-not-registered", `The identity provider in account ${context.accountId} does not list the audience ${audience}`, [
            `Fix: aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn ${arn} --client-id ${(0,base_text/* shellWord */.r7)(audience)}`,
            "or set the input audience to one that it lists, and the trust policy's condition on aud to the same.",
            `Check: aws iam get-open-id-connect-provider --open-id-connect-provider-arn ${arn} --query ClientIDList`,
        ]);
    }
    if (/verification key/i.test(message)) {
        return explain("verification-key", "AWS could not fetch the identity provider's keys", notReached(context));
    }
    if (/thumbprint/i.test(message)) {
        return explain("provider-thumbprint", "The identity provider's certificate does not match the thumbprint in IAM", [
            `Fix: aws iam update-open-id-connect-provider-thumbprint --open-id-connect-provider-arn ${arn} --thumbprint-list THUMBPRINT`,
            "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html says how to get it.",
            `Check: aws iam get-open-id-connect-provider --open-id-connect-provider-arn ${arn} --query ThumbprintList`,
        ]);
    }
    return explain("id-token-rejected", "AWS rejected the ID token", tokenRejected(context));
}
function tokenRejected(context) {
    return [
        `Cause: AWS checks issuer, signature, times and audience of the token against the provider ${(0,base_text/* quoted */.TL)(context.providerHost)} in account ${context.accountId}.`,
        "Fix: run the job again. If it comes back, compare the provider in IAM with iss and aud of this token, and any sts-endpoint with AWS's own.",
        `Check: aws iam get-open-id-connect-provider --open-id-connect-provider-arn ${(0,base_text/* shellWord */.r7)(providerArn(context))}`,
    ];
}
function notReached(context) {
    const url = (0,base_text/* shellWord */.r7)(`https://${context.providerHost}/.well-known/openid-configuration`);
    return [
        "Cause: passing trouble between AWS and the provider, as a rule; it was tried again for up to 30 s.",
        "Fix: run the job again. For a provider of your own (GHES), AWS must reach it from the internet, with all of its keys.",
        `Check: curl --fail ${url}; GitHub's state is at https://www.githubstatus.com`,
    ];
}
function expired({ claims, clockSkewSeconds: skew }) {
    const life = Number(claims.exp) - Number(claims.iat);
    const clock = skew !== undefined && Math.abs(skew) >= 60
        ? [
            `This machine's clock is ${Math.round(Math.abs(skew))} s ${skew > 0 ? "ahead of" : "behind"} GitHub's. Set it by NTP: later steps sign with it, too.`,
        ]
        : [];
    return [
        `Cause: the token ${life > 0 ? `lives ${life} s and ` : ""}was issued for this exchange, so the runner stood still in between, or the clock of an sts-endpoint of your own is wrong.`,
        ...clock,
        "Fix: run the job again, on a machine that is not suspended.",
    ];
}
function permission({ eventName, actor }) {
    const fork = /^pull_request(?!_target)/.test(eventName ?? "")
        ? [
            "This job runs for a pull request: if it comes from a fork, GitHub grants id-token to none of its jobs.",
        ]
        : [];
    const bot = actor === "dependabot[bot]"
        ? ["This job runs for Dependabot, whose jobs GitHub treats as those of a fork: they get no id-token."]
        : [];
    return [
        "GitHub gave this job no way to ask for one: ACTIONS_ID_TOKEN_REQUEST_URL is not set.",
        "Fix: add this to the job, or to the top of the workflow, and list whatever else the job needs (what is not listed is none):",
        "",
        "permissions:",
        "  id-token: write",
        "  contents: read",
        "",
        "In a reusable workflow the job that calls it (uses: …/workflow.yml) must have it as well: a called workflow can only keep what its caller has.",
        ...fork,
        ...bot,
        ...(fork.length + bot.length > 0
            ? ["Skip the step for these jobs (if:), or do the AWS part in a workflow that runs on push."]
            : []),
    ];
}
function refusal({ httpStatus = 0 }) {
    if (httpStatus >= 500 || httpStatus === 429)
        return ["Fix: run the job again; https://www.githubstatus.com says whether Actions has trouble."];
    if (httpStatus === 401 || httpStatus === 403) {
        return [
            "Cause: GitHub takes the job's request token for invalid: it has expired (after about 6 hours), the job was cancelled, or its variables come from another job.",
            "Fix: run the job again; never set ACTIONS_ID_TOKEN_REQUEST_TOKEN or ACTIONS_ID_TOKEN_REQUEST_URL yourself.",
        ];
    }
    return [
        "Fix: run the job again. If it comes back, look for what sets ACTIONS_ID_TOKEN_REQUEST_URL, or for a proxy that answers in GitHub's place.",
    ];
}
const TLS_CODE = /CERT|SIGNATURE|SSL|TLS|ISSUER|HOSTNAME_MISMATCH|EPROTO/;
function unreachable(prefix, code, host, { proxy }, said) {
    const explain = (what, title, lines) => explanation(`${prefix}-${what}`, title, [said, ...lines]);
    if (TLS_CODE.test(code)) {
        return explain("tls", `The certificate of ${host} cannot be verified: ${code}`, [
            `Cause: the certificate that came back is not one that Node.js trusts. As a rule a proxy or firewall opens TLS${via(proxy)} with a certificate authority of its own, or the runner's clock is wrong.`,
            "Fix: put that authority's certificate (PEM) on the runner and name it in the job's env: NODE_EXTRA_CA_CERTS for actions, AWS_CA_BUNDLE for later AWS steps.",
            `Check: openssl s_client -connect ${(0,base_text/* shellWord */.r7)(host.includes(":") ? host : `${host}:443`)} -servername ${(0,base_text/* shellWord */.r7)(host.replace(/:\d+$/, ""))} </dev/null | openssl x509 -noout -issuer -dates`,
        ]);
    }
    if (code === "ERR_PROXY_TUNNEL") {
        return explanation("proxy-refused", `The proxy does not connect this runner with ${host}`, [
            said,
            `Fix: allow ${(0,base_text/* shellWord */.r7)(host.includes(":") ? host : `${host}:443`)} in the proxy${via(proxy)}, or exempt it with NO_PROXY. For 407, HTTPS_PROXY must have a user and a password that the proxy knows.`,
            `Check on the runner: curl -v ${(0,base_text/* shellWord */.r7)(`https://${host}/`)}`,
        ]);
    }
    if (/^(?:ENOTFOUND|EAI_)/.test(code)) {
        const name = /getaddrinfo \S+ ([\w.-]+)/.exec(said)?.[1] ?? host.replace(/:\d+$/, "");
        return explain("host-not-found", `The name ${name} cannot be resolved: ${code}`, [
            `Cause: ${prefix === "sts" ? "aws-region or sts-endpoint is misspelt, or " : ""}this runner's DNS does not know the name. ${host} was asked for${via(proxy) || " without a proxy"}.`,
            `Fix: correct ${prefix === "sts" ? "the input, " : ""}the runner's DNS, or HTTPS_PROXY and NO_PROXY. Check on the runner: nslookup ${(0,base_text/* shellWord */.r7)(name)}`,
        ]);
    }
    return explain("unreachable", `${host} cannot be reached: ${code || "no answer"}`, [
        `Cause: nothing answered${via(proxy) || " (no proxy was used)"}. A firewall, a proxy or, in a private network, a missing route or VPC endpoint stands in between.`,
        `Fix: let the runner reach ${host} by HTTPS, or set HTTPS_PROXY (and NO_PROXY) on the runner. Check on the runner: curl -v ${(0,base_text/* shellWord */.r7)(`https://${host}/`)}`,
    ]);
}
function via(proxy) {
    if (proxy === undefined || proxy === "")
        return "";
    // No URL: proxy.ts says what is wrong with it.
    if (proxy.includes(" "))
        return ` (past the proxy of the environment, which is ${(0,base_text/* printable */.g$)(proxy, 200)})`;
    return ` (through the proxy ${(0,base_text/* quoted */.TL)(proxy.replace(/^([a-z0-9+.-]+:\/\/)?.*@/i, "$1"))})`;
}

;// CONCATENATED MODULE: ../lib/src/inputs.js



/**
 * Reads and checks every input of the action. Throws a UserError that names the input, what was given and
 * what is allowed.
 * @param read gives an input's text, trimmed, or "" where it was not given (getInput of @actions/core)
 */
function loadInputs(read, run) {
    const stsEndpoint = readStsEndpoint(read);
    const role = readRole(read, stsEndpoint !== undefined);
    return {
        role,
        region: readRegion(read),
        profile: readProfile(read),
        sessionName: readSessionName(read, run),
        audience: readAudience(read, role.partition),
        allowedAccountIds: readAccountIds(read),
        maskAccountId: readBoolean(read, "mask-aws-account-id", false),
        stsEndpoint,
        trial: readBoolean(read, "trial", true),
        mirror: readMirror(read),
        trustPolicy: readTrustPolicy(read),
        summary: readSummary(read),
    };
}
/** Throws a UserError if an account is not one of those that `allowed-account-ids` lists. */
function checkAccount({ allowedAccountIds, role }, accountId) {
    if (allowedAccountIds.length === 0 || allowedAccountIds.includes(accountId))
        return;
    throw new errors/* UserError */.yo("account-not-allowed", `The role ${role.arn} is in account ${accountId || "(none)"}, which allowed-account-ids (${allowedAccountIds.join(", ")}) does not list. ` +
        "Correct the ARN or the list.");
}
// Names and paths of roles: https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html
const ROLE_ARN = /^arn:(aws[a-z-]*):iam::(\d{12}):role\/((?:[\w+=,.@-]+\/)*)([\w+=,.@-]{1,64})$/;
// Servers that speak STS without being AWS give roles ARNs of their own (MinIO: "arn:minio:iam:::role/…").
const ANY_ARN = /^arn:([\w-]+):[\w-]*:[\w-]*:([\w-]*):(?:[\w+=,.@/:-]*[/:])?([\w+=,.@-]+)$/;
function readRole(read, anyArn) {
    const arn = required(read, "role-to-assume", "the ARN of the role, such as arn:aws:iam::111122223333:role/deploy");
    const aws = arn.length <= 2048 ? ROLE_ARN.exec(arn) : null;
    if (aws)
        return { arn, partition: aws[1] ?? "", accountId: aws[2] ?? "", name: aws[4] ?? "" };
    const any = anyArn && arn.length <= 2048 ? ANY_ARN.exec(arn) : null;
    if (any)
        return { arn, partition: any[1] ?? "", accountId: any[2] ?? "", name: any[3] ?? "" };
    const hint = /^arn:aws[a-z-]*:sts::\d{12}:assumed-role\//.test(arn)
        ? "That is the ARN of a session; give the ARN of the role itself."
        : /^[\w+=,.@/-]+$/.test(arn)
            ? "A name alone does not say which account."
            : "Copy it from the role's page in IAM.";
    throw refused("role-to-assume", arn, "a role ARN, such as arn:aws:iam::111122223333:role/deploy", hint);
}
function readRegion(read) {
    const region = required(read, "aws-region", "a region, such as eu-west-1");
    if (/^[a-z]{2}(?:-[a-z]+)+-\d+[a-z]$/.test(region)) {
        throw refused("aws-region", region, "a region, such as eu-west-1", `That is a zone of the region ${region.slice(0, -1)}.`);
    }
    // The region becomes a part of host names: one DNS label, nothing else.
    if (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(region))
        return region;
    throw refused("aws-region", region, "a region's name in lower case, such as eu-west-1", "AWS lists them under Regions and Zones.");
}
function readProfile(read) {
    const profile = read("profile") || "default";
    // The names that every SDK reads the same way, unquoted.
    if (/^[A-Za-z0-9_.-]{1,64}$/.test(profile))
        return profile;
    throw refused("profile", profile, "1 to 64 of the characters A-Z a-z 0-9 _ . -", "Leave it out to make the role ambient.");
}
function readSessionName(read, run) {
    const given = read("role-session-name");
    if (given === "") {
        // Unique: the AWS CLI keeps sessions on disk by role and session name, and would hand this job's to the
        // next one.
        return `GitHubActions-${digits(run.id)}-${digits(run.attempt)}-${(0,external_node_crypto_namespaceObject.randomBytes)(4).toString("hex")}`;
    }
    if (/^[\w+=,.@-]{2,64}$/.test(given))
        return given;
    throw refused("role-session-name", given, "2 to 64 of the characters A-Z a-z 0-9 _ + = , . @ -", "Leave it out to get a name unique to the run.");
}
function readAudience(read, partition) {
    const audience = read("audience") || (partition === "aws-cn" ? "sts.amazonaws.com.cn" : "sts.amazonaws.com");
    if (/^[\x21-\x7e]{1,255}$/.test(audience))
        return audience;
    throw refused("audience", audience, "1 to 255 ASCII characters without a space", "It must be an audience of the identity provider in IAM.");
}
function readAccountIds(read) {
    const ids = read("allowed-account-ids")
        .split(/[\s,]+/)
        .filter((id) => id !== "");
    for (const id of ids) {
        if (!/^\d{12}$/.test(id)) {
            throw refused("allowed-account-ids", id, "account ids of 12 digits, separated by commas", "Quote ids that begin with 0 in YAML.");
        }
    }
    return ids;
}
function readStsEndpoint(read) {
    const given = read("sts-endpoint");
    if (given === "")
        return undefined;
    const allowed = "an https URL without user, query and fragment, or http to 127.0.0.1, [::1] or localhost";
    // The characters are those that every reader of the config file takes as they are.
    const url = /^https?:\/\/[\w.:/[\]~-]+$/.test(given) && URL.canParse(given) ? new URL(given) : undefined;
    if (url?.username !== "" || url.password !== "") {
        throw refused("sts-endpoint", given, allowed, "Leave it out for AWS.");
    }
    if (url.protocol === "http:" && !isLoopback(url.hostname)) {
        throw refused("sts-endpoint", given, allowed, "Over plain http anyone on the way could use the ID token.");
    }
    return url.href.replace(/\/+$/, "");
}
/** Whether a URL's host is this machine itself. */
function isLoopback(hostname) {
    return (hostname === "localhost" || hostname === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname));
}
function readMirror(read) {
    const given = read("mirror-environment") || "auto";
    if (given === "auto")
        return "auto";
    const value = parseBoolean(given);
    if (value === undefined)
        throw refused("mirror-environment", given, "auto, true or false", "auto is right for most jobs.");
    return value ? "always" : "never";
}
function readTrustPolicy(read) {
    const given = read("explain-trust-policy");
    if (given === "")
        return undefined;
    try {
        parseTrustPolicy(given);
    }
    catch (error) {
        throw new errors/* UserError */.yo("input-refused", `explain-trust-policy cannot be read: ${(0,errors/* errorText */.kc)(error)}`);
    }
    return given;
}
function readSummary(read) {
    const given = read("summary") || "auto";
    if (given === "auto" || given === "always" || given === "never")
        return given;
    throw refused("summary", given, "auto, always or never", "auto writes one only where something happened that is worth reading.");
}
function readBoolean(read, name, otherwise) {
    const given = read(name);
    if (given === "")
        return otherwise;
    const value = parseBoolean(given);
    if (value === undefined)
        throw refused(name, given, "true or false", "Quote it in YAML if it comes from an expression.");
    return value;
}
// The spellings of getBooleanInput in @actions/core (YAML 1.2, core schema).
function parseBoolean(text) {
    if (["true", "True", "TRUE"].includes(text))
        return true;
    if (["false", "False", "FALSE"].includes(text))
        return false;
    return undefined;
}
function required(read, name, what) {
    const given = read(name);
    if (given !== "")
        return given;
    throw new errors/* UserError */.yo("input-missing", `${name} is missing or empty. Give ${what} under "with:". An expression is empty if its secret or variable does not exist here ` +
        "(misspelt, another environment, a fork).");
}
function refused(name, given, allowed, hint) {
    // JSON shows a newline or another control character for what it is, and keeps the text on one line.
    const shown = JSON.stringify(given.length > 100 ? `${given.slice(0, 100)}…` : given);
    return new errors/* UserError */.yo("input-refused", `${name} is ${shown}. Allowed: ${allowed}. ${hint}`);
}
function digits(text) {
    return /^\d{1,19}$/.test(text) ? text : "0";
}

;// CONCATENATED MODULE: ../lib/src/job/job-directory.js






// $RUNNER_TEMP/aws-role-refresh/
//   config            the AWS config file of this job
//   credentials       the AWS credentials file of this job
//   job.json          whose directory this is, and what the files were seeded from
//   tokens/<id>/      one per audience: token, status.json, and stop once the keeper is asked to end
//   uses/<id>.json    one per use that is not over: what it wrote, so that any post can undo it
//   finished/<id>.json  one per use that is over, for the summary
//   lock.*            see withLock
const NAME = "aws-role-refresh";
/**
 * The job directory's paths; nothing is read or made. With forward slashes, which every SDK takes on every
 * system.
 */
function jobDirectory(root) {
    const at = (name) => `${root}/${name}`;
    return {
        path: root,
        config: at("config"),
        credentials: at("credentials"),
        job: at("job.json"),
        tokens: at("tokens"),
        uses: at("uses"),
        finished: at("finished"),
    };
}
/**
 * Where this job's directory belongs, from RUNNER_TEMP. Throws a UserError where the path could not stand in
 * a config file that every SDK reads the same way: `#` and `;` begin a comment for some, `$` and `%` a
 * variable, and non-ASCII breaks others (docs/compatibility.md).
 */
function jobDirectoryPath(runnerTemp, platform = process.platform) {
    if (!runnerTemp) {
        throw new errors/* UserError */.yo("runner-temp", "RUNNER_TEMP is not set. The runner sets it; this action cannot run without one.");
    }
    const absolute = platform === "win32" ? external_node_path_namespaceObject.win32.isAbsolute(runnerTemp) : external_node_path_namespaceObject.posix.isAbsolute(runnerTemp);
    const root = platform === "win32" ? runnerTemp.replaceAll("\\", "/") : runnerTemp;
    const readDifferently = platform === "win32" ? "#;$%\"'`" : "#;$\"'`\\";
    if (!absolute ||
        !/^[\x20-\x7e]+$/.test(root) ||
        [...readDifferently].some((character) => root.includes(character))) {
        throw new errors/* UserError */.yo("runner-temp", `RUNNER_TEMP is ${JSON.stringify(runnerTemp.slice(0, 200))}. It must be an absolute path in ASCII without any of ${[...readDifferently].join(" ")} ` +
            "which AWS SDKs read differently in a config file. Change the runner's work folder.");
    }
    return `${root.replace(/\/+$/, "")}/${NAME}`;
}
/**
 * Makes the job directory, or takes the one that is there if it can only be ours: a real directory of this
 * user, closed to others. Throws a UserError for any other, since whoever made it could read the token or
 * choose what SDKs run as.
 */
function openJobDirectory(root) {
    try {
        makePrivateDirectory(root);
    }
    catch (error) {
        if ((0,errors/* errorCode */.CA)(error) !== "EEXIST") {
            throw new errors/* UserError */.yo("runner-temp", `${root} cannot be made: ${(0,errors/* errorCode */.CA)(error) ?? String(error)}. RUNNER_TEMP must exist and be writable.`, { cause: error });
        }
        const fault = untrusted(root);
        if (fault)
            throw new errors/* UserError */.yo("job-directory", `${root} is there already and ${fault}. Remove it from this runner: this action did not make it.`);
    }
    const job = jobDirectory(root);
    for (const directory of [job.tokens, job.uses, job.finished])
        ensurePrivateDirectory(directory);
    return job;
}
function ensurePrivateDirectory(directory) {
    try {
        makePrivateDirectory(directory);
    }
    catch (error) {
        if ((0,errors/* errorCode */.CA)(error) !== "EEXIST")
            throw error;
        if (external_node_fs_namespaceObject.lstatSync(directory).isDirectory())
            return;
        // A step put something else there.
        external_node_fs_namespaceObject.rmSync(directory, { force: true });
        makePrivateDirectory(directory);
    }
}
function makePrivateDirectory(directory) {
    external_node_fs_namespaceObject.mkdirSync(directory, 0o700);
    if (process.platform === "win32")
        return;
    external_node_fs_namespaceObject.chmodSync(directory, 0o700); // the umask may have taken our own bits away
    // In a job container as root: the runner outside must be able to delete it, or it can never empty its temp
    // folder again (actions/runner, src/Runner.Sdk/Util/IOUtil.cs, DeleteDirectory).
    if (process.getuid?.() === 0) {
        const parent = external_node_fs_namespaceObject.statSync(external_node_path_namespaceObject.dirname(directory));
        if (parent.uid !== 0)
            external_node_fs_namespaceObject.chownSync(directory, parent.uid, parent.gid);
    }
}
/**
 * Why a directory that exists cannot be trusted, or undefined. Windows has no modes to look at; the profile
 * folder is private.
 */
function untrusted(directory) {
    const stat = external_node_fs_namespaceObject.lstatSync(directory);
    if (stat.isSymbolicLink())
        return "is a symlink";
    if (!stat.isDirectory())
        return "is not a directory";
    const uid = process.getuid?.();
    if (uid === undefined)
        return undefined;
    const ours = stat.uid === uid || (uid === 0 && stat.uid === external_node_fs_namespaceObject.statSync(external_node_path_namespaceObject.dirname(directory)).uid);
    if (!ours)
        return `belongs to another user (uid ${stat.uid})`;
    if ((stat.mode & 0o077) !== 0)
        return `is open to other users (mode ${(stat.mode & 0o777).toString(8)})`;
    return undefined;
}
/**
 * Far longer than any section that holds the lock; a process that died is noticed at once where its pid
 * tells.
 */
const LOCK_STALE_MS = 60_000;
/**
 * Runs `action` while no other process does, among those that lock the same directory. Every contender makes
 * a file of its own and then looks for others: whoever comes second sees the first one, withdraws, and tries
 * again. No name is used twice, so that clearing away what a dead process left cannot take away a lock that
 * lives. Throws when `waitMs` have passed, and ENOENT when there is no such directory (any more).
 */
async function withLock(directory, waitMs, action) {
    const own = `lock.${process.pid}.${(0,external_node_crypto_namespaceObject.randomBytes)(6).toString("hex")}`;
    const deadline = performance.now() + waitMs;
    for (;;) {
        external_node_fs_namespaceObject.closeSync(external_node_fs_namespaceObject.openSync(`${directory}/${own}`, "wx", 0o600));
        try {
            const locks = external_node_fs_namespaceObject.readdirSync(directory).filter((name) => name.startsWith("lock."));
            // Not there: the directory was replaced in between, and the next round tries in the new one.
            if (locks.includes(own) && locks.every((name) => name === own || clearIfStale(directory, name)))
                return await action();
        }
        finally {
            external_node_fs_namespaceObject.rmSync(`${directory}/${own}`, { force: true });
        }
        if (performance.now() > deadline)
            throw new errors/* UserError */.yo("job-directory-locked", `Another use of this action has held ${directory} for ${Math.round(waitMs / 1000)} s. Run the job again.`);
        await (0,promises_namespaceObject.setTimeout)(5 + Math.random() * 20);
    }
}
/** Whether a lock's owner is gone; its file then is, too. */
function clearIfStale(directory, name) {
    try {
        const pid = Number(name.split(".")[1]);
        const stale = !isRunning({ pid, started: "" }) ||
            Date.now() - external_node_fs_namespaceObject.statSync(`${directory}/${name}`).mtimeMs > LOCK_STALE_MS;
        if (stale)
            external_node_fs_namespaceObject.rmSync(`${directory}/${name}`, { recursive: true, force: true });
        return stale;
    }
    catch (error) {
        if ((0,errors/* errorCode */.CA)(error) === "ENOENT")
            return true;
        throw error;
    }
}

;// CONCATENATED MODULE: ../lib/src/keeper/stop.js




/** Whether a keeper watches over a token directory. */
function hasKeeper(directory) {
    const status = readJson(directory.status);
    return status !== undefined && status.ended === undefined && isRunning(status);
}
const STOP_TIMEOUT_MS = 2_000;
/**
 * Ends the keeper of a token directory, if there is one: by message, and if it does not listen by a signal.
 * Only ever signals the very process that wrote the status file. Returns its last status, where it ever wrote
 * one.
 */
async function stopKeeper(directory) {
    const status = readJson(directory.status);
    if (status === undefined)
        return {};
    const isGone = () => !isRunning(status);
    if (isGone())
        return { keeper: status, keeperDied: status.ended === undefined };
    try {
        external_node_fs_namespaceObject.closeSync(external_node_fs_namespaceObject.openSync(directory.stop, "wx", 0o600));
    }
    catch {
        // Asked before, or the directory is no more what it was: signals follow.
    }
    const hasEnded = () => readJson(directory.status)?.ended !== undefined;
    await within(STOP_TIMEOUT_MS, () => isGone() || hasEnded());
    // Without /proc a pid proves nothing once the process may have ended: then the message has to do, and the
    // tick that follows it. A keeper that says it has ended has nothing left to do but to leave, for which V8
    // takes several times as long as for all the rest.
    const signals = status.started === "" ? [] : hasEnded() ? ["SIGKILL"] : ["SIGTERM", "SIGKILL"];
    for (const signal of signals) {
        if (isGone())
            break;
        try {
            process.kill(status.pid, signal);
        }
        catch {
            // Gone meanwhile, or another user's. It also ends without its directory, which goes next and matters
            // more.
        }
        await within(STOP_TIMEOUT_MS, isGone);
    }
    if (signals.length === 0)
        await within(STOP_TIMEOUT_MS, isGone);
    return { keeper: readJson(directory.status) ?? status };
}
/** Waits until something is true, or too late. */
async function within(ms, isTrue) {
    const deadline = performance.now() + ms;
    while (!isTrue() && performance.now() < deadline)
        await (0,promises_namespaceObject.setTimeout)(1);
}

;// CONCATENATED MODULE: ../lib/src/job/uses.js










const LOCK_WAIT_MS = 30_000;
/** Post should not take long; what holds the lock longer than this is not going to give it back. */
const POST_LOCK_WAIT_MS = 12_000;
const FILE_VARIABLES = ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"];
/**
 * Enters a use into the job directory: token file, record, profile, in this order, so that whatever main does
 * not reach any more post can undo.
 */
async function beginUse(root, use, first, ambient, home) {
    await locked(root, async (job) => {
        const jobFile = await claim(job, first.requestToken, ambient);
        seed(job.config, "AWS_CONFIG_FILE", jobFile.previous, home);
        seed(job.credentials, "AWS_SHARED_CREDENTIALS_FILE", jobFile.previous, home);
        const directory = tokenDirectory(`${job.tokens}/${use.tokenId}`);
        ensurePrivateDirectory(directory.path);
        // Another use's keeper may have written a newer one while this one waited for the lock.
        if (expiry(read(directory.token)) < expiry(first.token))
            writeFileAtomic(directory.token, first.token);
        const uses = activeUses(job);
        const earlier = uses.findLast((other) => other.profile === use.profile);
        const config = takeFromConfig(read(job.config), use.profile);
        const credentials = takeFromCredentials(read(job.credentials), use.profile);
        const previous = {};
        for (const name of Object.keys(use.exported))
            previous[name] = ambient[name] ?? null;
        const record = {
            ...use,
            order: Math.max(0, ...uses.map((other) => other.order)) + 1,
            original: earlier?.original ?? { config: config.taken, credentials: credentials.taken },
            previous: { ...previous, ...jobFile.previous },
        };
        writeJson(`${job.uses}/${use.id}.json`, record);
        write(job.config, append(config.kept, use.section));
        write(job.credentials, credentials.kept);
    });
}
/**
 * Runs `action` with the job directory locked, and made if need be. Another use's post may remove it at any
 * moment before that.
 */
async function locked(root, action) {
    for (let tries = 1;; tries++) {
        try {
            const job = openJobDirectory(root);
            return await withLock(root, LOCK_WAIT_MS, () => action(job));
        }
        catch (error) {
            if ((0,errors/* errorCode */.CA)(error) !== "ENOENT" || tries === 10)
                throw error;
        }
    }
}
/** Makes the directory this job's. One that a crashed job left is emptied first: nothing in it is trusted. */
async function claim(job, requestToken, ambient) {
    const identity = (0,external_node_crypto_namespaceObject.createHash)("sha256").update(requestToken).digest("hex");
    const found = readJson(job.job);
    if (found?.job === identity)
        return found;
    await stopKeepers(job);
    for (const name of external_node_fs_namespaceObject.readdirSync(job.path)) {
        if (!name.startsWith("lock."))
            external_node_fs_namespaceObject.rmSync(`${job.path}/${name}`, { recursive: true, force: true });
    }
    openJobDirectory(job.path);
    const previous = {};
    for (const name of FILE_VARIABLES) {
        // Not a path that an earlier job's crash left in the environment of a long-lived runner.
        const value = ambient[name];
        previous[name] = value !== undefined && !value.startsWith(`${job.path}/`) ? value : null;
    }
    const made = { job: identity, previous };
    writeJson(job.job, made);
    return made;
}
/** Copies a file of the user's, so that other profiles go on working. One that is not there is empty. */
function seed(target, variable, previous, home) {
    if (external_node_fs_namespaceObject.existsSync(target))
        return;
    const source = previous[variable]?.replace(/^~(?=\/)/, () => home) || external_node_path_namespaceObject.join(home, ".aws", external_node_path_namespaceObject.basename(target));
    let content;
    try {
        // /dev/null is a common way to say "none".
        if (source !== "/dev/null")
            content = readFileIfExists(source);
    }
    catch (error) {
        // HOME=/dev/null, as service users have it: SDKs take that for no file.
        if ((0,errors/* errorCode */.CA)(error) !== "ENOTDIR")
            throw new errors/* UserError */.yo("aws-files", `${source} cannot be read (${(0,errors/* errorText */.kc)(error)}). Its profiles have to be copied for later steps: make it readable, or set ${variable} to another file.`);
    }
    writeFileAtomic(target, content ?? "");
}
/**
 * Takes a use out of the job directory again, and removes the directory with the last one: in steps that can
 * be cut short anywhere and done again. One that failed in main is not reported. Returns undefined where
 * there is nothing of that use (any more).
 */
async function endUse(root, id, outcome = "over") {
    clearRemains(root);
    try {
        const fault = untrusted(root);
        if (fault)
            throw new Error(`${root} ${fault}: it was not made by this action`);
        return await withLock(root, POST_LOCK_WAIT_MS, () => end(jobDirectory(root), id, outcome));
    }
    catch (error) {
        // There was none, or another post removed it first.
        if ((0,errors/* errorCode */.CA)(error) === "ENOENT" && !external_node_fs_namespaceObject.existsSync(root))
            return undefined;
        throw error;
    }
}
async function end(job, id, outcome) {
    const uses = activeUses(job);
    const use = uses.find((other) => other.id === id);
    const others = uses.filter((other) => other !== use);
    if (!use) {
        if (others.length === 0)
            await removeJobDirectory(job);
        return undefined;
    }
    const { startedAt, profile, roleArn, sessionName, audience } = use;
    const over = { id, startedAt, profile, roleArn, sessionName, audience, endedAt: Date.now() };
    // The token first: whatever else in the directory a step may have damaged, that has to go.
    if (!others.some((other) => other.tokenId === use.tokenId)) {
        const directory = tokenDirectory(`${job.tokens}/${use.tokenId}`);
        Object.assign(over, await stopKeeper(directory));
        external_node_fs_namespaceObject.rmSync(directory.path, { recursive: true, force: true });
    }
    const damage = [];
    const whole = (action) => {
        try {
            action();
        }
        catch (error) {
            damage.push((0,errors/* errorText */.kc)(error));
        }
    };
    let text = "";
    whole(() => {
        text = read(job.config);
        if (others.length > 0)
            takeProfile(job, text, use, others);
    });
    whole(() => {
        ensurePrivateDirectory(job.finished);
        if (outcome === "over")
            writeJson(`${job.finished}/${id}.json`, over);
    });
    external_node_fs_namespaceObject.rmSync(`${job.uses}/${id}.json`, { force: true });
    const finished = readAll(job.finished);
    if (others.length === 0)
        await removeJobDirectory(job);
    return { use, others, finished, roleArns: roleArnsIn(text), damage };
}
/** Puts back what stood for the profile before this use: another use's section, or the user's own. */
function takeProfile(job, config, use, others) {
    const earlier = others.findLast((other) => other.profile === use.profile);
    write(job.config, append(takeFromConfig(config, use.profile).kept, earlier ? earlier.section : use.original.config));
    if (earlier)
        return;
    write(job.credentials, append(takeFromCredentials(read(job.credentials), use.profile).kept, use.original.credentials));
}
/**
 * Ends what still runs in there and removes it at once for all who look for it: the name is gone before the
 * content is.
 */
async function removeJobDirectory(job) {
    await stopKeepers(job);
    const gone = `${job.path}.${process.pid}.gone`;
    external_node_fs_namespaceObject.renameSync(job.path, gone);
    clearRemains(job.path);
}
/** What a post that was killed while it removed the directory left of it. */
function clearRemains(root) {
    const parent = external_node_path_namespaceObject.dirname(root);
    const name = external_node_path_namespaceObject.basename(root);
    for (const entry of uses_list(parent)) {
        if (!entry.startsWith(`${name}.`) || !entry.endsWith(".gone"))
            continue;
        try {
            external_node_fs_namespaceObject.rmSync(`${parent}/${entry}`, { recursive: true, force: true });
        }
        catch {
            // Another post is at it.
        }
    }
}
async function stopKeepers(job) {
    await Promise.all(uses_list(job.tokens).map((name) => stopKeeper(tokenDirectory(`${job.tokens}/${name}`))));
}
function activeUses(job) {
    return readAll(job.uses).sort((a, b) => a.order - b.order);
}
/** What lies in a directory; one that a step replaced by something else holds nothing. */
function readAll(directory) {
    return uses_list(directory)
        .filter((name) => name.endsWith(".json"))
        .flatMap((name) => readJson(`${directory}/${name}`) ?? []);
}
function uses_list(directory) {
    try {
        return external_node_fs_namespaceObject.readdirSync(directory);
    }
    catch {
        return [];
    }
}
function expiry(token) {
    return timeClaim(decodeClaims(token), "exp") ?? 0;
}
function read(file) {
    return (readFileIfExists(file) ?? Buffer.alloc(0)).toString("latin1");
}
function write(file, text) {
    writeFileAtomic(file, Buffer.from(text, "latin1"));
}

;// CONCATENATED MODULE: external "node:child_process"
const external_node_child_process_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:child_process");
;// CONCATENATED MODULE: external "node:events"
const external_node_events_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:events");
;// CONCATENATED MODULE: ../lib/src/keeper/launch.js





const READY_TIMEOUT_MS = 10_000;
const END_TIMEOUT_MS = 2_000;
/**
 * What the keeper may see of the environment, and nothing else: no AWS_*, no INPUT_*, no NODE_OPTIONS, no
 * secret of the job.
 */
const ENVIRONMENT = [
    // The runner ends whatever carries it at the end of the job (actions/runner,
    // src/Runner.Worker/JobExtension.cs).
    "RUNNER_TRACKING_ID",
    "RUNNER_TEMP",
    ...[
        "HOME",
        "PATH",
        "TMPDIR",
        "TEMP",
        "TMP",
        "USERPROFILE",
        "HOMEDRIVE",
        "HOMEPATH",
        "SYSTEMROOT",
        "SYSTEMDRIVE",
        "WINDIR",
    ],
    ...["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"],
    ...["NODE_EXTRA_CA_CERTS", "NODE_USE_SYSTEM_CA", "SSL_CERT_FILE", "SSL_CERT_DIR"],
];
/**
 * Starts a keeper process. Its start takes longer than anything else it does here, so main begins with it
 * early.
 */
function launchKeeper() {
    const env = {};
    for (const name of ENVIRONMENT) {
        const value = process.env[name];
        if (value !== undefined)
            env[name] = value;
    }
    // Of NODE_OPTIONS only what decides which certificates are trusted: without it, the keeper would fail where
    // main did not.
    const trust = (process.env.NODE_OPTIONS ?? "")
        .split(/\s+/)
        .filter((option) => /^--use-(?:bundled|openssl|system)-ca$/.test(option));
    // An interpreter is fast enough for a request every two minutes, and 4 MB smaller.
    const keeper = (0,external_node_child_process_namespaceObject.spawn)(process.execPath, ["--lite-mode", ...trust, bundlePath("keeper")], {
        // Not the workspace: Windows could not delete it while the keeper lives.
        cwd: external_node_path_namespaceObject.dirname(process.execPath),
        // Of its own session and without our pipes, which the runner would wait for (actions/runner,
        // src/Runner.Sdk/ProcessInvoker.cs).
        detached: true,
        stdio: ["ignore", "ignore", "ignore", "ipc"],
        windowsHide: true,
        env,
    });
    const failed = new Promise((_, reject) => {
        keeper.once("error", reject);
        keeper.once("exit", (code, signal) => reject(new Error(`it ended at once (${signal ?? `exit code ${code}`})`)));
    });
    failed.catch(() => { }); // said by watch()
    let handedOver = false;
    // Or this process would wait for it.
    const letGo = () => {
        if (keeper.connected)
            keeper.disconnect();
        keeper.unref();
    };
    const abandon = async () => {
        if (handedOver || keeper.pid === undefined || keeper.exitCode !== null || keeper.signalCode !== null)
            return;
        const gone = (0,external_node_events_namespaceObject.once)(keeper, "exit", { signal: AbortSignal.timeout(END_TIMEOUT_MS) });
        keeper.kill("SIGKILL");
        await gone.catch(letGo);
    };
    return {
        async watch(config) {
            let timer;
            const late = new Promise((_, reject) => {
                timer = setTimeout(() => reject(new Error(`it was not ready in ${READY_TIMEOUT_MS / 1000} s`)), READY_TIMEOUT_MS);
            });
            const ready = new Promise((resolve, reject) => {
                keeper.once("message", () => resolve());
                keeper.send(config, (error) => error && reject(error));
            });
            try {
                await Promise.race([ready, failed, late]);
                handedOver = true;
                letGo();
            }
            catch (error) {
                await abandon();
                throw new errors/* UserError */.yo("keeper-did-not-start", `The process that keeps the token fresh did not start: ${(0,errors/* errorText */.kc)(error)}. Run the job again.`, { cause: error });
            }
            finally {
                clearTimeout(timer);
            }
        },
        abandon,
    };
}

;// CONCATENATED MODULE: ../lib/src/state.js

function saveUse(use) {
    lib_core/* saveState */.LZ("use", JSON.stringify(use));
}
/** Undefined where main did not get as far as to save it. */
function loadUse() {
    const state = core.getState("use");
    return state === "" ? undefined : JSON.parse(state);
}

;// CONCATENATED MODULE: ../lib/src/start.js
var __rewriteRelativeImportExtension = (undefined && undefined.__rewriteRelativeImportExtension) || function (path, preserveJsx) {
    if (typeof path === "string" && /^\.\.?\//.test(path)) {
        return path.replace(/\.(tsx)$|((?:\.d)?)((?:\.[^./]+?)?)\.([cm]?)ts$/i, function (m, tsx, d, ext, cm) {
            return tsx ? preserveJsx ? ".jsx" : ".js" : d && (!ext || !cm) ? m : (d + ext + "." + cm.toLowerCase() + "js");
        });
    }
    return path;
};
























/**
 * The main step: from inputs to a profile whose token file stays fresh. Whatever can be refused is refused
 * before anything is touched, and nothing is exported before everything works; what fails is undone at once.
 * Throws a UserError for all that a user can do something about.
 */
async function start(env) {
    const plan = makePlan(env);
    saveUse({ root: plan.root, id: plan.id, summary: plan.inputs.summary });
    let keeper;
    try {
        // Before the network; and under the lock, since another use's post may be removing it.
        await locked(plan.root, async () => { });
        // GitHub's answer, the SDK and the keeper's process take their time: all at once.
        const answer = firstToken(plan.endpoint, plan.inputs.audience, env);
        if (!hasKeeper(plan.directory))
            keeper = launchKeeper();
        const [first, trial] = await Promise.all([answer, plan.inputs.trial ? loadTrial() : undefined]);
        lib_core/* setSecret */.Pq(first.token);
        await enter(plan, first, env);
        const session = trial ? await tryExchange(trial, plan, first, env) : plannedSession(plan.inputs);
        if (plan.inputs.maskAccountId && session.accountId !== "")
            lib_core/* setSecret */.Pq(session.accountId);
        checkAccount(plan.inputs, session.accountId);
        await handOver(plan, first, keeper);
        publish(plan, first, session);
    }
    catch (error) {
        await endUse(plan.root, plan.id, "failed").catch((failure) => lib_core/* debug */.Yz(`Could not clean up: ${(0,errors/* errorText */.kc)(failure)}`));
        throw error;
    }
    finally {
        await keeper?.abandon();
    }
}
function makePlan(env) {
    const run = { id: env.GITHUB_RUN_ID ?? "", attempt: env.GITHUB_RUN_ATTEMPT ?? "" };
    const inputs = loadInputs((name) => lib_core/* getInput */.V4(name), run);
    const { role, sessionName, profile, region, stsEndpoint, audience } = inputs;
    if (inputs.maskAccountId && role.accountId !== "")
        lib_core/* setSecret */.Pq(role.accountId);
    if (role.accountId !== "")
        checkAccount(inputs, role.accountId);
    const root = jobDirectoryPath(env.RUNNER_TEMP);
    const endpoint = readEndpoint(env);
    const job = jobDirectory(root);
    const directory = tokenDirectory(`${job.tokens}/${tokenId(audience)}`);
    const environment = planEnvironment(env, {
        profile,
        configFile: job.config,
        credentialsFile: job.credentials,
        region,
        roleArn: role.arn,
        tokenFile: directory.token,
        sessionName,
        stsEndpoint,
        mirror: inputs.mirror,
    });
    checkProxies(env);
    const warning = proxyWarning(env, endpoint.url);
    if (warning)
        environment.warnings.push(warning);
    return {
        id: (0,external_node_crypto_namespaceObject.randomBytes)(8).toString("hex"),
        inputs,
        endpoint,
        endsAt: timeClaim(decodeClaims(endpoint.requestToken), "exp"),
        root,
        directory,
        section: renderProfile({
            name: profile,
            roleArn: role.arn,
            tokenFile: directory.token,
            sessionName,
            region,
            stsEndpoint,
        }),
        environment,
    };
}
/**
 * Set for a job that may have ID tokens (actions/runner,
 * src/Runner.Worker/Handlers/NodeScriptActionHandler.cs).
 */
function readEndpoint(env) {
    const url = env.ACTIONS_ID_TOKEN_REQUEST_URL ?? "";
    const requestToken = env.ACTIONS_ID_TOKEN_REQUEST_TOKEN ?? "";
    if (url === "" || requestToken === "") {
        throw explained(explainIdTokenError("permission", {
            audience: "",
            eventName: env.GITHUB_EVENT_NAME,
            actor: env.GITHUB_ACTOR,
        }));
    }
    if (!/^https?:\/\/[\x21-\x7e]+$/.test(url) || !URL.canParse(url) || !/^[\x21-\x7e]+$/.test(requestToken)) {
        throw new errors/* UserError */.yo("id-token-endpoint", "ACTIONS_ID_TOKEN_REQUEST_URL or ACTIONS_ID_TOKEN_REQUEST_TOKEN does not hold what the runner puts there: a URL and a token. " +
            "Remove them from the workflow's env.");
    }
    return { url, requestToken };
}
/** The SDK is a bundle of its own, loaded only where it is needed. */
function loadTrial() {
    return import(__rewriteRelativeImportExtension(/* webpackIgnore: true */ (0,external_node_url_namespaceObject.pathToFileURL)(bundlePath("trial")).href));
}
const REQUEST_TIMEOUT_MS = 10_000;
/** For how long a failure of the first request may pass of itself, in milliseconds. */
function patienceFor({ kind, status, code }) {
    // A certificate does not become right by waiting, and a name that DNS does not know or a refusal by the
    // proxy hardly ever.
    if (/CERT|SELF_SIGNED|UNABLE_TO_|^ERR_(?:TLS|SSL)/.test(code ?? ""))
        return 0;
    if (kind === "answer" || code === "ENOTFOUND" || code === "ERR_PROXY_TUNNEL")
        return 3_000;
    // The server refuses a job that does not count as "in progress" yet, which takes about a second from its
    // start (actions/runner, src/Runner.Worker/JobRunner.cs).
    if (status !== undefined && status < 500 && status !== 429)
        return 10_000;
    return 30_000;
}
async function firstToken(endpoint, audience, env) {
    const began = performance.now();
    for (let tries = 1;; tries++) {
        try {
            return await requestIdToken(endpoint, audience, REQUEST_TIMEOUT_MS);
        }
        catch (error) {
            if (!(error instanceof IdTokenError))
                throw error;
            const patience = patienceFor(error);
            const backoff = Math.min(3_000, 200 * 2 ** (tries - 1)) * (0.5 + Math.random() / 2);
            const wait = Math.max(backoff, Math.min(error.retryAfterMs ?? 0, 10_000));
            if (performance.now() - began + wait > patience) {
                const { kind, message, code, status } = error;
                const host = new URL(endpoint.url).host;
                const proxy = findProxy(env, endpoint.url);
                throw explained(explainIdTokenError(kind, {
                    audience,
                    message,
                    code,
                    httpStatus: status,
                    endpointHost: host,
                    proxy,
                }), error);
            }
            lib_core/* debug */.Yz(`ID token, try ${tries}: ${error.message}`);
            await (0,promises_namespaceObject.setTimeout)(wait);
        }
    }
}
/** Token file and profile; sessions of this name that a crashed job left with the AWS CLI go. */
async function enter(plan, first, env) {
    const { id, inputs, section, environment, endpoint } = plan;
    const { profile, role, sessionName, audience } = inputs;
    const use = { id, startedAt: Date.now(), profile, roleArn: role.arn, sessionName, audience };
    await beginUse(plan.root, { ...use, tokenId: tokenId(audience), section, exported: environment.exports }, { requestToken: endpoint.requestToken, token: first.token }, env, home());
    deleteCachedSessions(cliCache(), (arn) => isSessionOf(arn, role.arn, sessionName));
}
async function tryExchange(trial, plan, first, env) {
    const { role, sessionName, region, stsEndpoint, audience, trustPolicy } = plan.inputs;
    const request = { roleArn: role.arn, sessionName, token: first.token, region, endpoint: stsEndpoint };
    // The SDK asks for the home folder and fails without one.
    env.HOME ??= home();
    try {
        return await trial.exchange(request);
    }
    catch (error) {
        // By name: the class in the bundle of the trial is not the one here.
        if (!(error instanceof Error) || error.name !== "StsError")
            throw error;
        const { code, message, httpStatus, attempts, endpointUrl } = error;
        const situation = {
            roleArn: role.arn,
            region,
            endpointHost: new URL(endpointUrl).host,
            proxy: findProxy(env, endpointUrl),
            audience,
            claims: first.claims,
            clockSkewSeconds: first.clockOffsetMs === undefined ? undefined : Math.round(-first.clockOffsetMs / 1000),
            trustPolicy,
            accountIsMasked: plan.inputs.maskAccountId,
        };
        throw explained(explainStsError({ code, message, httpStatus, attempts }, situation), error);
    }
}
/** What the session will be, where no exchange tells it. */
function plannedSession({ role, sessionName }) {
    const { partition, accountId, name } = role;
    return {
        accountId,
        assumedRoleArn: accountId === "" ? "" : `arn:${partition}:sts::${accountId}:assumed-role/${name}/${sessionName}`,
    };
}
/** A self-hosted job may take 5 days: https://docs.github.com/en/actions/reference/limits */
const LONGEST_JOB_MS = 5 * 24 * 60 * 60 * 1000;
/** Lets a keeper watch over the token from here on, unless one does already. */
async function handOver(plan, first, launched) {
    const clockOffsetMs = first.clockOffsetMs ?? 0;
    await locked(plan.root, async () => {
        if (hasKeeper(plan.directory))
            return;
        const dead = readJson(plan.directory.status);
        const keeper = launched ?? launchKeeper();
        await keeper.watch({
            endpoint: plan.endpoint,
            audience: plan.inputs.audience,
            directory: plan.directory.path,
            lifetimeMs: first.lifetimeMs,
            remainingMs: first.remainingMs,
            ageMs: performance.now() - first.receivedAt,
            clockOffsetMs,
            endsInMs: plan.endsAt === undefined ? LONGEST_JOB_MS : plan.endsAt - (Date.now() + clockOffsetMs),
            worker: findWorker(),
            dead,
        });
    });
}
/** Outputs, environment and log: the last thing, when all of it is true. */
function publish({ inputs, root, directory, endsAt, environment }, first, session) {
    const { profile, role, sessionName } = inputs;
    const job = jobDirectory(root);
    const refreshableUntil = endsAt === undefined ? "" : new Date(endsAt).toISOString().replace(".000Z", "Z");
    lib_core/* setOutput */.uH("aws-account-id", session.accountId);
    lib_core/* setOutput */.uH("assumed-role-arn", session.assumedRoleArn);
    lib_core/* setOutput */.uH("profile", profile);
    lib_core/* setOutput */.uH("config-file", job.config);
    lib_core/* setOutput */.uH("credentials-file", job.credentials);
    lib_core/* setOutput */.uH("web-identity-token-file", directory.token);
    lib_core/* setOutput */.uH("role-session-name", sessionName);
    lib_core/* setOutput */.uH("refreshable-until", refreshableUntil);
    for (const [name, value] of Object.entries(environment.exports))
        lib_core/* exportVariable */.dN(name, value);
    const where = profile === "default" ? "every later step (profile default)" : `steps that choose profile ${profile}`;
    const until = refreshableUntil === "" ? "as long as the job lives" : `until ${refreshableUntil}`;
    lib_core/* info */.pq(`Role ${role.arn} for ${where}, session ${sessionName}; fresh ID tokens ${until}`);
    lib_core/* startGroup */.Oh("Details");
    lib_core/* info */.pq(`ID token: ${describeClaims(first.claims)}, good for ${Math.round(first.lifetimeMs / 1000)} s`);
    lib_core/* info */.pq(`Token file: ${directory.token}`);
    if (session.assumedRoleArn !== "")
        lib_core/* info */.pq(`Calls run as ${session.assumedRoleArn}`);
    lib_core/* info */.pq(`Exported: ${Object.keys(environment.exports).join(", ")}`);
    lib_core/* endGroup */.N4();
    for (const warning of environment.warnings)
        lib_core/* warning */.$e(warning);
}
/** What a trust policy has to match. */
function describeClaims({ sub, aud }) {
    return `sub ${(0,base_text/* quoted */.TL)(String(sub))}, aud ${(0,base_text/* quoted */.TL)(String(aud))}`;
}
function explained({ anchor, title, text }, cause) {
    return new errors/* UserError */.yo(anchor, title, { details: text, cause });
}


/***/ }),

/***/ 915:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {


// EXPORTS
__nccwpck_require__.d(__webpack_exports__, {
  Yz: () => (/* binding */ core_debug),
  N4: () => (/* binding */ endGroup),
  dN: () => (/* binding */ exportVariable),
  V4: () => (/* binding */ getInput),
  pq: () => (/* binding */ info),
  LZ: () => (/* binding */ saveState),
  C1: () => (/* binding */ setFailed),
  uH: () => (/* binding */ setOutput),
  Pq: () => (/* binding */ core_setSecret),
  Oh: () => (/* binding */ startGroup),
  $e: () => (/* binding */ warning)
});

// UNUSED EXPORTS: ExitCode, addPath, error, getBooleanInput, getIDToken, getMultilineInput, getState, group, isDebug, markdownSummary, notice, platform, setCommandEcho, summary, toPlatformPath, toPosixPath, toWin32Path

;// CONCATENATED MODULE: external "os"
const external_os_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("os");
;// CONCATENATED MODULE: ../node_modules/@actions/core/lib/utils.js
// We use any as a valid input type
/* eslint-disable @typescript-eslint/no-explicit-any */
/**
 * Sanitizes an input into a string so it can be passed into issueCommand safely
 * @param input input to sanitize into a string
 */
function toCommandValue(input) {
    if (input === null || input === undefined) {
        return '';
    }
    else if (typeof input === 'string' || input instanceof String) {
        return input;
    }
    return JSON.stringify(input);
}
/**
 *
 * @param annotationProperties
 * @returns The command properties to send with the actual annotation command
 * See IssueCommandProperties: https://github.com/actions/runner/blob/main/src/Runner.Worker/ActionCommandManager.cs#L646
 */
function utils_toCommandProperties(annotationProperties) {
    if (!Object.keys(annotationProperties).length) {
        return {};
    }
    return {
        title: annotationProperties.title,
        file: annotationProperties.file,
        line: annotationProperties.startLine,
        endLine: annotationProperties.endLine,
        col: annotationProperties.startColumn,
        endColumn: annotationProperties.endColumn
    };
}
//# sourceMappingURL=utils.js.map
;// CONCATENATED MODULE: ../node_modules/@actions/core/lib/command.js


/**
 * Issues a command to the GitHub Actions runner
 *
 * @param command - The command name to issue
 * @param properties - Additional properties for the command (key-value pairs)
 * @param message - The message to include with the command
 * @remarks
 * This function outputs a specially formatted string to stdout that the Actions
 * runner interprets as a command. These commands can control workflow behavior,
 * set outputs, create annotations, mask values, and more.
 *
 * Command Format:
 *   ::name key=value,key=value::message
 *
 * @example
 * ```typescript
 * // Issue a warning annotation
 * issueCommand('warning', {}, 'This is a warning message');
 * // Output: ::warning::This is a warning message
 *
 * // Set an environment variable
 * issueCommand('set-env', { name: 'MY_VAR' }, 'some value');
 * // Output: ::set-env name=MY_VAR::some value
 *
 * // Add a secret mask
 * issueCommand('add-mask', {}, 'secretValue123');
 * // Output: ::add-mask::secretValue123
 * ```
 *
 * @internal
 * This is an internal utility function that powers the public API functions
 * such as setSecret, warning, error, and exportVariable.
 */
function command_issueCommand(command, properties, message) {
    const cmd = new Command(command, properties, message);
    process.stdout.write(cmd.toString() + external_os_namespaceObject.EOL);
}
function command_issue(name, message = '') {
    command_issueCommand(name, {}, message);
}
const CMD_STRING = '::';
class Command {
    constructor(command, properties, message) {
        if (!command) {
            command = 'missing.command';
        }
        this.command = command;
        this.properties = properties;
        this.message = message;
    }
    toString() {
        let cmdStr = CMD_STRING + this.command;
        if (this.properties && Object.keys(this.properties).length > 0) {
            cmdStr += ' ';
            let first = true;
            for (const key in this.properties) {
                if (this.properties.hasOwnProperty(key)) {
                    const val = this.properties[key];
                    if (val) {
                        if (first) {
                            first = false;
                        }
                        else {
                            cmdStr += ',';
                        }
                        cmdStr += `${key}=${escapeProperty(val)}`;
                    }
                }
            }
        }
        cmdStr += `${CMD_STRING}${escapeData(this.message)}`;
        return cmdStr;
    }
}
function escapeData(s) {
    return toCommandValue(s)
        .replace(/%/g, '%25')
        .replace(/\r/g, '%0D')
        .replace(/\n/g, '%0A');
}
function escapeProperty(s) {
    return toCommandValue(s)
        .replace(/%/g, '%25')
        .replace(/\r/g, '%0D')
        .replace(/\n/g, '%0A')
        .replace(/:/g, '%3A')
        .replace(/,/g, '%2C');
}
//# sourceMappingURL=command.js.map
;// CONCATENATED MODULE: external "crypto"
const external_crypto_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("crypto");
;// CONCATENATED MODULE: external "fs"
const external_fs_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("fs");
;// CONCATENATED MODULE: ../node_modules/@actions/core/lib/file-command.js
// For internal use, subject to change.
// We use any as a valid input type
/* eslint-disable @typescript-eslint/no-explicit-any */




function file_command_issueFileCommand(command, message) {
    const filePath = process.env[`GITHUB_${command}`];
    if (!filePath) {
        throw new Error(`Unable to find environment variable for file command ${command}`);
    }
    if (!external_fs_namespaceObject.existsSync(filePath)) {
        throw new Error(`Missing file at path: ${filePath}`);
    }
    external_fs_namespaceObject.appendFileSync(filePath, `${toCommandValue(message)}${external_os_namespaceObject.EOL}`, {
        encoding: 'utf8'
    });
}
function prepareKeyValueMessage(key, value) {
    const delimiter = `ghadelimiter_${external_crypto_namespaceObject.randomUUID()}`;
    const convertedValue = toCommandValue(value);
    // These should realistically never happen, but just in case someone finds a
    // way to exploit uuid generation let's not allow keys or values that contain
    // the delimiter.
    if (key.includes(delimiter)) {
        throw new Error(`Unexpected input: name should not contain the delimiter "${delimiter}"`);
    }
    if (convertedValue.includes(delimiter)) {
        throw new Error(`Unexpected input: value should not contain the delimiter "${delimiter}"`);
    }
    return `${key}<<${delimiter}${external_os_namespaceObject.EOL}${convertedValue}${external_os_namespaceObject.EOL}${delimiter}`;
}
//# sourceMappingURL=file-command.js.map
;// CONCATENATED MODULE: external "path"
const external_path_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("path");
;// CONCATENATED MODULE: ../node_modules/@actions/core/lib/oidc-utils.js
var __awaiter = (undefined && undefined.__awaiter) || function (thisArg, _arguments, P, generator) {
    function adopt(value) { return value instanceof P ? value : new P(function (resolve) { resolve(value); }); }
    return new (P || (P = Promise))(function (resolve, reject) {
        function fulfilled(value) { try { step(generator.next(value)); } catch (e) { reject(e); } }
        function rejected(value) { try { step(generator["throw"](value)); } catch (e) { reject(e); } }
        function step(result) { result.done ? resolve(result.value) : adopt(result.value).then(fulfilled, rejected); }
        step((generator = generator.apply(thisArg, _arguments || [])).next());
    });
};



class oidc_utils_OidcClient {
    static createHttpClient(allowRetry = true, maxRetry = 10) {
        const requestOptions = {
            allowRetries: allowRetry,
            maxRetries: maxRetry
        };
        return new HttpClient('actions/oidc-client', [new BearerCredentialHandler(oidc_utils_OidcClient.getRequestToken())], requestOptions);
    }
    static getRequestToken() {
        const token = process.env['ACTIONS_ID_TOKEN_REQUEST_TOKEN'];
        if (!token) {
            throw new Error('Unable to get ACTIONS_ID_TOKEN_REQUEST_TOKEN env variable');
        }
        return token;
    }
    static getIDTokenUrl() {
        const runtimeUrl = process.env['ACTIONS_ID_TOKEN_REQUEST_URL'];
        if (!runtimeUrl) {
            throw new Error('Unable to get ACTIONS_ID_TOKEN_REQUEST_URL env variable');
        }
        return runtimeUrl;
    }
    static getCall(id_token_url) {
        return __awaiter(this, void 0, void 0, function* () {
            var _a;
            const httpclient = oidc_utils_OidcClient.createHttpClient();
            const res = yield httpclient
                .getJson(id_token_url)
                .catch(error => {
                throw new Error(`Failed to get ID Token. \n 
        Error Code : ${error.statusCode}\n 
        Error Message: ${error.message}`);
            });
            const id_token = (_a = res.result) === null || _a === void 0 ? void 0 : _a.value;
            if (!id_token) {
                throw new Error('Response json body do not have ID Token field');
            }
            return id_token;
        });
    }
    static getIDToken(audience) {
        return __awaiter(this, void 0, void 0, function* () {
            try {
                // New ID Token is requested from action service
                let id_token_url = oidc_utils_OidcClient.getIDTokenUrl();
                if (audience) {
                    const encodedAudience = encodeURIComponent(audience);
                    id_token_url = `${id_token_url}&audience=${encodedAudience}`;
                }
                debug(`ID token url is ${id_token_url}`);
                const id_token = yield oidc_utils_OidcClient.getCall(id_token_url);
                setSecret(id_token);
                return id_token;
            }
            catch (error) {
                throw new Error(`Error message: ${error.message}`);
            }
        });
    }
}
//# sourceMappingURL=oidc-utils.js.map
;// CONCATENATED MODULE: ../node_modules/@actions/core/lib/summary.js
var summary_awaiter = (undefined && undefined.__awaiter) || function (thisArg, _arguments, P, generator) {
    function adopt(value) { return value instanceof P ? value : new P(function (resolve) { resolve(value); }); }
    return new (P || (P = Promise))(function (resolve, reject) {
        function fulfilled(value) { try { step(generator.next(value)); } catch (e) { reject(e); } }
        function rejected(value) { try { step(generator["throw"](value)); } catch (e) { reject(e); } }
        function step(result) { result.done ? resolve(result.value) : adopt(result.value).then(fulfilled, rejected); }
        step((generator = generator.apply(thisArg, _arguments || [])).next());
    });
};


const { access, appendFile, writeFile } = external_fs_namespaceObject.promises;
const SUMMARY_ENV_VAR = 'GITHUB_STEP_SUMMARY';
const SUMMARY_DOCS_URL = 'https://docs.github.com/actions/using-workflows/workflow-commands-for-github-actions#adding-a-job-summary';
class Summary {
    constructor() {
        this._buffer = '';
    }
    /**
     * Finds the summary file path from the environment, rejects if env var is not found or file does not exist
     * Also checks r/w permissions.
     *
     * @returns step summary file path
     */
    filePath() {
        return summary_awaiter(this, void 0, void 0, function* () {
            if (this._filePath) {
                return this._filePath;
            }
            const pathFromEnv = process.env[SUMMARY_ENV_VAR];
            if (!pathFromEnv) {
                throw new Error(`Unable to find environment variable for $${SUMMARY_ENV_VAR}. Check if your runtime environment supports job summaries.`);
            }
            try {
                yield access(pathFromEnv, external_fs_namespaceObject.constants.R_OK | external_fs_namespaceObject.constants.W_OK);
            }
            catch (_a) {
                throw new Error(`Unable to access summary file: '${pathFromEnv}'. Check if the file has correct read/write permissions.`);
            }
            this._filePath = pathFromEnv;
            return this._filePath;
        });
    }
    /**
     * Wraps content in an HTML tag, adding any HTML attributes
     *
     * @param {string} tag HTML tag to wrap
     * @param {string | null} content content within the tag
     * @param {[attribute: string]: string} attrs key-value list of HTML attributes to add
     *
     * @returns {string} content wrapped in HTML element
     */
    wrap(tag, content, attrs = {}) {
        const htmlAttrs = Object.entries(attrs)
            .map(([key, value]) => ` ${key}="${value}"`)
            .join('');
        if (!content) {
            return `<${tag}${htmlAttrs}>`;
        }
        return `<${tag}${htmlAttrs}>${content}</${tag}>`;
    }
    /**
     * Writes text in the buffer to the summary buffer file and empties buffer. Will append by default.
     *
     * @param {SummaryWriteOptions} [options] (optional) options for write operation
     *
     * @returns {Promise<Summary>} summary instance
     */
    write(options) {
        return summary_awaiter(this, void 0, void 0, function* () {
            const overwrite = !!(options === null || options === void 0 ? void 0 : options.overwrite);
            const filePath = yield this.filePath();
            const writeFunc = overwrite ? writeFile : appendFile;
            yield writeFunc(filePath, this._buffer, { encoding: 'utf8' });
            return this.emptyBuffer();
        });
    }
    /**
     * Clears the summary buffer and wipes the summary file
     *
     * @returns {Summary} summary instance
     */
    clear() {
        return summary_awaiter(this, void 0, void 0, function* () {
            return this.emptyBuffer().write({ overwrite: true });
        });
    }
    /**
     * Returns the current summary buffer as a string
     *
     * @returns {string} string of summary buffer
     */
    stringify() {
        return this._buffer;
    }
    /**
     * If the summary buffer is empty
     *
     * @returns {boolen} true if the buffer is empty
     */
    isEmptyBuffer() {
        return this._buffer.length === 0;
    }
    /**
     * Resets the summary buffer without writing to summary file
     *
     * @returns {Summary} summary instance
     */
    emptyBuffer() {
        this._buffer = '';
        return this;
    }
    /**
     * Adds raw text to the summary buffer
     *
     * @param {string} text content to add
     * @param {boolean} [addEOL=false] (optional) append an EOL to the raw text (default: false)
     *
     * @returns {Summary} summary instance
     */
    addRaw(text, addEOL = false) {
        this._buffer += text;
        return addEOL ? this.addEOL() : this;
    }
    /**
     * Adds the operating system-specific end-of-line marker to the buffer
     *
     * @returns {Summary} summary instance
     */
    addEOL() {
        return this.addRaw(external_os_namespaceObject.EOL);
    }
    /**
     * Adds an HTML codeblock to the summary buffer
     *
     * @param {string} code content to render within fenced code block
     * @param {string} lang (optional) language to syntax highlight code
     *
     * @returns {Summary} summary instance
     */
    addCodeBlock(code, lang) {
        const attrs = Object.assign({}, (lang && { lang }));
        const element = this.wrap('pre', this.wrap('code', code), attrs);
        return this.addRaw(element).addEOL();
    }
    /**
     * Adds an HTML list to the summary buffer
     *
     * @param {string[]} items list of items to render
     * @param {boolean} [ordered=false] (optional) if the rendered list should be ordered or not (default: false)
     *
     * @returns {Summary} summary instance
     */
    addList(items, ordered = false) {
        const tag = ordered ? 'ol' : 'ul';
        const listItems = items.map(item => this.wrap('li', item)).join('');
        const element = this.wrap(tag, listItems);
        return this.addRaw(element).addEOL();
    }
    /**
     * Adds an HTML table to the summary buffer
     *
     * @param {SummaryTableCell[]} rows table rows
     *
     * @returns {Summary} summary instance
     */
    addTable(rows) {
        const tableBody = rows
            .map(row => {
            const cells = row
                .map(cell => {
                if (typeof cell === 'string') {
                    return this.wrap('td', cell);
                }
                const { header, data, colspan, rowspan } = cell;
                const tag = header ? 'th' : 'td';
                const attrs = Object.assign(Object.assign({}, (colspan && { colspan })), (rowspan && { rowspan }));
                return this.wrap(tag, data, attrs);
            })
                .join('');
            return this.wrap('tr', cells);
        })
            .join('');
        const element = this.wrap('table', tableBody);
        return this.addRaw(element).addEOL();
    }
    /**
     * Adds a collapsable HTML details element to the summary buffer
     *
     * @param {string} label text for the closed state
     * @param {string} content collapsable content
     *
     * @returns {Summary} summary instance
     */
    addDetails(label, content) {
        const element = this.wrap('details', this.wrap('summary', label) + content);
        return this.addRaw(element).addEOL();
    }
    /**
     * Adds an HTML image tag to the summary buffer
     *
     * @param {string} src path to the image you to embed
     * @param {string} alt text description of the image
     * @param {SummaryImageOptions} options (optional) addition image attributes
     *
     * @returns {Summary} summary instance
     */
    addImage(src, alt, options) {
        const { width, height } = options || {};
        const attrs = Object.assign(Object.assign({}, (width && { width })), (height && { height }));
        const element = this.wrap('img', null, Object.assign({ src, alt }, attrs));
        return this.addRaw(element).addEOL();
    }
    /**
     * Adds an HTML section heading element
     *
     * @param {string} text heading text
     * @param {number | string} [level=1] (optional) the heading level, default: 1
     *
     * @returns {Summary} summary instance
     */
    addHeading(text, level) {
        const tag = `h${level}`;
        const allowedTag = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].includes(tag)
            ? tag
            : 'h1';
        const element = this.wrap(allowedTag, text);
        return this.addRaw(element).addEOL();
    }
    /**
     * Adds an HTML thematic break (<hr>) to the summary buffer
     *
     * @returns {Summary} summary instance
     */
    addSeparator() {
        const element = this.wrap('hr', null);
        return this.addRaw(element).addEOL();
    }
    /**
     * Adds an HTML line break (<br>) to the summary buffer
     *
     * @returns {Summary} summary instance
     */
    addBreak() {
        const element = this.wrap('br', null);
        return this.addRaw(element).addEOL();
    }
    /**
     * Adds an HTML blockquote to the summary buffer
     *
     * @param {string} text quote text
     * @param {string} cite (optional) citation url
     *
     * @returns {Summary} summary instance
     */
    addQuote(text, cite) {
        const attrs = Object.assign({}, (cite && { cite }));
        const element = this.wrap('blockquote', text, attrs);
        return this.addRaw(element).addEOL();
    }
    /**
     * Adds an HTML anchor tag to the summary buffer
     *
     * @param {string} text link text/content
     * @param {string} href hyperlink
     *
     * @returns {Summary} summary instance
     */
    addLink(text, href) {
        const element = this.wrap('a', text, { href });
        return this.addRaw(element).addEOL();
    }
}
const _summary = new Summary();
/**
 * @deprecated use `core.summary`
 */
const markdownSummary = (/* unused pure expression or super */ null && (_summary));
const summary = (/* unused pure expression or super */ null && (_summary));
//# sourceMappingURL=summary.js.map
;// CONCATENATED MODULE: ../node_modules/@actions/core/lib/path-utils.js

/**
 * toPosixPath converts the given path to the posix form. On Windows, \\ will be
 * replaced with /.
 *
 * @param pth. Path to transform.
 * @return string Posix path.
 */
function toPosixPath(pth) {
    return pth.replace(/[\\]/g, '/');
}
/**
 * toWin32Path converts the given path to the win32 form. On Linux, / will be
 * replaced with \\.
 *
 * @param pth. Path to transform.
 * @return string Win32 path.
 */
function toWin32Path(pth) {
    return pth.replace(/[/]/g, '\\');
}
/**
 * toPlatformPath converts the given path to a platform-specific path. It does
 * this by replacing instances of / and \ with the platform-specific path
 * separator.
 *
 * @param pth The path to platformize.
 * @return string The platform-specific path.
 */
function toPlatformPath(pth) {
    return pth.replace(/[/\\]/g, path.sep);
}
//# sourceMappingURL=path-utils.js.map
;// CONCATENATED MODULE: ../node_modules/@actions/core/lib/platform.js
var platform_awaiter = (undefined && undefined.__awaiter) || function (thisArg, _arguments, P, generator) {
    function adopt(value) { return value instanceof P ? value : new P(function (resolve) { resolve(value); }); }
    return new (P || (P = Promise))(function (resolve, reject) {
        function fulfilled(value) { try { step(generator.next(value)); } catch (e) { reject(e); } }
        function rejected(value) { try { step(generator["throw"](value)); } catch (e) { reject(e); } }
        function step(result) { result.done ? resolve(result.value) : adopt(result.value).then(fulfilled, rejected); }
        step((generator = generator.apply(thisArg, _arguments || [])).next());
    });
};


const getWindowsInfo = () => platform_awaiter(void 0, void 0, void 0, function* () {
    const { stdout: version } = yield exec.getExecOutput('powershell -command "(Get-CimInstance -ClassName Win32_OperatingSystem).Version"', undefined, {
        silent: true
    });
    const { stdout: name } = yield exec.getExecOutput('powershell -command "(Get-CimInstance -ClassName Win32_OperatingSystem).Caption"', undefined, {
        silent: true
    });
    return {
        name: name.trim(),
        version: version.trim()
    };
});
const getMacOsInfo = () => platform_awaiter(void 0, void 0, void 0, function* () {
    var _a, _b, _c, _d;
    const { stdout } = yield exec.getExecOutput('sw_vers', undefined, {
        silent: true
    });
    const version = (_b = (_a = stdout.match(/ProductVersion:\s*(.+)/)) === null || _a === void 0 ? void 0 : _a[1]) !== null && _b !== void 0 ? _b : '';
    const name = (_d = (_c = stdout.match(/ProductName:\s*(.+)/)) === null || _c === void 0 ? void 0 : _c[1]) !== null && _d !== void 0 ? _d : '';
    return {
        name,
        version
    };
});
const getLinuxInfo = () => platform_awaiter(void 0, void 0, void 0, function* () {
    const { stdout } = yield exec.getExecOutput('lsb_release', ['-i', '-r', '-s'], {
        silent: true
    });
    const [name, version] = stdout.trim().split('\n');
    return {
        name,
        version
    };
});
const platform = external_os_namespaceObject.platform();
const arch = external_os_namespaceObject.arch();
const isWindows = platform === 'win32';
const isMacOS = platform === 'darwin';
const isLinux = platform === 'linux';
function getDetails() {
    return platform_awaiter(this, void 0, void 0, function* () {
        return Object.assign(Object.assign({}, (yield (isWindows
            ? getWindowsInfo()
            : isMacOS
                ? getMacOsInfo()
                : getLinuxInfo()))), { platform,
            arch,
            isWindows,
            isMacOS,
            isLinux });
    });
}
//# sourceMappingURL=platform.js.map
;// CONCATENATED MODULE: ../node_modules/@actions/core/lib/core.js
var core_awaiter = (undefined && undefined.__awaiter) || function (thisArg, _arguments, P, generator) {
    function adopt(value) { return value instanceof P ? value : new P(function (resolve) { resolve(value); }); }
    return new (P || (P = Promise))(function (resolve, reject) {
        function fulfilled(value) { try { step(generator.next(value)); } catch (e) { reject(e); } }
        function rejected(value) { try { step(generator["throw"](value)); } catch (e) { reject(e); } }
        function step(result) { result.done ? resolve(result.value) : adopt(result.value).then(fulfilled, rejected); }
        step((generator = generator.apply(thisArg, _arguments || [])).next());
    });
};






/**
 * The code to exit an action
 */
var ExitCode;
(function (ExitCode) {
    /**
     * A code indicating that the action was successful
     */
    ExitCode[ExitCode["Success"] = 0] = "Success";
    /**
     * A code indicating that the action was a failure
     */
    ExitCode[ExitCode["Failure"] = 1] = "Failure";
})(ExitCode || (ExitCode = {}));
//-----------------------------------------------------------------------
// Variables
//-----------------------------------------------------------------------
/**
 * Sets env variable for this action and future actions in the job
 * @param name the name of the variable to set
 * @param val the value of the variable. Non-string values will be converted to a string via JSON.stringify
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
function exportVariable(name, val) {
    const convertedVal = toCommandValue(val);
    process.env[name] = convertedVal;
    const filePath = process.env['GITHUB_ENV'] || '';
    if (filePath) {
        return file_command_issueFileCommand('ENV', prepareKeyValueMessage(name, val));
    }
    command_issueCommand('set-env', { name }, convertedVal);
}
/**
 * Registers a secret which will get masked from logs
 *
 * @param secret - Value of the secret to be masked
 * @remarks
 * This function instructs the Actions runner to mask the specified value in any
 * logs produced during the workflow run. Once registered, the secret value will
 * be replaced with asterisks (***) whenever it appears in console output, logs,
 * or error messages.
 *
 * This is useful for protecting sensitive information such as:
 * - API keys
 * - Access tokens
 * - Authentication credentials
 * - URL parameters containing signatures (SAS tokens)
 *
 * Note that masking only affects future logs; any previous appearances of the
 * secret in logs before calling this function will remain unmasked.
 *
 * @example
 * ```typescript
 * // Register an API token as a secret
 * const apiToken = "abc123xyz456";
 * setSecret(apiToken);
 *
 * // Now any logs containing this value will show *** instead
 * console.log(`Using token: ${apiToken}`); // Outputs: "Using token: ***"
 * ```
 */
function core_setSecret(secret) {
    command_issueCommand('add-mask', {}, secret);
}
/**
 * Prepends inputPath to the PATH (for this action and future actions)
 * @param inputPath
 */
function addPath(inputPath) {
    const filePath = process.env['GITHUB_PATH'] || '';
    if (filePath) {
        issueFileCommand('PATH', inputPath);
    }
    else {
        issueCommand('add-path', {}, inputPath);
    }
    process.env['PATH'] = `${inputPath}${path.delimiter}${process.env['PATH']}`;
}
/**
 * Gets the value of an input.
 * Unless trimWhitespace is set to false in InputOptions, the value is also trimmed.
 * Returns an empty string if the value is not defined.
 *
 * @param     name     name of the input to get
 * @param     options  optional. See InputOptions.
 * @returns   string
 */
function getInput(name, options) {
    const val = process.env[`INPUT_${name.replace(/ /g, '_').toUpperCase()}`] || '';
    if (options && options.required && !val) {
        throw new Error(`Input required and not supplied: ${name}`);
    }
    if (options && options.trimWhitespace === false) {
        return val;
    }
    return val.trim();
}
/**
 * Gets the values of an multiline input.  Each value is also trimmed.
 *
 * @param     name     name of the input to get
 * @param     options  optional. See InputOptions.
 * @returns   string[]
 *
 */
function getMultilineInput(name, options) {
    const inputs = getInput(name, options)
        .split('\n')
        .filter(x => x !== '');
    if (options && options.trimWhitespace === false) {
        return inputs;
    }
    return inputs.map(input => input.trim());
}
/**
 * Gets the input value of the boolean type in the YAML 1.2 "core schema" specification.
 * Support boolean input list: `true | True | TRUE | false | False | FALSE` .
 * The return value is also in boolean type.
 * ref: https://yaml.org/spec/1.2/spec.html#id2804923
 *
 * @param     name     name of the input to get
 * @param     options  optional. See InputOptions.
 * @returns   boolean
 */
function getBooleanInput(name, options) {
    const trueValue = ['true', 'True', 'TRUE'];
    const falseValue = ['false', 'False', 'FALSE'];
    const val = getInput(name, options);
    if (trueValue.includes(val))
        return true;
    if (falseValue.includes(val))
        return false;
    throw new TypeError(`Input does not meet YAML 1.2 "Core Schema" specification: ${name}\n` +
        `Support boolean input list: \`true | True | TRUE | false | False | FALSE\``);
}
/**
 * Sets the value of an output.
 *
 * @param     name     name of the output to set
 * @param     value    value to store. Non-string values will be converted to a string via JSON.stringify
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
function setOutput(name, value) {
    const filePath = process.env['GITHUB_OUTPUT'] || '';
    if (filePath) {
        return file_command_issueFileCommand('OUTPUT', prepareKeyValueMessage(name, value));
    }
    process.stdout.write(external_os_namespaceObject.EOL);
    command_issueCommand('set-output', { name }, toCommandValue(value));
}
/**
 * Enables or disables the echoing of commands into stdout for the rest of the step.
 * Echoing is disabled by default if ACTIONS_STEP_DEBUG is not set.
 *
 */
function setCommandEcho(enabled) {
    issue('echo', enabled ? 'on' : 'off');
}
//-----------------------------------------------------------------------
// Results
//-----------------------------------------------------------------------
/**
 * Sets the action status to failed.
 * When the action exits it will be with an exit code of 1
 * @param message add error issue message
 */
function setFailed(message) {
    process.exitCode = ExitCode.Failure;
    error(message);
}
//-----------------------------------------------------------------------
// Logging Commands
//-----------------------------------------------------------------------
/**
 * Gets whether Actions Step Debug is on or not
 */
function isDebug() {
    return process.env['RUNNER_DEBUG'] === '1';
}
/**
 * Writes debug message to user log
 * @param message debug message
 */
function core_debug(message) {
    command_issueCommand('debug', {}, message);
}
/**
 * Adds an error issue
 * @param message error issue message. Errors will be converted to string via toString()
 * @param properties optional properties to add to the annotation.
 */
function error(message, properties = {}) {
    command_issueCommand('error', utils_toCommandProperties(properties), message instanceof Error ? message.toString() : message);
}
/**
 * Adds a warning issue
 * @param message warning issue message. Errors will be converted to string via toString()
 * @param properties optional properties to add to the annotation.
 */
function warning(message, properties = {}) {
    command_issueCommand('warning', utils_toCommandProperties(properties), message instanceof Error ? message.toString() : message);
}
/**
 * Adds a notice issue
 * @param message notice issue message. Errors will be converted to string via toString()
 * @param properties optional properties to add to the annotation.
 */
function notice(message, properties = {}) {
    issueCommand('notice', toCommandProperties(properties), message instanceof Error ? message.toString() : message);
}
/**
 * Writes info to log with console.log.
 * @param message info message
 */
function info(message) {
    process.stdout.write(message + external_os_namespaceObject.EOL);
}
/**
 * Begin an output group.
 *
 * Output until the next `groupEnd` will be foldable in this group
 *
 * @param name The name of the output group
 */
function startGroup(name) {
    command_issue('group', name);
}
/**
 * End an output group.
 */
function endGroup() {
    command_issue('endgroup');
}
/**
 * Wrap an asynchronous function call in a group.
 *
 * Returns the same type as the function itself.
 *
 * @param name The name of the group
 * @param fn The function to wrap in the group
 */
function group(name, fn) {
    return core_awaiter(this, void 0, void 0, function* () {
        startGroup(name);
        let result;
        try {
            result = yield fn();
        }
        finally {
            endGroup();
        }
        return result;
    });
}
//-----------------------------------------------------------------------
// Wrapper action state
//-----------------------------------------------------------------------
/**
 * Saves state for current action, the state can only be retrieved by this action's post job execution.
 *
 * @param     name     name of the state to store
 * @param     value    value to store. Non-string values will be converted to a string via JSON.stringify
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
function saveState(name, value) {
    const filePath = process.env['GITHUB_STATE'] || '';
    if (filePath) {
        return file_command_issueFileCommand('STATE', prepareKeyValueMessage(name, value));
    }
    command_issueCommand('save-state', { name }, toCommandValue(value));
}
/**
 * Gets the value of an state set by this action's main execution.
 *
 * @param     name     name of the state to get
 * @returns   string
 */
function getState(name) {
    return process.env[`STATE_${name}`] || '';
}
function getIDToken(aud) {
    return core_awaiter(this, void 0, void 0, function* () {
        return yield OidcClient.getIDToken(aud);
    });
}
/**
 * Summary exports
 */

/**
 * @deprecated use core.summary
 */

/**
 * Path exports
 */

/**
 * Platform utilities exports
 */

//# sourceMappingURL=core.js.map

/***/ })

/******/ });
/************************************************************************/
/******/ // The module cache
/******/ var __webpack_module_cache__ = {};
/******/ 
/******/ // The require function
/******/ function __nccwpck_require__(moduleId) {
/******/ 	// Check if module is in cache
/******/ 	var cachedModule = __webpack_module_cache__[moduleId];
/******/ 	if (cachedModule !== undefined) {
/******/ 		return cachedModule.exports;
/******/ 	}
/******/ 	// Create a new module (and put it into the cache)
/******/ 	var module = __webpack_module_cache__[moduleId] = {
/******/ 		// no module.id needed
/******/ 		// no module.loaded needed
/******/ 		exports: {}
/******/ 	};
/******/ 
/******/ 	// Execute the module function
/******/ 	var threw = true;
/******/ 	try {
/******/ 		__webpack_modules__[moduleId](module, module.exports, __nccwpck_require__);
/******/ 		threw = false;
/******/ 	} finally {
/******/ 		if(threw) delete __webpack_module_cache__[moduleId];
/******/ 	}
/******/ 
/******/ 	// Return the exports of the module
/******/ 	return module.exports;
/******/ }
/******/ 
/************************************************************************/
/******/ /* webpack/runtime/asset-relocator-loader */
/******/ if (typeof __nccwpck_require__ !== 'undefined') __nccwpck_require__.ab = decodeURIComponent(new URL('.', import.meta.url).pathname).slice(import.meta.url.match(/^file:\/\/\/\w:/) ? 1 : 0, -1) + "/";
/******/ 
/******/ /* webpack/runtime/async module */
/******/ (() => {
/******/ 	var webpackQueues = typeof Symbol === "function" ? Symbol("webpack queues") : "__webpack_queues__";
/******/ 	var webpackExports = typeof Symbol === "function" ? Symbol("webpack exports") : "__webpack_exports__";
/******/ 	var webpackError = typeof Symbol === "function" ? Symbol("webpack error") : "__webpack_error__";
/******/ 	var resolveQueue = (queue) => {
/******/ 		if(queue && queue.d < 1) {
/******/ 			queue.d = 1;
/******/ 			queue.forEach((fn) => (fn.r--));
/******/ 			queue.forEach((fn) => (fn.r-- ? fn.r++ : fn()));
/******/ 		}
/******/ 	}
/******/ 	var wrapDeps = (deps) => (deps.map((dep) => {
/******/ 		if(dep !== null && typeof dep === "object") {
/******/ 			if(dep[webpackQueues]) return dep;
/******/ 			if(dep.then) {
/******/ 				var queue = [];
/******/ 				queue.d = 0;
/******/ 				dep.then((r) => {
/******/ 					obj[webpackExports] = r;
/******/ 					resolveQueue(queue);
/******/ 				}, (e) => {
/******/ 					obj[webpackError] = e;
/******/ 					resolveQueue(queue);
/******/ 				});
/******/ 				var obj = {};
/******/ 				obj[webpackQueues] = (fn) => (fn(queue));
/******/ 				return obj;
/******/ 			}
/******/ 		}
/******/ 		var ret = {};
/******/ 		ret[webpackQueues] = x => {};
/******/ 		ret[webpackExports] = dep;
/******/ 		return ret;
/******/ 	}));
/******/ 	__nccwpck_require__.a = (module, body, hasAwait) => {
/******/ 		var queue;
/******/ 		hasAwait && ((queue = []).d = -1);
/******/ 		var depQueues = new Set();
/******/ 		var exports = module.exports;
/******/ 		var currentDeps;
/******/ 		var outerResolve;
/******/ 		var reject;
/******/ 		var promise = new Promise((resolve, rej) => {
/******/ 			reject = rej;
/******/ 			outerResolve = resolve;
/******/ 		});
/******/ 		promise[webpackExports] = exports;
/******/ 		promise[webpackQueues] = (fn) => (queue && fn(queue), depQueues.forEach(fn), promise["catch"](x => {}));
/******/ 		module.exports = promise;
/******/ 		body((deps) => {
/******/ 			currentDeps = wrapDeps(deps);
/******/ 			var fn;
/******/ 			var getResult = () => (currentDeps.map((d) => {
/******/ 				if(d[webpackError]) throw d[webpackError];
/******/ 				return d[webpackExports];
/******/ 			}))
/******/ 			var promise = new Promise((resolve) => {
/******/ 				fn = () => (resolve(getResult));
/******/ 				fn.r = 0;
/******/ 				var fnQueue = (q) => (q !== queue && !depQueues.has(q) && (depQueues.add(q), q && !q.d && (fn.r++, q.push(fn))));
/******/ 				currentDeps.map((dep) => (dep[webpackQueues](fnQueue)));
/******/ 			});
/******/ 			return fn.r ? promise : getResult();
/******/ 		}, (err) => ((err ? reject(promise[webpackError] = err) : outerResolve(exports)), resolveQueue(queue)));
/******/ 		queue && queue.d < 0 && (queue.d = 0);
/******/ 	};
/******/ })();
/******/ 
/******/ /* webpack/runtime/create fake namespace object */
/******/ (() => {
/******/ 	var getProto = Object.getPrototypeOf ? (obj) => (Object.getPrototypeOf(obj)) : (obj) => (obj.__proto__);
/******/ 	var leafPrototypes;
/******/ 	// create a fake namespace object
/******/ 	// mode & 1: value is a module id, require it
/******/ 	// mode & 2: merge all properties of value into the ns
/******/ 	// mode & 4: return value when already ns object
/******/ 	// mode & 16: return value when it's Promise-like
/******/ 	// mode & 8|1: behave like require
/******/ 	__nccwpck_require__.t = function(value, mode) {
/******/ 		if(mode & 1) value = this(value);
/******/ 		if(mode & 8) return value;
/******/ 		if(typeof value === 'object' && value) {
/******/ 			if((mode & 4) && value.__esModule) return value;
/******/ 			if((mode & 16) && typeof value.then === 'function') return value;
/******/ 		}
/******/ 		var ns = Object.create(null);
/******/ 		__nccwpck_require__.r(ns);
/******/ 		var def = {};
/******/ 		leafPrototypes = leafPrototypes || [null, getProto({}), getProto([]), getProto(getProto)];
/******/ 		for(var current = mode & 2 && value; typeof current == 'object' && !~leafPrototypes.indexOf(current); current = getProto(current)) {
/******/ 			Object.getOwnPropertyNames(current).forEach((key) => (def[key] = () => (value[key])));
/******/ 		}
/******/ 		def['default'] = () => (value);
/******/ 		__nccwpck_require__.d(ns, def);
/******/ 		return ns;
/******/ 	};
/******/ })();
/******/ 
/******/ /* webpack/runtime/define property getters */
/******/ (() => {
/******/ 	// define getter functions for harmony exports
/******/ 	__nccwpck_require__.d = (exports, definition) => {
/******/ 		for(var key in definition) {
/******/ 			if(__nccwpck_require__.o(definition, key) && !__nccwpck_require__.o(exports, key)) {
/******/ 				Object.defineProperty(exports, key, { enumerable: true, get: definition[key] });
/******/ 			}
/******/ 		}
/******/ 	};
/******/ })();
/******/ 
/******/ /* webpack/runtime/hasOwnProperty shorthand */
/******/ (() => {
/******/ 	__nccwpck_require__.o = (obj, prop) => (Object.prototype.hasOwnProperty.call(obj, prop))
/******/ })();
/******/ 
/******/ /* webpack/runtime/make namespace object */
/******/ (() => {
/******/ 	// define __esModule on exports
/******/ 	__nccwpck_require__.r = (exports) => {
/******/ 		if(typeof Symbol !== 'undefined' && Symbol.toStringTag) {
/******/ 			Object.defineProperty(exports, Symbol.toStringTag, { value: 'Module' });
/******/ 		}
/******/ 		Object.defineProperty(exports, '__esModule', { value: true });
/******/ 	};
/******/ })();
/******/ 
/************************************************************************/
/******/ 
/******/ // startup
/******/ // Load entry module and return exports
/******/ // This entry module used 'module' so it can't be inlined
/******/ var __webpack_exports__ = __nccwpck_require__(567);
/******/ __webpack_exports__ = await __webpack_exports__;
/******/ 
