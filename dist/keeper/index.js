import { createRequire as __WEBPACK_EXTERNAL_createRequire } from "module";
/******/ var __webpack_modules__ = ({});
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
var __webpack_exports__ = {};

;// CONCATENATED MODULE: external "node:fs"
const external_node_fs_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:fs");
;// CONCATENATED MODULE: ./lib/src/errors.js
/**
 * An error whose text is meant for the user of the action: what was given, what is allowed, how to fix it.
 * `anchor` names the entry in docs/troubleshooting.md that says more.
 */
class UserError extends Error {
    name = "UserError";
    anchor;
    constructor(anchor, message, options) {
        super(message, options);
        this.anchor = anchor;
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
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    return typeof code === "string" ? code : undefined;
}

;// CONCATENATED MODULE: external "node:crypto"
const external_node_crypto_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:crypto");
;// CONCATENATED MODULE: ./lib/src/files.js


/**
 * Replaces a file as a whole: a reader sees the old content or the new, never an empty or half file. Whatever is at `path`, a
 * symlink or a FIFO, is replaced and not followed. Mode 0600 under any umask. On failure the old file stays and no other is left.
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
/** The bytes of a regular file, or undefined where there is none. Throws on any other error, and on anything but a file. */
function readFileIfExists(path) {
    let file;
    try {
        // O_NONBLOCK: opening a FIFO would wait for its writer for ever.
        file = fs.openSync(path, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0));
    }
    catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT")
            return undefined;
        throw error;
    }
    try {
        if (!fs.fstatSync(file).isFile())
            throw new Error(`${path} is not a regular file`);
        return fs.readFileSync(file);
    }
    finally {
        fs.closeSync(file);
    }
}
/** Parsed JSON of a file of ours, or undefined where it is missing or not JSON: a crash may have left anything. */
function readJson(path) {
    try {
        const bytes = readFileIfExists(path);
        return bytes === undefined ? undefined : JSON.parse(bytes.toString("utf8"));
    }
    catch {
        return undefined;
    }
}
function writeJson(path, value) {
    writeFileAtomic(path, `${JSON.stringify(value)}\n`);
}

;// CONCATENATED MODULE: external "node:http"
const external_node_http_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:http");
var external_node_http_namespaceObject_0 = /*#__PURE__*/__nccwpck_require__.t(external_node_http_namespaceObject, 2);
;// CONCATENATED MODULE: external "node:https"
const external_node_https_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:https");
var external_node_https_namespaceObject_0 = /*#__PURE__*/__nccwpck_require__.t(external_node_https_namespaceObject, 2);
;// CONCATENATED MODULE: ./lib/src/jwt.js
// base64url segments and nothing else: such a text cannot add a line to a file, a header or a log.
const JWT = /^[\w-]+\.([\w-]+)\.[\w-]+$/;
/** The payload of a JWT in compact form, or undefined if it is not one. */
function decodeClaims(token) {
    const payload = JWT.exec(token)?.[1];
    if (payload === undefined)
        return undefined;
    try {
        const claims = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
        return typeof claims === "object" && claims !== null && !Array.isArray(claims) ? claims : undefined;
    }
    catch {
        return undefined;
    }
}
/** A time claim (exp, iat, nbf) in milliseconds since 1970, or undefined. */
function timeClaim(claims, name) {
    const seconds = claims?.[name];
    return typeof seconds === "number" && Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined;
}

;// CONCATENATED MODULE: ./lib/src/id-token.js




