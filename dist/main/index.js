import { createRequire as __WEBPACK_EXTERNAL_createRequire } from "module";
/******/ var __webpack_modules__ = ({

/***/ 421:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:child_process");

/***/ }),

/***/ 760:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:path");

/***/ }),

/***/ 136:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:url");

/***/ }),

/***/ 781:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   E: () => (/* binding */ bundlePath)
/* harmony export */ });
/* harmony import */ var node_path__WEBPACK_IMPORTED_MODULE_0__ = __nccwpck_require__(760);
/* harmony import */ var node_url__WEBPACK_IMPORTED_MODULE_1__ = __nccwpck_require__(136);


/**
 * The path of another bundle of dist/: dist/NAME/index.js, from dist/main/index.js and the like. Not
 * `new URL(…, import.meta.url)`, which the bundler would treat as a file to copy.
 */
function bundlePath(name) {
    return node_path__WEBPACK_IMPORTED_MODULE_0__.join(node_path__WEBPACK_IMPORTED_MODULE_0__.dirname((0,node_url__WEBPACK_IMPORTED_MODULE_1__.fileURLToPath)(import.meta.url)), "..", name, "index.js");
}


/***/ }),

/***/ 929:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   CA: () => (/* binding */ errorCode),
/* harmony export */   kc: () => (/* binding */ errorText),
/* harmony export */   yo: () => (/* binding */ UserError)
/* harmony export */ });
/* harmony import */ var _text_js__WEBPACK_IMPORTED_MODULE_0__ = __nccwpck_require__(321);

/** An error whose text is meant for the user of the action: what happened, and how to fix it. */
class UserError extends Error {
    name = "UserError";
    /** The entry in docs/troubleshooting.md that explains more. */
    anchor;
    /** More lines, for the log only. */
    details;
    constructor(anchor, message, options = {}) {
        super(message, options);
        this.anchor = anchor;
        this.details = options.details;
    }
}
/** The text of anything thrown, on one line, safe for a log and of bounded length. */
function errorText(error) {
    return (0,_text_js__WEBPACK_IMPORTED_MODULE_0__/* .printable */ .g$)(error instanceof Error ? error.message || error.name : String(error), 500);
}
/** The code of a system error (ENOENT, ECONNREFUSED, ...), or undefined. */
function errorCode(error) {
    const code = error?.code;
    return typeof code === "string" ? code : undefined;
}


/***/ }),

/***/ 870:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   G: () => (/* binding */ RequestError)
/* harmony export */ });
/* unused harmony export kindOfCode */
// One name for each way in which a request can fail, given where the failure is seen. How long to retry
// (retry.ts) and what to tell the user (explain/) are tables over these names.
class RequestError extends Error {
    name = "RequestError";
    failure;
    constructor(failure, options) {
        super(failure.message, options);
        this.failure = failure;
    }
}
/**
 * The kind of a failure without an answer, by the code that Node.js gives it.
 * https://nodejs.org/api/tls.html#x509-certificate-error-codes, https://nodejs.org/api/errors.html
 */
function kindOfCode(code) {
    if (code === undefined)
        return "unreachable";
    if (code === "EPROTO" || code === "ERR_SSL_WRONG_VERSION_NUMBER")
        return "not-tls";
    if (/CERT|SELF_SIGNED|SIGNATURE|ISSUER|HOSTNAME_MISMATCH|^UNABLE_TO_|^ERR_(?:TLS|SSL)/.test(code))
        return "certificate";
    if (code === "ERR_PROXY_TUNNEL")
        return "proxy";
    if (code === "ENOTFOUND")
        return "unknown-name";
    if (code.startsWith("EAI_"))
        return "dns";
    return "unreachable";
}


/***/ }),

/***/ 321:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   TL: () => (/* binding */ quoted),
/* harmony export */   g$: () => (/* binding */ printable),
/* harmony export */   i7: () => (/* binding */ jsonLines),
/* harmony export */   r7: () => (/* binding */ shellWord),
/* harmony export */   vI: () => (/* binding */ shortened)
/* harmony export */ });
/* unused harmony export codeSpan */
// Text from outside (claims, inputs, answers of servers) made safe for the log of a job. The runner treats a
// line that begins with `::`, after white space, and `##[` anywhere in a line, as a command; control and
// format characters can hide or forge lines.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const TOKEN = /eyJ[\w-]+\.eyJ[\w-]+(?:\.[\w-]*)?/g;
/**
 * One line of a log: no control character, no workflow command, nothing like a JWT, at most `limit`
 * characters.
 */
function printable(text, limit = 4000) {
    return cut(text, limit)
        .replace(TOKEN, "(token)")
        .replace(UNPRINTABLE, " ")
        .replaceAll("##[", "## [")
        .replace(/^(\s*)::/, "$1: :");
}
/**
 * The one way to quote text from outside: in double quotes, as JSON writes it, with invisible characters as
 * escapes. At most `limit` characters of it.
 */
function quoted(value, limit = 300) {
    return escaped(JSON.stringify(shortened(value, limit)));
}
/** At most `limit` characters of a text, and … where more follow. */
function shortened(text, limit) {
    return text.length > limit ? `${cut(text, limit)}…` : text;
}
/** Never ends inside a number: the runner masks an account ID only where all of it is there. */
function cut(text, limit) {
    const begin = text.slice(0, limit);
    return /\d/.test(text.charAt(limit)) ? begin.replace(/\d+$/, "") : begin;
}
/**
 * Indented JSON, line by line, that means the same as the value, even if the value contains text from
 * outside.
 */