class IdTokenError extends Error {
    name = "IdTokenError";
    kind;
    status;
    /** The system's code for an endpoint that cannot be reached: ECONNREFUSED, ENOTFOUND, a TLS code, TIMEOUT. */
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
/** A token "from the future" by more than this would be refused by STS. */
const FUTURE_TOLERANCE_MS = 60_000;
/**
 * Asks the job's endpoint for one ID token. One request, no retry, no redirect: the request token goes to the host that the
 * runner named and to no other. Throws an IdTokenError whose message never holds a token.
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
            request.destroy(new IdTokenError("unreachable", `${url.host} did not answer within ${timeoutMs} ms`, { code: "TIMEOUT" }));
        }, timeoutMs);
        const request = client.get(url, {
            // Of its own, so that the connection is not kept; proxyEnv (HTTPS_PROXY, NO_PROXY): Node 24.5 and later.
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
                resolve({ body: Buffer.concat(chunks).toString("utf8"), date: Number.isNaN(date) ? undefined : date });
            });
        });
        function fail(error) {
            if (error instanceof IdTokenError)
                reject(error);
            else {
                const code = errorCode(error);
                reject(new IdTokenError("unreachable", `${url.host} cannot be reached: ${errorText(error)}`, code === undefined ? {} : { code }));
            }
        }
        request.on("error", fail);
        request.on("close", () => clearTimeout(timer));
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
    // The server's own clock decides what has expired, where it tells it: the runner's may be wrong by any amount.
    const clockOffsetMs = date === undefined ? 0 : date - Date.now();
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
    return { token, claims, lifetimeMs, remainingMs: Math.min(lifetimeMs, expires - now), clockOffsetMs };
}

;// CONCATENATED MODULE: ./lib/src/process.js

/** proc(5), /proc/PID/stat. The name stands in parentheses and may hold any character. Undefined if there is no such process. */
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
        return stat !== undefined && stat.started === process_.started && stat.state !== "Z" && stat.state !== "X";
    }
    try {
        return process.kill(process_.pid, 0);
    }
    catch (error) {
        return error instanceof Error && "code" in error && error.code === "EPERM";
    }
}
/** More than enough for a runner, a composite action and wrapper scripts. */
const MAX_ANCESTORS = 32;
/**
 * The runner's worker among this process's ancestors: the process that runs one job and then ends. Undefined inside a container,
 * whose processes have no ancestor outside, without /proc, and under other runners.
 * https://github.com/actions/runner: src/Runner.Worker; the kernel keeps 15 characters of a name, of which it needs 13.
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

;// CONCATENATED MODULE: ./lib/src/schedule.js
// When the keeper acts, as pure numbers; all times in milliseconds. For GitHub's token of 300 s: refresh after 135 to 150 s, retry
// after up to 1, 2, 4 … 30 s, 10 s for a request. Shorter lives, which only tests have, scale all of it down.
/** The longest that the keeper sleeps before it looks at the clocks, its directory and its job. */
const TICK_MS = 10_000;
/** Wall and monotonic clock may drift apart by this much in a tick before the machine counts as having slept. */
const CLOCK_JUMP_MS = 5_000;
/**
 * Time from the receipt of a token to the next request: half of its life, early by up to a tenth of that, so that the jobs of a
 * matrix that started together do not ask together for hours.
 * @param remaining what was left of its life on receipt; less than the lifetime if the server hands out the same token twice
 * @param random in [0, 1)
 */
function refreshDelay(lifetime, remaining, random) {
    return (Math.min(lifetime, remaining) / 2) * (1 - random / 10);
}
/**
 * Time to the next try after failures: full jitter, doubling from 1 s up to 30 s. A Retry-After is waited for, but no longer than
 * that: the token is running out.
 * @param failures how many in a row, at least 1
 */
function retryDelay(lifetime, failures, random, retryAfter = 0) {
    const cap = Math.min(30_000, lifetime / 10);
    const ceiling = Math.min(cap, (cap / 30) * 2 ** (failures - 1));
    return Math.max(Math.min(retryAfter, cap), ceiling * random);
}
/** How long one request may take: far less than the half life that is left when it is made. */
function requestTimeout(lifetime) {
    return Math.min(10_000, lifetime / 6);
}
/** Whether the machine slept or its clock was set, from how far each clock moved in the same while. */
function clockJumped(wall, monotonic) {
    return Math.abs(wall - monotonic) > CLOCK_JUMP_MS;
}

;// CONCATENATED MODULE: ./lib/src/status.js
// What the keeper tells post: a file of times and error texts, never a token. All times in milliseconds since 1970, by this
// machine's clock.
/** Lists keep this many entries, so that the file stays small in a job of days. */
const MAX_ENTRIES = 200;
/** Records a new token in the file. */
function recordRefresh(status, now, remainingMs, lifetimeMs) {
    closeToken(status, now);
    const outage = status.outages.at(-1);
    if (outage && outage.to === 0)
        outage.to = now;
    status.refreshes += 1;
    status.tokenReceivedAt = now;
    status.tokenExpiresAt = now + remainingMs;
    status.lifetimeMs = lifetimeMs;
    add(status.received, now);
}
/** Records a failed attempt; the first in a row begins an outage, whose end (0 until then) the next token marks. */
function recordFailure(status, now, error) {
    status.failures += 1;
    const last = status.outages.at(-1);
    if (last && last.to === 0) {
        last.attempts += 1;
        last.lastError = error;
    }
    else {
        add(status.outages, { from: now, to: 0, attempts: 1, lastError: error });
    }
}
/** What the file's token came to by `now`: its age, and since when it was stale. */
function closeToken(status, now) {
    status.longestAgeMs = Math.max(status.longestAgeMs, now - status.tokenReceivedAt);
    if (now > status.tokenExpiresAt)
        add(status.stale, { from: status.tokenExpiresAt, to: now });
}
function add(list, entry) {
    list.push(entry);
    if (list.length > MAX_ENTRIES)
        list.shift();
}

;// CONCATENATED MODULE: ./lib/src/token-directory.js

function tokenDirectory(path) {
    return { path, token: `${path}/token`, status: `${path}/status.json`, stop: `${path}/stop` };
}
/** The name of the directory for an audience. */
function tokenId(audience) {
    return createHash("sha256").update(audience).digest("hex").slice(0, 16);
}

;// CONCATENATED MODULE: ./lib/src/keep.js








/**
 * Keeps the token file fresh until the job is over, one way or another, and then deletes it.
 * @param onReady called once everything that ends the keeper is in place
 */
async function keep(config, onReady) {
    // Working in the directory itself: if it is removed, and the next job makes one of the same name, nothing is written there.
    // Windows would refuse to remove a directory that a process works in.
    if (process.platform !== "win32")
        process.chdir(config.directory);
    const directory = tokenDirectory(process.platform === "win32" ? config.directory : ".");
    const uses = `${directory.path}/../../uses`;
    const over = new AbortController();
    let wakeUp = () => { };
    let ending = "failed";
    const end = (why) => {
        if (over.signal.aborted)
            return;
        ending = why;
        over.abort();
        wakeUp();
    };
    const received = Date.now() - config.ageMs;
    const status = {
        ...identify(process.pid),
        startedAt: Date.now(),
        tokenReceivedAt: received,
        tokenExpiresAt: received + config.remainingMs,
        lifetimeMs: config.lifetimeMs,
        refreshes: 0,
        failures: 0,
        longestAgeMs: 0,
        received: [received],
        outages: [],
        stale: [],
    };
    // Monotonic from here on: a clock that is set, or wrong, must not matter.
    let lifetime = config.lifetimeMs;
    let expires = performance.now() - config.ageMs + config.remainingMs;
    let due = performance.now() - config.ageMs + refreshDelay(lifetime, config.remainingMs, Math.random());
    let failures = 0;
    const endsAt = performance.now() + config.endsInMs;
    let wall = Date.now();
    let monotonic = performance.now();
    const look = () => {
        const why = reasonToEnd();
        if (why)
            end(why);
        if (clockJumped(Date.now() - wall, performance.now() - monotonic)) {
            due = performance.now();
            wakeUp();
        }
        wall = Date.now();
        monotonic = performance.now();
    };
    const reasonToEnd = () => {
        if (external_node_fs_namespaceObject.existsSync(directory.stop))
            return "stopped";
        if (!hasUses(uses))
            return "job directory gone";
        if (config.worker && !isRunning(config.worker))
            return "job over";
        // The last ID token may outlive the request token; SDKs can use it until then.
        if (performance.now() > Math.max(endsAt, expires))
            return "request token expired";
        return undefined;
    };
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"])
        process.on(signal, () => end("signal"));
    process.on("uncaughtException", () => end("failed"));
    const ticker = setInterval(look, TICK_MS);
    // Only to notice sooner what a tick notices anyway: where watching is not possible, nothing is lost.
    let watcher;
    try {
        watcher = external_node_fs_namespaceObject.watch(directory.path, look).on("error", () => watcher?.close());
    }
    catch { }
    writeStatus();
    onReady();
    while (!over.signal.aborted) {
        await new Promise((resolve) => {
            const timer = setTimeout(resolve, due - performance.now());
            wakeUp = () => {
                clearTimeout(timer);
                resolve();
            };
        });
        if (!over.signal.aborted && performance.now() >= due)
            await refresh();
    }
    clearInterval(ticker);
    watcher?.close();
    closeToken(status, Date.now());
    status.ended = { at: Date.now(), why: ending };
    external_node_fs_namespaceObject.rmSync(directory.token, { force: true });
    writeStatus();
    async function refresh() {
        try {
            const answer = await requestIdToken(config.endpoint, config.audience, requestTimeout(lifetime), over.signal);
            if (over.signal.aborted)
                return;
            writeFileAtomic(directory.token, answer.token);
            lifetime = answer.lifetimeMs;
            failures = 0;
            expires = performance.now() + answer.remainingMs;
            due = performance.now() + refreshDelay(lifetime, answer.remainingMs, Math.random());
            recordRefresh(status, Date.now(), answer.remainingMs, lifetime);
        }
        catch (error) {
            if (over.signal.aborted)
                return;
            failures += 1;
            const retryAfter = error instanceof IdTokenError ? error.retryAfterMs : undefined;
            due = performance.now() + retryDelay(lifetime, failures, Math.random(), retryAfter);
            recordFailure(status, Date.now(), errorText(error));
        }
        writeStatus();
    }
    function writeStatus() {
        try {
            writeJson(directory.status, status);
        }
        catch {
            // A full disk: the next one may succeed, and the token matters more.
        }
    }
}
/** Whether any use of the job is not over. Only what is certain counts: no entry, or no directory. */
function hasUses(directory) {
    try {
        return external_node_fs_namespaceObject.readdirSync(directory).some((name) => name.endsWith(".json"));
    }
    catch (error) {
        return !["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "");
    }
}

;// CONCATENATED MODULE: ./lib/src/keeper.js

// The background process. It prints nothing, takes its configuration over IPC from main, and ends when the job does.
process.once("message", (config) => {
    process.removeListener("disconnect", giveUp);
    void keep(config, () => process.send?.("ready", () => process.disconnect()));
});
process.once("disconnect", giveUp);
/** Main ended without a word: there is nothing to keep. */
function giveUp() {
    process.exit(0);
}