function jsonLines(value) {
    return JSON.stringify(value, null, 2).split("\n").map(escaped);
}
/**
 * A code span of Markdown, in a table, too, on one line. Characters that are not ASCII, or could end the span
 * or the cell (https://github.github.com/gfm/#code-spans, #tables-extension-), become question marks.
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

/***/ 674:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {


// EXPORTS
__nccwpck_require__.d(__webpack_exports__, {
  cz: () => (/* binding */ applyProxyInputs),
  i4: () => (/* binding */ launchKeeper),
  i5: () => (/* binding */ surroundings)
});

// UNUSED EXPORTS: LaunchedKeeper

// EXTERNAL MODULE: external "node:child_process"
var external_node_child_process_ = __nccwpck_require__(421);
;// CONCATENATED MODULE: external "node:events"
const external_node_events_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:events");
// EXTERNAL MODULE: external "node:path"
var external_node_path_ = __nccwpck_require__(760);
// EXTERNAL MODULE: ../lib/src/base/bundles.js
var bundles = __nccwpck_require__(781);
// EXTERNAL MODULE: ../lib/src/base/errors.js
var errors = __nccwpck_require__(929);
// EXTERNAL MODULE: ../lib/src/base/network.js
var network = __nccwpck_require__(870);
;// CONCATENATED MODULE: ../lib/src/keeper/launch.js






/** The keeper repeats the first request for up to 30 s (base/retry.ts). */
const FIRST_TOKEN_TIMEOUT_MS = 60_000;
const READY_TIMEOUT_MS = 10_000;
const END_TIMEOUT_MS = 2_000;
/** Paths of certificate authorities. */
const CERTIFICATES = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"];
/**
 * What the keeper may see of the environment: no AWS_*, no INPUT_*, no NODE_OPTIONS, no secret of the job.
 */
const ENVIRONMENT = [
    // The runner ends every process that carries it at the end of the job (actions/runner,
    // src/Runner.Worker/JobExtension.cs).
    "RUNNER_TRACKING_ID",
    "RUNNER_TEMP",
    ...["HOME", "PATH", "TMPDIR", "TEMP", "TMP"],
    ...["USERPROFILE", "HOMEDRIVE", "HOMEPATH", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR"],
    ...["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"],
    "NODE_USE_SYSTEM_CA",
    ...CERTIFICATES,
];
/** Makes the inputs http-proxy and no-proxy the environment of this process, and of those that it starts. */
function applyProxyInputs(env) {
    const set = (value, ...names) => {
        if (value?.trim())
            for (const name of names)
                env[name] = value.trim();
    };
    set(env["INPUT_HTTP-PROXY"], "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY");
    set(env["INPUT_NO-PROXY"], "no_proxy", "NO_PROXY");
}
/** Starts a keeper process. Its start takes longer than anything else in main, so main begins with it. */
function launchKeeper() {
    const { argv, env } = surroundings();
    const child = (0,external_node_child_process_.spawn)(process.execPath, [...argv, (0,bundles/* bundlePath */.E)("keeper")], {
        // Not the workspace: Windows could not delete it while the keeper lives.
        cwd: external_node_path_.dirname(process.execPath),
        // A separate session, without our pipes, for which the runner would wait (actions/runner,
        // src/Runner.Sdk/ProcessInvoker.cs).
        detached: true,
        stdio: ["ignore", "ignore", "ignore", "ipc"],
        windowsHide: true,
        env,
    });
    return new LaunchedKeeper(child);
}
/** Options and environment of the keeper, and of what main tries on its behalf. */
function surroundings() {
    return { argv: options(), env: environment() };
}
function options() {
    // Of NODE_OPTIONS only what decides which certificates are trusted.
    const trust = (process.env.NODE_OPTIONS ?? "")
        .split(/\s+/)
        .filter((option) => /^--use-(?:bundled|openssl|system)-ca$/.test(option));
    // No debugger before the keeper's first line, either (Node.js 22.14 and later).
    const closed = process.allowedNodeEnvironmentFlags.has("--disable-sigusr1") ? ["--disable-sigusr1"] : [];
    // One thread beside the main one is enough, and starts sooner: 50 ms to the first request instead of 63
    // (102 with --lite-mode, which would save 2 MB; medians of 20 runs).
    return ["--v8-pool-size=1", ...closed, ...trust];
}
function environment() {
    const env = {};
    for (const name of ENVIRONMENT) {
        const value = process.env[name];
        if (value !== undefined)
            env[name] = value;
    }
    // The keeper works in another directory.
    for (const name of CERTIFICATES)
        if (env[name])
            env[name] = external_node_path_.resolve(env[name]);
    return env;
}
/** A keeper that waits for instructions. One that gets none ends by itself when main does. */
class LaunchedKeeper {
    #child;
    /** Rejects when the process ends or cannot be started. */
    #ended;
    #handedOver = false;
    constructor(child) {
        this.#child = child;
        this.#ended = new Promise((_, reject) => {
            child.once("error", reject);
            child.once("exit", (code, signal) => reject(new Error(`it ended (${signal ?? `exit code ${code}`})`)));
        });
        this.#ended.catch(() => { }); // #converse reports it
    }
    /**
     * Lets the keeper ask for the first ID token, in the environment in which it will ask for all others.
     * Throws a RequestError if there is none, and a UserError if the keeper did not start.
     * @param onRetry is called with the reason before each repetition
     */
    async firstToken(ask, onRetry) {
        const reply = await this.#converse(ask, FIRST_TOKEN_TIMEOUT_MS, (reply) => {
            if ("retrying" in reply)
                onRetry(reply.retrying);
            return "first" in reply || "failure" in reply ? reply : undefined;
        });
        if ("failure" in reply)
            throw new network/* RequestError */.G(reply.failure);
        return reply.first;
    }
    /**
     * Hands over, and returns once the keeper watches over the token; it then lives on without this process.
     * Throws a UserError if it is not ready in 10 s, with no keeper left behind.
     */
    async watch(watch) {
        await this.#converse(watch, READY_TIMEOUT_MS, (reply) => ("ready" in reply ? true : undefined));
        this.#handedOver = true;
        this.#letGo();
    }
    /** Ends a keeper that has not taken over, and returns when it is gone. */
    async abandon() {
        const { pid, exitCode, signalCode } = this.#child;
        if (this.#handedOver || pid === undefined || exitCode !== null || signalCode !== null)
            return;
        const gone = (0,external_node_events_namespaceObject.once)(this.#child, "exit", { signal: AbortSignal.timeout(END_TIMEOUT_MS) });
        this.#child.kill("SIGKILL");
        await gone.catch(() => this.#letGo());
    }
    /** Or this process would wait for it. */
    #letGo() {
        if (this.#child.connected)
            this.#child.disconnect();
        this.#child.unref();
    }
    /** Sends a message and waits for the reply that `read` accepts. */
    async #converse(message, timeoutMs, read) {
        let timer;
        let listen = (_) => { };
        const late = new Promise((_, reject) => {
            timer = setTimeout(() => reject(new Error(`it did not reply in ${timeoutMs / 1000} s`)), timeoutMs);
        });
        const replied = new Promise((resolve, reject) => {
            listen = (reply) => {
                const value = read(reply);
                if (value !== undefined)
                    resolve(value);
            };
            this.#child.on("message", listen);
            this.#child.send(message, (error) => error && reject(error));
        });
        try {
            return await Promise.race([this.#ended, replied, late]);
        }
        catch (error) {
            await this.abandon();
            const why = `The process that keeps the token fresh did not start: ${(0,errors/* errorText */.kc)(error)}. Run the job again.`;
            throw new errors/* UserError */.yo("keeper-did-not-start", why, { cause: error });
        }
        finally {
            clearTimeout(timer);
            this.#child.off("message", listen);
        }
    }
}


/***/ }),

/***/ 567:
/***/ ((__webpack_module__, __unused_webpack___webpack_exports__, __nccwpck_require__) => {

__nccwpck_require__.a(__webpack_module__, async (__webpack_handle_async_dependencies__, __webpack_async_result__) => { try {
/* harmony import */ var _keeper_launch_js__WEBPACK_IMPORTED_MODULE_0__ = __nccwpck_require__(674);

(0,_keeper_launch_js__WEBPACK_IMPORTED_MODULE_0__/* .applyProxyInputs */ .cz)(process.env);
// The keeper's process takes longer to start than anything else, so it starts before the rest is loaded.
const keeper = (0,_keeper_launch_js__WEBPACK_IMPORTED_MODULE_0__/* .launchKeeper */ .i4)();
const { run } = await Promise.resolve(/* import() eager */).then(__nccwpck_require__.bind(__nccwpck_require__, 436));
await run(keeper);

__webpack_async_result__();
} catch(e) { __webpack_async_result__(e); } }, 1);

/***/ }),

/***/ 436:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {


// EXPORTS
__nccwpck_require__.d(__webpack_exports__, {
  run: () => (/* binding */ run)
});

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
function toCommandProperties(annotationProperties) {
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
    command_issueCommand('error', toCommandProperties(properties), message instanceof Error ? message.toString() : message);
}
/**
 * Adds a warning issue
 * @param message warning issue message. Errors will be converted to string via toString()
 * @param properties optional properties to add to the annotation.
 */
function core_warning(message, properties = {}) {
    command_issueCommand('warning', toCommandProperties(properties), message instanceof Error ? message.toString() : message);
}
/**
 * Adds a notice issue
 * @param message notice issue message. Errors will be converted to string via toString()
 * @param properties optional properties to add to the annotation.
 */
function notice(message, properties = {}) {
    command_issueCommand('notice', toCommandProperties(properties), message instanceof Error ? message.toString() : message);
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
// EXTERNAL MODULE: ../lib/src/base/errors.js
var errors = __nccwpck_require__(929);
// EXTERNAL MODULE: ../lib/src/base/text.js
var base_text = __nccwpck_require__(321);
;// CONCATENATED MODULE: ../lib/src/base/troubleshooting.js
/**
 * The entries of docs/troubleshooting.md that errors and reports link to. A wrong anchor does not compile; a
 * test compares this list with the headings.
 */
const ANCHORS = (/* unused pure expression or super */ null && ([
    "id-token-permission",
    "id-token-endpoint",
    "id-token-refused",
    "id-token-malformed",
    "id-token-host-not-found",
    "id-token-unreachable",
    "id-token-tls",
    "not-tls",
    "proxy-refused",
    "proxy-cannot-be-used",
    "input-missing",
    "input-refused",
    "account-not-allowed",
    "chain-without-source",
    "chain-refused",
    "role-cannot-assume-itself",
    "named-profile-loses",
    "mirror-refused",
    "sts-endpoint-loses",
    "sts-endpoint-of-another-use",
    "sts-endpoint-over-http",
    "runner-temp",
    "job-directory",
    "job-directory-locked",
    "keeper-did-not-start",
    "keeper-was-replaced",
    "check-found-no-use",
    "runner-files",
    "aws-files",
    "access-denied",
    "no-identity-provider",
    "audience-not-registered",
    "verification-key",
    "provider-thumbprint",
    "id-token-rejected",
    "id-token-expired",
    "provider-not-reached",
    "region-disabled",
    "session-policy",
    "session-duration",
    "sts-validation",
    "sts-malformed",
    "sts-throttled",
    "sts-unavailable",
    "sts-host-not-found",
    "sts-unreachable",
    "sts-tls",
    "sts-other",
    "token-was-stale",
    "keeper-was-gone",
    "job-outlived-its-id-tokens",
    "a-later-step-replaced-the-role",
]));
/** At the tag of the major version: the page fits the version that runs, also after the next major one. */
const PAGE = "https://github.com/org/aws-role-refresh/blob/v1/docs/troubleshooting.md";
/** Where the entry of an anchor in docs/troubleshooting.md is on the web. */
function troubleshooting_troubleshootingLink(anchor) {
    return `${PAGE}#${anchor}`;
}

;// CONCATENATED MODULE: external "node:crypto"
const external_node_crypto_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:crypto");
;// CONCATENATED MODULE: external "node:fs"
const external_node_fs_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:fs");
;// CONCATENATED MODULE: external "node:timers/promises"
const promises_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:timers/promises");
;// CONCATENATED MODULE: ../lib/src/base/files.js




/**
 * Replaces a file as a whole: a reader sees the old content or the new, never an empty or half file. If
 * `path` is a symlink or a FIFO, it is replaced and not followed. Mode 0600 under any umask. On failure the
 * old file stays and no other is left. On Windows it waits for readers, for up to 3 s.
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
        patiently(() => external_node_fs_namespaceObject.renameSync(temporary, path));
    }
    catch (error) {
        external_node_fs_namespaceObject.rmSync(temporary, { force: true });
        throw error;
    }
}
const PATIENCE_MS = 3_000;
const PAUSE_MS = 1;
/**
 * Whether an error can mean that another program has the file open: Windows then refuses to replace or
 * delete it. On other systems these codes have other causes, which last.
 */
function isHeld(error) {
    return process.platform === "win32" && /^(EPERM|EACCES|EBUSY|ENOTEMPTY)$/.test((0,errors/* errorCode */.CA)(error) ?? "");
}
/**
 * Repeats, for up to 3 s, what Windows refuses because another program has the file open: an SDK that reads
 * the token, a virus scanner. Blocks the process meanwhile, because readers that take turns leave gaps of
 * less than a millisecond, and a timer of Windows is late by up to 16.
 */
function patiently(action) {
    const deadline = performance.now() + PATIENCE_MS;
    for (let tries = 1;; tries++) {
        try {
            return action();
        }
        catch (error) {
            if (!isHeld(error) || performance.now() > deadline)
                throw error;
        }
        if (tries % 20 === 0)
            Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    }
}
/**
 * Replaces a file as writeFileAtomic does. On Windows it lets the process do other things between attempts, and
 * goes on for `limitMs` while another program has the file open. Throws what writeFileAtomic throws.
 */
async function layInPlace(path, content, limitMs, over) {
    const deadline = performance.now() + limitMs;
    for (;;) {
        try {
            writeFileAtomic(path, content);
            return;
        }
        catch (error) {
            if (!isHeld(error) || performance.now() > deadline || over.aborted)
                throw error;
        }
        await sleep(PAUSE_MS);
    }
}
const MAX_FILE_BYTES = 16 * 1024 * 1024;
const MAX_RECORD_BYTES = 1024 * 1024;
const VERSION = 1;
/**
 * The bytes of a regular file, or undefined if there is none. Throws on any other error, on anything but a
 * file, and on a file that is larger than `limit`.
 */
function readFileIfExists(path, limit = MAX_FILE_BYTES) {
    let file;
    try {
        // O_NONBLOCK: opening a FIFO would wait for its writer for ever.
        file = patiently(() => external_node_fs_namespaceObject.openSync(path, external_node_fs_namespaceObject.constants.O_RDONLY | (external_node_fs_namespaceObject.constants.O_NONBLOCK ?? 0)));
    }
    catch (error) {
        if ((0,errors/* errorCode */.CA)(error) === "ENOENT")
            return undefined;
        throw error;
    }
    try {
        const stat = external_node_fs_namespaceObject.fstatSync(file);
        if (!stat.isFile())
            throw new Error(`${path} is not a regular file`);
        if (stat.size > limit)
            throw new Error(`${path} is larger than ${limit / 1024} KiB`);
        return external_node_fs_namespaceObject.readFileSync(file);
    }
    finally {
        external_node_fs_namespaceObject.closeSync(file);
    }
}
/** The JSON object in a file, at most 1 MiB, or undefined if there is none. */
function readJson(path) {
    try {
        const value = JSON.parse(readFileIfExists(path, MAX_RECORD_BYTES)?.toString("utf8") ?? "");
        return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
    }
    catch {
        return undefined;
    }
}
/**
 * The one way to read a file in which this action recorded something. Undefined if there is none of this
 * version and form: a crash or a step may have left anything there.
 */
function readRecord(path, schema) {
    const value = readJson(path);
    if (value?.version !== VERSION)
        return undefined;
    try {
        return schema(value);
    }
    catch {
        return undefined;
    }
}
function files_writeRecord(path, value) {
    const text = `${JSON.stringify({ version: VERSION, ...value })}\n`;
    if (Buffer.byteLength(text) > MAX_RECORD_BYTES)
        throw new Error(`${path} would be larger than 1 MiB`);
    writeFileAtomic(path, text);
}

;// CONCATENATED MODULE: ../lib/src/aws/cli-cache.js



/**
 * Deletes sessions that the AWS CLI caches on disk (~/.aws/cli/cache/*.json, by role and session name, not by
 * token). They would work for up to an hour after the job, and the CLI would use them in the next job on the
 * machine. They are found by their ARN, and by their file's name for servers that return no ARN (MinIO). The
 * name alone is not enough: the CLI may change how it builds it (aws/aws-cli#10670). Returns how many it
 * deleted: 0 if the cache cannot be read.
 * @param isOurs decides about others, by ARN (arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION) and writing
 * time
 */
function deleteCachedSessions(directory, roleArn, sessionName, isOurs = () => false) {
    const ownName = cacheName(roleArn, sessionName);
    const role = parseRole(roleArn)?.role;
    let deleted = 0;
    for (const name of namesIn(directory)) {
        const path = `${directory}/${name}`;
        try {
            if (name !== ownName) {
                const arn = readJson(path)?.AssumedRoleUser?.Arn;
                if (typeof arn !== "string")
                    continue;
                const found = parseRole(arn);
                const isOwn = found?.session === sessionName && found.role === role;
                if (!isOwn && !isOurs(arn, external_node_fs_namespaceObject.statSync(path).mtimeMs))
                    continue;
            }
            external_node_fs_namespaceObject.rmSync(path);
            deleted += 1;
        }
        catch {
            // Another process deleted it, or another user owns it.
        }
    }
    return deleted;
}
function namesIn(directory) {
    try {
        return external_node_fs_namespaceObject.readdirSync(directory).filter((name) => name.endsWith(".json"));
    }
    catch {
        return [];
    }
}
/**
 * The file of a web identity session: SHA-1 of what the CLI sends besides the token, as Python's json.dumps
 * writes it (botocore/credentials.py, CachedCredentialFetcher). Both values are ASCII without quotes.
 */
function cacheName(roleArn, sessionName) {
    const request = `{"RoleArn": "${roleArn}", "RoleSessionName": "${sessionName}"}`;
    return `${(0,external_node_crypto_namespaceObject.createHash)("sha1").update(request).digest("hex")}.json`;
}
/**
 * What the ARNs of a role and of its sessions have in common ("partition:account:name"), and the session's
 * name: undefined for the ARN of a role. Undefined for anything else.
 */
function parseRole(arn) {
    const assumed = /^arn:([\w-]+):sts::(\d*):assumed-role\/([^/]+)\/(.+)$/.exec(arn);
    if (assumed)
        return { role: `${assumed[1]}:${assumed[2]}:${assumed[3]}`, session: assumed[4] };
    const role = /^arn:([\w-]+):iam::(\d*):role\/(?:.*\/)?([^/]+)$/.exec(arn);
    return role ? { role: `${role[1]}:${role[2]}:${role[3]}`, session: undefined } : undefined;
}

;// CONCATENATED MODULE: external "node:os"
const external_node_os_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:os");
;// CONCATENATED MODULE: ../lib/src/aws/user-files.js

/**
 * The folder that holds .aws. A user without HOME and without an entry in passwd, which is common in
 * containers, gets a folder that does not exist: variables that name a file need some path, because an empty
 * one breaks SDKs.
 */
function home() {
    try {
        return (0,external_node_os_namespaceObject.homedir)();
    }
    catch {
        return "/nonexistent";
    }
}
/** Where SDKs look for the user's files unless these variables name others. */
function defaultFiles(folder = home()) {
    return {
        AWS_CONFIG_FILE: `${folder}/.aws/config`,
        AWS_SHARED_CREDENTIALS_FILE: `${folder}/.aws/credentials`,
    };
}
/** Where the AWS CLI keeps sessions (awscli/customizations/assumerole.py). */
function cliCache() {
    return `${home()}/.aws/cli/cache`;
}

;// CONCATENATED MODULE: ../lib/src/base/layout.js

// $RUNNER_TEMP/aws-role-refresh/
//   config              the AWS config file of this job
//   credentials         the AWS credentials file of this job
//   job.json            the claim: whose directory this is, and what the two files were seeded from
//   tokens/<id>/        one per audience: token, status.json, and stop once post has asked the keeper to end
//   sessions/<id>/      one per use with a shared session: the same, with session instead of token
//   uses/<id>.json      one per use that is not over: what it wrote, so that any post can undo it
//   finished/<id>.json  one per use that is over, for the summary
//   lock.*              see job/lock.ts
const JOB_DIRECTORY = "aws-role-refresh";
/** The paths of the job directory, with forward slashes, which every SDK accepts on every system. */
function jobDirectory(path) {
    return {
        path,
        config: `${path}/config`,
        credentials: `${path}/credentials`,
        claim: `${path}/job.json`,
        tokens: `${path}/tokens`,
        sessions: `${path}/sessions`,
        uses: `${path}/uses`,
        finished: `${path}/finished`,
    };
}
/** The keeper of an audience: uses with the same audience share one token. */
function tokenKeeper(audience) {
    return `tokens/${tokenId(audience)}`;
}
/** The keeper of a use's shared session. */
function sessionKeeper(useId) {
    return `sessions/${useId}`;
}
function keeperDirectory(job, id) {
    return layout_keeperDirectoryAt(`${job.path}/${id}`, kindOf(id));
}
/** The token directory of an audience. */
function tokenDirectory(job, audience) {
    return keeperDirectory(job, tokenKeeper(audience));
}
function layout_keeperDirectoryAt(path, kind = "token") {
    return { path, secret: `${path}/${kind}`, status: `${path}/status.json`, stop: `${path}/stop` };
}
/** What a keeper keeps fresh. */
function kindOf(id) {
    return id.startsWith("tokens/") ? "token" : "session";
}
/** The name of the token directory of an audience. */
function tokenId(audience) {
    return (0,external_node_crypto_namespaceObject.createHash)("sha256").update(audience).digest("hex").slice(0, 16);
}

;// CONCATENATED MODULE: ../lib/src/aws/section.js
// The section that a use writes for its profile: the text that every SDK reads in the same way.
/**
 * The section of a profile for a config file. Keys are in lower case at column 0, without quotes and inline
 * comments, so that every SDK reads the same values (docs/compatibility.md). Throws on a value that could add
 * a line or be cut short, even though every input was checked before.
 */
function renderProfile({ profile, region, stsEndpoint, identity }) {
    const section = [headerOf(profile), ...identityLines(identity), `region = ${region}`];
    if (stsEndpoint !== undefined) {
        const services = servicesName(profile);
        // Not endpoint_url in the profile itself: that would send every service's calls there.
        section.push(`services = ${services}`, `[services ${services}]`, "sts =", `  endpoint_url = ${stsEndpoint}`);
    }
    for (const line of section) {
        if (!/^[\x20-\x7e]*$/.test(line) || /[#;]|\s$/.test(line))
            throw new Error(`not fit for a config file: ${JSON.stringify(line)}`);
    }
    return `${section.join("\n")}\n`;
}
function headerOf(profile) {
    return profile === "default" ? "[default]" : `[profile ${profile}]`;
}
function identityLines(identity) {
    if ("sessionFile" in identity)
        return [`credential_process = ${printCommand(identity.sessionFile)}`];
    const role = `role_arn = ${identity.roleArn}`;
    const name = `role_session_name = ${identity.sessionName}`;
    if ("tokenFile" in identity)
        return [role, `web_identity_token_file = ${identity.tokenFile}`, name];
    const { source, externalId, durationSeconds } = identity;
    return [
        role,
        "profile" in source ? `source_profile = ${source.profile}` : `credential_source = ${source.credentials}`,
        name,
        ...(externalId === undefined ? [] : [`external_id = ${externalId}`]),
        ...(durationSeconds === undefined ? [] : [`duration_seconds = ${durationSeconds}`]),
    ];
}
/**
 * The command that prints a file: SDKs run it by a shell, or split it as one would. Without quotes where the
 * path needs none: Go on Windows and minio-go (restic) do not remove them.
 */
function printCommand(file) {
    const isWindows = process.platform === "win32";
    const name = isWindows ? file.replaceAll("/", "\\") : file;
    const quote = /^[\w@%+=:,./\\-]+$/.test(name) ? "" : isWindows ? '"' : "'";
    return `${isWindows ? "cmd /c type" : "cat"} ${quote}${name}${quote}`;
}
/** The same section, for the credentials file: some SDKs look for a credential process only there. */
function renderForCredentials(section, profile) {
    const command = /^credential_process = .*\n/m.exec(section)?.[0];
    return command === undefined ? "" : `[${profile}]\n${command}`;
}
/** A section of renderProfile under another name. */
function renamed(section, from, to) {
    return section
        .replace(headerOf(from), headerOf(to))
        .replaceAll(new RegExp(`(?<=services[ =]+)${servicesName(from).replaceAll(".", "\\.")}(?=\\]|$)`, "gm"), servicesName(to));
}
/** The name of the section with the STS endpoint of a profile. */
function servicesName(profileName) {
    return `aws-role-refresh-${profileName}`;
}

;// CONCATENATED MODULE: ../lib/src/aws/settings.js
// The settings in a section of an AWS config or credentials file: which of its lines stay when a use of this
// action puts another identity there. As text, like profile.ts.
/**
 * What names an identity, or belongs to one:
 * https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
 */
const IDENTITY = new RegExp(`^(?:${[
    "role_arn|role_session_name|source_profile|external_id|duration_seconds|mfa_serial|login_session",
    "(?:web_identity|credential|sso)_.*",
    "aws_(?:access_key_id|secret_access_key|session_token|security_token|account_id|credential_scope|expiration)",
].join("|")})$`);
const HEADER = /^\s*\[([^\]]*)\]\s*(?:[#;].*)?$/s;
const BLANK_OR_COMMENT = /^\s*(?:[#;].*)?$/s;
/** The entries of all sections whose header (between the brackets) is asked for, in order. */
function entriesOf(text, isAsked) {
    const entries = [];
    let inside = false;
    let parent;
    // Python ends a line at a lone CR, too.
    for (const line of text.split(/(?<=\n|\r(?!\n))/)) {
        if (/^\s*\[/.test(line)) {
            const header = HEADER.exec(line)?.[1];
            inside = header !== undefined && isAsked(header.trim());
            parent = undefined;
        }
        else if (inside) {
            const entry = parse(line, parent);
            if (entry.key !== undefined && entry.parent === undefined)
                parent = entry;
            entries.push(entry);
        }
    }
    return entries;
}
function parse(text, above) {
    const indent = text.length - text.trimStart().length;
    const parent = above !== undefined && indent > above.indent ? above : undefined;
    if (BLANK_OR_COMMENT.test(text))
        return { text, key: undefined, value: "", indent, parent };
    const [, name = "", rest = ""] = /^([^=:]*)[=:]?(.*)$/s.exec(text) ?? [];
    // Some SDKs trim more than spaces.
    const key = name.toLowerCase().replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "");
    const value = (rest.split(/(?:^|\s)[#;]/)[0] ?? "").trim();
    return { text, key, value, indent, parent };
}
/** The value of a key that is not indented under another; the last one counts. */
function valueIn(entries, key) {
    return entries.findLast((entry) => entry.key === key && entry.parent === undefined)?.value;
}
/**
 * The text of the entries that name no identity and none of the keys in `others`. "" if no key is left. No
 * key is there twice, which botocore refuses.
 */
function settingsIn(entries, others) {
    const top = entries.filter(({ key, parent }) => key !== undefined && parent === undefined);
    const last = new Map(top.map((entry) => [entry.key, entry]));
    const isNamed = (entry) => IDENTITY.test(entry.key ?? "") || others(entry);
    const goes = (entry) => {
        if (entry.key === undefined)
            return false;
        if (entry.parent === undefined)
            return isNamed(entry) || last.get(entry.key) !== entry;
        // Under a key without a value it is a part of that key. Under one with a value, SDKs differ: botocore
        // continues the value, JavaScript reads a key.
        return goes(entry.parent) || (entry.parent.value !== "" && isNamed(entry));
    };
    const kept = entries.filter((entry) => !goes(entry));
    if (kept.every(({ key }) => key === undefined))
        return "";
    let above;
    const lines = kept.map((entry) => {
        if (entry.key === undefined || entry.parent !== undefined)
            return entry.text;
        // Indented more than the key before it, it would continue that one.
        const isDeeper = above !== undefined && entry.indent > above.indent;
        above = isDeeper ? { ...entry, indent: 0 } : entry;
        return isDeeper ? entry.text.trimStart() : entry.text;
    });
    return lines.join("").replace(/(?<!\n)$/, "\n");
}

;// CONCATENATED MODULE: ../lib/src/aws/profile.js
// Edits AWS config and credentials files as text, by whole sections. They are never parsed and printed again,
// so the user's comments, nested keys, line ends and odd headers stay as they are, byte for byte. Callers
// decode files as latin1, which maps every byte to one character and back.


/** Whether either file has a section that SDKs would read for a profile. */
function hasProfile(config, credentials, profile) {
    return (takeFromConfig(config, profile).taken !== "" || takeFromCredentials(credentials, profile).taken !== "");
}
/** The names of all profiles in the two files. */
function profileNames(config, credentials) {
    const headers = (text) => [...text.matchAll(/^[ \t]*\[([^\]\n]*)\]/gm)].map(([, header = ""]) => header.trim());
    const inConfig = headers(config).flatMap((header) => /^(?:profile\s+(\S+)|(default))$/.exec(header)?.slice(1) ?? []);
    return [...new Set([...inConfig, ...headers(credentials)])].filter((name) => name !== undefined && name !== "");
}
/** Takes every section of a profile, and the services section of renderProfile, from a config file. */
function takeFromConfig(text, profileName) {
    const services = `services ${servicesName(profileName)}`;
    return takeSections(text, (header) => isProfile(header, profileName) || header === services);
}
/** Takes every section of a profile from a credentials file. */
function takeFromCredentials(text, profileName) {
    return takeSections(text, (header) => isProfile(header, profileName));
}
/**
 * Puts a use's section at the end of a config file, in place of every other section of its profile. The
 * user's settings in those stay byte for byte: all but what names an identity, and what the use itself sets.
 */
function placeInConfig(text, profileName, section) {
    const { kept, taken } = takeFromConfig(text, profileName);
    const isOwn = (header) => isConfigHeader(header, profileName);
    const users = entriesOf(taken, isOwn);
    const own = keysIn(section, isOwn);
    const isReplaced = ({ key, value }) => own.has(key) || value === servicesName(profileName);
    const settings = settingsIn(users, isReplaced);
    const services = own.has("services") ? otherServices(text, valueIn(users, "services")) : "";
    const end = section.indexOf("\n") + 1;
    // The settings come first: an indented one would continue a key before it.
    const placed = section.slice(0, end) + settings + section.slice(end) + services;
    return { text: append(kept, placed), taken };
}
/**
 * Takes what names an identity, and what a use sets in the config file, out of a profile in a credentials
 * file: SDKs prefer that file. Adds the command of a session.
 */
function placeInCredentials(text, profileName, section) {
    const { kept, taken } = takeFromCredentials(text, profileName);
    const own = keysIn(section, (header) => isConfigHeader(header, profileName));
    const entries = entriesOf(taken, (header) => header === profileName);
    const settings = settingsIn(entries, ({ key }) => own.has(key));
    const placed = renderForCredentials(section, profileName) || (settings && `[${profileName}]\n`);
    return { text: append(kept, placed + settings), taken };
}
/** The headers under which SDKs agree to find a profile in a config file. */
function isConfigHeader(header, profileName) {
    return isProfile(header, profileName) && (profileName === "default" || /^profile\s/.test(header));
}
function keysIn(section, isOwn) {
    return new Set(entriesOf(section, isOwn).map(({ key }) => key));
}
/** The endpoints of other services than STS that a profile's services section names. */
function otherServices(config, services) {
    const entries = entriesOf(config, (header) => header === `services ${services}`);
    return settingsIn(entries, ({ key }) => key === "sts");
}
/** Where a profile of a config file sends requests to STS; undefined for AWS. */
function stsEndpointIn(config, profileName) {
    const profile = entriesOf(config, (header) => isConfigHeader(header, profileName));
    const services = valueIn(profile, "services");
    const ofServices = entriesOf(config, (header) => header === `services ${services}`);
    const ofSts = ofServices.find(({ key, parent }) => key === "endpoint_url" && parent?.key === "sts");
    return ofSts?.value || valueIn(profile, "endpoint_url") || undefined;
}
/** Adds sections to the end of a file. */
function append(text, sections) {
    if (sections === "")
        return text;
    return text === "" || text.endsWith("\n") ? text + sections : `${text}\n${sections}`;
}
// SDKs differ in which headers they accept for a profile: with or without "profile", quoted, with a comment
// at the end. A section that any SDK could read as this profile has to go, or that SDK would use another role
// than the others.
function isProfile(header, profileName) {
    const name = header.replace(/^profile\s+/, "").replace(/^(["'])(.*)\1$/, "$2");
    return name.trim() === profileName;
}
const profile_HEADER = /^\s*\[([^\]]*)\]/;
const profile_BLANK_OR_COMMENT = /^\s*(?:[#;][\s\S]*)?$/;
function takeSections(text, matches) {
    // A byte order mark would hide the first header, from boto3 and others as well as from here.
    const lines = text.replace(/^\u00ef\u00bb\u00bf/, "").split(/(?<=\n)/);
    const split = { kept: "", taken: "" };
    let taking = false;
    // Comments before a header belong to it; a comment belongs to the section only if another key follows.
    let pending = "";
    for (const line of lines) {
        const header = profile_HEADER.exec(line)?.[1];
        if (header !== undefined) {
            split.kept += pending;
            pending = "";
            taking = matches(header.trim());
        }
        if (!taking)
            split.kept += line;
        else if (profile_BLANK_OR_COMMENT.test(line))
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

;// CONCATENATED MODULE: ../lib/src/aws/sts-endpoint.js



const VARIABLE = "AWS_ENDPOINT_URL_STS";
/**
 * Refuses a use if its ID token, or that of another use, would go to the wrong server, or over plain http.
 * @param others the uses of the job that are not over
 * @param config the job's config file with this use's section
 */
function checkEndpoints(use, others, config, ambient) {
    for (const other of others)
        refuseRival(use, other);
    // The environment's endpoints, which planEnvironment checks, override those in a config file.
    if (use.exported[VARIABLE] || ambient[VARIABLE] || ambient.AWS_ENDPOINT_URL)
        return;
    refusePlainHttp(stsEndpointIn(config, use.profile), `endpoint_url of profile ${(0,base_text/* quoted */.TL)(use.profile)}`);
}
/** An ambient use with sts-endpoint exports its endpoint, which overrides AWS and those of all profiles. */
function refuseRival(use, other) {
    if (loses(use, other))
        throw refusal("An earlier use of this action exported", "this use's ID token", other, "the earlier use");
    // An earlier use of the same profile is shadowed by this one.
    if (other.profile !== use.profile && loses(other, use))
        throw refusal("This use would export", `the ID token of profile ${(0,base_text/* quoted */.TL)(other.profile)}`, use, "this use");
}
/** Whether what `other` exports overrides the endpoint of `use`. */
function loses(use, other) {
    const exported = other.exported[VARIABLE];
    if (exported === undefined || use.exported[VARIABLE] !== undefined)
        return false;
    return stsEndpointIn(use.section, use.profile) !== exported;
}
function refusal(what, token, { exported }, which) {
    return new errors/* UserError */.yo("sts-endpoint-of-another-use", `${what} ${VARIABLE}, so later steps would send ${token} to ${(0,base_text/* quoted */.TL)(exported[VARIABLE] ?? "")}. Give ${which} a name (profile: NAME), so that only the steps that choose it use that server.`);
}
/** Refuses an endpoint over plain http to another machine, as the input sts-endpoint is refused. */
function refusePlainHttp(endpoint, where) {
    if (endpoint === undefined || !URL.canParse(endpoint))
        return;
    const { protocol, hostname } = new URL(endpoint);
    if (protocol !== "http:" || isLoopback(hostname))
        return;
    throw new errors/* UserError */.yo("sts-endpoint-over-http", `${where} is ${(0,base_text/* quoted */.TL)(endpoint)}: later steps would send the ID token there over plain http, where anyone on the network path could use it. ` +
        "Use https, or set the endpoint of the service that needs it, such as AWS_ENDPOINT_URL_S3.");
}
/** Whether a URL's host is this machine itself. */
function isLoopback(hostname) {
    return /^(?:localhost|\[::1\]|127\.\d{1,3}\.\d{1,3}\.\d{1,3})$/.test(hostname);
}
/** Whether the input sts-endpoint names another server (MinIO, Ceph, LocalStack). A VPC endpoint is AWS. */
function isOtherSts(stsEndpoint) {
    if (stsEndpoint === undefined)
        return false;
    const host = URL.canParse(stsEndpoint) ? new URL(stsEndpoint).hostname : "";
    return !/\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|api\.aws)$/.test(host);
}

;// CONCATENATED MODULE: ../lib/src/base/jwt.js
/** Whether a parsed JSON value is an object. */
function isObject(value) {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}
// base64url segments and nothing else: such a text cannot add a line to a file, a header or a log.
const JWT = /^[\w-]+\.([\w-]+)\.[\w-]+$/;
/** The payload of a JWT in compact form, or undefined if it is not one. */
function decodeClaims(token) {
    const payload = JWT.exec(token)?.[1];
    if (payload === undefined)
        return undefined;
    try {
        const claims = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
        return isObject(claims) ? claims : undefined;
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

;// CONCATENATED MODULE: ../lib/src/explain/conditions.js

const equal = (value, actual, variables) => literal(value, variables) === actual;
const equalIgnoringCase = (value, actual, variables) => literal(value, variables).toLowerCase() === actual.toLowerCase();
/** Those that begin with String have a negated form, such as StringNotEquals. */
const OPERATORS = new Map([
    ["StringEquals", equal],
    ["StringEqualsIgnoreCase", equalIgnoringCase],
    ["StringLike", like],
    ["Bool", equalIgnoringCase],
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
    const compare = OPERATORS.get(base.replace(/^StringNot/, "String"));
    const negated = base.startsWith("StringNot");
    if (!compare && operator !== "Null")
        return undecided("this operator cannot be evaluated here");
    if (variables && values.some(hasVariable))
        return undecided("policy variables cannot be evaluated here");
    const request = requestValues(key, claims, context);
    if (typeof request === "string")
        return undecided(`cannot be evaluated here, ${request}`);
    const has = request
        ? `the token has ${listed(request)}`
        : `the token has no such claim${foreign(key, context)}`;
    if (!compare) {
        const holds = values.some((value) => (value.toLowerCase() === "true") === (request === undefined));
        return { holds, reason: `${line}: the policy has ${listed(values)} ("true" means absent); ${has}` };
    }
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
    const policy = `the policy ${negated ? "excludes" : "has"} ${listed(values)}`;
    return { holds, reason: `${line}: ${policy}; ${has}${hint}` };
}
function nearMiss(base, values, request, variables) {
    const some = (test) => request.some((actual) => values.some((value) => test(value, actual)));
    const lax = (value, actual) => like(value, actual, variables);
    if (base === "StringEquals" && some(lax))
        return " (StringEquals reads * and ? as plain characters, StringLike as wildcards)";
    if (some((value, actual) => lax(value.toLowerCase(), actual.toLowerCase())))
        return " (letter case differs)";
    if (some((value, actual) => lax(value, withoutIds(actual))))
        return " (the token's sub carries the IDs of owner and repository)";
    if (some((value, actual) => lax(withoutIds(value), actual)))
        return " (the token's sub carries no IDs of owner and repository)";
    return "";
}
/** A sub of the immutable format, `repo:owner@id/name@id:…`, without the IDs; any other text as it is. */
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
/** The values that the request has for a condition key, undefined for none, or why only AWS can decide. */
function requestValues(key, claims, context) {
    const { prefix, name } = splitKey(key);
    if (prefix !== context.providerHost.toLowerCase()) {
        // Keys of other identity providers, which this token never has, begin with a host; all others with the
        // name of a service.
        return prefix.includes(".") ? undefined : "the key does not belong to the token's provider";
    }
    const keys = claimsWithKeys(context);
    if (!keys.includes(name))
        return `AWS lists no such condition key for this provider (it lists ${keys.join(", ")})`;
    const present = [claims[name]].flat().filter((value) => value !== undefined && value !== null);
    return present.length > 0 ? present.map(claimText) : undefined;
}
/** A claim as the text that conditions compare: "" for an absent one, JSON for lists and objects. */
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
    const isOwn = splitKey(key).prefix === providerHost.toLowerCase();
    return isOwn ? "" : ` (its keys begin with ${(0,base_text/* quoted */.TL)(`${providerHost}:`)})`;
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
    if (values.length === 0)
        return "no value";
    const shown = values.slice(0, 5).map((value) => (0,base_text/* quoted */.TL)(value));
    return [...shown, ...(values.length > 5 ? [`${values.length - 5} more`] : [])].join(" or ");
}

;// CONCATENATED MODULE: ../lib/src/explain/trust-policy.js



// IAM's limit is 8,192 characters without white space
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const MAX_POLICY_LENGTH = 32_768;
/** Reads the JSON of a role's trust policy. Throws an Error with what is wrong and what is allowed. */
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
    const { Sid: sid, Effect: effect, Principal: principal, Action: action } = statement;
    if (effect !== "Allow" && effect !== "Deny")
        throw notAPolicy(`the Effect of ${at} is ${shown(effect)}, not "Allow" or "Deny"`);
    if (principal === undefined && statement.NotPrincipal === undefined)
        throw notAPolicy(`${at} has no Principal`);
    const actions = strings(action ?? statement.NotAction, `the Action of ${at}`);
    if (actions.length === 0)
        throw notAPolicy(`the Action of ${at} is empty`);
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
    const federated = strings(principal.Federated ?? [], `Principal.Federated of ${at}`);
    return [...federated, principal.AWS].flat().includes("*") ? undefined : federated;
}
function parseConditions(block, at) {
    if (!isObject(block))
        throw notAPolicy(`the Condition of ${at} is ${shown(block)}, not an object`);
    return Object.entries(block).flatMap(([operator, keys]) => {
        if (!isObject(keys))
            throw notAPolicy(`${(0,base_text/* quoted */.TL)(operator, 60)} in ${at} is ${shown(keys)}, not an object of keys and values`);
        return Object.entries(keys).map(([key, value]) => {
            return { operator, key, values: strings(value, `the value of ${(0,base_text/* quoted */.TL)(key, 100)} in ${at}`) };
        });
    });
}
/**
 * Whether the policy certainly lets the bearer of these claims assume its role, and for each statement why or
 * why not. What only AWS can decide (keys of the request, other operators, policy variables) is reported as
 * such.
 */
function evaluateTrustPolicy(policy, claims, context) {
    const statements = policy.statements.map((statement, position) => {
        const { sid, effect, conditions } = statement;
        const findings = [
            checkPrincipal(statement, context),
            checkAction(statement, context),
            ...conditions.map((condition) => checkCondition(condition, claims, context, policy.variables)),
        ];
        const reasons = (holds) => findings.filter((finding) => finding.holds === holds).map(({ reason }) => reason);
        const subject = { index: position + 1, ...(sid && { sid }), effect };
        if (reasons(false).length > 0)
            return { ...subject, outcome: "does not apply", reasons: reasons(false) };
        if (reasons(undefined).length > 0)
            return { ...subject, outcome: "cannot be evaluated here", reasons: reasons(undefined) };
        if (effect === "Allow")
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
 * The narrow statement that accepts this job: its exact aud and sub. Somebody else can take over the name of
 * a deleted repository, so the statement adds the repository's ID where sub has none and AWS has a key for
 * it.
 */
function suggestStatement(claims, context) {
    const sub = claimText(claims.sub);
    const id = claimText(claims.repository_id);
    const hasId = sub.split(/[/:]/).some((part) => part.endsWith(`@${id}`));
    const pin = !hasId && /^\d+$/.test(id) && claimsWithKeys(context).includes("repository_id");
    const exactly = (claim) => withoutVariables(claimText(claim));
    return {
        Effect: "Allow",
        Principal: { Federated: providerArn(context) },
        Action: context.action,
        Condition: {
            StringEquals: {
                [`${context.providerHost}:aud`]: Array.isArray(claims.aud)
                    ? claims.aud.map(exactly)
                    : exactly(claims.aud),
                [`${context.providerHost}:sub`]: exactly(sub),
                ...(pin && { [`${context.providerHost}:repository_id`]: id }),
            },
        },
    };
}
// IAM reads numbers and booleans as the strings that they print as.
function strings(value, what) {
    const list = Array.isArray(value) ? value : [value];
    if (list.every((one) => ["string", "number", "boolean"].includes(typeof one)))
        return list.map(String);
    throw notAPolicy(`${what} is ${shown(value)}, not a string or a list of strings`);
}
function shown(value) {
    return value === undefined
        ? "missing"
        : (0,base_text/* quoted */.TL)(typeof value === "string" ? value : JSON.stringify(value), 100);
}
function notAPolicy(what) {
    return new Error(`Not a trust policy: ${what}. Allowed: the JSON that "aws iam get-role --role-name NAME --query Role.AssumeRolePolicyDocument" prints, with Effect, Principal and Action in each statement.`);
}

;// CONCATENATED MODULE: ../lib/src/input-readers.js
// One reader for each input. It checks the text and returns the value, or throws a UserError that shows the
// text, what is allowed and what to do.





/** What each input may be, but for those that have no wrong text. */
const ALLOWED = {
    "role-to-assume": "the ARN of a role, such as arn:aws:iam::111122223333:role/deploy",
    "aws-region": "a region in lower case, such as eu-west-1",
    profile: "1 to 64 of the characters A-Z a-z 0-9 _ . -",
    "role-session-name": "2 to 64 of the characters A-Z a-z 0-9 _ + = , . @ -",
    audience: "1 to 255 ASCII characters without a space",
    "allowed-account-ids": "account ids of 12 digits, separated by commas",
    "sts-endpoint": "an https URL without user, query and fragment, or http to 127.0.0.1, [::1] or localhost",
    "mask-aws-account-id": "true or false",
    trial: "true or false",
    "mirror-environment": "auto, true or false",
    summary: "auto, always or never",
    "shared-session": "auto, true or false",
    "role-duration-seconds": "a whole number of seconds from 900 to 43200",
    "inline-session-policy": "an IAM policy as JSON",
    "managed-session-policies": "ARNs of managed policies, at most 10, one on each line",
    "outlive-id-tokens": "true or false",
    "source-profile": "1 to 64 of the characters A-Z a-z 0-9 _ . -",
    "role-chaining": "true or false",
    "credential-source": "Ec2InstanceMetadata, EcsContainer or Environment",
    "role-external-id": "2 to 1224 of the characters A-Z a-z 0-9 _ + = , . @ : / -",
    "output-credentials": "true or false",
    "http-proxy": "http://HOST:PORT or https://HOST:PORT",
};
// Names and paths of roles: https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html
const ROLE_ARN = /^arn:(aws[a-z-]*):iam::(\d{12}):role\/((?:[\w+=,.@-]+\/)*)([\w+=,.@-]{1,64})$/;
// Other servers with an STS API have their own form of role ARNs (MinIO: "arn:minio:iam:::role/…").
const ANY_ARN = /^arn:([\w-]+):[\w-]*:[\w-]*:([\w-]*):(?:[\w+=,.@/:-]*[/:])?([\w+=,.@-]+)$/;
/** Names of profiles that every SDK reads in the same way, without quotes. */
const PROFILE = /^[A-Za-z0-9_.-]{1,64}$/;
function readRole(read, anyArn) {
    const arn = required(read, "role-to-assume");
    const aws = arn.length <= 2048 ? ROLE_ARN.exec(arn) : null;
    if (aws)
        return { arn, partition: aws[1] ?? "", accountId: aws[2], name: aws[4] ?? "" };
    const any = anyArn && arn.length <= 2048 ? ANY_ARN.exec(arn) : null;
    if (any)
        return { arn, partition: any[1] ?? "", accountId: any[2] || undefined, name: any[3] ?? "" };
    const hint = /^arn:aws[a-z-]*:sts::\d{12}:assumed-role\//.test(arn)
        ? "That is the ARN of a session. Give the ARN of the role itself."
        : /^[\w+=,.@/-]+$/.test(arn)
            ? "A name alone does not identify the account."
            : "Copy it from the role's page in IAM.";
    throw refused("role-to-assume", arn, hint);
}
function readRegion(read) {
    const region = required(read, "aws-region");
    if (/^[a-z]{2}(?:-[a-z]+)+-\d+[a-z]$/.test(region))
        throw refused("aws-region", region, `That is an Availability Zone of the region ${region.slice(0, -1)}.`);
    // The region becomes part of host names, so it must be one DNS label.
    if (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(region))
        return region;
    throw refused("aws-region", region, "AWS lists them under Regions and Zones.");
}
function readProfile(read) {
    const [own, incumbents] = [read("profile"), read("aws-profile")];
    if (incumbents !== "" && own !== "" && own !== "default" && own !== incumbents)
        throw refused("profile", own, `aws-profile is ${(0,base_text/* quoted */.TL)(incumbents)}, and it means the same. Give one of them.`);
    const profile = incumbents || own || "default";
    // The SDK for JavaScript looks profiles up in an object, which inherits properties of some names.
    if (profile in {})
        throw refused("profile", profile, "The AWS SDK for JavaScript cannot read a profile of this name.");
    if (PROFILE.test(profile))
        return profile;
    throw refused("profile", profile, "Leave it out to give every later step this role.");
}
function readSessionName(read, run) {
    const given = read("role-session-name");
    if (given === "") {
        // Unique, because the AWS CLI caches sessions on disk by role and session name: with the same name, the
        // next job on this machine would get this job's session.
        return `GitHubActions-${digits(run.id)}-${digits(run.attempt)}-${(0,external_node_crypto_namespaceObject.randomBytes)(4).toString("hex")}`;
    }
    if (/^[\w+=,.@-]{2,64}$/.test(given))
        return given;
    throw refused("role-session-name", given, "Leave it out to get a unique name.");
}
function readAudience(read, partition) {
    const audience = read("audience") || `sts.amazonaws.com${partition === "aws-cn" ? ".cn" : ""}`;
    if (/^[\x21-\x7e]{1,255}$/.test(audience))
        return audience;
    throw refused("audience", audience, "The identity provider in IAM must list it as an audience.");
}
function readAccountIds(read) {
    const ids = read("allowed-account-ids").match(/[^\s,]+/g) ?? [];
    const wrong = ids.find((id) => !/^\d{12}$/.test(id));
    if (wrong === undefined)
        return ids;
    throw refused("allowed-account-ids", wrong, "In YAML, put ids that begin with 0 in quotes.");
}
function readStsEndpoint(read) {
    const given = read("sts-endpoint");
    if (given === "")
        return undefined;
    // Every reader of the config file leaves these characters as they are.
    const url = /^https?:\/\/[\w.:/[\]~-]+$/.test(given) && URL.canParse(given) ? new URL(given) : undefined;
    if (url?.username !== "" || url.password !== "")
        throw refused("sts-endpoint", given, "Leave it out to use AWS.");
    if (url.protocol === "http:" && !isLoopback(url.hostname)) {
        const hint = "Over plain http, anyone on the network path could read the ID token.";
        throw refused("sts-endpoint", given, hint);
    }
    return url.href.replace(/\/+$/, "");
}
/** main, the keeper and the exchange use it (keeper/launch.ts); later steps do not. */
function readProxy(read) {
    const given = read("http-proxy");
    if (given === "" || (/^https?:\/\/[\x21-\x7e]+$/.test(given) && URL.canParse(given)))
        return;
    // It may hold a password.
    throw new errors/* UserError */.yo("input-refused", `http-proxy is not a URL that Node.js can use. Allowed: ${ALLOWED["http-proxy"]}.`);
}
function readMirror(read) {
    const value = readAuto(read, "mirror-environment");
    return value === "auto" ? value : value ? "always" : "never";
}
/** An input that is true, false or, if it is not given, auto. */
function readAuto(read, name) {
    const given = read(name) || "auto";
    const value = given === "auto" ? given : parseBoolean(given);
    if (value !== undefined)
        return value;
    throw refused(name, given, "auto is right for most jobs.");
}
function readTrustPolicy(read) {
    const given = read("explain-trust-policy");
    if (given === "")
        return undefined;
    try {
        return parseTrustPolicy(given);
    }
    catch (error) {
        throw new errors/* UserError */.yo("input-refused", `explain-trust-policy cannot be read: ${(0,errors/* errorText */.kc)(error)}`);
    }
}
function readSummary(read) {
    const given = read("summary") || "auto";
    if (given === "auto" || given === "always" || given === "never")
        return given;
    throw refused("summary", given, "auto writes one only if there was an outage or another problem.");
}
function readBoolean(read, name, otherwise) {
    const given = read(name);
    const value = given === "" ? otherwise : parseBoolean(given);
    if (value !== undefined)
        return value;
    throw refused(name, given, "If it comes from an expression, check the value of the expression.");
}
/** The same spellings as getBooleanInput of @actions/core (YAML 1.2, core schema). */
function parseBoolean(text) {
    if (["true", "True", "TRUE"].includes(text))
        return true;
    if (["false", "False", "FALSE"].includes(text))
        return false;
    return undefined;
}
function required(read, name) {
    const given = read(name);
    if (given !== "")
        return given;
    throw new errors/* UserError */.yo("input-missing", `${name} is missing or empty. Give ${ALLOWED[name]} under "with:". An expression is empty if its secret or variable does not ` +
        "exist for this job (misspelled, defined in another environment, or not available to forks).");
}
function refused(name, given, hint) {
    const shown = (0,base_text/* quoted */.TL)(given, 100);
    return new errors/* UserError */.yo("input-refused", `${name} is ${shown}. Allowed: ${ALLOWED[name]}. ${hint}`);
}
function digits(text) {
    return /^\d{1,19}$/.test(text) ? text : "0";
}

;// CONCATENATED MODULE: ../lib/src/incumbent-inputs.js


// The inputs of aws-actions/configure-aws-credentials that this action does not honour. The runner hands main
// every input of a step, also those that action.yml does not declare, so none is dropped silently.
// docs/migration.md has the same table for users; a test compares the two.
/** Inputs without effect, and why. They are in action.yml, so that the runner does not warn about them. */
const WITHOUT_EFFECT = {
    "role-skip-session-tagging": "this action never sends session tags",
    "special-characters-workaround": "later steps get no keys, so no key can contain a special character",
    "unset-current-credentials": "keys in the environment are always emptied for later steps",
    "overwrite-aws-profile": "a profile of the same name is always replaced, for this job only",
    "output-env-credentials": "keys are never exported",
    "disable-retry": "requests that fail for a temporary reason are retried for up to 30 s",
    "retry-max-attempts": "requests that fail for a temporary reason are retried for up to 30 s",
    "action-timeout-s": "every request has a deadline; timeout-minutes limits the step",
    "force-skip-oidc": "the role is assumed with an ID token only if role-chaining, source-profile and credential-source are not given",
    "use-existing-credentials": "the role is always assumed",
};
const CHAIN = "role-chaining, source-profile or credential-source";
const KEYS = "This action has no inputs for static keys, because they are long-lived secrets. Let the role trust GitHub's ID tokens; or put the keys into " +
    "the step's env (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and write credential-source: Environment.";
const TAGS = "A session for an ID token takes its tags from the token, and GitHub's ID tokens contain none. Give the job a role of its own where a policy " +
    "asks for tags, or keep configure-aws-credentials for this role.";
const REFUSED = {
    "aws-access-key-id": { why: KEYS },
    "aws-secret-access-key": { why: KEYS },
    "aws-session-token": { why: KEYS },
    "output-env-credentials": {
        value: true,
        why: "Keys in the environment expire in the middle of the job. Remove it, and let later steps use the profile. For a tool that reads nothing else, use output-credentials: true.",
    },
    "use-existing-credentials": {
        value: true,
        why: "Which role later steps have would depend on the runner. Remove it; or reach the role from those credentials with credential-source.",
    },
    "web-identity-token-file": {
        why: "Write a profile with web_identity_token_file and role_arn into your AWS config file. SDKs use it without this action. To reach another role from it, name it in source-profile.",
    },
    "custom-tags": { why: TAGS },
    "transitive-tag-keys": { why: TAGS },
};
/** Notes for the log about inputs without effect. Throws a UserError for one that this action refuses. */
function checkIncumbentInputs(read) {
    for (const [name, { value, why }] of Object.entries(REFUSED)) {
        const given = read(name);
        if (given === "" || (value !== undefined && parseBoolean(given) !== value))
            continue;
        // Not the value: it may be a key.
        throw new errors/* UserError */.yo("input-refused", `${name}${value === undefined ? "" : `: ${value}`} is not supported. ${why}`);
    }
    return Object.entries(WITHOUT_EFFECT)
        .filter(([name]) => read(name) !== "")
        .map(([name, why]) => `${name}: ${why}`);
}
/** Throws a UserError if the ID token, which the role is assumed with, must not be used. */
function checkIdTokenIsWanted(read) {
    if (!parseBoolean(read("force-skip-oidc")))
        return;
    throw new errors/* UserError */.yo("input-refused", `force-skip-oidc: true is not supported without ${CHAIN}, because nothing else can assume the role. Give one of them, or remove force-skip-oidc.`);
}

;// CONCATENATED MODULE: ../lib/src/session-inputs.js


/** Throws a UserError for what cannot be, alone or together. Adds to `notes` what has no effect. */
function readSessionInputs(read, notes) {
    const source = readSource(read);
    const durationSeconds = readDuration(read);
    const policy = readPolicy(read);
    const policyArns = readPolicyArns(read);
    const outlivesIdTokens = readBoolean(read, "outlive-id-tokens", false);
    const isChain = source !== "id-token";
    // A web identity profile cannot express any of these, and a chained profile only the duration. Later steps do not
    // have the keys of this step's environment.
    const needs = [
        ["inline-session-policy", policy !== undefined],
        ["managed-session-policies", policyArns !== undefined],
        ["role-duration-seconds", !isChain && durationSeconds !== undefined && durationSeconds < 3600],
        ["outlive-id-tokens", outlivesIdTokens],
        ["credential-source", isChain && "credentials" in source && source.credentials === "Environment"],
    ];
    const sharedSession = readShared(read, needs.filter(([, isNeeded]) => isNeeded).map(([name]) => name));
    const isUseless = durationSeconds !== undefined && durationSeconds >= 3600 && !sharedSession;
    if (isUseless)
        notes.push("role-duration-seconds: SDKs in later steps renew their sessions, so no session needs to be longer than an hour");
    return {
        source,
        externalId: readExternalId(read, isChain),
        sharedSession,
        durationSeconds: isUseless ? undefined : durationSeconds,
        policy,
        policyArns,
        outlivesIdTokens,
    };
}
function readShared(read, needs) {
    const [need] = needs;
    const value = readAuto(read, "shared-session");
    if (value === false && need !== undefined) {
        const why = `${need} works only with a shared session, because later steps cannot do it by themselves.`;
        throw refused("shared-session", read("shared-session"), `${why} Remove shared-session, or remove ${need}.`);
    }
    return value === "auto" ? need !== undefined : value;
}
function readSource(read) {
    const profile = read("source-profile");
    const isChaining = readBoolean(read, "role-chaining", false);
    const credentials = read("credential-source");
    const given = [
        profile && "source-profile",
        isChaining && "role-chaining",
        credentials && "credential-source",
    ];
    const [first, second] = given.filter((name) => name !== "" && name !== false);
    if (first && second) {
        throw new errors/* UserError */.yo("input-refused", `${first} and ${second} are both given, but a role can be reached from only one source. Remove one of them.`);
    }
    if (isChaining)
        return { sameProfile: true };
    if (profile !== "") {
        if (PROFILE.test(profile))
            return { profile };
        throw refused("source-profile", profile, "SDKs do not agree on how to read other names. Rename the profile.");
    }
    if (credentials === "")
        return "id-token";
    if (isCredentialSource(credentials))
        return { credentials };
    throw refused("credential-source", credentials, "Remove it to use the job's ID token.");
}
function isCredentialSource(text) {
    return ["Ec2InstanceMetadata", "EcsContainer", "Environment"].includes(text);
}
function readDuration(read) {
    const given = read("role-duration-seconds");
    if (given === "")
        return undefined;
    const seconds = /^\d{1,6}$/.test(given) ? Number(given) : Number.NaN;
    if (seconds >= 900 && seconds <= 43_200)
        return seconds;
    throw refused("role-duration-seconds", given, "Remove it to get an hour; SDKs and the keeper renew sessions.");
}
function readExternalId(read, isChain) {
    const given = read("role-external-id");
    if (given === "")
        return undefined;
    if (!/^[\w+=,.@:/-]{2,1224}$/.test(given))
        throw refused("role-external-id", given, "It must be the value of sts:ExternalId in the role's trust policy.");
    if (isChain)
        return given;
    throw new errors/* UserError */.yo("input-refused", "role-external-id is given, but AWS has no external ID for a role that is assumed with an ID token. Remove it; or reach the role from " +
        "another source: role-chaining, source-profile or credential-source.");
}
/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html: 2048 characters without white space. */
const MAX_POLICY = 2048;
function readPolicy(read) {
    const given = read("inline-session-policy");
    if (given === "")
        return undefined;
    let policy;
    try {
        policy = JSON.parse(given);
    }
    catch (error) {
        throw new errors/* UserError */.yo("input-refused", `inline-session-policy is not JSON: ${(0,errors/* errorText */.kc)(error)}`);
    }
    if (typeof policy !== "object" || policy === null || !("Statement" in policy))
        throw refused("inline-session-policy", given, "This has no Statement.");
    const text = JSON.stringify(policy);
    if (text.length <= MAX_POLICY)
        return text;
    throw new errors/* UserError */.yo("session-policy", `inline-session-policy has ${text.length} characters without white space, and STS allows ${MAX_POLICY}. Combine statements, use wildcards, or make it a managed policy and name that in managed-session-policies.`);
}
function readPolicyArns(read) {
    const arns = read("managed-session-policies").match(/[^\s,]+/g) ?? [];
    if (arns.length === 0)
        return undefined;
    const wrong = arns.find((arn) => !/^arn:aws[a-z-]*:iam::(?:\d{12}|aws):policy\/[\w+=,.@/-]{1,512}$/.test(arn));
    if (wrong !== undefined)
        throw refused("managed-session-policies", wrong, "Copy it from the policy's page in IAM.");
    if (arns.length <= 10)
        return arns;
    throw refused("managed-session-policies", `${arns.length} ARNs`, "STS does not accept more.");
}

;// CONCATENATED MODULE: ../lib/src/inputs.js




/**
 * Reads and checks every input of the action. Throws a UserError that names the input, the given text and
 * what is allowed.
 */
function loadInputs(read, run) {
    const stsEndpoint = readStsEndpoint(read);
    const role = readRole(read, stsEndpoint !== undefined);
    const notes = checkIncumbentInputs(read);
    readProxy(read);
    const session = readSessionInputs(read, notes);
    if (session.source === "id-token")
        checkIdTokenIsWanted(read);
    else
        for (const name of ["audience", "explain-trust-policy"].filter((one) => read(one) !== ""))
            notes.push(`${name}: the role is not assumed with an ID token`);
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
        outputCredentials: readBoolean(read, "output-credentials", false),
        notes,
        ...session,
    };
}
/** Throws a UserError if an account is not one of those that `allowed-account-ids` lists. */
function checkAccount({ allowedAccountIds, role }, accountId) {
    if (allowedAccountIds.length === 0)
        return;
    if (accountId !== undefined && allowedAccountIds.includes(accountId))
        return;
    throw new errors/* UserError */.yo("account-not-allowed", `The role ${role.arn} is in account ${accountId ?? "(none)"}, which allowed-account-ids (${allowedAccountIds.join(", ")}) does not list. ` +
        "Correct the ARN or the list.");
}

;// CONCATENATED MODULE: ../lib/src/base/process.js


/** proc(5), /proc/PID/stat; undefined if there is no such process, or it cannot be read now. */
function readStat(pid) {
    // On Windows it would be a folder of the current drive, which anybody can make, and under Wine that of Linux.
    if (process.platform === "win32")
        return undefined;
    try {
        const text = external_node_fs_namespaceObject.readFileSync(`/proc/${pid}/stat`, "utf8");
        // The name is in parentheses and may contain any character.
        const end = text.lastIndexOf(")");
        const name = text.slice(text.indexOf("(") + 1, end);
        const fields = text.slice(end + 2).split(" ");
        return { name, state: fields[0] ?? "", parent: Number(fields[1]), started: fields[19] ?? "" };
    }
    catch {
        return undefined;
    }
}
function identify(pid) {
    const started = readStat(pid)?.started;
    return started === undefined ? { pid } : { pid, started };
}
/** Whether this process still runs; a zombie does not. Without /proc: whether any process has its pid. */
function process_isRunning(process_) {
    if (process_.started !== undefined) {
        const stat = readStat(process_.pid);
        // Gone, or the machine has no file descriptor left to look. To check for the folder needs none.
        if (stat === undefined)
            return external_node_fs_namespaceObject.existsSync(`/proc/${process_.pid}`);
        return stat.started === process_.started && stat.state !== "Z" && stat.state !== "X";
    }
    try {
        return process.kill(process_.pid, 0);
    }
    catch (error) {
        return (0,errors/* errorCode */.CA)(error) === "EPERM";
    }
}
/** Whether a process is suspended by SIGSTOP or the like; false without /proc. */
function isSuspended({ pid }) {
    return readStat(pid)?.state === "T";
}
/** More than enough for a runner, a composite action and wrapper scripts. */
const MAX_ANCESTORS = 32;
/**
 * The runner's worker among this process's ancestors: the process that runs one job and then ends
 * (actions/runner, src/Runner.Worker; its 13 characters fit the 15 that the kernel keeps of a name).
 * Undefined inside a container, whose processes have no ancestor outside, without /proc, and under other
 * runners.
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

// EXTERNAL MODULE: external "node:path"
var external_node_path_ = __nccwpck_require__(760);
;// CONCATENATED MODULE: ../lib/src/job/private-directory.js




/**
 * Makes the job directory, or checks the one that exists: it must be a real directory of this user and closed
 * to others. Throws a UserError for any other, because whoever made it could read the token or choose the
 * role that SDKs use.
 */
function openJobDirectory(job) {
    try {
        makePrivateDirectory(job.path);
    }
    catch (error) {
        if ((0,errors/* errorCode */.CA)(error) !== "EEXIST") {
            throw new errors/* UserError */.yo("runner-temp", `${job.path} cannot be created: ${(0,errors/* errorCode */.CA)(error) ?? String(error)}. RUNNER_TEMP must exist and be writable.`, { cause: error });
        }
        const fault = notOurs(job.path) ?? openness(job.path);
        if (fault) {
            throw new errors/* UserError */.yo("job-directory", `${job.path} already exists and ${fault}. Remove it from this runner: another program made it or changed it.`);
        }
    }
    for (const directory of [job.tokens, job.sessions, job.uses, job.finished])
        ensurePrivateDirectory(directory);
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
    const umask = process.umask(0o077);
    try {
        patiently(() => external_node_fs_namespaceObject.mkdirSync(directory, 0o700));
    }
    finally {
        process.umask(umask);
    }
    // As root in a job container: the runner outside must be able to delete it, or it can never empty its temp
    // folder again (actions/runner, src/Runner.Sdk/Util/IOUtil.cs, DeleteDirectory).
    if (process.getuid?.() !== 0)
        return;
    const parent = external_node_fs_namespaceObject.statSync(external_node_path_.dirname(directory));
    if (parent.uid === 0)
        return;
    // By descriptor: the owner of RUNNER_TEMP could replace the directory with a link to a file of root.
    const fd = external_node_fs_namespaceObject.openSync(directory, NO_LINK);
    try {
        if (external_node_fs_namespaceObject.fstatSync(fd).uid === 0)
            external_node_fs_namespaceObject.fchownSync(fd, parent.uid, parent.gid);
    }
    finally {
        external_node_fs_namespaceObject.closeSync(fd);
    }
}
const { O_DIRECTORY = 0, O_NOFOLLOW = 0, O_RDONLY } = external_node_fs_namespaceObject.constants;
const NO_LINK = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
/**
 * Linux: names a directory without reading it, so that it works on one of mode 0000, too. Not in Node's
 * constants.
 */
const O_PATH = 0o10000000;
/**
 * Why a directory that exists cannot be this action's, or undefined. Windows has neither links of users nor
 * owners.
 */
function notOurs(directory) {
    const stat = external_node_fs_namespaceObject.lstatSync(directory);
    if (stat.isSymbolicLink())
        return "is a symlink";
    if (!stat.isDirectory())
        return "is not a directory";
    return isOurs(stat.uid, directory) ? undefined : `belongs to another user (uid ${stat.uid})`;
}
function isOurs(owner, directory) {
    const uid = process.getuid?.();
    if (uid === undefined || owner === uid)
        return true;
    return uid === 0 && owner === external_node_fs_namespaceObject.statSync(external_node_path_.dirname(directory)).uid;
}
/** That others can enter a directory, if they can. Windows: the profile folder is private. */
function openness(directory) {
    const { mode } = external_node_fs_namespaceObject.lstatSync(directory);
    if (process.platform === "win32" || (mode & 0o077) === 0)
        return undefined;
    return `is open to other users (mode ${(mode & 0o777).toString(8)})`;
}
/** Closes a directory of ours to others and gives us our own permissions back; never through a link. */
function closeDirectory(directory) {
    if (process.platform === "linux") {
        const fd = external_node_fs_namespaceObject.openSync(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW);
        try {
            external_node_fs_namespaceObject.chmodSync(`/proc/self/fd/${fd}`, 0o700);
        }
        finally {
            external_node_fs_namespaceObject.closeSync(fd);
        }
    }
    else if (process.platform !== "win32") {
        // Not lchmodSync: on macOS it opens for writing, which fails on every directory (nodejs/node#23736).
        if (!external_node_fs_namespaceObject.lstatSync(directory).isDirectory())
            throw new Error(`${directory} is not a directory`);
        external_node_fs_namespaceObject.chmodSync(directory, 0o700);
    }
}
/** The names in a directory; none if a step has put something else in its place. */
function private_directory_entriesOf(directory) {
    try {
        return external_node_fs_namespaceObject.readdirSync(directory);
    }
    catch {
        return [];
    }
}

;// CONCATENATED MODULE: ../lib/src/job/lock.js







const WAIT_MS = 30_000;
/**
 * Far longer than any action holds the lock. Where the process that holds it has died, its pid usually shows
 * that at once.
 */
const STALE_MS = 60_000;
/**
 * Runs `action` with the job directory locked, which it creates if need be: another use's post may remove it
 * at any moment before that.
 */
async function locked(job, action) {
    for (let tries = 1;; tries++) {
        try {
            openJobDirectory(job);
            return await withLock(job, WAIT_MS, action);
        }
        catch (error) {
            if ((0,errors/* errorCode */.CA)(error) !== "ENOENT" || tries === 10)
                throw error;
        }
    }
}
/**
 * Runs `action` while no other process holds the lock of the same job directory. Every contender makes a file
 * with a unique name and then looks for others. Whoever comes second sees the first one's file, withdraws,
 * and tries again. No name is used twice, so that removing a dead process's file cannot remove a lock that is
 * held. Throws a UserError after `waitMs`, and ENOENT when the directory does not exist (any more).
 */
async function withLock(job, waitMs, action) {
    const own = `lock.${process.pid}.${identify(process.pid).started ?? ""}.${(0,external_node_crypto_namespaceObject.randomBytes)(6).toString("hex")}`;
    const deadline = performance.now() + waitMs;
    for (;;) {
        external_node_fs_namespaceObject.closeSync(patiently(() => external_node_fs_namespaceObject.openSync(`${job.path}/${own}`, "wx", 0o600)));
        try {
            const locks = external_node_fs_namespaceObject.readdirSync(job.path).filter((name) => name.startsWith("lock."));
            // Ours is missing if the directory was replaced in between: the next round tries in the new one.
            if (locks.includes(own) && locks.every((name) => name === own || clearIfStale(job, name)))
                return await action();
        }
        finally {
            patiently(() => external_node_fs_namespaceObject.rmSync(`${job.path}/${own}`, { force: true }));
        }
        if (performance.now() > deadline) {
            throw new errors/* UserError */.yo("job-directory-locked", `Another use of this action has kept ${job.path} locked for ${Math.round(waitMs / 1000)} s. Run the job again.`);
        }
        await (0,promises_namespaceObject.setTimeout)(5 + Math.random() * 20);
    }
}
const NAME = /^lock\.(?<pid>[1-9]\d*)\.(?<started>\d*)\.[0-9a-f]{12}$/;
/**
 * Whether nobody holds a lock file: its process is gone, or this action did not make it. It is then removed.
 */
function clearIfStale(job, name) {
    const file = `${job.path}/${name}`;
    try {
        const { pid, started } = NAME.exec(name)?.groups ?? {};
        const holder = { pid: Number(pid), ...(started && { started }) };
        const stale = pid === undefined || !process_isRunning(holder) || Date.now() - external_node_fs_namespaceObject.statSync(file).mtimeMs > STALE_MS;
        if (stale)
            external_node_fs_namespaceObject.rmSync(file, { recursive: true, force: true });
        return stale;
    }
    catch (error) {
        if ((0,errors/* errorCode */.CA)(error) === "ENOENT")
            return true;
        throw error;
    }
}

;// CONCATENATED MODULE: ../lib/src/aws/environment.js



const environment_KEYS = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
const CONTAINER = ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];
const environment_WEB_IDENTITY = ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"];
const PROFILES = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"];
const SESSION_NAME = "AWS_ROLE_SESSION_NAME";
/** In the order of the table in docs/how-it-works.md, "The environment". */
const RULES = [staticKeys, containerCredentials, webIdentity, chosenProfile, files, stsEndpoint];
/**
 * Plans the environment of later steps so that every SDK uses the profile. GitHub cannot unset a variable,
 * and nearly every one of them breaks some SDK when it is empty: only static keys (those that are set) and
 * the container URIs are set to "". Throws a UserError where a variable could silently override a named
 * profile.
 */
function planEnvironment(ambient, use) {
    const parts = RULES.map((rule) => rule(ambient, use));
    return {
        exports: Object.assign({}, ...parts.map((part) => part.exports)),
        warnings: parts.flatMap((part) => part.warnings ?? []),
    };
}
function staticKeys(ambient, { keysAreSource }) {
    const set = nonEmpty(ambient, environment_KEYS);
    if (keysAreSource)
        return { exports: environment_all(set, "") };
    // No others: an empty AWS_SESSION_TOKEN beside keys that post restores would break Ruby and PHP.
    return emptied(set, set, "nearly every SDK", " Use static keys and a role in separate jobs.");
}
function containerCredentials(ambient, { identity }) {
    const set = nonEmpty(ambient, CONTAINER);
    const source = "source" in identity && "credentials" in identity.source ? identity.source.credentials : "";
    if (source !== "EcsContainer")
        return emptied(set, CONTAINER, "some SDKs");
    if (set.length === 0)
        return {};
    return {
        warnings: [
            `${are(set)} the source of this role. Steps with the AWS SDK for JavaScript v2 would use ${them(set)} instead of the profile. For them, set shared-session: true.`,
        ],
    };
}
function emptied(set, names, where, advice = "") {
    if (set.length === 0)
        return {};
    const warning = `${are(set)} set and would override the profile in ${where}; later steps will see ${them(set)} empty.`;
    return { exports: environment_all(names, ""), warnings: [warning + advice] };
}
/**
 * AWS_ROLE_ARN and its companions override the profile in most tools, or are mixed with it one by one, and
 * empty ones break botocore. Where some are set, only this use's own values of all three give its role.
 */
function webIdentity(ambient, use) {
    const found = existing(ambient, [...environment_WEB_IDENTITY, SESSION_NAME]);
    if (!isAmbient(use))
        return namedWebIdentity(found, use);
    if (found.length === 0 && use.mirror !== "always")
        return {};
    if (use.mirror === "never") {
        throw mirrorRefused(`false while ${are(found)} set in this job: later steps would run as another role or fail`);
    }
    const { identity } = use;
    if (!("tokenFile" in identity))
        return withoutTokenFile(found, use);
    const { roleArn: AWS_ROLE_ARN, tokenFile: AWS_WEB_IDENTITY_TOKEN_FILE } = identity;
    const exports = { AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE, [SESSION_NAME]: use.sessionName };
    const others = "Steps that choose another profile with AWS_PROFILE still get this role in most SDKs; use --profile instead.";
    if (found.length === 0)
        return { exports, warnings: [`mirror-environment is true: this job has one role. ${others}`] };
    return {
        exports,
        warnings: [
            `${are(found)} set and would override the profile or be mixed with it; later steps will see this role's values in all three web identity variables. ${others}`,
        ],
    };
}
/** A session or a chain cannot be expressed in the three variables. */
function withoutTokenFile(found, use) {
    if (use.mirror === "always")
        throw mirrorRefused("true with a shared session or a chain, which have no token file of their own");
    const rivals = found.filter((name) => name !== SESSION_NAME);
    if (rivals.length > 0) {
        throw new errors/* UserError */.yo("named-profile-loses", `${are(rivals)} set in this job, and most AWS SDKs prefer ${them(rivals)} to any profile: later steps would silently run as another role. ` +
            `Remove ${them(rivals)} from the job or the runner: a role of a shared session or a chain cannot be given in these variables.`);
    }
    return { exports: environment_all(found, use.sessionName) };
}
function namedWebIdentity(found, use) {
    if (use.mirror === "always") {
        throw mirrorRefused("true with a named profile: the variables would override AWS_PROFILE and give every step this role");
    }
    const rivals = found.filter((name) => name !== SESSION_NAME);
    if (rivals.length > 0) {
        throw new errors/* UserError */.yo("named-profile-loses", `${are(rivals)} set in this job. Most AWS SDKs prefer ${them(rivals)} to a profile chosen with AWS_PROFILE, so steps that choose ` +
            `profile ${(0,base_text/* quoted */.TL)(use.profile)} would silently run as another role. Remove ${them(rivals)} from the job or the runner, make all uses named ` +
            "if an earlier use of this action set mirror-environment, or leave out profile to make this role ambient.");
    }
    // A session name alone changes no role; an empty one would let the AWS CLI's disk cache mix up jobs.
    return { exports: environment_all(found, use.sessionName) };
}
function mirrorRefused(why) {
    return new errors/* UserError */.yo("mirror-refused", `mirror-environment cannot be ${why}. Leave it at auto.`);
}
/** Which profile later steps use when they choose none, and its region. Named uses leave both alone. */
function chosenProfile(ambient, use) {
    if (!isAmbient(use)) {
        const rival = ambient.AWS_DEFAULT_PROFILE;
        if (!rival || rival === use.profile)
            return {};
        return {
            warnings: [
                `AWS_DEFAULT_PROFILE is set, and boto3 and the AWS CLI v1 prefer it to AWS_PROFILE: steps that choose profile ${(0,base_text/* quoted */.TL)(use.profile)} with AWS_PROFILE would ` +
                    `run as ${(0,base_text/* quoted */.TL)(rival)} there. Choose it with --profile, or set AWS_DEFAULT_PROFILE in the same step.`,
            ],
        };
    }
    // Both, where they exist: tools differ in which they prefer, and several read "" as a profile's name.
    const others = existing(ambient, PROFILES).filter((name) => ambient[name] !== "default");
    return {
        exports: { AWS_REGION: use.region, AWS_DEFAULT_REGION: use.region, ...environment_all(others, "default") },
        warnings: nonEmpty(ambient, others).map((name) => `${name} was ${(0,base_text/* quoted */.TL)(ambient[name] ?? "")}; later steps will see "default" instead, so that they use this role.`),
    };
}
/** Where the profile is. The copies leave out what the user's own files hold for the same profile. */
function files(_ambient, use) {
    return {
        exports: {
            AWS_CONFIG_FILE: use.configFile,
            AWS_SHARED_CREDENTIALS_FILE: use.credentialsFile,
            // Without these two, Go v1 and JavaScript v2 do not read the config file, and ask the global STS.
            AWS_SDK_LOAD_CONFIG: "1",
            AWS_STS_REGIONAL_ENDPOINTS: "regional",
        },
    };
}
/**
 * The environment's endpoints override those in a config file:
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 */
function stsEndpoint(ambient, use) {
    const endpoint = use.stsEndpoint;
    const ignores = /^true$/i.test(ambient.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS ?? "");
    const found = nonEmpty(ambient, ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"]);
    if (endpoint === undefined) {
        const [name] = found;
        if (name !== undefined && !ignores)
            refusePlainHttp(ambient[name], name);
        return {};
    }
    const isOther = (name) => ambient[name]?.replace(/\/+$/, "") !== endpoint;
    const rivals = isAmbient(use) ? [] : found.filter(isOther);
    if (ignores)
        rivals.push("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    if (rivals.length > 0) {
        throw new errors/* UserError */.yo("sts-endpoint-loses", `${are(rivals)} set in this job and would override sts-endpoint: later steps would send the ID token to another server. ` +
            `Remove ${them(rivals)} from the job${isAmbient(use) ? "" : ", or leave out profile to make this role ambient"}.`);
    }
    return isAmbient(use) ? { exports: { AWS_ENDPOINT_URL_STS: endpoint } } : {};
}
function isAmbient({ profile }) {
    return profile === "default";
}
function existing(ambient, names) {
    return names.filter((name) => ambient[name] !== undefined);
}
function nonEmpty(ambient, names) {
    return names.filter((name) => ambient[name]);
}
function environment_all(names, value) {
    return Object.fromEntries(names.map((name) => [name, value]));
}
/** "A is", "A and B are". */
function are(names) {
    return `${environment_list(names)} ${names.length < 2 ? "is" : "are"}`;
}
/** "A", "A and B", "A, B and C". */
function environment_list(names) {
    return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
function them(names) {
    return names.length < 2 ? "it" : "them";
}

;// CONCATENATED MODULE: ../lib/src/aws/restore.js


/**
 * What post exports so that later post steps find the environment as it was before main. A variable that a
 * later step changed stays. One that had no value keeps ours, since GitHub cannot unset it and "" would break
 * SDKs; the two files go back to their default paths.
 * @param defaults what SDKs use without a variable, where a value can express it
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
/**
 * They decide which identity a step has at AWS. `previous` has all of them, to show that a step set and
 * emptied one.
 */
const IDENTITY_VARIABLES = [environment_KEYS, CONTAINER, environment_WEB_IDENTITY, PROFILES].flat();
/**
 * A warning, with the fix, if a later step set variables that override the profile. It has their names and no
 * value. `now` is the environment before post restores it.
 */
function overrideWarning(now, use) {
    const names = IDENTITY_VARIABLES.filter((name) => counts(name, now, use) && isForeign(name, now, use));
    if (names.length === 0)
        return undefined;
    return (`${list(names)} changed after this action set up ${use.roleArn}, so later steps may have run as another identity. ` +
        "Remove the step that sets them, usually a later configure-aws-credentials, or move it to another job. " +
        `More: ${troubleshootingLink("a-later-step-replaced-the-role")}`);
}
function isForeign(name, now, { exported, previous }) {
    const value = now[name];
    // The previous value is there again if the env of the action's own step sets it.
    if (value === undefined || value === exported[name] || value === previous[name])
        return false;
    if (value !== "")
        return true;
    // The post step of configure-aws-credentials, which runs before ours, empties its keys and the region.
    return now.AWS_REGION === "" && previous[name] === null;
}
function counts(name, now, { profile, exported }) {
    // With a named profile, the steps choose.
    if (name.endsWith("_PROFILE"))
        return profile === "default";
    if (!WEB_IDENTITY.includes(name))
        return true;
    // Another use of this action may have exported its own.
    const job = exported.AWS_CONFIG_FILE?.replace(/[^/]*$/, "");
    return job === undefined || !now.AWS_WEB_IDENTITY_TOKEN_FILE?.startsWith(job);
}

;// CONCATENATED MODULE: ../lib/src/base/seal.js


// The user's own keys must not be readable in a file, neither in the job directory nor in the runner's state
// file (RUNNER_TEMP/_runner_file_commands, which the runner creates with its umask and deletes after the
// step). But post has to restore them. So they are encrypted with a key that is derived from the request
// token: every step of a job has it in its environment, it never changes in a job, and after a crash nobody
// has it.
const CIPHER = "aes-256-gcm";
const IV_BYTES = 12;
const TAG_BYTES = 16;
/**
 * The job's access token. Both variables hold it (actions/runner,
 * src/Runner.Worker/Handlers/NodeScriptActionHandler.cs); a job that may not have ID tokens has only the
 * second.
 */
function findJobSecret(env) {
    return env.ACTIONS_ID_TOKEN_REQUEST_TOKEN || env.ACTIONS_RUNTIME_TOKEN || undefined;
}
/** Throws a UserError where there is none. */
function readJobSecret(env) {
    const secret = findJobSecret(env);
    if (secret !== undefined)
        return secret;
    throw new errors/* UserError */.yo("id-token-endpoint", "ACTIONS_RUNTIME_TOKEN is not set. The runner sets it for every action, and this action tells the files of one job from those of another by it.");
}
function seal(text, jobSecret) {
    const iv = (0,external_node_crypto_namespaceObject.randomBytes)(IV_BYTES);
    const cipher = (0,external_node_crypto_namespaceObject.createCipheriv)(CIPHER, keyOf(jobSecret), iv);
    const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString("base64");
}
/** Throws if it was not sealed in this job. */
function unseal(sealed, jobSecret) {
    if (!jobSecret)
        throw new Error("neither ACTIONS_ID_TOKEN_REQUEST_TOKEN nor ACTIONS_RUNTIME_TOKEN is set in this step");
    const bytes = Buffer.from(sealed, "base64");
    try {
        const decipher = (0,external_node_crypto_namespaceObject.createDecipheriv)(CIPHER, keyOf(jobSecret), bytes.subarray(0, IV_BYTES));
        decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
        const text = decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES));
        return Buffer.concat([text, decipher.final()]).toString("utf8");
    }
    catch (error) {
        throw new Error("the previous values were encrypted in another job", { cause: error });
    }
}
function keyOf(jobSecret) {
    return new Uint8Array((0,external_node_crypto_namespaceObject.hkdfSync)("sha256", jobSecret, "", "aws-role-refresh: the user's own settings", 32));
}

;// CONCATENATED MODULE: ../lib/src/base/schema.js
/** A string that matches a pattern, which has to match it as a whole and bound its length. */
function schema_text(pattern) {
    return (value) => {
        if (typeof value === "string" && pattern.test(value))
            return value;
        throw new Error(`not a text that matches ${pattern}`);
    };
}
function oneOf(...allowed) {
    return (value) => {
        const found = allowed.find((one) => one === value);
        if (found !== undefined)
            return found;
        throw new Error(`none of ${allowed.join(", ")}`);
    };
}
/** A finite number that is not negative. */
function amount(value) {
    if (Number.isFinite(value) && value >= 0)
        return value;
    throw new Error("not a number of 0 or more");
}
/** An integer of 1 or more. */
function positive(value) {
    if (Number.isSafeInteger(value) && value > 0)
        return value;
    throw new Error("not a positive integer");
}
function schema_boolean(value) {
    if (typeof value === "boolean")
        return value;
    throw new Error("not true or false");
}
function nullable(schema) {
    return (value) => (value === null ? null : schema(value));
}
function schema_list(item, limit) {
    return (value) => {
        if (Array.isArray(value) && value.length <= limit)
            return value.map(item);
        throw new Error(`not a list of at most ${limit}`);
    };
}
function dictionary(key, item) {
    return (value) => Object.fromEntries(Object.entries(plain(value)).map(([name, one]) => {
        if (!key.test(name))
            throw new Error(`a name that does not match ${key}`);
        return [name, item(one)];
    }));
}
/** A property that may be missing. */
function optional(schema) {
    return (value) => (value === undefined ? undefined : schema(value));
}
function schema_object(fields) {
    return (value) => {
        const given = plain(value);
        const result = {};
        for (const [name, schema] of Object.entries(fields)) {
            const read = schema(Object.hasOwn(given, name) ? given[name] : undefined);
            if (read !== undefined)
                result[name] = read;
        }
        return result;
    };
}
function plain(value) {
    if (typeof value === "object" && value !== null && !Array.isArray(value))
        return value;
    throw new Error("not an object");
}

;// CONCATENATED MODULE: ../lib/src/keeper/record.js


/** More than the keeper ever records. */
const MAX_ENTRIES = 1000;
/** Clock ticks since boot. */
const TICKS = schema_text(/^\d{1,20}$/);
/** A finite number. */
function offset(value) {
    if (Number.isFinite(value))
        return value;
    throw new Error("not a number");
}
const interval = schema_object({ from: amount, to: amount });
const outage = schema_object({
    from: amount,
    to: optional(amount),
    attempts: positive,
    lastError: schema_text(/^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]{0,1000}$/u),
});
const why = oneOf("stopped", "stopped by a step", "job directory gone", "job over", "request token expired", "failed");
const keeperStatus = schema_object({
    pid: positive,
    started: optional(TICKS),
    startedAt: amount,
    tokenReceivedAt: amount,
    tokenExpiresAt: amount,
    lifetimeMs: amount,
    silentUntil: amount,
    clockOffsetMs: optional(offset),
    refreshes: amount,
    failures: amount,
    longestAgeMs: amount,
    received: schema_list(amount, MAX_ENTRIES),
    outages: schema_list(outage, MAX_ENTRIES),
    stale: schema_list(interval, MAX_ENTRIES),
    revivals: optional(schema_list(amount, MAX_ENTRIES)),
    watcher: optional(schema_object({ pid: positive, started: optional(TICKS) })),
    ended: optional(schema_object({ at: amount, why })),
});
/** The last status of the keeper of a token directory, if it wrote one. */
function record_readStatus(directory) {
    return readRecord(directory.status, keeperStatus);
}
function writeStatus(directory, status) {
    writeRecord(directory.status, status);
}

;// CONCATENATED MODULE: ../lib/src/job/records.js




/** The names of records, and the only names that this action makes a path of. */
const ID = schema_text(/^[0-9a-f]{1,64}$/);
const processIdentity = schema_object({ pid: positive, started: optional(TICKS) });
const keeperId = schema_text(/^(?:tokens|sessions)\/[0-9a-f]{16}$/);
/** Far more than a chain of roles has. */
const MAX_KEEPERS = 50;
const PATH = schema_text(/^[^\p{Cc}]{0,4096}$/u);
const about = {
    id: ID,
    startedAt: amount,
    profile: schema_text(/^[\w.-]{1,64}$/),
    roleArn: schema_text(/^arn:[\x21-\x7e]{1,2048}$/),
    sessionName: schema_text(/^[\w+=,.@-]{2,64}$/),
    audience: optional(schema_text(/^[\x21-\x7e]{1,255}$/)),
    keepers: schema_list(keeperId, MAX_KEEPERS),
    stsEndpoint: optional(schema_text(/^https?:\/\/[\x21-\x7e]{1,2048}$/)),
};
const ANYTHING = schema_text(/^[\s\S]{0,1000000}$/);
const SEALED = schema_text(/^[A-Za-z0-9+/]{1,1000000}={0,2}$/);
/** The values become variables of later steps, so no other name than an SDK's is accepted. */
const records_VARIABLE = /^AWS_[A-Z0-9_]{1,64}$/;
const published = {
    ...about,
    endsWithIdTokens: schema_boolean,
    exported: dictionary(records_VARIABLE, schema_text(/^[^\p{Cc}]{0,8192}$/u)),
    previous: SEALED,
};
const publishedUse = schema_object(published);
const previousVariables = dictionary(records_VARIABLE, nullable(ANYTHING));
const originalSections = schema_object({ config: ANYTHING, credentials: ANYTHING });
const use = schema_object({
    ...published,
    order: positive,
    section: schema_text(/^[\x20-\x7e\n]{1,16384}$/),
    original: SEALED,
});
const finishedUse = schema_object({
    ...about,
    endedAt: amount,
    ended: schema_list(schema_object({ id: keeperId, status: keeperStatus, died: schema_boolean }), MAX_KEEPERS),
});
const claim = schema_object({
    job: schema_text(/^[0-9a-f]{64}$/),
    worker: optional(processIdentity),
    previous: schema_object({
        AWS_CONFIG_FILE: nullable(PATH),
        AWS_SHARED_CREDENTIALS_FILE: nullable(PATH),
    }),
});
function records_readClaim(job) {
    return readRecord(job.claim, claim);
}
/** Throws on a record that post would not accept. */
function writeUse(job, record) {
    files_writeRecord(`${job.uses}/${record.id}.json`, use(record));
}
/** The uses of a job that are not over, in order. */
function activeUses(job) {
    return readAll(job.uses, use).sort((a, b) => a.order - b.order);
}
/** How many files in the folder of these records are not valid records. */
function brokenUses(job) {
    return private_directory_entriesOf(job.uses).filter((name) => name.endsWith(".json")).length - activeUses(job).length;
}
function finishedUses(job) {
    return readAll(job.finished, finishedUse);
}
/** Every record in a directory whose name is its own: a copy under another name is not a second use. */
function readAll(directory, schema) {
    return private_directory_entriesOf(directory)
        .filter((name) => name.endsWith(".json"))
        .flatMap((name) => {
        const record = readRecord(`${directory}/${name}`, schema);
        return record && name === `${record.id}.json` ? record : [];
    });
}

;// CONCATENATED MODULE: ../lib/src/job/aws-files.js




/**
 * Puts a use's section in the place of every other section of its profile.
 * @param others sections of names of our own, which stay until the directory goes: a keeper may use them for
 * longer than this use
 */
function placeProfile(job, { profile, section }, others) {
    const config = placeInConfig(readText(job.config), profile, section);
    const credentials = placeInCredentials(readText(job.credentials), profile, section);
    const text = append(config.text, others);
    return {
        config: text,
        original: { config: config.taken, credentials: credentials.taken },
        save() {
            writeText(job.config, text);
            writeText(job.credentials, credentials.text);
        },
    };
}
/** Restores the profile as it was before a use: the section of another use, or the user's own. */
function restoreProfile(job, use, others, jobSecret) {
    const config = readText(job.config);
    const earlier = others.findLast((other) => other.profile === use.profile);
    if (earlier) {
        writeText(job.config, placeInConfig(config, use.profile, earlier.section).text);
        const credentials = readText(job.credentials);
        writeText(job.credentials, placeInCredentials(credentials, use.profile, earlier.section).text);
        return;
    }
    // Ours goes in any case, also where the user's own cannot be read.
    let original = { config: "", credentials: "" };
    try {
        original = originalSections(JSON.parse(unseal(use.original, jobSecret)));
    }
    finally {
        writeText(job.config, append(takeFromConfig(config, use.profile).kept, original.config));
        const credentials = takeFromCredentials(readText(job.credentials), use.profile);
        writeText(job.credentials, append(credentials.kept, original.credentials));
    }
}
/** As latin1, which maps every byte to one character and back. "" if there is no file. */
function readText(file, limit) {
    return (readFileIfExists(file, limit) ?? Buffer.alloc(0)).toString("latin1");
}
function writeText(file, text) {
    writeFileAtomic(file, Buffer.from(text, "latin1"));
}

;// CONCATENATED MODULE: ../lib/src/job/chain.js





/** The names of the profiles that this action adds for itself. */
const PREFIX = "aws-role-refresh-";
const targetProfile = (useId) => `${PREFIX}${useId}`;
const sourceProfile = (useId) => `${PREFIX}${useId}-source`;
/** Throws a UserError if there is no such profile. */
function findSource(job, use, source, uses) {
    const name = "profile" in source ? source.profile : use.profile;
    const earlier = uses.findLast(({ profile }) => profile === name);
    if (earlier) {
        const profile = sourceProfile(use.id);
        const { keepers, endsWithIdTokens } = earlier;
        return { profile, copy: renamed(earlier.section, name, profile), keepers, endsWithIdTokens };
    }
    if ("sameProfile" in source) {
        throw new errors/* UserError */.yo("chain-without-source", `role-chaining is true, but no earlier step of this job uses this action with profile ${(0,base_text/* quoted */.TL)(name)}. Add a step before ` +
            "this one that uses it for the first role, with the same profile; or say where the role is reached from: source-profile (a profile in your own " +
            "AWS files) or credential-source (keys in the environment, or the runner's own role).");
    }
    const [config, credentials] = [readText(job.config), readText(job.credentials)];
    if (name !== use.profile && hasProfile(config, credentials, name))
        return { profile: name, copy: "", keepers: [], endsWithIdTokens: false };
    const names = profileNames(config, credentials).filter((one) => one !== use.profile && !one.startsWith(PREFIX));
    throw new errors/* UserError */.yo("chain-without-source", name === use.profile
        ? `source-profile is ${(0,base_text/* quoted */.TL)(name)}, which is the profile that this use itself writes. Give this use another profile.`
        : `source-profile is ${(0,base_text/* quoted */.TL)(name)}, but there is no such profile. ${names.length === 0 ? "There are no others" : `There are: ${names.slice(0, 10).join(", ")}`}. ` +
            "It may be the profile of an earlier use of this action in this job, or one of your own AWS files (AWS_CONFIG_FILE).");
}
/** A profile with the name of its source in it. */
function reachedFrom(profile, source) {
    const { identity } = profile;
    if (source === undefined || !("source" in identity))
        return profile;
    return { ...profile, identity: { ...identity, source: { profile: source.profile } } };
}
/** A use in the place of a user's profile would change where an earlier chain begins. */
function refuseSourceOfAnother(profile, uses) {
    const line = `\nsource_profile = ${profile}\n`;
    const chain = uses.find(({ section }) => section.includes(line));
    if (chain === undefined)
        return;
    throw new errors/* UserError */.yo("chain-without-source", `Profile ${(0,base_text/* quoted */.TL)(profile)} is the source of ${(0,base_text/* quoted */.TL)(chain.roleArn)}, which an earlier use of this action reaches from it. Give this use another profile.`);
}

;// CONCATENATED MODULE: ../lib/src/keeper/stop.js






/** Whether a keeper is running for a token directory. */
function hasKeeper(directory) {
    const status = record_readStatus(directory);
    return status !== undefined && status.ended === undefined && isKeeperOf(directory, status);
}
const STOP_TIMEOUT_MS = 2_000;
/** What post writes into the stop file. A step that makes one may leave it empty. */
const BY_POST = "post\n";
/**
 * Ends the keeper of a token directory, if there is one: first with the stop file, and if that has no effect
 * with signals. Only the process that wrote the status file and works in this directory ever gets a signal.
 */
async function stopKeeper(directory) {
    const status = record_readStatus(directory);
    if (status !== undefined && !isKeeperOf(directory, status)) {
        stopWatcher(status);
        const keeper = isAskedByPost(directory) ? status : notByPost(status);
        return { keeper, keeperDied: status.ended === undefined };
    }
    const isAsked = ask(directory);
    if (status === undefined)
        return {};
    const isGone = () => !process_isRunning(status);
    const hasEnded = () => record_readStatus(directory)?.ended !== undefined;
    if (isAsked)
        await within(STOP_TIMEOUT_MS, () => isGone() || hasEnded());
    for (const signal of signalsFor(status, isAsked, hasEnded())) {
        if (isGone())
            break;
        // First, or it would bring back what is killed next.
        if (signal === "SIGKILL")
            stopWatcher(status);
        try {
            process.kill(status.pid, signal);
        }
        catch {
            // It has just ended, or belongs to another user. A keeper also ends when its directory is gone, and the
            // caller removes that next.
        }
        await within(STOP_TIMEOUT_MS, isGone);
    }
    if (status.started === undefined)
        await within(STOP_TIMEOUT_MS, isGone);
    return { keeper: record_readStatus(directory) ?? status };
}
/**
 * Ends a keeper whose directory is not where it was, and deletes what it kept, wherever a step has moved the
 * directory. Does nothing if that process has ended, or without /proc.
 */
async function stopMovedKeeper({ pid, started }) {
    const isGone = () => started === undefined || !isRunning({ pid, started });
    if (isGone())
        return;
    const directory = fs.openSync(`/proc/${pid}/cwd`, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    try {
        if (isGone())
            return;
        // First the watcher, or it would bring back what is killed next; and no keeper that runs replaces it.
        process.kill(pid, "SIGSTOP");
        const status = readStatus(keeperDirectoryAt(`/proc/self/fd/${directory}`));
        if (status?.pid === pid)
            stopWatcher(status);
        process.kill(pid, "SIGKILL");
        await within(STOP_TIMEOUT_MS, isGone);
        for (const secret of ["token", "session"])
            fs.rmSync(`/proc/self/fd/${directory}/${secret}`, { force: true });
    }
    finally {
        fs.closeSync(directory);
    }
}
function stopWatcher({ watcher }) {
    // Without a start time a pid proves nothing.
    if (watcher?.started === undefined || !process_isRunning(watcher))
        return;
    try {
        process.kill(watcher.pid, "SIGKILL");
    }
    catch {
        // It has just ended.
    }
}
/** Makes the stop file. Returns whether the keeper can see one: not on a full disk. */
function ask(directory) {
    try {
        external_node_fs_namespaceObject.writeFileSync(directory.stop, BY_POST, { flag: "wx", mode: 0o600 });
    }
    catch {
        // Another post or a step has made one, or it cannot be made.
    }
    return external_node_fs_namespaceObject.existsSync(directory.stop);
}
function isAskedByPost(directory) {
    try {
        return readFileIfExists(directory.stop, BY_POST.length)?.toString() === BY_POST;
    }
    catch {
        return false;
    }
}
/** The status of a keeper that was asked to end by a stop file that no post made. */
function notByPost(status) {
    const { ended } = status;
    return ended?.why === "stopped" ? { ...status, ended: { ...ended, why: "stopped by a step" } } : status;
}
/**
 * Whether the process that wrote the status still runs, and is a keeper of this directory: it works in there.
 * Without /proc nothing more than the pid is known.
 */
function isKeeperOf(directory, { pid, started }) {
    if (started === undefined)
        return process_isRunning({ pid });
    if (!process_isRunning({ pid, started }))
        return false;
    try {
        const [one, other] = [external_node_fs_namespaceObject.statSync(`/proc/${pid}/cwd`), external_node_fs_namespaceObject.statSync(directory.path)];
        return one.dev === other.dev && one.ino === other.ino;
    }
    catch {
        return false;
    }
}
/**
 * Without /proc a pid proves nothing, because the keeper may have ended and another process may have its pid.
 * Then the keeper sees the stop file at its next tick. SIGTERM only makes a keeper look at once whether it is
 * asked to end. One that has recorded its end only has to exit, and V8 takes longer for that than the keeper
 * takes for everything else.
 */
function signalsFor({ started }, isAsked, hasEnded) {
    if (started === undefined)
        return [];
    return isAsked && !hasEnded ? ["SIGTERM", "SIGKILL"] : ["SIGKILL"];
}
/** Waits until something is true, or for `ms`. */
async function within(ms, isTrue) {
    const deadline = performance.now() + ms;
    while (!isTrue() && performance.now() < deadline)
        await (0,promises_namespaceObject.setTimeout)(1);
}

;// CONCATENATED MODULE: ../lib/src/job/removal.js








/**
 * Gives us back the permissions that a step may have taken away or given to others, on the job directory and
 * the directories in it. To delete what is ours, owner and "not a link" are enough; to trust it takes more.
 */
function closeAll(job) {
    closeDirectory(job.path);
    for (const directory of [job.uses, job.finished, job.tokens, job.sessions])
        if (removal_isOurs(directory))
            closeDirectory(directory);
    for (const { path } of keeperDirectories(job))
        if (removal_isOurs(path))
            closeDirectory(path);
}
/** Ends every keeper of a job directory and deletes every token and session: before anything else can fail. */
async function takeSecrets(job) {
    const taken = keeperDirectories(job).map(takeSecret);
    await Promise.allSettled(taken);
    await Promise.all(taken); // now the first failure counts
}
/**
 * Ends the keeper of a directory and deletes what it kept. Returns what the keeper recorded. If a step has
 * put something else in its place, its keeper finds that out itself.
 */
async function takeSecret(directory) {
    if (!removal_isOurs(directory.path))
        return {};
    const stopped = await stopKeeper(directory);
    try {
        removeNow(directory.secret);
    }
    catch (error) {
        // Windows, and a program has it open: the caller removes the directory, and waits for that program then.
        if (!isHeld(error))
            throw error;
    }
    return stopped;
}
/** Renames the job directory first, so that its name is free at once, and then deletes it. */
function removeJobDirectory(job) {
    // A name that nobody can occupy beforehand.
    const gone = `${job.path}.${(0,external_node_crypto_namespaceObject.randomBytes)(8).toString("hex")}.gone`;
    try {
        external_node_fs_namespaceObject.renameSync(job.path, gone);
    }
    catch {
        removeTree(job.path);
    }
    removeTree(gone);
    clearRemains(job);
}
/** Deletes what a post that was killed during `removeJobDirectory` left. */
function clearRemains(job) {
    const parent = external_node_path_.dirname(job.path);
    const name = external_node_path_.basename(job.path);
    for (const entry of private_directory_entriesOf(parent)) {
        if (!entry.startsWith(`${name}.`) || !entry.endsWith(".gone"))
            continue;
        try {
            removeTree(`${parent}/${entry}`);
        }
        catch {
            // Another post is deleting it, too.
        }
    }
}
/**
 * Deletes a path with everything in it, and enters no link. What cannot be deleted does not stop it from
 * deleting the rest. On Windows it waits for programs that have a file open, for up to 3 s. What they still
 * hold is then empty, and the error names the first.
 */
function removeTree(target) {
    try {
        patiently(() => removeNow(target));
    }
    catch (error) {
        const { path: held } = error;
        if (!isHeld(error) || held === undefined)
            throw error;
        const state = isEmpty(held) ? "It is empty now" : "It could not be emptied, either";
        throw new Error(`Windows does not delete ${held}, because another program has it open. ${state}`, {
            cause: error,
        });
    }
}
function removeNow(target) {
    try {
        const stat = external_node_fs_namespaceObject.lstatSync(target);
        if (stat.isDirectory())
            removeDirectory(target);
        else
            removeFile(target, stat.isFile());
    }
    catch (error) {
        if ((0,errors/* errorCode */.CA)(error) !== "ENOENT")
            throw error;
    }
}
/** Empties what Windows does not let it delete: whoever has it open may share it for writing. */
function removeFile(file, isRegular) {
    try {
        external_node_fs_namespaceObject.unlinkSync(file);
    }
    catch (error) {
        try {
            if (isRegular && isHeld(error))
                external_node_fs_namespaceObject.truncateSync(file);
        }
        catch {
            // Not even that.
        }
        throw error;
    }
}
/** A directory is, and what is gone. */
function isEmpty(target) {
    const stat = external_node_fs_namespaceObject.lstatSync(target, { throwIfNoEntry: false });
    return !stat?.isFile() || stat.size === 0;
}
function removeDirectory(target) {
    try {
        closeDirectory(target);
    }
    catch {
        // Another user's: perhaps its contents can still be deleted.
    }
    inside(target, (directory) => {
        const failures = [];
        // The lock of a job directory last, and only when all else is gone: another main waits for it.
        for (const name of external_node_fs_namespaceObject.readdirSync(directory).sort((one, other) => isLock(one) - isLock(other))) {
            if (failures.length > 0 && isLock(name))
                break;
            try {
                removeNow(`${directory}/${name}`);
            }
            catch (error) {
                failures.push(error);
            }
        }
        if (failures.length > 0)
            throw failures[0];
    });
    external_node_fs_namespaceObject.rmdirSync(target);
}
function isLock(name) {
    return Number(name.startsWith("lock."));
}
/**
 * On Linux, a path that names the very directory, even if somebody renames it or puts a link in its place.
 */
function inside(target, action) {
    if (process.platform !== "linux") {
        action(target);
        return;
    }
    const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = external_node_fs_namespaceObject.constants;
    const fd = external_node_fs_namespaceObject.openSync(target, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
        action(`/proc/self/fd/${fd}`);
    }
    finally {
        external_node_fs_namespaceObject.closeSync(fd);
    }
}
/** The directories of all keepers of a job. */
function keeperDirectories(job) {
    const inside = (folder, kind) => removal_isOurs(folder) ? private_directory_entriesOf(folder).map((name) => layout_keeperDirectoryAt(`${folder}/${name}`, kind)) : [];
    return [...inside(job.tokens, "token"), ...inside(job.sessions, "session")];
}
function removal_isOurs(directory) {
    try {
        return notOurs(directory) === undefined;
    }
    catch {
        return false; // gone
    }
}

;// CONCATENATED MODULE: ../lib/src/job/claim.js










/**
 * Makes the directory this job's, and copies the user's AWS files into it, unless an earlier use has done so.
 * Throws a UserError while another job uses it.
 */
async function claim_claim(job, jobSecret, ambient, home, worker) {
    const identity = identityOf(jobSecret);
    const found = records_readClaim(job);
    const claimed = found?.job === identity ? found : await takeOver(job, found, identity, ambient, worker);
    seed(job.config, "AWS_CONFIG_FILE", claimed, home);
    seed(job.credentials, "AWS_SHARED_CREDENTIALS_FILE", claimed, home);
    return claimed;
}
/** Whether the directory is the job's that has this request token, and not one that a crashed job left. */
function isClaimedBy(job, jobSecret) {
    return readClaim(job)?.job === identityOf(jobSecret);
}
/** Whether the directory belongs to another job, and that job still runs. */
function isOfAnotherJob(job, jobSecret) {
    const found = records_readClaim(job);
    if (found === undefined || (jobSecret && found.job === identityOf(jobSecret)))
        return false;
    return isAlive(job, found);
}
function identityOf(jobSecret) {
    return (0,external_node_crypto_namespaceObject.createHash)("sha256").update(jobSecret).digest("hex");
}
/**
 * Where no worker is known (containers, macOS, other runners), a keeper shows that its job runs. Also on
 * Windows, where another process may have got the worker's pid since.
 */
function isAlive(job, { worker }) {
    if (worker && !process_isRunning(worker))
        return false;
    if (worker?.started !== undefined)
        return true;
    return keeperDirectories(job).some(hasKeeper);
}
/**
 * Empties the directory first: a job that crashed may have left anything in it, and none of it is trusted.
 */
async function takeOver(job, found, identity, ambient, worker) {
    if (found && isAlive(job, found)) {
        throw new errors/* UserError */.yo("job-directory", `${job.path} belongs to another job that is still running. Two jobs cannot share one RUNNER_TEMP: give each runner its own work folder.`);
    }
    await takeSecrets(job);
    for (const name of external_node_fs_namespaceObject.readdirSync(job.path)) {
        if (!name.startsWith("lock."))
            removeTree(`${job.path}/${name}`);
    }
    openJobDirectory(job);
    // The environment of a long-lived runner may still name files of the job that crashed.
    const before = (name) => {
        const value = ambient[name];
        return value?.startsWith(`${job.path}/`) ? null : (value ?? null);
    };
    const made = {
        job: identity,
        ...(worker && { worker }),
        previous: {
            AWS_CONFIG_FILE: before("AWS_CONFIG_FILE"),
            AWS_SHARED_CREDENTIALS_FILE: before("AWS_SHARED_CREDENTIALS_FILE"),
        },
    };
    files_writeRecord(job.claim, made);
    return made;
}
/**
 * Copies a file of the user, so that the user's other profiles keep working. Without one, makes an empty
 * file.
 */
function seed(target, variable, { previous }, home) {
    if (external_node_fs_namespaceObject.existsSync(target))
        return;
    const source = previous[variable]?.replace(/^~(?=\/)/, () => home) || defaultFiles(home)[variable];
    let content;
    try {
        // /dev/null is a common way to name no file.
        if (source !== "/dev/null")
            content = readFileIfExists(source);
    }
    catch (error) {
        // Service users often have HOME=/dev/null: SDKs find no file there, either.
        if ((0,errors/* errorCode */.CA)(error) !== "ENOTDIR") {
            throw new errors/* UserError */.yo("aws-files", `${source} cannot be read (${(0,errors/* errorText */.kc)(error)}). This action copies its profiles for later steps. Make it readable, or set ${variable} to another file.`);
        }
    }
    writeFileAtomic(target, content ?? "");
}

;// CONCATENATED MODULE: ../lib/src/job/parts.js

/** Runs the parts of the cleanup one after another; a part that fails does not stop the next. */
class Parts {
    /** What could not be done, and why. */
    damage = [];
    async try(what, action) {
        try {
            await action();
        }
        catch (error) {
            this.damage.push(`${what}: ${(0,errors/* errorText */.kc)(error)}`);
        }
    }
}

;// CONCATENATED MODULE: ../lib/src/job/token-file.js




const MAX_TOKEN_BYTES = 64 * 1024;
/** Another use's keeper may have written a newer token while this use waited for the lock. */
function writeToken(directory, token) {
    ensurePrivateDirectory(directory.path);
    if (expiry(readText(directory.secret, MAX_TOKEN_BYTES)) < expiry(token))
        writeFileAtomic(directory.secret, token);
}
function expiry(token) {
    return timeClaim(decodeClaims(token), "exp") ?? 0;
}

;// CONCATENATED MODULE: ../lib/src/job/uses.js



















/** Post should not take long, and a process that holds the lock for longer than this hangs. */
const POST_LOCK_WAIT_MS = 12_000;
/**
 * Enters a use into the job directory: token file, record, profile. In this order, so that post can undo a
 * main that was killed at any point. Returns what post needs in case the record does not last.
 * @param jobSecret what every step of this job has, and no other job (base/seal.ts)
 */
async function beginUse(job, { visible, hidden, source, token, outlives = false, ...use }, jobSecret, ambient, home, worker = findWorker()) {
    return locked(job, async () => {
        const claimed = await claim_claim(job, jobSecret, ambient, home, worker);
        const uses = activeUses(job);
        const earlier = uses.findLast((other) => other.profile === use.profile);
        refuseSourceOfAnother(use.profile, uses);
        const from = source && findSource(job, use, source, uses);
        const section = renderProfile(reachedFrom(visible, from));
        const others = `${from?.copy ?? ""}${hidden ? renderProfile(reachedFrom(hidden, from)) : ""}`;
        const { original, config, save } = placeProfile(job, { profile: use.profile, section }, others);
        checkEndpoints({ ...use, section }, uses, config, ambient);
        if (token !== undefined)
            writeToken(tokenDirectory(job, use.audience ?? ""), token);
        const previous = {};
        for (const name of [...Object.keys(use.exported), ...IDENTITY_VARIABLES])
            previous[name] = ambient[name] ?? null;
        const record = {
            ...use,
            section,
            keepers: [...new Set([...use.keepers, ...(from?.keepers ?? [])])],
            endsWithIdTokens: !outlives && (use.audience !== undefined || (from?.endsWithIdTokens ?? false)),
            order: Math.max(0, ...uses.map((other) => other.order)) + 1,
            original: earlier?.original ?? seal(JSON.stringify(original), jobSecret),
            previous: seal(JSON.stringify({ ...previous, ...claimed.previous }), jobSecret),
        };
        writeUse(job, record);
        save();
        const { order: _, section: __, original: ___, ...published } = record;
        return published;
    });
}
/**
 * Removes a use from the job directory, and the directory with the last use. Every step may be interrupted
 * and repeated. Keeper and token are the first to go, even if the directory cannot be locked or trusted.
 * Returns undefined if that use has no record (any more).
 */
async function endUse(job, id, { jobSecret, outcome = "over", restore = () => { } }) {
    clearRemains(job);
    let isLocked = false;
    let open;
    try {
        const fault = notOurs(job.path);
        if (fault)
            throw new Error(`${job.path} ${fault}, because another program replaced the job directory`);
        open = openness(job.path);
        if (open && outcome === "failed")
            throw new Error(`${job.path} ${open}`);
        closeAll(job);
        if (open)
            return await removeUnbelieved(job, open);
        return await withLock(job, POST_LOCK_WAIT_MS, () => {
            isLocked = true;
            return end(job, id, { jobSecret, outcome, restore });
        });
    }
    catch (error) {
        // It never existed, or another post has just removed it.
        if ((0,errors/* errorCode */.CA)(error) === "ENOENT" && !external_node_fs_namespaceObject.existsSync(job.path))
            return undefined;
        // Main may try again later. Post is the last chance: on a full disk, or beside a process that hangs.
        if (isLocked || open || outcome === "failed" || notOurs(job.path) !== undefined)
            throw error;
        const ended = await end(job, id, { jobSecret, outcome, restore });
        ended?.damage.unshift(`lock the job directory: ${(0,errors/* errorText */.kc)(error)}`);
        return ended;
    }
}
/** Others may have written anything into it. So only what can be verified is used: the keeper's process. */
async function removeUnbelieved(job, open) {
    const parts = new Parts();
    parts.damage.push(`use the records of the job directory, because it ${open}. Post deletes the directory`);
    await parts.try("end the keeper and delete the token", () => takeSecrets(job));
    await parts.try("delete the job directory", () => removeJobDirectory(job));
    return { use: undefined, others: [], finished: [], roleArns: [], damage: parts.damage };
}
async function end(job, id, { jobSecret, outcome, restore }) {
    const uses = activeUses(job);
    const use = uses.find((other) => other.id === id);
    const others = uses.filter((other) => other !== use);
    if (!use) {
        if (others.length === 0 && !isOfAnotherJob(job, jobSecret))
            await removeAll(job);
        return undefined;
    }
    const { startedAt, profile, roleArn, sessionName, audience, keepers, stsEndpoint } = use;
    const named = { id, startedAt, profile, roleArn, sessionName, audience, keepers, stsEndpoint };
    const over = { ...named, endedAt: Date.now(), ended: [] };
    const parts = new Parts();
    const broken = brokenUses(job);
    if (broken > 0)
        parts.damage.push(`use ${broken} of the records in ${job.uses}: a step changed them or put them there`);
    // Tokens and sessions first: they have to go, even if a step has damaged everything else in the directory.
    for (const keeper of keepers.filter((one) => !others.some((other) => other.keepers.includes(one))))
        await parts.try(`end the keeper and delete the ${kindOf(keeper)}`, async () => {
            const directory = keeperDirectory(job, keeper);
            const { keeper: status, keeperDied: died = false } = await takeSecret(directory);
            if (status)
                over.ended.push({ id: keeper, status, died });
            // Else with the job directory, or what Windows does not delete would be waited for and reported twice.
            if (others.length > 0)
                removeTree(directory.path);
        });
    let config = "";
    await parts.try("restore the profile", () => {
        config = readText(job.config);
        if (others.length > 0)
            restoreProfile(job, use, others, jobSecret);
    });
    await parts.try("restore the environment", () => restore(use, others));
    await parts.try("record the end of this use", () => {
        ensurePrivateDirectory(job.finished);
        if (outcome === "over")
            files_writeRecord(`${job.finished}/${id}.json`, over);
    });
    const finished = finishedUses(job).filter((other) => other.id !== id);
    await parts.try("delete the job directory", async () => {
        if (others.length === 0)
            await removeAll(job);
        else
            removeTree(`${job.uses}/${id}.json`);
    });
    return {
        use,
        others,
        finished: outcome === "over" ? [...finished, over] : finished,
        roleArns: roleArnsIn(config),
        damage: parts.damage,
    };
}
async function removeAll(job) {
    try {
        await takeSecrets(job);
    }
    finally {
        removeJobDirectory(job);
    }
}

// EXTERNAL MODULE: external "node:child_process"
var external_node_child_process_ = __nccwpck_require__(421);
;// CONCATENATED MODULE: ../lib/src/job/worker.js


const TASKLIST_TIMEOUT_MS = 5_000;
let onWindows;
/** The runner's worker, whose end is the end of the job, or undefined: see findWorker in base/process.ts. */
function worker_findWorker() {
    if (process.platform !== "win32")
        return findWorker();
    onWindows ??= { found: parentIfWorker() };
    return onWindows.found;
}
/**
 * The runner starts an action's node.exe itself (actions/runner, src/Runner.Worker/Handlers/StepHost.cs), so its
 * worker is the parent of this process. No other ancestor can be found without another program. Under a runner
 * of another name, the parent may be a shell that ends with the step.
 */
function parentIfWorker() {
    const program = `${process.env.SystemRoot ?? "C:\\Windows"}\\System32\\tasklist.exe`;
    const { stdout } = (0,external_node_child_process_.spawnSync)(program, ["/NH", "/FO", "CSV", "/FI", `PID eq ${process.ppid}`], {
        stdio: ["ignore", "pipe", "ignore"],
        encoding: "latin1",
        timeout: TASKLIST_TIMEOUT_MS,
        windowsHide: true,
    });
    // One line, which begins with the name of the program. Wine's tasklist prints UTF-16.
    const line = stdout?.replaceAll("\0", "").trim() ?? "";
    return line.startsWith('"Runner.Worker.exe",') ? { pid: process.ppid } : undefined;
}

;// CONCATENATED MODULE: external "node:http"
const external_node_http_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:http");
var external_node_http_namespaceObject_0 = /*#__PURE__*/__nccwpck_require__.t(external_node_http_namespaceObject, 2);
;// CONCATENATED MODULE: external "node:https"
const external_node_https_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:https");
var external_node_https_namespaceObject_0 = /*#__PURE__*/__nccwpck_require__.t(external_node_https_namespaceObject, 2);
;// CONCATENATED MODULE: ../lib/src/base/proxy.js
// Node.js itself uses the proxies (https://nodejs.org/api/http.html#built-in-proxy-support): agents with
// `proxyEnv`, since Node.js 24.5. This file only explains to the user which proxy that is.



/** Whether a version of Node has agents with `proxyEnv`. */
function knowsProxies(version) {
    const [major = 0, minor = 0] = version.split(".").map(Number);
    return major > 24 || (major === 24 && minor >= 5);
}
/** Undefined where the environment names no proxy, or exempts the URL. */
function findProxy(env, url) {
    const name = new URL(url).protocol === "http:" ? "http_proxy" : "https_proxy";
    const proxy = env[name] || env[name.toUpperCase()];
    if (!proxy || isExempt(env, new URL(url)))
        return undefined;
    return /^https?:\/\//.test(proxy) && URL.canParse(proxy)
        ? { url: new URL(proxy).origin }
        : { unusable: "its URL does not begin with http:// or https://" };
}
function isExempt(env, url) {
    const entries = (env.no_proxy || env.NO_PROXY || "").match(/[^\s,]+/g) ?? [];
    return entries.some((entry) => ["*", url.host, url.hostname].includes(entry) ||
        url.hostname.endsWith(`.${entry.replace(/^\*?\./, "")}`));
}
/**
 * Throws a UserError where Node.js cannot parse a proxy of the environment: since 24.5 each agent would throw
 * for it (parseProxyUrl, lib/internal/http.js in nodejs/node), the SDK's agents where nothing catches it. The
 * value may hold a password and is not shown.
 */
function checkProxies(env) {
    for (const { Agent } of [external_node_http_namespaceObject_0, external_node_https_namespaceObject_0]) {
        const name = Agent === external_node_http_namespaceObject.Agent ? "http_proxy" : "https_proxy";
        try {
            new Agent({ keepAlive: false, proxyEnv: env });
        }
        catch {
            throw new errors/* UserError */.yo("proxy-cannot-be-used", `${env[name] ? name : name.toUpperCase()} does not hold a URL that Node.js can parse. Write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, ` +
                "and percent-encode special characters in user and password (%40 for @); or remove the variable.");
        }
    }
}
/** The warning where a proxy is set that this Node.js cannot use. */
function proxyWarning(env, url, version = process.versions.node) {
    const proxy = findProxy(env, url);
    if (proxy === undefined)
        return undefined;
    if ("unusable" in proxy)
        return `Node.js cannot use the proxy that is set in the environment, because ${proxy.unusable}, so requests bypass it. Write it as http://HOST:PORT.`;
    if (knowsProxies(version))
        return undefined;
    return `Node.js ${version} cannot use the proxy ${proxy.url}, so requests bypass it. Use a runner whose Node.js is 24.5 or newer.`;
}

;// CONCATENATED MODULE: ../lib/src/base/runner-temp.js




/**
 * The path of this job's directory in RUNNER_TEMP. Throws a UserError if SDKs would read that path in
 * different ways from a config file: `#` and `;` begin a comment for some, `$` and `%` a variable, and
 * non-ASCII breaks others (docs/compatibility.md).
 */
function runner_temp_jobDirectoryPath(runnerTemp, platform = process.platform) {
    if (!runnerTemp) {
        throw new errors/* UserError */.yo("runner-temp", "RUNNER_TEMP is not set. The runner sets it; this action cannot run without it.");
    }
    const isWindows = platform === "win32";
    const isAbsolute = (isWindows ? external_node_path_.win32 : external_node_path_.posix).isAbsolute(runnerTemp);
    const root = isWindows ? runnerTemp.replaceAll("\\", "/") : runnerTemp;
    const ambiguous = [...(isWindows ? "#;$%\"'`" : "#;$\"'`\\")];
    const isPlain = /^[\x20-\x7e]+$/.test(root) && !ambiguous.some((character) => root.includes(character));
    if (!isAbsolute || !isPlain) {
        throw new errors/* UserError */.yo("runner-temp", `RUNNER_TEMP is ${(0,base_text/* quoted */.TL)(runnerTemp, 200)}. It must be an absolute path in ASCII without any of ` +
            `${ambiguous.join(" ")}, which AWS SDKs interpret differently in a config file. Change the runner's work folder.`);
    }
    return `${root.replace(/\/+$/, "")}/${JOB_DIRECTORY}`;
}

;// CONCATENATED MODULE: ../lib/src/explain/explained.js


function explained_text(anchor, title, ...lines) {
    return { anchor, title, lines };
}
/** An annotation is read in a narrow box. */
const MAX_TITLE = 500;
/** @param report the first line of the log: what happened, in the words of the server or the system */
function explained({ anchor, title, lines }, report, cause) {
    const all = report === undefined ? lines : [report, ...lines];
    const details = all.map((line) => (0,base_text/* printable */.g$)(line)).join("\n");
    return new errors/* UserError */.yo(anchor, (0,base_text/* shortened */.vI)((0,base_text/* printable */.g$)(title), MAX_TITLE - 1), { details, cause });
}
/** In brackets, how a request went; empty where no proxy is set. */
function via(proxy) {
    if (proxy === undefined)
        return "";
    return "url" in proxy
        ? ` (through the proxy ${(0,base_text/* quoted */.TL)(proxy.url)})`
        : ` (not through the proxy that is set in the environment, because ${proxy.unusable})`;
}

;// CONCATENATED MODULE: ../lib/src/explain/network.js


const TEXTS = {
    certificate: ({ code }, { of, host, proxy }) => explained_text(`${of}-tls`, `The certificate of ${host} cannot be verified${code === undefined ? "" : `: ${code}`}`, `Cause: Node.js does not trust the certificate that it received. Usually a proxy or firewall intercepts TLS${via(proxy)} and presents its own CA's certificate; or the runner's clock is wrong.`, "Fix: put that CA's certificate (PEM) on the runner and name the file in the job's env: NODE_EXTRA_CA_CERTS for actions, AWS_CA_BUNDLE for later AWS steps.", `Check: openssl s_client -connect ${(0,base_text/* shellWord */.r7)(withPort(host))} -servername ${(0,base_text/* shellWord */.r7)(nameOf(host))} </dev/null | openssl x509 -noout -issuer -dates`),
    "not-tls": ({ code }, { stsEndpoint, host, proxy }) => explained_text("not-tls", `${host} did not answer with TLS${code === undefined ? "" : `: ${code}`}`, `Cause: something answered at this address${via(proxy)}, but not with TLS, or only with a TLS version that Node.js refuses. Usually an https URL names a port for plain http, or a proxy answers without TLS.`, `Fix: ${stsEndpoint === undefined ? "" : "correct the port in sts-endpoint, or give that server a certificate; or "}correct HTTPS_PROXY, or exempt the host with NO_PROXY. A certificate is not the problem.`, `Check on the runner: curl -v ${(0,base_text/* shellWord */.r7)(`https://${host}/`)}`),
    "unknown-name": (failure, { of, host, proxy, stsEndpoint }) => explained_text(`${of}-host-not-found`, `The name ${askedName(failure, host)} cannot be resolved: ${failure.code ?? "unknown name"}`, `Cause: ${of === "id-token" ? "" : `${stsEndpoint === undefined ? "aws-region" : "sts-endpoint"} is misspelled, or `}this runner's DNS does not have the name. The request was for ${host}${via(proxy) || " without a proxy"}.`, `Fix: correct ${of === "sts" ? "the input, " : ""}the runner's DNS, or HTTPS_PROXY and NO_PROXY. Check on the runner: nslookup ${(0,base_text/* shellWord */.r7)(askedName(failure, host))}`),
    dns: (failure, { of, host, proxy }) => explained_text(`${of}-host-not-found`, `DNS did not answer for the name ${askedName(failure, host)}${failure.code === undefined ? "" : `: ${failure.code}`}`, `Cause: the DNS server of this runner did not answer, or the runner has no network. The request was for ${host}${via(proxy) || " without a proxy"}.`, `Fix: run the job again. If it fails again, correct the runner's network or DNS. Check on the runner: nslookup ${(0,base_text/* shellWord */.r7)(askedName(failure, host))}`),
    proxy: (_, { host, proxy }) => explained_text("proxy-refused", `The proxy refused to connect this runner to ${host}`, `Fix: allow ${(0,base_text/* shellWord */.r7)(withPort(host))} in the proxy${via(proxy)}, or exempt it with NO_PROXY. If the proxy answered 407, put a valid user and password in the URL in HTTPS_PROXY.`, `Check on the runner: curl -v ${(0,base_text/* shellWord */.r7)(`https://${host}/`)}`),
    unreachable: ({ code }, { of, host, proxy, stsEndpoint }) => ({
        anchor: `${of}-unreachable`,
        title: `${host} cannot be reached: ${code ?? "no answer"}`,
        lines: stsEndpoint === undefined
            ? [
                `Cause: nothing answered${via(proxy) || " (no proxy was used)"}. A firewall or a proxy blocks the connection or, in a private network, a route or VPC endpoint is missing.`,
                `Fix: let the runner reach ${host} over HTTPS, or set HTTPS_PROXY (and NO_PROXY) on the runner. Check on the runner: curl -v ${(0,base_text/* shellWord */.r7)(`https://${host}/`)}`,
            ]
            : [
                `Cause: nothing answered${via(proxy) || " (no proxy was used)"}. The server in sts-endpoint is not running or listens on another port, or a firewall or a proxy blocks the connection.`,
                `Fix: start that server before this step, or correct sts-endpoint. Check on the runner: curl -v ${(0,base_text/* shellWord */.r7)(stsEndpoint)}`,
            ],
    }),
};
/** Whether neither GitHub nor STS answered. */
function isNetworkFailure(failure) {
    return Object.hasOwn(TEXTS, failure.kind);
}
function explainNetworkFailure(failure, server) {
    return TEXTS[failure.kind](failure, server);
}
/** The name that DNS was asked for: with a proxy, that is the proxy's. */
function askedName({ message }, host) {
    return /getaddrinfo \S+ ([\w.-]+)/.exec(message)?.[1] ?? nameOf(host);
}
function nameOf(host) {
    return host.replace(/:\d+$/, "");
}
function withPort(host) {
    return host.includes(":") ? host : `${host}:443`;
}

;// CONCATENATED MODULE: ../lib/src/explain/id-token.js



/** Explains why the runner set no ACTIONS_ID_TOKEN_REQUEST_URL. */
function explainNoPermission(trigger) {
    return explained(explained_text("id-token-permission", "This job is not allowed to request an ID token: it lacks the permission id-token: write", "Cause: GitHub did not offer ID tokens to this job: ACTIONS_ID_TOKEN_REQUEST_URL is not set.", "Fix: add these lines to the job, or to the top of the workflow. Add the other permissions that the job needs, because those that are not listed become none:", "", "permissions:", "  id-token: write", "  contents: read", "", "In a reusable workflow, the job that calls it (uses: …/workflow.yml) needs them as well: a called workflow cannot have more permissions than its caller.", ...barred(trigger)));
}
/** Jobs that GitHub never grants the permission. */
function* barred({ eventName, actor }) {
    const isPullRequest = /^pull_request(?!_target)/.test(eventName ?? "");
    const isDependabot = actor === "dependabot[bot]";
    if (isPullRequest)
        yield "This job runs for a pull request. If it comes from a fork, GitHub never grants id-token to its jobs.";
    if (isDependabot)
        yield "This job runs for Dependabot. GitHub treats its jobs like those of a fork: they get no id-token.";
    if (isPullRequest || isDependabot)
        yield "Skip the step for these jobs (if:), or use AWS in a workflow that runs on push.";
}
/** Explains why GitHub, or what stands in for it, issued no ID token. */
function explainIdTokenFailure(failure, situation) {
    const { endpointHost: host, proxy } = situation;
    const answer = isNetworkFailure(failure)
        ? explainNetworkFailure(failure, { of: "id-token", host, proxy })
        : textOf(failure, situation);
    return explained(answer, failure.message || host, failure);
}
function textOf({ kind, httpStatus }, { audience, endpointHost, proxy }) {
    if (kind === "malformed") {
        return explained_text("id-token-malformed", "The ID token endpoint did not return a valid ID token", `Cause: something between this runner and GitHub may have answered instead${via(proxy)}, or this server (GHES, Forgejo, a test server) may not fully support ID tokens.`, `Fix: let the answers of ${endpointHost} pass unchanged (NO_PROXY, if a proxy changes them). The token must be a JWT for the audience ${(0,base_text/* quoted */.TL)(audience)}, with exp.`);
    }
    const title = `GitHub did not issue an ID token: HTTP ${httpStatus ?? "error"}`;
    if (kind === "server-error" || kind === "throttled") {
        const fix = "Fix: run the job again. https://www.githubstatus.com shows whether GitHub Actions has a problem.";
        return explained_text("id-token-refused", title, fix);
    }
    if (httpStatus === 401 || httpStatus === 403) {
        return explained_text("id-token-refused", title, "Cause: GitHub rejected the job's request token. It has expired (after about 6 hours), the job was cancelled, or its variables come from another job.", "Fix: run the job again. Never set ACTIONS_ID_TOKEN_REQUEST_TOKEN or ACTIONS_ID_TOKEN_REQUEST_URL yourself.");
    }
    const fix = "Fix: run the job again. If it fails again, find what sets ACTIONS_ID_TOKEN_REQUEST_URL, or the proxy that answers instead of GitHub.";
    return explained_text("id-token-refused", title, fix);
}

;// CONCATENATED MODULE: ../lib/src/plan.js











/**
 * Decides everything that can be decided without touching anything. Throws a UserError for what has to be
 * refused.
 */
function makePlan(inputs, env) {
    const { role, sessionName, region, stsEndpoint, mirror } = inputs;
    const id = (0,external_node_crypto_namespaceObject.randomBytes)(8).toString("hex");
    const job = jobDirectory(runner_temp_jobDirectoryPath(env.RUNNER_TEMP));
    const endpoint = inputs.source === "id-token" || hasEndpoint(env) ? readEndpoint(env) : undefined;
    const { keeper, visible, hidden } = profilesOf(inputs, id, job);
    const files = { configFile: job.config, credentialsFile: job.credentials };
    const keysAreSource = needsKeys(inputs);
    const use = { ...visible, ...files, sessionName, mirror, keysAreSource };
    const { exports, warnings } = planEnvironment(env, use);
    checkProxies(env);
    const asked = endpoint?.url ?? stsEndpoint ?? `https://sts.${region}.amazonaws.com`;
    warnings.push(...[proxyWarning(env, asked), tlsWarning(env), policyWarning(inputs)].filter((text) => text !== undefined));
    return {
        id,
        inputs,
        endpoint,
        endsAt: endpoint && timeClaim(decodeClaims(endpoint.requestToken), "exp"),
        jobSecret: readJobSecret(env),
        job,
        keeper,
        visible,
        hidden,
        exports,
        warnings,
        masks: inputs.maskAccountId && role.accountId !== undefined ? [role.accountId] : [],
    };
}
/** Whether the role is assumed with keys in the environment. */
function needsKeys({ source }) {
    return source !== "id-token" && "credentials" in source && source.credentials === "Environment";
}
/** The profile that steps find, the one that only the keeper reads, and which keeper that is. */
function profilesOf(inputs, id, job) {
    const { profile, region, stsEndpoint, sessionName, source, externalId, audience } = inputs;
    const roleArn = inputs.role.arn;
    const about = { profile, region, stsEndpoint };
    let hidden;
    if (source !== "id-token") {
        // The name of a profile is known once the job's other uses are: job/chain.ts.
        const from = "credentials" in source ? source : { profile: "" };
        const durationSeconds = inputs.sharedSession ? undefined : inputs.durationSeconds;
        const identity = { roleArn, sessionName, externalId, durationSeconds, source: from };
        if (!inputs.sharedSession)
            return { keeper: undefined, visible: { ...about, identity }, hidden };
        hidden = { ...about, profile: targetProfile(id), identity };
    }
    const keeper = inputs.sharedSession ? sessionKeeper(id) : tokenKeeper(audience);
    const { secret } = keeperDirectory(job, keeper);
    const identity = inputs.sharedSession
        ? { sessionFile: secret }
        : { roleArn, sessionName, tokenFile: secret };
    return { keeper, visible: { ...about, identity }, hidden };
}
/** MinIO ignores them, and says nothing. */
function policyWarning({ policyArns, stsEndpoint }) {
    if (policyArns === undefined || !isOtherSts(stsEndpoint))
        return undefined;
    return "managed-session-policies is given with an sts-endpoint that is not AWS. Some servers, such as MinIO, ignore it without an error, and later steps can then do everything that the role may do. Check what they can do, or use inline-session-policy.";
}
/** main and keeper still verify certificates: start.ts. */
function tlsWarning(env) {
    if (env.NODE_TLS_REJECT_UNAUTHORIZED !== "0")
        return undefined;
    return ("NODE_TLS_REJECT_UNAUTHORIZED is 0 in this job: Node.js programs in it accept any certificate, and anyone on the " +
        "network path can read what they send. This action ignores it. Remove it, and name additional certificate authorities in NODE_EXTRA_CA_CERTS.");
}
function hasEndpoint(env) {
    return Boolean(env.ACTIONS_ID_TOKEN_REQUEST_URL && env.ACTIONS_ID_TOKEN_REQUEST_TOKEN);
}
/**
 * Set for a job that may have ID tokens (actions/runner,
 * src/Runner.Worker/Handlers/NodeScriptActionHandler.cs).
 */
function readEndpoint(env) {
    const url = env.ACTIONS_ID_TOKEN_REQUEST_URL ?? "";
    const requestToken = env.ACTIONS_ID_TOKEN_REQUEST_TOKEN ?? "";
    if (url === "" || requestToken === "") {
        throw explainNoPermission({ eventName: env.GITHUB_EVENT_NAME, actor: env.GITHUB_ACTOR });
    }
    if (!/^https?:\/\/[\x21-\x7e]+$/.test(url) || !URL.canParse(url) || !/^[\x21-\x7e]+$/.test(requestToken)) {
        throw new errors/* UserError */.yo("id-token-endpoint", "ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN must hold the URL and the token that the runner " +
            "sets. Remove them from the workflow's env.");
    }
    return { url, requestToken };
}

;// CONCATENATED MODULE: ../lib/src/aws/docker-args.js


/**
 * What `docker run` needs so that a container has a use's profile: one line, which means the same words to every POSIX
 * shell. Empty on Windows, where a Linux container cannot have the job directory's path.
 *
 * The whole directory is mounted: files in it are replaced by others of the same name, which the mount of a single file
 * would not show, and a chain reads more than one folder. Variables are passed by name, so a step's `env` still decides.
 * Not passed is what only neutralises a variable of the job, because a container inherits none. No key is ever passed.
 */
function dockerArgs(directory, profile, exports, platform = process.platform) {
    if (platform === "win32")
        return "";
    const names = Object.keys(exports).filter((name) => exports[name] !== "" && !PROFILES.includes(name));
    const variables = profile === "default" ? names : [...names, `AWS_PROFILE=${profile}`];
    const words = ["-v", `${directory}:${directory}:ro`, ...variables.flatMap((variable) => ["-e", variable])];
    return words.map(base_text/* shellWord */.r7).join(" ");
}

// EXTERNAL MODULE: external "node:url"
var external_node_url_ = __nccwpck_require__(136);
// EXTERNAL MODULE: ../lib/src/base/bundles.js
var bundles = __nccwpck_require__(781);
;// CONCATENATED MODULE: ../lib/src/explain/shape.js


/** Explains what STS refused about the duration or the policies of a session. Undefined: it is about neither. */
function explainShape(failure, code, { roleArn, durationSeconds }) {
    const name = (0,base_text/* shellWord */.r7)(roleArn.slice(roleArn.lastIndexOf("/") + 1));
    if (code === "ValidationError" && /DurationSeconds|MaxSessionDuration/.test(failure.message)) {
        return explained_text("session-duration", `The role does not allow sessions of ${durationSeconds ?? 3600} s`, ...(/role chaining/i.test(failure.message)
            ? [
                "Cause: AWS limits the session of a role that is assumed with another role to one hour.",
                "Fix: remove role-duration-seconds. The session is renewed for as long as the job runs.",
            ]
            : [
                "Cause: the role's MaxSessionDuration is shorter.",
                "Fix: remove role-duration-seconds, because the session is renewed anyway. Or allow longer sessions:",
                `  aws iam update-role --role-name ${name} --max-session-duration ${durationSeconds ?? 3600}`,
                `Check: aws iam get-role --role-name ${name} --query Role.MaxSessionDuration`,
            ]));
    }
    if (code === "PackedPolicyTooLarge") {
        return explained_text("session-policy", "The session policies are too large for STS", `Cause: STS packs inline-session-policy and managed-session-policies into a binary format of limited size: ${(0,base_text/* printable */.g$)(failure.message, 200)}`, "Fix: shorten inline-session-policy (wildcards, fewer statements), or make it a managed policy and name that in managed-session-policies.");
    }
    if (code === "MalformedPolicyDocument") {
        return explained_text("session-policy", "STS rejected inline-session-policy", `Cause: ${(0,base_text/* printable */.g$)(failure.message, 300)}`, "Fix: write it like a policy of a role: Version, and statements with Effect, Action and Resource, without Principal.");
    }
    return undefined;
}

;// CONCATENATED MODULE: ../lib/src/explain/chain.js






/** Explains why a role could not be reached from its source: which role refused, and what is missing. */
function explainChainFailure(failure, situation) {
    const { endpointHost: host } = situation;
    const code = (failure.code ?? "").replace(/Exception$/, "");
    const report = `${code === "NoSource" ? situation.source : host}: ${code} ${(0,base_text/* printable */.g$)(failure.message, 500)}`;
    const answer = isNetworkFailure(failure)
        ? explainNetworkFailure(failure, { ...situation, of: "sts", host })
        : chain_textOf(failure, code, situation);
    return explained(answer, report, failure);
}
function chain_textOf(failure, code, situation) {
    const { source, isSelf } = situation;
    const roleArn = failure.roleArn ?? situation.roleArn;
    if (code === "NoSource") {
        return explained_text("chain-refused", `${source} has no credentials to assume ${(0,base_text/* shortened */.vI)(roleArn, 140)} with`, "Fix: the first line shows the SDK's own message. Later steps would fail in the same way.");
    }
    const shape = explainShape(failure, code, { ...situation, roleArn });
    if (shape)
        return shape;
    if (code !== "AccessDenied") {
        return explained_text("chain-refused", `STS returned no session of ${(0,base_text/* shortened */.vI)(roleArn, 140)}: ${code || "no error code"}`, `The role is reached from ${source}.`, "Fix: follow the message. Common codes: https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html");
    }
    return isSelf ? cannotAssumeItself(roleArn) : chain_refused(failure, roleArn, situation);
}
/** https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_manage-assume.html */
function cannotAssumeItself(roleArn) {
    return explained_text("role-cannot-assume-itself", `${(0,base_text/* shortened */.vI)(roleArn, 140)} may not assume itself, which outlive-id-tokens needs`, "Cause: after about six hours GitHub stops issuing ID tokens to a job, and from then on the role must assume itself. This step tried that once, and AWS refused.", "Fix: add this statement to the role's trust policy, or remove outlive-id-tokens:", "", ...(0,base_text/* jsonLines */.i7)(statement({ Principal: { AWS: roleArn } })), "", "If inline-session-policy or managed-session-policies are given, they must allow sts:AssumeRole on the role, too.");
}
/** Some answers of AWS name which of the two policies is the reason. */
function chain_refused({ message, callerArn }, roleArn, situation) {
    const caller = /\bUser: (arn:[\w+=,.@/:-]+)/.exec(message)?.[1] ?? callerArn;
    const callerRole = roleOf(caller);
    const name = (0,base_text/* shellWord */.r7)(roleArn.slice(roleArn.lastIndexOf("/") + 1));
    const isOwn = roleArn === situation.roleArn;
    const who = caller === undefined ? situation.source : (0,base_text/* quoted */.TL)(caller, 200);
    const permission = [
        `${callerRole ? (0,base_text/* quoted */.TL)(callerRole) : "The source"} needs a policy with this statement:`,
        "",
        ...(0,base_text/* jsonLines */.i7)(statement({ Resource: roleArn })),
        "",
    ];
    const trust = [
        `The trust policy of ${(0,base_text/* quoted */.TL)(roleArn)} needs this statement:`,
        "",
        ...(0,base_text/* jsonLines */.i7)(statement({ Principal: { AWS: callerRole ?? caller ?? "ARN OF THE SOURCE" } })),
        "",
        ...(callerRole ? ["If the source has a path, add it to this ARN: AWS's answer leaves it out."] : []),
        ...(isOwn
            ? ["If the policy requires an external id (sts:ExternalId), give it in role-external-id."]
            : []),
        `Check: aws iam get-role --role-name ${name} --query Role.AssumeRolePolicyDocument`,
    ];
    const reason = /identity-based policy/.test(message)
        ? permission
        : /trust|resource-based policy/.test(message)
            ? trust
            : undefined;
    return explained_text("chain-refused", `${isOtherSts(situation.stsEndpoint) ? situation.endpointHost : "AWS"} refused to let ${who} assume ${(0,base_text/* shortened */.vI)(roleArn, 140)}${isOwn ? "" : `, a role on the way to ${(0,base_text/* shortened */.vI)(situation.roleArn, 140)}`}`, `The role is reached from ${situation.source}.`, "", ...(reason ?? [
        "AWS gives no further detail. Usually one of these two statements is missing, or the role does not exist.",
        "",
        ...permission,
        ...trust,
    ]));
}
function statement(about) {
    return { Effect: "Allow", Action: "sts:AssumeRole", ...about };
}
/** The role of a session's ARN. That ARN leaves out the role's path. */
function roleOf(arn) {
    const [partition, account, role] = (arn && parseRole(arn)?.role.split(":")) || [];
    return role === undefined ? undefined : `arn:${partition}:iam::${account}:role/${role}`;
}

;// CONCATENATED MODULE: ../lib/src/explain/access-denied.js




const SHOWN_CLAIMS = "sub aud iss repository ref environment event_name job_workflow_ref repository_id repository_owner_id";
/** Why AWS may have answered AccessDenied, and a trust policy that would have been accepted. */
function explainRefusal(asked) {
    const { roleArn, claims, trustPolicy, context } = asked;
    const name = roleArn.slice(roleArn.lastIndexOf("/") + 1);
    const path = roleArn.split("/").length > 2 ? "another path" : "a path, which its ARN must include";
    const noRole = `Account ${context.accountId} has no role ${(0,base_text/* quoted */.TL)(name)}, or the role has ${path} (role/PATH/NAME).`;
    const { first, lines } = trustPolicy
        ? judged(evaluateTrustPolicy(trustPolicy, claims, context))
        : suggested([...causes(asked)]);
    const sub = (0,base_text/* quoted */.TL)(claimText(claims.sub), 160);
    return explained_text("access-denied", `AWS refused to let this job assume ${(0,base_text/* shortened */.vI)(roleArn, 140)} with sub ${sub}. Likely cause: ${first ?? noRole}`, "AWS gives no further detail. Either the role's trust policy does not accept this job's ID token, or the role does not exist.", "", ...claimLines(claims), "", ...lines, `  - ${noRole}`, `    With credentials of that account, this prints its ARN: aws iam get-role --role-name ${(0,base_text/* shellWord */.r7)(name)} --query Role.Arn --output text`, "", "This trust policy accepts exactly this job. Save it as trust.json; the command below replaces the role's trust policy with it.", "To keep the statements that the role has, add only this statement to them.", ...(asked.accountIsMasked
        ? ["mask-aws-account-id hides the account ID: where this log shows ***, write the account ID."]
        : []), "", ...(0,base_text/* jsonLines */.i7)({ Version: "2012-10-17", Statement: [suggestStatement(claims, context)] }), "", `  aws iam update-assume-role-policy --role-name ${(0,base_text/* shellWord */.r7)(name)} --policy-document file://trust.json`, ...(trustPolicy === undefined
        ? [
            "",
            "To see which line of the role's trust policy refuses the job, set the input explain-trust-policy to the policy's JSON.",
        ]
        : []));
}
/** The claims of the ID token that trust policies are about. */
function claimLines(claims) {
    return [
        "The ID token has these claims:",
        ...SHOWN_CLAIMS.split(" ")
            .filter((claim) => claims[claim] !== undefined)
            .map((claim) => `  ${claim.padEnd(20)} ${(0,base_text/* quoted */.TL)(claimText(claims[claim]))}`),
    ];
}
/** The likely cause for the annotation, and the beginning of a list of causes for the log. */
function suggested(causes) {
    return {
        first: causes[0],
        lines: ["Causes that these claims suggest:", ...causes.map((cause) => `  - ${cause}`)],
    };
}
/** The same, by the role's trust policy. */
function judged({ allowed, statements }) {
    if (allowed) {
        return {
            first: "The policy in explain-trust-policy accepts this job, but AWS evaluated a different one.",
            lines: [
                "The trust policy in explain-trust-policy accepts this job, so AWS evaluated a different policy, or another policy denies the request. Causes:",
                "  - The role's trust policy has changed since, or the text is that of another role.",
                "  - A resource control policy (RCP) of the AWS organization denies sts:AssumeRoleWithWebIdentity.",
            ],
        };
    }
    return {
        first: decisive(statements),
        lines: [
            "The trust policy in explain-trust-policy does not accept this job:",
            ...verdictLines(statements),
            "Other causes:",
        ],
    };
}
/** What each statement did and why, the first twenty of them. */
function verdictLines(statements) {
    const rest = statements.length - 20;
    return [
        ...statements.slice(0, 20).flatMap(statementLines),
        ...(rest > 0 ? [`  and ${rest} more statements`] : []),
    ];
}
/** A Deny that applies, or the Allow that has the fewest reasons not to, with the first of them. */
function decisive(statements) {
    const [allow] = statements
        .filter(({ effect, outcome }) => effect === "Allow" && outcome !== "allows")
        .sort((a, b) => a.reasons.length - b.reasons.length);
    const one = statements.find((statement) => statement.effect === "Deny" && !isHarmless(statement)) ?? allow;
    if (one === undefined)
        return undefined;
    return `${access_denied_nameOf(one)} ${one.outcome === "denies" ? "denies this job." : `${one.outcome}: ${one.reasons[0]}`}`;
}
function isHarmless({ effect, outcome }) {
    return effect === "Deny" && outcome === "does not apply";
}
function access_denied_nameOf({ index, sid, effect }) {
    return `Statement ${index}${sid === undefined ? "" : `, ${(0,base_text/* quoted */.TL)(sid, 60)}`} (${effect})`;
}
function statementLines(statement) {
    // A Deny that does not apply needs no fix, so its reasons are not shown.
    const reasons = isHarmless(statement) ? [] : statement.reasons.slice(0, 10);
    return [
        `  ${access_denied_nameOf(statement)} ${statement.outcome}${reasons.length > 0 ? ":" : ""}`,
        ...reasons.map((reason) => `    ${reason}`),
    ];
}
/**
 * What these claims, and no others, make likely, the likeliest first. The forms of sub:
 * https://docs.github.com/en/actions/reference/security/oidc
 */
function* causes({ claims, audience, context }) {
    const sub = claimText(claims.sub);
    const repository = claimText(claims.repository);
    if (withoutIds(sub) !== sub)
        yield `sub has the immutable format, with the IDs of owner and repository: GitHub's default for repositories created, renamed or transferred since 2026-07-15. A policy for ${(0,base_text/* quoted */.TL)(withoutIds(sub))} refuses it.`;
    if (!/^repo:[^:]+:(?:ref:[^:]+|environment:[^:]+|pull_request)$/.test(sub))
        yield `sub does not have GitHub's default form: the organization or the repository uses its own template. To see it: gh api ${(0,base_text/* shellWord */.r7)(`repos/${repository}/actions/oidc/customization/sub`)}`;
    if (!/^sts\.amazonaws\.com(?:\.cn)?$/.test(audience))
        yield `The audience is ${(0,base_text/* quoted */.TL)(audience)}: the policy's condition on aud must accept that.`;
    if (sub.includes(":environment:"))
        yield `The job uses an environment, so sub ends in ${(0,base_text/* quoted */.TL)(sub.slice(sub.indexOf(":environment:") + 1))}, not in ref:…; the policy must accept that.`;
    else if (sub.endsWith(":pull_request"))
        yield "The job runs for a pull request, so sub ends in pull_request and names no branch. A policy for ref:refs/heads/… refuses it.";
    else if (sub.includes(":ref:refs/tags/"))
        yield "The job runs for a tag, so sub has ref:refs/tags/…. A policy for ref:refs/heads/… refuses it.";
    else if (sub.includes(":ref:refs/heads/"))
        yield `The job runs on a branch, so sub has ${(0,base_text/* quoted */.TL)(sub.slice(sub.indexOf(":ref:") + 1))}. A policy for another branch or for environment:… refuses it.`;
    const workflow = claimText(claims.job_workflow_ref);
    if (workflow !== "" && !workflow.startsWith(`${repository}/`)) {
        const key = claimsWithKeys(context).includes("job_workflow_ref")
            ? `; to trust that workflow, use the key ${context.providerHost}:job_workflow_ref`
            : "";
        yield `The job is in the reusable workflow ${(0,base_text/* quoted */.TL)(workflow)}, but sub names the repository that calls it${key}.`;
    }
    if (/[A-Z]/.test(sub))
        yield "sub has capital letters, and IAM is case-sensitive: copy sub exactly.";
}

;// CONCATENATED MODULE: ../lib/src/explain/other-sts.js




// MinIO, Ceph, LocalStack and others: what is true of AWS, its console and its limits is not true of them, so
// these texts name the server by its host.
/** Explains the answer of the server that the input sts-endpoint names. */
function explainOtherSts(asked) {
    const { failure, endpointHost: host } = asked;
    switch (failure.kind) {
        case "throttled":
            return explained_text("sts-throttled", `${host} refuses requests because it gets too many`, "Fix: run the job again. If it fails again, start fewer jobs at once (strategy: max-parallel).");
        case "server-error":
            return explained_text("sts-unavailable", `${host} is not available: HTTP ${failure.httpStatus ?? "error"}`, "Fix: run the job again later. If it fails again, look at the log of that server.");
        case "provider":
            return explained_text("provider-not-reached", `${host} could not reach the identity provider`, `Fix: run the job again. If it fails again, let that server reach ${(0,base_text/* quoted */.TL)(claimText(asked.claims.iss))}.`);
        default:
            return other_sts_refused(asked);
    }
}
const SET_CLOCK = "Fix: set the clock of that server by NTP, and run the job again.";
/** MinIO's texts: https://github.com/minio/minio/blob/master/internal/config/identity/openid/jwt.go */
function other_sts_refused({ failure, code, endpointHost: host, roleArn, audience, claims }) {
    if (/`(?:azp|aud)`|audience/i.test(failure.message)) {
        return explained_text("audience-not-registered", `${host} does not accept the audience ${(0,base_text/* quoted */.TL)(audience, 100)}`, "Cause: the input audience is not the client ID in that server's OpenID configuration. (MinIO names azp, a claim that it tries if aud does not match.)", "Fix: set the input audience to that client ID. In MinIO it is MINIO_IDENTITY_OPENID_CLIENT_ID.");
    }
    if (/used before issued|not valid yet/i.test(failure.message)) {
        return explained_text("id-token-expired", `${host} considers the ID token not valid yet`, "Cause: the clock of that server is slow. MinIO accepts a token from the second in which GitHub issued it (iat).", SET_CLOCK);
    }
    // MinIO has one code for every token that it refuses.
    switch (/token is expired/i.test(failure.message) ? "ExpiredToken" : code) {
        case "AccessDenied":
            return explained_text("access-denied", `${host} refused to let this job assume ${(0,base_text/* shortened */.vI)(roleArn, 140)} with sub ${(0,base_text/* quoted */.TL)(claimText(claims.sub), 140)}. Likely cause: its rules do not accept that sub, or it has no such role.`, ...claimLines(claims), `Cause: ${host} has no role ${(0,base_text/* quoted */.TL)(roleArn)}, or its rules for that role do not accept these claims.`, "Fix: correct role-to-assume, or make that server accept this issuer, audience and sub.");
        case "ExpiredToken":
            return explained_text("id-token-expired", `${host} considers the ID token expired`, "Cause: the token was issued for this exchange, so either the clock of that server is wrong, or the runner was suspended in between.", SET_CLOCK);
        case "InvalidIdentityToken":
        case "IDPRejectedClaim":
            return explained_text("id-token-rejected", `${host} rejected the ID token`, ...claimLines(claims), "Fix: compare the issuer (iss) and the audience (aud) with the OpenID configuration of that server. It must reach the issuer to check the signature.");
        case "MalformedPolicyDocument":
        case "PackedPolicyTooLarge":
            return explained_text("session-policy", `${host} rejected the session policy`, "Fix: shorten or correct inline-session-policy and managed-session-policies, or leave them out: not every server supports them.");
        default:
            return explained_text("sts-other", `${host} refused the exchange: ${code || "no error code"}`, `The request had the role ${(0,base_text/* quoted */.TL)(roleArn)} and the audience ${(0,base_text/* quoted */.TL)(audience)}.`, "Fix: follow the message, and read the documentation of that server.");
    }
}

;// CONCATENATED MODULE: ../lib/src/explain/sts.js









/** Explains why AssumeRoleWithWebIdentity returned no session. */
function explainStsFailure(failure, situation) {
    const { endpointHost: host } = situation;
    const code = (failure.code ?? "").replace(/Exception$/, "");
    const status = failure.httpStatus === undefined ? "" : `HTTP ${failure.httpStatus}, `;
    const report = `${host}: ${code && `${code} `}(${status}${tries(situation)}): ${(0,base_text/* printable */.g$)(failure.message, 500)}`;
    const answer = isNetworkFailure(failure)
        ? explainNetworkFailure(failure, { ...situation, of: "sts", host })
        : sts_textOf({ ...situation, failure, code, context: contextOf(situation) });
    return explained(answer, report, failure);
}
function tries({ attempts }) {
    return attempts === 1 ? "1 attempt" : `${attempts} attempts`;
}
function sts_textOf(asked) {
    const { endpointHost, region } = asked;
    if (asked.failure.kind === "malformed") {
        return explained_text("sts-malformed", `${endpointHost} did not return an STS response`, `Cause: a proxy or a firewall answered instead${via(asked.proxy)}, or the server in sts-endpoint does not fully implement STS.`, `Fix: let requests to ${endpointHost} pass unchanged (NO_PROXY, if a proxy changes them). Check on the runner: curl -v ${(0,base_text/* shellWord */.r7)(asked.stsEndpoint ?? `https://${endpointHost}/`)}`);
    }
    if (isOtherSts(asked.stsEndpoint))
        return explainOtherSts(asked);
    switch (asked.failure.kind) {
        case "throttled":
            return explained_text("sts-throttled", "AWS is throttling STS calls", `Cause: account ${asked.context.accountId} makes too many STS calls in ${region} at the moment; none of ${tries(asked)} succeeded.`, "Fix: run the job again. If it fails again, start fewer jobs at once (strategy: max-parallel), or use several Regions (aws-region).");
        case "provider":
            return notReached(asked);
        case "server-error":
            return explained_text("sts-unavailable", "STS is not available", `Fix: run the job again later. https://health.aws.amazon.com shows whether ${region} has a problem. Each aws-region has its own STS.`);
        default:
            return denied(asked);
    }
}
/** STS answered, and its answer is final: its code decides. */
function denied(asked) {
    const { code, context, region, roleArn } = asked;
    const shape = explainShape(asked.failure, code, asked);
    if (shape)
        return shape;
    switch (code) {
        case "AccessDenied":
            return explainRefusal(asked);
        case "InvalidIdentityToken":
            return invalidToken(asked);
        case "IDPRejectedClaim":
            return rejected(context);
        case "ExpiredToken":
            return expired(asked);
        case "RegionDisabled":
            return explained_text("region-disabled", `STS is not active in ${region} for account ${context.accountId}`, `Fix: set aws-region to a Region that the account uses, or enable this Region: aws account enable-region --region-name ${(0,base_text/* shellWord */.r7)(region)}`, "If the Region is enabled, activate STS for it: IAM console, Account settings, Security Token Service.", `Check: aws account get-region-opt-status --region-name ${(0,base_text/* shellWord */.r7)(region)}`);
        case "ValidationError":
            return explained_text("sts-validation", "STS rejected a value in the request", `Fix: the message names the value. The request had role-to-assume ${(0,base_text/* quoted */.TL)(roleArn)} and, if given, role-session-name.`);
        default:
            return explained_text("sts-other", `STS refused the exchange: ${code || "no error code"}`, `The request had the role ${(0,base_text/* quoted */.TL)(roleArn)}, the audience ${(0,base_text/* quoted */.TL)(asked.audience)} and the Region ${region}.`, "Fix: follow the message. Common codes: https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html");
    }
}
/** Several causes share the code: AWS tells them apart in the message only. */
function invalidToken({ failure, context, audience }) {
    const url = (0,base_text/* shellWord */.r7)(`https://${context.providerHost}`);
    const arn = (0,base_text/* shellWord */.r7)(providerArn(context));
    if (/no openidconnect provider/i.test(failure.message)) {
        return explained_text("no-identity-provider", `Account ${context.accountId} has no identity provider for ${context.providerHost}`, "Cause: role-to-assume names the wrong account, or that account's identity provider was never created or has another URL.", `Fix: correct the account in role-to-assume, or create the provider there: aws iam create-open-id-connect-provider --url ${url} --client-id-list ${(0,base_text/* shellWord */.r7)(audience)}`, "Check, with credentials of that account: aws iam list-open-id-connect-providers");
    }
    if (/audience/i.test(failure.message)) {
        return explained_text("audience-not-registered", `The identity provider in account ${context.accountId} does not list the audience ${audience}`, `Fix: aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn ${arn} --client-id ${(0,base_text/* shellWord */.r7)(audience)}`, "Or set the input audience to one that it lists, and the trust policy's condition on aud to the same.", `Check: aws iam get-open-id-connect-provider --open-id-connect-provider-arn ${arn} --query ClientIDList`);
    }
    if (/thumbprint/i.test(failure.message)) {
        return explained_text("provider-thumbprint", "The identity provider's certificate does not match the thumbprint in IAM", `Fix: aws iam update-open-id-connect-provider-thumbprint --open-id-connect-provider-arn ${arn} --thumbprint-list THUMBPRINT`, "How to get it: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html", `Check: aws iam get-open-id-connect-provider --open-id-connect-provider-arn ${arn} --query ThumbprintList`);
    }
    return rejected(context);
}
function rejected(context) {
    return explained_text("id-token-rejected", "AWS rejected the ID token", `Cause: AWS checks issuer, signature, times and audience of the token against the provider ${(0,base_text/* quoted */.TL)(context.providerHost)} in account ${context.accountId}.`, "Fix: run the job again. If it fails again, compare the provider in IAM with iss and aud of this token.", `Check: aws iam get-open-id-connect-provider --open-id-connect-provider-arn ${(0,base_text/* shellWord */.r7)(providerArn(context))}`);
}
function notReached({ code, context }) {
    const url = (0,base_text/* shellWord */.r7)(`https://${context.providerHost}/.well-known/openid-configuration`);
    const lines = [
        "Cause: usually a transient problem between AWS and the provider; retried for up to 30 s.",
        "Fix: run the job again. If the provider is your own (GHES), AWS must reach it and all of its keys from the internet.",
        `Check: curl --fail ${url}; https://www.githubstatus.com shows the state of GitHub.`,
    ];
    return code === "IDPCommunicationError"
        ? explained_text("provider-not-reached", "AWS could not reach the identity provider", ...lines)
        : explained_text("verification-key", "AWS could not fetch the identity provider's keys", ...lines);
}
function expired({ claims, clockSkewSeconds: skew }) {
    const life = Number(claims.exp) - Number(claims.iat);
    const clock = skew !== undefined && Math.abs(skew) >= 60
        ? [
            `This machine's clock is ${Math.round(Math.abs(skew))} s ${skew > 0 ? "ahead of" : "behind"} GitHub's. Set it by NTP: later steps sign requests with it, too.`,
        ]
        : [];
    return explained_text("id-token-expired", "AWS considers the ID token expired", `Cause: the token ${life > 0 ? `lives ${life} s and ` : ""}was issued for this exchange, so the runner was suspended in between.`, ...clock, "Fix: run the job again, on a machine that is not suspended.");
}
function contextOf({ claims, roleArn }) {
    const [, partition = "aws", , , accountId = ""] = roleArn.split(":");
    const providerHost = claimText(claims.iss).replace(/^https:\/\//, "");
    return { providerHost, accountId, partition, action: "sts:AssumeRoleWithWebIdentity" };
}

;// CONCATENATED MODULE: ../lib/src/first-session.js
var __rewriteRelativeImportExtension = (undefined && undefined.__rewriteRelativeImportExtension) || function (path, preserveJsx) {
    if (typeof path === "string" && /^\.\.?\//.test(path)) {
        return path.replace(/\.(tsx)$|((?:\.d)?)((?:\.[^./]+?)?)\.([cm]?)ts$/i, function (m, tsx, d, ext, cm) {
            return tsx ? preserveJsx ? ".jsx" : ".js" : d && (!ext || !cm) ? m : (d + ext + "." + cm.toLowerCase() + "js");
        });
    }
    return path;
};









/** The AWS SDK is in a separate bundle, loaded only where it is needed. */
function loadExchange() {
    return import(__rewriteRelativeImportExtension(/* webpackIgnore: true */ (0,external_node_url_.pathToFileURL)((0,bundles/* bundlePath */.E)("exchange")).href));
}
function sessionRequest({ inputs }) {
    const { role, sessionName, region, stsEndpoint, durationSeconds, policy, policyArns } = inputs;
    return {
        roleArn: role.arn,
        sessionName,
        region,
        endpoint: stsEndpoint,
        durationSeconds,
        policy,
        policyArns,
    };
}
/**
 * The AWS variables for the SDK: the endpoint that later steps find, and not that of the profile in use
 * before; and the job's keys only where they are the source.
 */
function sdkEnvironment({ inputs, job }, env) {
    const ambient = Object.entries(env).filter(([name, value]) => name.startsWith("AWS_") && value && (needsKeys(inputs) || !environment_KEYS.includes(name)));
    return {
        ...Object.fromEntries(ambient),
        AWS_CONFIG_FILE: job.config,
        AWS_SHARED_CREDENTIALS_FILE: job.credentials,
        AWS_PROFILE: inputs.profile,
    };
}
/** The exchange, with its connection open as soon as it is loaded. */
async function prepareExchange(plan) {
    const bundle = await loadExchange();
    return { ...bundle, agent: await bundle.prepare(sessionRequest(plan)) };
}
/** Tries the role once. Throws a UserError that explains why STS gave no session. */
async function firstSession({ exchange, agent }, plan, source, idToken, env) {
    Object.assign(env, sdkEnvironment(plan, env));
    // The SDK asks for the home folder and fails without one.
    env.HOME ??= home();
    const result = await exchange(sessionRequest(plan), source, logRetry, agent);
    if ("session" in result)
        return result.session;
    throw explainFailure(result.failure, plan, idToken, env);
}
function logRetry(text) {
    info(`No session yet: ${text}. Trying again.`);
}
/** @param isSelf whether it was the role itself that asked for its role */
function explainFailure({ endpointUrl, ...answer }, { inputs }, idToken, env, isSelf = false) {
    const { role, region, stsEndpoint, audience, trustPolicy, durationSeconds } = inputs;
    const endpointHost = new URL(endpointUrl).host;
    const proxy = findProxy(env, endpointUrl);
    const about = { roleArn: role.arn, region, stsEndpoint, endpointHost, proxy, durationSeconds };
    if (idToken === undefined || isSelf)
        return explainChainFailure({ endpointUrl, ...answer }, { ...about, source: sourceText(inputs), isSelf });
    const { attempts, roleArn: _, callerArn: __, ...failure } = answer;
    const { claims, clockOffsetMs } = idToken;
    return explainStsFailure(failure, {
        ...about,
        audience,
        claims,
        clockSkewSeconds: clockOffsetMs === undefined ? undefined : Math.round(-clockOffsetMs / 1000),
        trustPolicy,
        accountIsMasked: inputs.maskAccountId,
        attempts,
    });
}
/** Where a role is reached from, in the words of the inputs. */
function sourceText({ source, profile }) {
    if (source === "id-token")
        return "the job's ID token";
    if ("sameProfile" in source)
        return `the earlier role of profile ${profile} (role-chaining)`;
    if ("profile" in source)
        return `profile ${source.profile} (source-profile)`;
    return `${source.credentials} (credential-source)`;
}
/** What the session will be, where no exchange is tried. */
function plannedSession({ role, sessionName }) {
    const { partition, accountId, name } = role;
    if (accountId === undefined)
        return { accountId, assumedRoleArn: undefined };
    return {
        accountId,
        assumedRoleArn: `arn:${partition}:sts::${accountId}:assumed-role/${name}/${sessionName}`,
    };
}

;// CONCATENATED MODULE: ../lib/src/keeper/schedule.js
// When the keeper acts, as pure numbers; all times in milliseconds. For GitHub's token of 300 s: refresh
// after 135 to 150 s, retry after up to 1, 2, 4 … 30 s, 10 s for a request. Shorter lives, which only tests
// have, scale all of it down.
/**
 * The shortest life that anything is scaled to: a lifetime of milliseconds must not make the keeper flood the
 * endpoint.
 */
const SHORTEST_LIFE_MS = 1_000;
/** The longest that the keeper sleeps before it looks at the clocks, its directory and its job. */
const TICK_MS = 10_000;
/**
 * Wall and monotonic clock may drift apart by this much in a tick before the machine counts as having slept.
 */
const CLOCK_JUMP_MS = 5_000;
/**
 * Time from the receipt of a token to the next request: half of its life, early by up to a tenth of that. The
 * first one of a keeper is early by up to four fifths: the jobs of a matrix that started together then do not
 * ask together for hours (docs/reliability.md).
 * @param remaining what was left of its life on receipt; less than the lifetime if the server hands out the
 * same token twice
 * @param random in [0, 1)
 */
function refreshDelay(lifetime, remaining, random, first = false) {
    return (Math.max(Math.min(lifetime, remaining), SHORTEST_LIFE_MS) / 2) * (1 - random * (first ? 0.8 : 0.1));
}
/** From 15 minutes before the end on, boto3 reads a session again for each request. */
const LEFT_OF_A_SESSION_MS = (/* unused pure expression or super */ null && (20 * 60 * 1000));
/**
 * Time from the receipt of a session to its renewal: half of its life, early by up to a tenth of that; and
 * early enough that 20 minutes are left, where that is more than a quarter of its life away.
 */
function renewalDelay(lifetime, remaining, random) {
    const early = remaining - LEFT_OF_A_SESSION_MS;
    const half = refreshDelay(lifetime, remaining, random);
    return early >= remaining / 4 ? Math.min(half, early) : half;
}
/** When to renew a session for the last time before the ID tokens end: 5 minutes are enough for retries. */
function lastRenewal(now, endsAt) {
    return endsAt - Math.min(5 * 60 * 1000, (endsAt - now) / 10);
}
/** How long the request for a session may take: a process, an ID token and an exchange. */
function exchangeTimeout(lifetime) {
    return Math.min(30_000, Math.max(lifetime / 4, 5_000));
}
/**
 * Time to the next try after failures: full jitter, doubling from 1 s up to 30 s. A Retry-After is waited
 * for, but no longer than that: the token is running out.
 * @param failures how many in a row, at least 1
 */
function retryDelay(lifetime, failures, random, retryAfter = 0) {
    const cap = Math.min(30_000, Math.max(lifetime, SHORTEST_LIFE_MS) / 10);
    const ceiling = Math.min(cap, (cap / 30) * 2 ** (failures - 1));
    return Math.max(Math.min(retryAfter, cap), ceiling * random);
}
/** How long one request may take: far less than the half life that is left when it is made. */
function requestTimeout(lifetime) {
    return Math.min(10_000, Math.max(lifetime, SHORTEST_LIFE_MS) / 6);
}
/** Whether the machine slept or its clock was set, from how far each clock moved in the same period. */
function clockJumped(wall, monotonic) {
    return Math.abs(wall - monotonic) > CLOCK_JUMP_MS;
}

;// CONCATENATED MODULE: ../lib/src/publish.js






/** Outputs, environment and log: last, once everything works. */
function publish(plan, reached) {
    const { inputs, job, keeper } = plan;
    const { session } = reached;
    const until = refreshableUntil(plan, reached);
    setOutput("aws-account-id", session.accountId ?? "");
    setOutput("assumed-role-arn", session.assumedRoleArn ?? "");
    setOutput("authenticated-arn", session.assumedRoleArn ?? "");
    setOutput("profile", inputs.profile);
    setOutput("config-file", job.config);
    setOutput("credentials-file", job.credentials);
    setOutput("web-identity-token-file", keeper && kindOf(keeper) === "token" ? keeperDirectory(job, keeper).secret : "");
    setOutput("docker-args", dockerArgs(job.path, inputs.profile, plan.exports));
    setOutput("role-session-name", inputs.sessionName);
    setOutput("refreshable-until", until ?? "");
    if (inputs.outputCredentials)
        outputKeys(reached);
    for (const [name, value] of Object.entries(plan.exports))
        exportVariable(name, value);
    log(plan, reached, until);
    for (const warning of plan.warnings)
        core_warning(warning);
}
/** For tools that take nothing else. They are masked already. */
function outputKeys({ session: { keys } }) {
    if (keys === undefined)
        return;
    const expiration = time(keys.expiresAt);
    setOutput("aws-access-key-id", keys.accessKeyId);
    setOutput("aws-secret-access-key", keys.secretAccessKey);
    setOutput("aws-session-token", keys.sessionToken);
    setOutput("aws-expiration", expiration);
    notice(`output-credentials: the keys in the outputs expire at ${expiration} and do not renew themselves. Steps that use the profile are not affected.`);
}
/**
 * GitHub issues no more ID tokens then. The last session before that lives on; with outlive-id-tokens there
 * is no such time.
 */
function refreshableUntil({ inputs, endsAt }, { use, session }) {
    if (endsAt === undefined || !use.endsWithIdTokens)
        return undefined;
    if (!inputs.sharedSession)
        return time(endsAt);
    return time(lastRenewal(Date.now(), endsAt) + (session.lifetimeMs ?? 0));
}
function time(ms) {
    return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
function log({ inputs, job, keeper, exports }, { session, idToken }, until) {
    const { profile, role, sessionName, notes } = inputs;
    const where = profile === "default" ? "every later step (profile default)" : `steps that choose profile ${profile}`;
    const period = until === undefined ? "for as long as the job runs" : `until ${until}`;
    const fresh = inputs.sharedSession
        ? `one session that is renewed every ${Math.round((session.lifetimeMs ?? 0) / 120_000)} minutes`
        : inputs.source === "id-token"
            ? "fresh ID tokens"
            : `reached from ${sourceText(inputs)}`;
    info(`Role ${role.arn} for ${where}, session ${sessionName}; ${fresh} ${period}`);
    for (const note of notes)
        info(`No effect: ${note}`);
    startGroup("Details");
    if (idToken !== undefined) {
        const { sub, aud } = idToken.claims;
        const lifetime = Math.round(idToken.lifetimeMs / 1000);
        // What a trust policy has to match.
        info(`ID token: sub ${(0,base_text/* quoted */.TL)(String(sub))}, aud ${(0,base_text/* quoted */.TL)(String(aud))}, valid for ${lifetime} s`);
    }
    if (keeper !== undefined)
        info(`${kindOf(keeper) === "token" ? "Token" : "Session"} file: ${keeperDirectory(job, keeper).secret}`);
    if (session.assumedRoleArn !== undefined)
        info(`Calls run as ${session.assumedRoleArn}`);
    info(`Exported: ${Object.keys(exports).join(", ")}`);
    endGroup();
}

// EXTERNAL MODULE: ../lib/src/base/network.js
var network = __nccwpck_require__(870);
;// CONCATENATED MODULE: ../lib/src/first-token.js




/** The first ID token of a keeper. Throws a UserError that explains why there is none. */
async function firstToken(keeper, { endpoint, audience }, env, log = info) {
    try {
        return await keeper.firstToken({ endpoint, audience }, (reason) => log(`No ID token yet: ${reason}. Trying again.`));
    }
    catch (error) {
        if (!(error instanceof network/* RequestError */.G))
            throw error;
        const endpointHost = new URL(endpoint.url).host;
        const proxy = findProxy(env, endpoint.url);
        throw explainIdTokenFailure(error.failure, { audience, endpointHost, proxy });
    }
}

;// CONCATENATED MODULE: ../lib/src/base/session.js


/** AWS limits a session that a role got through another role, or through itself, to an hour. */
const LONGEST_CHAINED_SECONDS = 3600;
/** The request for a session of the same role by its own session. */
function chained(request) {
    const { durationSeconds = LONGEST_CHAINED_SECONDS } = request;
    return { ...request, durationSeconds: Math.min(durationSeconds, LONGEST_CHAINED_SECONDS) };
}
/**
 * What SDKs read from a credential process:
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
 */
function credentialProcessOutput({ expiresAt, ...keys }) {
    return `${JSON.stringify({
        Version: 1,
        AccessKeyId: keys.accessKeyId,
        SecretAccessKey: keys.secretAccessKey,
        SessionToken: keys.sessionToken,
        Expiration: new Date(expiresAt).toISOString().replace(/\.\d+Z$/, "Z"),
    })}\n`;
}
const KEY = schema_text(/^[\x21-\x7e]{1,16384}$/);
const output = schema_object({
    AccessKeyId: KEY,
    SecretAccessKey: KEY,
    SessionToken: KEY,
    Expiration: schema_text(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
});
/** The keys in a file of that form; undefined if there are none. A step may have put anything there. */
function readKeys(file) {
    try {
        const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = output(readJson(file));
        const expiresAt = Date.parse(Expiration);
        return {
            accessKeyId: AccessKeyId,
            secretAccessKey: SecretAccessKey,
            sessionToken: SessionToken,
            expiresAt,
        };
    }
    catch {
        return undefined;
    }
}

;// CONCATENATED MODULE: ../lib/src/job/replace-keeper.js







/**
 * Lets a keeper watch over a directory. Ends the keeper before it, in any state, and removes what a step left
 * there. Call it with the job directory locked.
 */
async function replaceKeeper(directory, keeper, handover) {
    ensurePrivateDirectory(directory.path);
    const before = record_readStatus(directory);
    if (before)
        await stopKeeper(directory);
    // After that, since a keeper deletes the file when it ends.
    external_node_fs_namespaceObject.rmSync(directory.stop, { recursive: true, force: true });
    const isSession = "renewal" in handover;
    const content = isSession ? credentialProcessOutput(handover.first.keys) : handover.token;
    writeFileAtomic(directory.secret, content);
    const watch = { directory: directory.path, worker: worker_findWorker(), dead: record_readStatus(directory) };
    await keeper.watch(isSession ? { ...watch, renewal: handover.renewal, first: handover.first } : watch);
}

;// CONCATENATED MODULE: ../lib/src/keeper/health.js







/**
 * The health of the keeper of a token directory, from its status and the token file. The clock of this
 * machine may be wrong: times in the status are by the same clock, and the token's own times count by the
 * server's, as the keeper saw it last. Read it under the lock of the job directory: post makes the file
 * `stop`, too.
 */
function healthOf(directory, now = Date.now()) {
    const status = record_readStatus(directory);
    const expires = expiryOf(directory.secret);
    const remainingMs = expires === undefined ? undefined : expires - (now + (status?.clockOffsetMs ?? 0));
    const trouble = troubleOfKeeper(directory, status, now) ?? troubleOfToken(remainingMs);
    return { trouble, remainingMs, status };
}
function troubleOfKeeper(directory, status, now) {
    if (status === undefined)
        return "no keeper";
    if (status.ended)
        return status.ended.why.startsWith("stopped") ? "stopped" : "ended";
    if (!hasKeeper(directory))
        return "died";
    if (external_node_fs_namespaceObject.existsSync(directory.stop))
        return "stopped";
    if (isSuspended(status))
        return "frozen";
    if (health_openOutage(status))
        return now > status.tokenExpiresAt ? "cannot refresh" : undefined;
    return now > status.silentUntil ? "frozen" : undefined;
}
function troubleOfToken(remainingMs) {
    if (remainingMs === undefined)
        return "token missing";
    return remainingMs <= 0 ? "token stale" : undefined;
}
/** The requests that have failed since the last token. */
function health_openOutage({ outages }) {
    const last = outages.at(-1);
    return last?.to === undefined ? last : undefined;
}
const health_MAX_TOKEN_BYTES = 64 * 1024;
/** When the token or the session in a file expires, by the server's clock; undefined if there is none. */
function expiryOf(file) {
    try {
        const token = readFileIfExists(file, health_MAX_TOKEN_BYTES)?.toString("latin1") ?? "";
        return timeClaim(decodeClaims(token), "exp") ?? readKeys(file)?.expiresAt;
    }
    catch {
        return undefined; // a step has put something else there
    }
}

// EXTERNAL MODULE: ../lib/src/keeper/launch.js + 1 modules
var launch = __nccwpck_require__(674);
;// CONCATENATED MODULE: ../lib/src/keeper/renewal.js




/** Which request failed, with what an explanation needs. */
class RenewalError extends network/* RequestError */.G {
    reply;
    constructor(reply) {
        super("idTokenFailure" in reply ? reply.idTokenFailure : reply.exchangeFailure);
        this.reply = reply;
    }
}
/** One session. Throws a RenewalError with the server's answer, or a RequestError if the process failed. */
async function renew(job, surroundings) {
    const { argv, env, timeoutMs, end } = surroundings;
    const child = (0,external_node_child_process_.spawn)(process.execPath, [...argv, (0,bundles/* bundlePath */.E)("renew")], {
        cwd: external_node_path_.dirname(process.execPath),
        stdio: ["ignore", "ignore", "ignore", "ipc"],
        windowsHide: true,
        env,
    });
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(`no session within ${Math.round(timeoutMs)} ms`), timeoutMs);
    const onEnd = () => stop.abort("cancelled");
    end?.addEventListener("abort", onEnd);
    if (end?.aborted)
        onEnd();
    try {
        const reply = await converse(child, job, stop.signal, surroundings.onRetry);
        if ("session" in reply)
            return reply;
        throw new RenewalError(reply);
    }
    finally {
        clearTimeout(timer);
        end?.removeEventListener("abort", onEnd);
        child.kill("SIGKILL");
    }
}
function converse(child, job, stop, onRetry) {
    return new Promise((resolve, reject) => {
        const fail = (why) => reject(new network/* RequestError */.G({ kind: "unreachable", message: why }));
        child.on("error", (error) => fail(`the exchange did not start: ${error.message}`));
        child.on("exit", (code, signal) => fail(`the exchange ended early (${signal ?? `exit code ${code}`})`));
        child.on("message", (reply) => {
            if ("retrying" in reply)
                onRetry?.(reply.retrying);
            else
                resolve(reply);
        });
        stop.addEventListener("abort", () => fail(String(stop.reason)));
        if (stop.aborted)
            fail(String(stop.reason));
        child.send(job, (error) => error && fail(`the exchange did not start: ${error.message}`));
    });
}

;// CONCATENATED MODULE: ../lib/src/report/intervals.js
// Spans of time for a reader: milliseconds since 1970 in, UTC out.
function intervals_length({ from, to }) {
    return Math.max(0, to - from);
}
function overlap(one, other) {
    return one.from < other.to && other.from < one.to;
}
/** The time that is in any of them. */
function total(intervals) {
    let sum = 0;
    let covered = -Infinity;
    for (const { from, to } of intervals.toSorted((a, b) => a.from - b.from)) {
        sum += Math.max(0, to - Math.max(from, covered));
        covered = Math.max(covered, to);
    }
    return sum;
}
/** The longest of them, in their order. */
function longest(intervals, count) {
    const kept = intervals.toSorted((a, b) => intervals_length(b) - intervals_length(a)).slice(0, count);
    return intervals.filter((interval) => kept.includes(interval));
}
/** The two largest units that matter, such as 2 min 31 s. */
function duration(ms) {
    const seconds = Math.round(ms / 1000);
    if (seconds < 1)
        return `${Math.round(ms)} ms`;
    const units = [
        ["d", Math.floor(seconds / 86_400)],
        ["h", Math.floor(seconds / 3600) % 24],
        ["min", Math.floor(seconds / 60) % 60],
        ["s", seconds % 60],
    ];
    const first = units.findIndex(([, count]) => count > 0);
    return units
        .slice(first, first + 2)
        .filter(([, count]) => count > 0)
        .map(([unit, count]) => `${count} ${unit}`)
        .join(" ");
}
/** YYYY-MM-DD HH:mm:ss. */
function timestamp(ms) {
    return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}
function day(ms) {
    return timestamp(ms).slice(0, 10);
}
function intervals_plural(count, word) {
    return count === 1 ? word : `${word}s`;
}

;// CONCATENATED MODULE: ../lib/src/report/health.js




/** The state of a keeper and its token, in half a line: for logs and alarms. */
function describeHealth({ trouble, remainingMs, status }, kind = "token", now = Date.now()) {
    const outage = status && openOutage(status);
    const failing = outage &&
        `${outage.attempts} ${plural(outage.attempts, "request")} failed since ${health_time(outage.from)}, the last with ${quoted(outage.lastError)}`;
    const refreshed = status && `refreshed ${status.refreshes} ${plural(status.refreshes, "time")}`;
    const why = trouble === undefined ? refreshed : reason(trouble, status);
    return [
        validity(kind, remainingMs, now),
        why,
        trouble === undefined || trouble === "cannot refresh" ? failing : "",
    ]
        .filter(Boolean)
        .join(", ");
}
/**
 * What main warns about if it finds an earlier use's keeper in trouble. By then it has written a fresh token.
 */
function replacedWarning({ trouble, status }, now = Date.now()) {
    const since = status && Math.min(status.ended?.at ?? Infinity, status.tokenExpiresAt);
    const gap = since !== undefined && since < now ? ` There had been no valid ID token since ${health_time(since)}.` : "";
    const found = trouble && reason(trouble, status);
    return (`The keeper of an earlier use of this action did not renew the ID token: ${found}.${gap} ` +
        `This use wrote a new token and started a new keeper. More: ${troubleshooting_troubleshootingLink("keeper-was-replaced")}`);
}
function validity(kind, remainingMs, now) {
    if (remainingMs === undefined)
        return `${kind} was missing`;
    if (remainingMs <= 0)
        return `${kind} had been stale since ${health_time(now + remainingMs)}`;
    return `${kind} valid for ${Math.round(remainingMs / 1000)} s`;
}
function reason(trouble, status) {
    const reasons = {
        "no keeper": "no keeper was running",
        stopped: "a step had stopped the keeper",
        ended: `the keeper had ended (${status?.ended?.why})`,
        died: "the keeper had been killed",
        frozen: "the keeper was suspended or hung",
        "cannot refresh": "the keeper could not refresh it",
        "token missing": "a step had removed or changed it",
        "token stale": "a step had changed it",
    };
    return reasons[trouble];
}
function health_time(ms) {
    return `${timestamp(Math.min(Math.max(0, ms), 8.64e15 - 1)).slice(11)} UTC`;
}

;// CONCATENATED MODULE: ../lib/src/reach.js
















/** The keeper asks for the first token: this proves that it can also request all later ones. */
async function byTokenFile(plan, keeper, enter, env) {
    const { inputs, endpoint } = plan;
    if (!endpoint)
        throw new Error("planned without an endpoint");
    const isTried = inputs.trial || inputs.outputCredentials;
    const preparing = isTried ? prepareExchange(plan) : undefined;
    preparing?.catch(() => { }); // the failure shows where it is awaited
    try {
        const first = await firstToken(keeper, { endpoint, audience: inputs.audience }, env);
        core_setSecret(first.token);
        const use = await enter(first.token);
        const exchange = await preparing;
        const session = exchange
            ? await firstSession(exchange, plan, { idToken: first.token }, first, env)
            : plannedSession(inputs);
        accept(plan, session);
        await handOverToken(plan, keeper, first);
        return { use, session, idToken: first };
    }
    finally {
        (await preparing?.catch(() => undefined))?.agent?.close();
    }
}
/** Another use's healthy keeper may watch over the same token already. */
async function handOverToken({ job, keeper: id }, keeper, first) {
    if (id === undefined)
        return;
    await locked(job, async () => {
        const directory = keeperDirectory(job, id);
        const health = healthOf(directory);
        if (health.trouble === undefined)
            return;
        await replaceKeeper(directory, keeper, first);
        if (health.status)
            core_warning(replacedWarning(health));
    });
}
/** The first exchange is made by the program, and in the environment, that will make all later ones. */
async function bySession(plan, keeper, enter, env) {
    const use = await enter();
    const { inputs, endpoint } = plan;
    const { audience, source, outlivesIdTokens } = inputs;
    const renewal = {
        ask: source === "id-token" && endpoint ? { endpoint, audience } : undefined,
        request: sessionRequest(plan),
        profile: targetProfile(plan.id),
        environment: sdkEnvironment(plan, env),
        idTokensEnd: use.endsWithIdTokens || outlivesIdTokens ? plan.endsAt : undefined,
        outlivesIdTokens,
    };
    const { session, idToken } = await firstShared(plan, renewal, env);
    accept(plan, session);
    await locked(plan.job, () => replaceKeeper(keeperDirectory(plan.job, sessionKeeper(plan.id)), keeper, { renewal, first: session }));
    return { use, session, idToken };
}
/** The program repeats each of its requests for up to 30 s (base/retry.ts). */
const FIRST_SESSION_TIMEOUT_MS = 120_000;
async function firstShared(plan, renewal, env) {
    const { ask, profile = "", request, environment, outlivesIdTokens } = renewal;
    const source = ask ? { ask } : { profile };
    const job = { source, request, environment, isFirst: true, provesSelf: outlivesIdTokens };
    const how = { ...(0,launch/* surroundings */.i5)(), timeoutMs: FIRST_SESSION_TIMEOUT_MS, onRetry: logRetry };
    try {
        return await renew(job, how);
    }
    catch (error) {
        if (error instanceof network/* RequestError */.G && !(error instanceof RenewalError)) {
            const why = `The process that makes the session failed: ${(0,errors/* errorText */.kc)(error)}. Run the job again.`;
            throw new errors/* UserError */.yo("keeper-did-not-start", why, { cause: error });
        }
        if (!(error instanceof RenewalError))
            throw error;
        const { reply } = error;
        if ("exchangeFailure" in reply)
            throw explainFailure(reply.exchangeFailure, plan, reply.idToken, env, reply.isSelf);
        const { url = "", audience = "" } = { ...ask?.endpoint, audience: ask?.audience };
        const endpointHost = new URL(url).host;
        throw explainIdTokenFailure(reply.idTokenFailure, { audience, endpointHost, proxy: findProxy(env, url) });
    }
}
/** SDKs follow the profile to its source by themselves: there is nothing to keep. */
async function byProfile(plan, enter, env) {
    const { inputs } = plan;
    const use = await enter();
    const session = inputs.trial || inputs.outputCredentials
        ? await firstSession(await loadExchange(), plan, { profile: inputs.profile }, undefined, env)
        : plannedSession(inputs);
    accept(plan, session);
    return { use, session, idToken: undefined };
}
/** Before anything is exported. */
function accept({ inputs }, session) {
    if (inputs.maskAccountId && session.accountId !== undefined)
        core_setSecret(session.accountId);
    if (inputs.sharedSession || inputs.outputCredentials)
        maskKeys(session.keys);
    checkAccount(inputs, session.accountId);
}
/** Those that steps can read. */
function maskKeys(keys) {
    if (keys === undefined)
        return;
    for (const secret of [keys.accessKeyId, keys.secretAccessKey, keys.sessionToken])
        core_setSecret(secret);
}

;// CONCATENATED MODULE: ../lib/src/state.js




const state_VERSION = 1;
const savedUse = schema_object({
    root: schema_text(/^[^\p{Cc}]{1,4096}$/u),
    id: ID,
    summary: oneOf("auto", "always", "never"),
    use: optional(publishedUse),
    keeper: optional(processIdentity),
});
function saveUse(use) {
    saveState("use", JSON.stringify({ version: state_VERSION, ...savedUse(use) }));
}
/**
 * Undefined if main ended before it saved anything. Throws if it is not what main saves: without its own
 * state, post would see a variable STATE_use that a step has set.
 */
function loadUse(env) {
    const state = core.getState("use");
    if (state === "")
        return undefined;
    const { version } = object({ version: String })(JSON.parse(state));
    const saved = version === String(state_VERSION) ? savedUse(JSON.parse(state)) : undefined;
    if (saved?.root !== jobDirectoryPath(env.RUNNER_TEMP)) {
        throw new Error("STATE_use does not name the job directory of this job, so the main step did not save it");
    }
    return saved;
}

;// CONCATENATED MODULE: ../lib/src/start.js














/**
 * The main step: from inputs to a profile whose token file stays fresh. It makes every refusal before it
 * changes anything, and exports nothing before everything works. If a part fails, it undoes the others at
 * once. Throws a UserError for everything that a user can do something about.
 * @param keeper a process that waits for instructions
 */
async function start(env, keeper) {
    const run = { id: env.GITHUB_RUN_ID ?? "", attempt: env.GITHUB_RUN_ATTEMPT ?? "" };
    const inputs = loadInputs((name) => getInput(name), run);
    const plan = makePlan(inputs, env);
    for (const secret of plan.masks)
        core_setSecret(secret);
    if (inputs.role.accountId !== undefined)
        checkAccount(inputs, inputs.role.accountId);
    // Without verified certificates, a server that poses as STS could use the ID token.
    delete env.NODE_TLS_REJECT_UNAUTHORIZED;
    const state = { root: plan.job.path, id: plan.id, summary: inputs.summary };
    saveUse(state);
    try {
        await start_openJobDirectory(plan);
        const enter = (token) => enterUse(plan, token, env);
        const reached = inputs.sharedSession
            ? await bySession(plan, keeper, enter, env)
            : inputs.source === "id-token"
                ? await byTokenFile(plan, keeper, enter, env)
                : await byProfile(plan, enter, env);
        saveUse({ ...state, use: reached.use, ...keeperOf(plan) });
        publish(plan, reached);
    }
    catch (error) {
        await undo(plan);
        throw error;
    }
}
/** Before the network; and under the lock, since another use's post may be removing it. */
async function start_openJobDirectory({ job }) {
    await locked(job, async () => { });
}
/** Profile and token file. Deletes sessions of this name that a crashed job left in the AWS CLI's cache. */
async function enterUse(plan, token, env) {
    const { id, inputs, keeper, visible, hidden, exports } = plan;
    const { profile, role, sessionName, source, stsEndpoint } = inputs;
    const use = {
        ...{ id, startedAt: Date.now(), profile, roleArn: role.arn, sessionName, stsEndpoint },
        audience: source === "id-token" ? inputs.audience : undefined,
        keepers: keeper === undefined ? [] : [keeper],
        outlives: inputs.outlivesIdTokens,
        exported: exports,
        ...{ visible, hidden, token },
        source: source === "id-token" || "credentials" in source ? undefined : source,
    };
    const published = await beginUse(plan.job, use, plan.jobSecret, env, home(), worker_findWorker());
    deleteCachedSessions(cliCache(), role.arn, sessionName);
    return published;
}
function keeperOf({ job, keeper }) {
    const { pid, started } = (keeper && record_readStatus(keeperDirectory(job, keeper))) ?? {};
    return pid === undefined ? {} : { keeper: { pid, ...(started !== undefined && { started }) } };
}
/** Post would do the same; but the job may go on after this step, if it has continue-on-error. */
async function undo({ job, id, jobSecret }) {
    try {
        await endUse(job, id, { jobSecret, outcome: "failed" });
    }
    catch (error) {
        core_debug(`Could not clean up: ${(0,errors/* errorText */.kc)(error)}`);
    }
}

;// CONCATENATED MODULE: ../lib/src/run.js





/**
 * Runs the main step, and fails it with what a user can do about it. Ends a keeper that has not taken over.
 */
async function run(keeper) {
    try {
        await start(process.env, keeper);
    }
    catch (error) {
        if (error instanceof errors/* UserError */.yo) {
            setFailed(`${error.message}\nMore: ${troubleshooting_troubleshootingLink(error.anchor)}`);
            if (error.details !== undefined)
                info(error.details);
        }
        else {
            core_debug((0,base_text/* printable */.g$)(error instanceof Error ? (error.stack ?? error.message) : String(error)));
            const more = (0,errors/* errorCode */.CA)(error) === undefined ? "" : `\nMore: ${troubleshooting_troubleshootingLink("runner-files")}`;
            setFailed(`${(0,errors/* errorText */.kc)(error)}${more}`);
        }
    }
    finally {
        await keeper.abandon();
    }
}


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
