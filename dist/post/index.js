import { createRequire as __WEBPACK_EXTERNAL_createRequire } from "module";
/******/ var __webpack_modules__ = ({

/***/ 417:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {


// EXPORTS
__nccwpck_require__.d(__webpack_exports__, {
  O: () => (/* binding */ finish)
});

;// CONCATENATED MODULE: external "node:fs"
const external_node_fs_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:fs");
;// CONCATENATED MODULE: external "os"
const external_os_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("os");
;// CONCATENATED MODULE: ../node_modules/@actions/core/lib/utils.js
// We use any as a valid input type
/* eslint-disable @typescript-eslint/no-explicit-any */
/**
 * Sanitizes an input into a string so it can be passed into issueCommand safely
 * @param input input to sanitize into a string
 */
function utils_toCommandValue(input) {
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
    return utils_toCommandValue(s)
        .replace(/%/g, '%25')
        .replace(/\r/g, '%0D')
        .replace(/\n/g, '%0A');
}
function escapeProperty(s) {
    return utils_toCommandValue(s)
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
    external_fs_namespaceObject.appendFileSync(filePath, `${utils_toCommandValue(message)}${external_os_namespaceObject.EOL}`, {
        encoding: 'utf8'
    });
}
function file_command_prepareKeyValueMessage(key, value) {
    const delimiter = `ghadelimiter_${external_crypto_namespaceObject.randomUUID()}`;
    const convertedValue = utils_toCommandValue(value);
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
const summary_summary = _summary;
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
    const convertedVal = utils_toCommandValue(val);
    process.env[name] = convertedVal;
    const filePath = process.env['GITHUB_ENV'] || '';
    if (filePath) {
        return file_command_issueFileCommand('ENV', file_command_prepareKeyValueMessage(name, val));
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
    issueCommand('add-mask', {}, secret);
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
        return issueFileCommand('OUTPUT', prepareKeyValueMessage(name, value));
    }
    process.stdout.write(os.EOL);
    issueCommand('set-output', { name }, toCommandValue(value));
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
    issueCommand('error', toCommandProperties(properties), message instanceof Error ? message.toString() : message);
}
/**
 * Adds a warning issue
 * @param message warning issue message. Errors will be converted to string via toString()
 * @param properties optional properties to add to the annotation.
 */
function core_warning(message, properties = {}) {
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
    issue('group', name);
}
/**
 * End an output group.
 */
function endGroup() {
    issue('endgroup');
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
        return issueFileCommand('STATE', prepareKeyValueMessage(name, value));
    }
    issueCommand('save-state', { name }, toCommandValue(value));
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
;// CONCATENATED MODULE: external "node:crypto"
const external_node_crypto_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:crypto");
;// CONCATENATED MODULE: external "node:timers/promises"
const promises_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:timers/promises");
;// CONCATENATED MODULE: ../lib/src/base/text.js
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
function text_quoted(value, limit = 300) {
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

;// CONCATENATED MODULE: ../lib/src/base/errors.js

/** An error whose text is meant for the user of the action: what happened, and how to fix it. */
class errors_UserError extends Error {
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
function errors_errorText(error) {
    return printable(error instanceof Error ? error.message || error.name : String(error), 500);
}
/** The code of a system error (ENOENT, ECONNREFUSED, ...), or undefined. */
function errors_errorCode(error) {
    const code = error?.code;
    return typeof code === "string" ? code : undefined;
}

;// CONCATENATED MODULE: ../lib/src/base/files.js




/**
 * Replaces a file as a whole: a reader sees the old content or the new, never an empty or half file. If
 * `path` is a symlink or a FIFO, it is replaced and not followed. Mode 0600 under any umask. On failure the
 * old file stays and no other is left. On Windows it waits for readers, for up to 3 s.
 */
function files_writeFileAtomic(path, content) {
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
    return process.platform === "win32" && /^(EPERM|EACCES|EBUSY|ENOTEMPTY)$/.test(errors_errorCode(error) ?? "");
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
            files_writeFileAtomic(path, content);
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
function files_readFileIfExists(path, limit = MAX_FILE_BYTES) {
    let file;
    try {
        // O_NONBLOCK: opening a FIFO would wait for its writer for ever.
        file = patiently(() => external_node_fs_namespaceObject.openSync(path, external_node_fs_namespaceObject.constants.O_RDONLY | (external_node_fs_namespaceObject.constants.O_NONBLOCK ?? 0)));
    }
    catch (error) {
        if (errors_errorCode(error) === "ENOENT")
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
        const value = JSON.parse(files_readFileIfExists(path, MAX_RECORD_BYTES)?.toString("utf8") ?? "");
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
    files_writeFileAtomic(path, text);
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
function troubleshootingLink(anchor) {
    return `${PAGE}#${anchor}`;
}

;// CONCATENATED MODULE: ../lib/src/aws/section.js
// The section that a use writes for its profile: the text that every SDK reads in the same way.
/**
 * The section of a profile for a config file. Keys are in lower case at column 0, without quotes and inline
 * comments, so that every SDK reads the same values (docs/compatibility.md). Throws on a value that could add
 * a line or be cut short, even though every input was checked before.
 */
function section_renderProfile({ profile, region, stsEndpoint, identity }) {
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
function section_renamed(section, from, to) {
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
function settings_entriesOf(text, isAsked) {
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
function settings_valueIn(entries, key) {
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
function profile_hasProfile(config, credentials, profile) {
    return (takeFromConfig(config, profile).taken !== "" || takeFromCredentials(credentials, profile).taken !== "");
}
/** The names of all profiles in the two files. */
function profile_profileNames(config, credentials) {
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
function profile_placeInConfig(text, profileName, section) {
    const { kept, taken } = takeFromConfig(text, profileName);
    const isOwn = (header) => isConfigHeader(header, profileName);
    const users = settings_entriesOf(taken, isOwn);
    const own = keysIn(section, isOwn);
    const isReplaced = ({ key, value }) => own.has(key) || value === servicesName(profileName);
    const settings = settingsIn(users, isReplaced);
    const services = own.has("services") ? otherServices(text, settings_valueIn(users, "services")) : "";
    const end = section.indexOf("\n") + 1;
    // The settings come first: an indented one would continue a key before it.
    const placed = section.slice(0, end) + settings + section.slice(end) + services;
    return { text: profile_append(kept, placed), taken };
}
/**
 * Takes what names an identity, and what a use sets in the config file, out of a profile in a credentials
 * file: SDKs prefer that file. Adds the command of a session.
 */
function profile_placeInCredentials(text, profileName, section) {
    const { kept, taken } = takeFromCredentials(text, profileName);
    const own = keysIn(section, (header) => isConfigHeader(header, profileName));
    const entries = settings_entriesOf(taken, (header) => header === profileName);
    const settings = settingsIn(entries, ({ key }) => own.has(key));
    const placed = renderForCredentials(section, profileName) || (settings && `[${profileName}]\n`);
    return { text: profile_append(kept, placed + settings), taken };
}
/** The headers under which SDKs agree to find a profile in a config file. */
function isConfigHeader(header, profileName) {
    return isProfile(header, profileName) && (profileName === "default" || /^profile\s/.test(header));
}
function keysIn(section, isOwn) {
    return new Set(settings_entriesOf(section, isOwn).map(({ key }) => key));
}
/** The endpoints of other services than STS that a profile's services section names. */
function otherServices(config, services) {
    const entries = settings_entriesOf(config, (header) => header === `services ${services}`);
    return settingsIn(entries, ({ key }) => key === "sts");
}
/** Where a profile of a config file sends requests to STS; undefined for AWS. */
function profile_stsEndpointIn(config, profileName) {
    const profile = entriesOf(config, (header) => isConfigHeader(header, profileName));
    const services = valueIn(profile, "services");
    const ofServices = entriesOf(config, (header) => header === `services ${services}`);
    const ofSts = ofServices.find(({ key, parent }) => key === "endpoint_url" && parent?.key === "sts");
    return ofSts?.value || valueIn(profile, "endpoint_url") || undefined;
}
/** Adds sections to the end of a file. */
function profile_append(text, sections) {
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
function sts_endpoint_checkEndpoints(use, others, config, ambient) {
    for (const other of others)
        refuseRival(use, other);
    // The environment's endpoints, which planEnvironment checks, override those in a config file.
    if (use.exported[VARIABLE] || ambient[VARIABLE] || ambient.AWS_ENDPOINT_URL)
        return;
    refusePlainHttp(stsEndpointIn(config, use.profile), `endpoint_url of profile ${quoted(use.profile)}`);
}
/** An ambient use with sts-endpoint exports its endpoint, which overrides AWS and those of all profiles. */
function refuseRival(use, other) {
    if (loses(use, other))
        throw refusal("An earlier use of this action exported", "this use's ID token", other, "the earlier use");
    // An earlier use of the same profile is shadowed by this one.
    if (other.profile !== use.profile && loses(other, use))
        throw refusal("This use would export", `the ID token of profile ${quoted(other.profile)}`, use, "this use");
}
/** Whether what `other` exports overrides the endpoint of `use`. */
function loses(use, other) {
    const exported = other.exported[VARIABLE];
    if (exported === undefined || use.exported[VARIABLE] !== undefined)
        return false;
    return stsEndpointIn(use.section, use.profile) !== exported;
}
function refusal(what, token, { exported }, which) {
    return new UserError("sts-endpoint-of-another-use", `${what} ${VARIABLE}, so later steps would send ${token} to ${quoted(exported[VARIABLE] ?? "")}. Give ${which} a name (profile: NAME), so that only the steps that choose it use that server.`);
}
/** Refuses an endpoint over plain http to another machine, as the input sts-endpoint is refused. */
function refusePlainHttp(endpoint, where) {
    if (endpoint === undefined || !URL.canParse(endpoint))
        return;
    const { protocol, hostname } = new URL(endpoint);
    if (protocol !== "http:" || isLoopback(hostname))
        return;
    throw new errors_UserError("sts-endpoint-over-http", `${where} is ${text_quoted(endpoint)}: later steps would send the ID token there over plain http, where anyone on the network path could use it. ` +
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

;// CONCATENATED MODULE: ../lib/src/aws/environment.js



const KEYS = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
const CONTAINER = ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];
const WEB_IDENTITY = ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"];
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
    const set = nonEmpty(ambient, KEYS);
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
    const found = existing(ambient, [...WEB_IDENTITY, SESSION_NAME]);
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
        throw new errors_UserError("named-profile-loses", `${are(rivals)} set in this job, and most AWS SDKs prefer ${them(rivals)} to any profile: later steps would silently run as another role. ` +
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
        throw new errors_UserError("named-profile-loses", `${are(rivals)} set in this job. Most AWS SDKs prefer ${them(rivals)} to a profile chosen with AWS_PROFILE, so steps that choose ` +
            `profile ${text_quoted(use.profile)} would silently run as another role. Remove ${them(rivals)} from the job or the runner, make all uses named ` +
            "if an earlier use of this action set mirror-environment, or leave out profile to make this role ambient.");
    }
    // A session name alone changes no role; an empty one would let the AWS CLI's disk cache mix up jobs.
    return { exports: environment_all(found, use.sessionName) };
}
function mirrorRefused(why) {
    return new errors_UserError("mirror-refused", `mirror-environment cannot be ${why}. Leave it at auto.`);
}
/** Which profile later steps use when they choose none, and its region. Named uses leave both alone. */
function chosenProfile(ambient, use) {
    if (!isAmbient(use)) {
        const rival = ambient.AWS_DEFAULT_PROFILE;
        if (!rival || rival === use.profile)
            return {};
        return {
            warnings: [
                `AWS_DEFAULT_PROFILE is set, and boto3 and the AWS CLI v1 prefer it to AWS_PROFILE: steps that choose profile ${text_quoted(use.profile)} with AWS_PROFILE would ` +
                    `run as ${text_quoted(rival)} there. Choose it with --profile, or set AWS_DEFAULT_PROFILE in the same step.`,
            ],
        };
    }
    // Both, where they exist: tools differ in which they prefer, and several read "" as a profile's name.
    const others = existing(ambient, PROFILES).filter((name) => ambient[name] !== "default");
    return {
        exports: { AWS_REGION: use.region, AWS_DEFAULT_REGION: use.region, ...environment_all(others, "default") },
        warnings: nonEmpty(ambient, others).map((name) => `${name} was ${text_quoted(ambient[name] ?? "")}; later steps will see "default" instead, so that they use this role.`),
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
        throw new errors_UserError("sts-endpoint-loses", `${are(rivals)} set in this job and would override sts-endpoint: later steps would send the ID token to another server. ` +
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
    return `${list(names)} ${names.length < 2 ? "is" : "are"}`;
}
/** "A", "A and B", "A, B and C". */
function list(names) {
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
const restore_IDENTITY_VARIABLES = [KEYS, CONTAINER, WEB_IDENTITY, PROFILES].flat();
/**
 * A warning, with the fix, if a later step set variables that override the profile. It has their names and no
 * value. `now` is the environment before post restores it.
 */
function overrideWarning(now, use) {
    const names = restore_IDENTITY_VARIABLES.filter((name) => counts(name, now, use) && isForeign(name, now, use));
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
function user_files_defaultFiles(folder = home()) {
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
    return keeperDirectoryAt(`${job.path}/${id}`, kindOf(id));
}
/** The token directory of an audience. */
function layout_tokenDirectory(job, audience) {
    return keeperDirectory(job, tokenKeeper(audience));
}
function keeperDirectoryAt(path, kind = "token") {
    return { path, secret: `${path}/${kind}`, status: `${path}/status.json`, stop: `${path}/stop` };
}
/** What a keeper keeps fresh. */
function kindOf(id) {
    return id.startsWith("tokens/") ? "token" : "session";
}
/** The name of the token directory of an audience. */
function tokenId(audience) {
    return createHash("sha256").update(audience).digest("hex").slice(0, 16);
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
    throw new UserError("id-token-endpoint", "ACTIONS_RUNTIME_TOKEN is not set. The runner sets it for every action, and this action tells the files of one job from those of another by it.");
}
function seal_seal(text, jobSecret) {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(CIPHER, keyOf(jobSecret), iv);
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
function object(fields) {
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
const interval = object({ from: amount, to: amount });
const outage = object({
    from: amount,
    to: optional(amount),
    attempts: positive,
    lastError: schema_text(/^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]{0,1000}$/u),
});
const why = oneOf("stopped", "stopped by a step", "job directory gone", "job over", "request token expired", "failed");
const keeperStatus = object({
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
    watcher: optional(object({ pid: positive, started: optional(TICKS) })),
    ended: optional(object({ at: amount, why })),
});
/** The last status of the keeper of a token directory, if it wrote one. */
function readStatus(directory) {
    return readRecord(directory.status, keeperStatus);
}
function writeStatus(directory, status) {
    writeRecord(directory.status, status);
}

;// CONCATENATED MODULE: external "node:path"
const external_node_path_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:path");
;// CONCATENATED MODULE: ../lib/src/job/private-directory.js




/**
 * Makes the job directory, or checks the one that exists: it must be a real directory of this user and closed
 * to others. Throws a UserError for any other, because whoever made it could read the token or choose the
 * role that SDKs use.
 */
function private_directory_openJobDirectory(job) {
    try {
        makePrivateDirectory(job.path);
    }
    catch (error) {
        if (errorCode(error) !== "EEXIST") {
            throw new UserError("runner-temp", `${job.path} cannot be created: ${errorCode(error) ?? String(error)}. RUNNER_TEMP must exist and be writable.`, { cause: error });
        }
        const fault = notOurs(job.path) ?? openness(job.path);
        if (fault) {
            throw new UserError("job-directory", `${job.path} already exists and ${fault}. Remove it from this runner: another program made it or changed it.`);
        }
    }
    for (const directory of [job.tokens, job.sessions, job.uses, job.finished])
        private_directory_ensurePrivateDirectory(directory);
}
function private_directory_ensurePrivateDirectory(directory) {
    try {
        makePrivateDirectory(directory);
    }
    catch (error) {
        if (errors_errorCode(error) !== "EEXIST")
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
    const parent = external_node_fs_namespaceObject.statSync(external_node_path_namespaceObject.dirname(directory));
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
    return uid === 0 && owner === external_node_fs_namespaceObject.statSync(external_node_path_namespaceObject.dirname(directory)).uid;
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

;// CONCATENATED MODULE: ../lib/src/job/records.js




/** The names of records, and the only names that this action makes a path of. */
const ID = schema_text(/^[0-9a-f]{1,64}$/);
const processIdentity = object({ pid: positive, started: optional(TICKS) });
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
const publishedUse = object(published);
const previousVariables = dictionary(records_VARIABLE, nullable(ANYTHING));
const originalSections = object({ config: ANYTHING, credentials: ANYTHING });
const use = object({
    ...published,
    order: positive,
    section: schema_text(/^[\x20-\x7e\n]{1,16384}$/),
    original: SEALED,
});
const finishedUse = object({
    ...about,
    endedAt: amount,
    ended: schema_list(object({ id: keeperId, status: keeperStatus, died: schema_boolean }), MAX_KEEPERS),
});
const records_claim = object({
    job: schema_text(/^[0-9a-f]{64}$/),
    worker: optional(processIdentity),
    previous: object({
        AWS_CONFIG_FILE: nullable(PATH),
        AWS_SHARED_CREDENTIALS_FILE: nullable(PATH),
    }),
});
function records_readClaim(job) {
    return readRecord(job.claim, records_claim);
}
/** Throws on a record that post would not accept. */
function records_writeUse(job, record) {
    writeRecord(`${job.uses}/${record.id}.json`, use(record));
}
/** The uses of a job that are not over, in order. */
function records_activeUses(job) {
    return readAll(job.uses, use).sort((a, b) => a.order - b.order);
}
/** How many files in the folder of these records are not valid records. */
function brokenUses(job) {
    return private_directory_entriesOf(job.uses).filter((name) => name.endsWith(".json")).length - records_activeUses(job).length;
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
function isRunning(process_) {
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
        return errors_errorCode(error) === "EPERM";
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
function process_findWorker() {
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

;// CONCATENATED MODULE: ../lib/src/job/aws-files.js




/**
 * Puts a use's section in the place of every other section of its profile.
 * @param others sections of names of our own, which stay until the directory goes: a keeper may use them for
 * longer than this use
 */
function aws_files_placeProfile(job, { profile, section }, others) {
    const config = placeInConfig(aws_files_readText(job.config), profile, section);
    const credentials = placeInCredentials(aws_files_readText(job.credentials), profile, section);
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
    const config = aws_files_readText(job.config);
    const earlier = others.findLast((other) => other.profile === use.profile);
    if (earlier) {
        writeText(job.config, profile_placeInConfig(config, use.profile, earlier.section).text);
        const credentials = aws_files_readText(job.credentials);
        writeText(job.credentials, profile_placeInCredentials(credentials, use.profile, earlier.section).text);
        return;
    }
    // Ours goes in any case, also where the user's own cannot be read.
    let original = { config: "", credentials: "" };
    try {
        original = originalSections(JSON.parse(unseal(use.original, jobSecret)));
    }
    finally {
        writeText(job.config, profile_append(takeFromConfig(config, use.profile).kept, original.config));
        const credentials = takeFromCredentials(aws_files_readText(job.credentials), use.profile);
        writeText(job.credentials, profile_append(credentials.kept, original.credentials));
    }
}
/** As latin1, which maps every byte to one character and back. "" if there is no file. */
function aws_files_readText(file, limit) {
    return (files_readFileIfExists(file, limit) ?? Buffer.alloc(0)).toString("latin1");
}
function writeText(file, text) {
    files_writeFileAtomic(file, Buffer.from(text, "latin1"));
}

;// CONCATENATED MODULE: ../lib/src/job/chain.js





/** The names of the profiles that this action adds for itself. */
const PREFIX = "aws-role-refresh-";
const targetProfile = (useId) => `${PREFIX}${useId}`;
const sourceProfile = (useId) => `${PREFIX}${useId}-source`;
/** Throws a UserError if there is no such profile. */
function chain_findSource(job, use, source, uses) {
    const name = "profile" in source ? source.profile : use.profile;
    const earlier = uses.findLast(({ profile }) => profile === name);
    if (earlier) {
        const profile = sourceProfile(use.id);
        const { keepers, endsWithIdTokens } = earlier;
        return { profile, copy: renamed(earlier.section, name, profile), keepers, endsWithIdTokens };
    }
    if ("sameProfile" in source) {
        throw new UserError("chain-without-source", `role-chaining is true, but no earlier step of this job uses this action with profile ${quoted(name)}. Add a step before ` +
            "this one that uses it for the first role, with the same profile; or say where the role is reached from: source-profile (a profile in your own " +
            "AWS files) or credential-source (keys in the environment, or the runner's own role).");
    }
    const [config, credentials] = [readText(job.config), readText(job.credentials)];
    if (name !== use.profile && hasProfile(config, credentials, name))
        return { profile: name, copy: "", keepers: [], endsWithIdTokens: false };
    const names = profileNames(config, credentials).filter((one) => one !== use.profile && !one.startsWith(PREFIX));
    throw new UserError("chain-without-source", name === use.profile
        ? `source-profile is ${quoted(name)}, which is the profile that this use itself writes. Give this use another profile.`
        : `source-profile is ${quoted(name)}, but there is no such profile. ${names.length === 0 ? "There are no others" : `There are: ${names.slice(0, 10).join(", ")}`}. ` +
            "It may be the profile of an earlier use of this action in this job, or one of your own AWS files (AWS_CONFIG_FILE).");
}
/** A profile with the name of its source in it. */
function chain_reachedFrom(profile, source) {
    const { identity } = profile;
    if (source === undefined || !("source" in identity))
        return profile;
    return { ...profile, identity: { ...identity, source: { profile: source.profile } } };
}
/** A use in the place of a user's profile would change where an earlier chain begins. */
function chain_refuseSourceOfAnother(profile, uses) {
    const line = `\nsource_profile = ${profile}\n`;
    const chain = uses.find(({ section }) => section.includes(line));
    if (chain === undefined)
        return;
    throw new UserError("chain-without-source", `Profile ${quoted(profile)} is the source of ${quoted(chain.roleArn)}, which an earlier use of this action reaches from it. Give this use another profile.`);
}

;// CONCATENATED MODULE: ../lib/src/keeper/stop.js






/** Whether a keeper is running for a token directory. */
function hasKeeper(directory) {
    const status = readStatus(directory);
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
    const status = readStatus(directory);
    if (status !== undefined && !isKeeperOf(directory, status)) {
        stopWatcher(status);
        const keeper = isAskedByPost(directory) ? status : notByPost(status);
        return { keeper, keeperDied: status.ended === undefined };
    }
    const isAsked = ask(directory);
    if (status === undefined)
        return {};
    const isGone = () => !isRunning(status);
    const hasEnded = () => readStatus(directory)?.ended !== undefined;
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
    return { keeper: readStatus(directory) ?? status };
}
/**
 * Ends a keeper whose directory is not where it was, and deletes what it kept, wherever a step has moved the
 * directory. Does nothing if that process has ended, or without /proc.
 */
async function stopMovedKeeper({ pid, started }) {
    const isGone = () => started === undefined || !isRunning({ pid, started });
    if (isGone())
        return;
    const directory = external_node_fs_namespaceObject.openSync(`/proc/${pid}/cwd`, external_node_fs_namespaceObject.constants.O_RDONLY | external_node_fs_namespaceObject.constants.O_DIRECTORY);
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
            external_node_fs_namespaceObject.rmSync(`/proc/self/fd/${directory}/${secret}`, { force: true });
    }
    finally {
        external_node_fs_namespaceObject.closeSync(directory);
    }
}
function stopWatcher({ watcher }) {
    // Without a start time a pid proves nothing.
    if (watcher?.started === undefined || !isRunning(watcher))
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
        return files_readFileIfExists(directory.stop, BY_POST.length)?.toString() === BY_POST;
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
        return isRunning({ pid });
    if (!isRunning({ pid, started }))
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
async function removal_takeSecrets(job) {
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
        removal_removeTree(job.path);
    }
    removal_removeTree(gone);
    clearRemains(job);
}
/** Deletes what a post that was killed during `removeJobDirectory` left. */
function clearRemains(job) {
    const parent = external_node_path_namespaceObject.dirname(job.path);
    const name = external_node_path_namespaceObject.basename(job.path);
    for (const entry of private_directory_entriesOf(parent)) {
        if (!entry.startsWith(`${name}.`) || !entry.endsWith(".gone"))
            continue;
        try {
            removal_removeTree(`${parent}/${entry}`);
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
function removal_removeTree(target) {
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
        if (errors_errorCode(error) !== "ENOENT")
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
    const inside = (folder, kind) => removal_isOurs(folder) ? private_directory_entriesOf(folder).map((name) => keeperDirectoryAt(`${folder}/${name}`, kind)) : [];
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
    const found = readClaim(job);
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
    if (worker && !isRunning(worker))
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
        throw new UserError("job-directory", `${job.path} belongs to another job that is still running. Two jobs cannot share one RUNNER_TEMP: give each runner its own work folder.`);
    }
    await takeSecrets(job);
    for (const name of fs.readdirSync(job.path)) {
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
    writeRecord(job.claim, made);
    return made;
}
/**
 * Copies a file of the user, so that the user's other profiles keep working. Without one, makes an empty
 * file.
 */
function seed(target, variable, { previous }, home) {
    if (fs.existsSync(target))
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
        if (errorCode(error) !== "ENOTDIR") {
            throw new UserError("aws-files", `${source} cannot be read (${errorText(error)}). This action copies its profiles for later steps. Make it readable, or set ${variable} to another file.`);
        }
    }
    writeFileAtomic(target, content ?? "");
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
async function lock_locked(job, action) {
    for (let tries = 1;; tries++) {
        try {
            openJobDirectory(job);
            return await withLock(job, WAIT_MS, action);
        }
        catch (error) {
            if (errorCode(error) !== "ENOENT" || tries === 10)
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
            throw new errors_UserError("job-directory-locked", `Another use of this action has kept ${job.path} locked for ${Math.round(waitMs / 1000)} s. Run the job again.`);
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
        const stale = pid === undefined || !isRunning(holder) || Date.now() - external_node_fs_namespaceObject.statSync(file).mtimeMs > STALE_MS;
        if (stale)
            external_node_fs_namespaceObject.rmSync(file, { recursive: true, force: true });
        return stale;
    }
    catch (error) {
        if (errors_errorCode(error) === "ENOENT")
            return true;
        throw error;
    }
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
            this.damage.push(`${what}: ${errors_errorText(error)}`);
        }
    }
}

;// CONCATENATED MODULE: ../lib/src/job/token-file.js




const MAX_TOKEN_BYTES = (/* unused pure expression or super */ null && (64 * 1024));
/** Another use's keeper may have written a newer token while this use waited for the lock. */
function token_file_writeToken(directory, token) {
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
        const claimed = await claim(job, jobSecret, ambient, home, worker);
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
        if (errors_errorCode(error) === "ENOENT" && !external_node_fs_namespaceObject.existsSync(job.path))
            return undefined;
        // Main may try again later. Post is the last chance: on a full disk, or beside a process that hangs.
        if (isLocked || open || outcome === "failed" || notOurs(job.path) !== undefined)
            throw error;
        const ended = await end(job, id, { jobSecret, outcome, restore });
        ended?.damage.unshift(`lock the job directory: ${errors_errorText(error)}`);
        return ended;
    }
}
/** Others may have written anything into it. So only what can be verified is used: the keeper's process. */
async function removeUnbelieved(job, open) {
    const parts = new Parts();
    parts.damage.push(`use the records of the job directory, because it ${open}. Post deletes the directory`);
    await parts.try("end the keeper and delete the token", () => removal_takeSecrets(job));
    await parts.try("delete the job directory", () => removeJobDirectory(job));
    return { use: undefined, others: [], finished: [], roleArns: [], damage: parts.damage };
}
async function end(job, id, { jobSecret, outcome, restore }) {
    const uses = records_activeUses(job);
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
                removal_removeTree(directory.path);
        });
    let config = "";
    await parts.try("restore the profile", () => {
        config = aws_files_readText(job.config);
        if (others.length > 0)
            restoreProfile(job, use, others, jobSecret);
    });
    await parts.try("restore the environment", () => restore(use, others));
    await parts.try("record the end of this use", () => {
        private_directory_ensurePrivateDirectory(job.finished);
        if (outcome === "over")
            files_writeRecord(`${job.finished}/${id}.json`, over);
    });
    const finished = finishedUses(job).filter((other) => other.id !== id);
    await parts.try("delete the job directory", async () => {
        if (others.length === 0)
            await removeAll(job);
        else
            removal_removeTree(`${job.uses}/${id}.json`);
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
        await removal_takeSecrets(job);
    }
    finally {
        removeJobDirectory(job);
    }
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
function plural(count, word) {
    return count === 1 ? word : `${word}s`;
}

;// CONCATENATED MODULE: ../lib/src/report/chart.js

/** How many outages and gaps are drawn: the longest of each. */
const MAX_DRAWN = 4;
/**
 * A Mermaid chart of token lives, as lines of Markdown: https://mermaid.js.org/syntax/gantt.html. Times are
 * UTC. It holds no text from outside.
 */
function ganttChart(keepers) {
    const from = Math.min(...keepers.map((lives) => lives.from));
    const to = Math.max(...keepers.map((lives) => lives.to));
    const axis = day(from) !== day(to) ? "%m-%d %H:%M" : to - from > 5 * 60_000 ? "%H:%M" : "%H:%M:%S";
    return [
        "```mermaid",
        "gantt",
        `  title ${[...new Set(keepers.map(({ what }) => `${what}s`))].join(" and ")}, UTC`,
        // Without a zone: the browser treats them as local times, and so shows them unchanged.
        "  dateFormat YYYY-MM-DD HH:mm:ss",
        `  axisFormat ${axis}`,
        "  todayMarker off",
        ...keepers.flatMap((lives, index) => [
            ...(keepers.length > 1 ? [`  section Keeper ${index + 1}`] : []),
            ...bars(lives, keepers.length === 1).map((bar) => `  ${bar.name} :${bar.tags}${timestamp(bar.from)}, ${timestamp(bar.to)}`),
        ]),
        "```",
    ];
}
function bars(lives, alone) {
    const outages = longest(lives.outages, MAX_DRAWN);
    const gaps = longest(lives.gaps, MAX_DRAWN);
    const breaks = [...outages, ...gaps];
    const bar = (name, tags) => (one) => {
        return { ...one, name: `${name} ${duration(intervals_length(one))}`, tags };
    };
    return [
        ...tokenBars(lives, breaks, alone && breaks.length === 0 ? 6 : 2),
        ...outages.map(bar("Outage", "crit, done, ")),
        ...gaps.map(bar(`No valid ${nounOf(lives).toLowerCase()}`, "crit, ")),
    ].sort((a, b) => a.from - b.from || b.to - a.to);
}
function nounOf({ what }) {
    return what === "ID token" ? "Token" : "Session";
}
/** Tokens next to a break have a bar each, and so have those of a short run; a longer run shares one. */
function tokenBars(lives, breaks, shortRun) {
    const { received } = lives;
    const noun = nounOf(lives);
    const last = received.length - 1;
    const at = (index) => received[index] ?? (index < 0 ? -Infinity : Infinity);
    const numberOf = (index) => lives.count - last + index;
    const isBeside = (index) => breaks.some(({ from, to }) => (at(index) <= from && from < at(index + 1)) || (at(index - 1) < to && to <= at(index)));
    const bar = (first, to) => {
        // The first bar also covers the tokens that the list no longer has.
        const from = first === 0 ? Math.min(lives.from, at(0)) : at(first);
        const number = first === 0 ? 1 : numberOf(first);
        const stale = lives.stale.filter((interval) => interval.from >= from && interval.to <= at(to)).length;
        const name = number === numberOf(to) ? `${noun} ${number}` : `${noun}s ${number} to ${numberOf(to)}`;
        const ends = to === last ? lives.tokenExpiresAt : at(to) + lives.lifetimeMs;
        const times = stale > 0 ? ` (stale ${stale} ${plural(stale, "time")})` : "";
        return { name: name + times, tags: "", from, to: Math.min(ends, lives.to) };
    };
    const drawn = [];
    for (let index = 0; index <= last; index++) {
        let to = index;
        if (!isBeside(index))
            while (to < last && !isBeside(to + 1))
                to++;
        if (to - index < shortRun)
            to = index;
        drawn.push(bar(index, to));
        index = to;
    }
    return drawn;
}

;// CONCATENATED MODULE: ../lib/src/report/report.js






/** How a sentence shows text from outside and a link: annotations and Markdown differ. */
const PLAIN = {
    quote: (text) => text_quoted(text, 200),
    more: (anchor) => `More: ${troubleshootingLink(anchor)}`,
};
const MARKDOWN = {
    quote: codeSpan,
    more: (anchor) => `[More](${troubleshootingLink(anchor)})`,
};
/** Lists have at most this many entries; the others are counted. */
const [MAX_USES, MAX_WATCHES, MAX_EVENTS] = [10, 4, 4];
const CLOUDTRAIL = "In CloudTrail's event history, find a session's calls: search by user name = the session name.";
/** Reports on all uses of a job. Times are UTC, with the date where the job lasted beyond midnight. */
function makeReport(finished) {
    const uses = finished.toSorted((a, b) => a.startedAt - b.startedAt);
    const watches = uses.flatMap((use) => use.ended.map((keeper) => watchOf(keeper, use)));
    const begin = Math.min(...uses.map(({ startedAt }) => startedAt));
    const end = Math.max(...uses.map(({ endedAt }) => endedAt));
    const time = (ms) => timestamp(ms).slice(day(begin) === day(end) ? 11 : 0);
    const shown = watches.slice(0, MAX_WATCHES);
    const sentences = (of) => shown.flatMap((watch, index) => {
        const about = watches.length === 1 ? "" : `Keeper ${index + 1}: `;
        return [...of(watch, time)].map((sentence) => (style) => about + sentence(style));
    });
    const warnings = sentences(warningsOf);
    const items = [...warnings, ...sentences(outagesOf)].map((sentence) => `- ${sentence(MARKDOWN)}`);
    return {
        warnings: warnings.map((sentence) => sentence(PLAIN)),
        markdown: [
            "### Roles of this job",
            "",
            `${verdict(uses, watches)} from ${time(begin)} to ${time(end)} UTC. ${numbers(uses, watches)}`,
            "",
            ...table(uses, watches),
            "",
            ...(uses.every(({ stsEndpoint }) => isOtherSts(stsEndpoint)) ? [] : [CLOUDTRAIL, ""]),
            ...(items.length > 0 ? [...items, ""] : []),
            ...(watches.length > 0 ? [...ganttChart(shown.map(livesOf)), ""] : []),
        ].join("\n"),
        eventful: watches.some((watch) => watch.fault ||
            watch.keeper.revivals ||
            watch.gaps.length > 0 ||
            watch.outages.some((one) => isLong(one, watch))),
    };
}
function watchOf({ id, status: keeper, died }, { endedAt: until }) {
    const what = kindOf(id) === "token" ? "ID token" : "shared session";
    const { ended, stale, tokenExpiresAt } = keeper;
    // A keeper that died without a final status left its last token, which stayed valid until it expired.
    const gone = Math.min(until, ended ? (ended.why === "stopped" ? until : ended.at) : tokenExpiresAt);
    const gaps = gone < until ? [...stale, { from: gone, to: until }] : stale;
    let fault;
    if (died)
        fault = "gone";
    else if (gone < until)
        fault = ended && ended.why !== "stopped" ? ended.why : "silent";
    const outages = keeper.outages.map((outage) => ({ ...outage, to: outage.to ?? ended?.at ?? until }));
    return { id, what, keeper, until, fault, outages, gaps };
}
const CONSEQUENCE = "Calls that needed a new session then failed.";
function* warningsOf({ what, keeper, until, fault, outages, gaps }, time) {
    const stale = longest(keeper.stale, MAX_EVENTS);
    for (const interval of stale) {
        const outage = outages.find((one) => overlap(one, interval));
        const suspended = "no request failed, so the machine was suspended, or the keeper was killed and a later use started another";
        yield (style) => `The ${what} was stale ${span(interval, time)}: ${outage ? failed(outage, style) : suspended}. ${CONSEQUENCE} ${style.more("token-was-stale")}`;
    }
    const rest = keeper.stale.filter((interval) => !stale.includes(interval));
    if (rest.length > 0)
        yield () => `The ${what} was stale ${rest.length} more ${plural(rest.length, "time")}, for ${duration(total(rest))} in all.`;
    if (fault) {
        const gap = gaps.find(({ to }) => to === until);
        const risk = gap
            ? `There was no valid ${what} ${span(gap, time)}. ${CONSEQUENCE}`
            : `Its last ${what} was valid until the job's steps were over, so no call was at risk.`;
        const anchor = fault === "request token expired" ? "job-outlived-its-id-tokens" : "keeper-was-gone";
        yield ({ more }) => `${FAULTS[fault](`The keeper, which renews the ${what},`)} ${risk} ${more(anchor)}`;
    }
}
const FAULTS = {
    gone: (keeper) => `${keeper} was gone before the job was over.`,
    silent: (keeper) => `${keeper} did not answer at the end of the job.`,
    "stopped by a step": (keeper) => `${keeper} ended early because a step made the file "stop" in its folder.`,
    "job directory gone": (keeper) => `${keeper} ended early because its folder was removed from RUNNER_TEMP.`,
    "job over": (keeper) => `${keeper} ended early because the runner's worker process was gone.`,
    failed: (keeper) => `${keeper} ended early because of an internal error.`,
    "request token expired": () => "The job ran past the roughly six hours for which GitHub issues ID tokens.",
};
/** Not in the warnings: keepers that were killed and brought back, and outages that were long but harmless. */
function* outagesOf(watch, time) {
    const { revivals = [] } = watch.keeper;
    const shown = revivals.slice(-MAX_EVENTS).map(time).join(", ");
    const last = revivals.length > MAX_EVENTS ? `the last ${MAX_EVENTS} at` : "at";
    if (revivals.length > 0)
        yield () => `The keeper of the ${watch.what} was killed and brought back ${revivals.length} ${plural(revivals.length, "time")}, ${last} ${shown} UTC.`;
    const harmless = watch.outages.filter((outage) => isLong(outage, watch) && !watch.gaps.some((gap) => overlap(outage, gap)));
    for (const outage of longest(harmless, MAX_EVENTS))
        yield (style) => `No new ${watch.what} ${span(outage, time)}: ${failed(outage, style)}. The one in the file stayed valid.`;
    const rest = harmless.length - MAX_EVENTS;
    if (rest > 0)
        yield () => `${rest} more such ${plural(rest, "outage")}, none of them longer.`;
}
/** More than a third of a token's life. The second half of its life covers shorter ones. */
function isLong(outage, { keeper }) {
    return intervals_length(outage) > keeper.lifetimeMs / 3;
}
function failed({ attempts, lastError }, { quote }) {
    return `${attempts} ${plural(attempts, "request")} failed, the last with ${quote(lastError)}`;
}
function verdict(uses, watches) {
    if (uses.every(({ keepers }) => keepers.length === 0))
        return "**No keeper was needed**";
    if (watches.length === 0)
        return "**The ID token was never refreshed: no keeper was running**";
    const what = [...new Set(watches.map((watch) => watch.what))].join(" and ");
    const gap = total(watches.flatMap(({ gaps }) => gaps));
    if (gap === 0)
        return `**A valid ${what} at every moment**`;
    return `**No valid ${what} for ${duration(gap)}** of the time`;
}
function numbers(uses, watches) {
    const sum = (count) => watches.reduce((all, { keeper }) => all + count(keeper), 0);
    // A chain uses what its source was issued.
    const isOwn = ({ id, audience, keepers }) => audience !== undefined || keepers.includes(sessionKeeper(id));
    const issued = uses.filter(isOwn).length + sum(({ refreshes }) => refreshes);
    const failures = sum((keeper) => keeper.failures);
    const ages = watches.map(({ keeper, until }) => ({
        age: keeper.ended ? keeper.longestAgeMs : Math.max(keeper.longestAgeMs, until - keeper.tokenReceivedAt),
        life: keeper.lifetimeMs,
    }));
    const [oldest] = ages.sort((a, b) => b.age / b.life - a.age / a.life);
    const requests = failures === 0 ? "no request" : `${failures} ${plural(failures, "request")}`;
    const all = `${issued} ${issued === 1 ? "was" : "were"} issued, ${requests} failed.`;
    if (!oldest)
        return all;
    return `${all} The oldest one a step could have read was ${duration(oldest.age)} old (lifetime ${duration(oldest.life)}).`;
}
function table(uses, watches) {
    const several = watches.length > 1;
    const rows = uses.slice(0, MAX_USES).map((use) => {
        // Of keepers one after another, the one that ran when the use was over.
        const numbers = use.keepers
            .map((keeper) => watches.findIndex(({ id, until }) => id === keeper && use.endedAt <= until) + 1)
            .filter((number) => number > 0);
        const audience = use.audience === undefined ? "" : `: ${codeSpan(use.audience)}`;
        const keeper = `${numbers.join(", ") || "none"}${audience}`;
        return [...[use.profile, use.roleArn, use.sessionName].map(codeSpan), ...(several ? [keeper] : [])];
    });
    const names = ["Profile", "Role", "Session name", ...(several ? ["Keeper: audience"] : [])];
    const rest = uses.length - rows.length;
    return [
        ...[names, names.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`),
        ...(rest > 0 ? ["", `and ${rest} more ${plural(rest, "use")}.`] : []),
    ];
}
function livesOf(watch) {
    const { what, keeper, until, outages, gaps } = watch;
    return {
        ...keeper,
        what,
        // A keeper that took over from a killed one has the token of the use that started it, too.
        count: Math.max(keeper.refreshes + 1, keeper.received.length),
        from: keeper.startedAt,
        to: Math.min(until, keeper.ended?.at ?? until),
        outages: outages.filter((outage) => isLong(outage, watch)),
        gaps,
    };
}
function span(interval, time) {
    return `from ${time(interval.from)} to ${time(interval.to)} UTC (${duration(intervals_length(interval))})`;
}

;// CONCATENATED MODULE: ../lib/src/base/runner-temp.js




/**
 * The path of this job's directory in RUNNER_TEMP. Throws a UserError if SDKs would read that path in
 * different ways from a config file: `#` and `;` begin a comment for some, `$` and `%` a variable, and
 * non-ASCII breaks others (docs/compatibility.md).
 */
function jobDirectoryPath(runnerTemp, platform = process.platform) {
    if (!runnerTemp) {
        throw new errors_UserError("runner-temp", "RUNNER_TEMP is not set. The runner sets it; this action cannot run without it.");
    }
    const isWindows = platform === "win32";
    const isAbsolute = (isWindows ? external_node_path_namespaceObject.win32 : external_node_path_namespaceObject.posix).isAbsolute(runnerTemp);
    const root = isWindows ? runnerTemp.replaceAll("\\", "/") : runnerTemp;
    const ambiguous = [...(isWindows ? "#;$%\"'`" : "#;$\"'`\\")];
    const isPlain = /^[\x20-\x7e]+$/.test(root) && !ambiguous.some((character) => root.includes(character));
    if (!isAbsolute || !isPlain) {
        throw new errors_UserError("runner-temp", `RUNNER_TEMP is ${text_quoted(runnerTemp, 200)}. It must be an absolute path in ASCII without any of ` +
            `${ambiguous.join(" ")}, which AWS SDKs interpret differently in a config file. Change the runner's work folder.`);
    }
    return `${root.replace(/\/+$/, "")}/${JOB_DIRECTORY}`;
}

;// CONCATENATED MODULE: ../lib/src/state.js




const state_VERSION = 1;
const savedUse = object({
    root: schema_text(/^[^\p{Cc}]{1,4096}$/u),
    id: ID,
    summary: oneOf("auto", "always", "never"),
    use: optional(publishedUse),
    keeper: optional(processIdentity),
});
function saveUse(use) {
    core.saveState("use", JSON.stringify({ version: state_VERSION, ...savedUse(use) }));
}
/**
 * Undefined if main ended before it saved anything. Throws if it is not what main saves: without its own
 * state, post would see a variable STATE_use that a step has set.
 */
function loadUse(env) {
    const state = getState("use");
    if (state === "")
        return undefined;
    const { version } = object({ version: String })(JSON.parse(state));
    const saved = version === String(state_VERSION) ? savedUse(JSON.parse(state)) : undefined;
    if (saved?.root !== jobDirectoryPath(env.RUNNER_TEMP)) {
        throw new Error("STATE_use does not name the job directory of this job, so the main step did not save it");
    }
    return saved;
}

;// CONCATENATED MODULE: ../lib/src/finish.js














/**
 * The post step: removes everything that main wrote, and restores the environment. Warns, but never fails the
 * job.
 */
async function finish(env) {
    const state = await attempt("read the state", () => ({ saved: loadUse(env) }));
    if (state === undefined)
        return;
    const { saved } = state;
    if (saved === undefined) {
        info("Nothing to clean up: the main step stopped before it wrote anything.");
        return;
    }
    const job = jobDirectory(saved.root);
    let [isDone, isRestored] = [false, false];
    const restore = (use, others) => {
        isRestored = true;
        restoreEnvironment(use, others, env);
    };
    const ended = await attempt("remove the profile and the token", async () => {
        const result = await endUse(job, saved.id, { jobSecret: findJobSecret(env), restore });
        isDone = true;
        return result;
    });
    const { keeper } = saved;
    if (keeper && (!isDone || !(0,external_node_fs_namespaceObject.existsSync)(job.path)))
        await attempt("end the keeper", () => stopMovedKeeper(keeper));
    for (const damage of ended?.damage ?? [])
        core_warning(`Could not ${damage}`);
    const use = ended?.use ?? saved.use;
    const others = ended?.others ?? [];
    if (isDone && !ended)
        reportAbsence(job, saved, env);
    if (use)
        await attempt("delete the AWS CLI's cached sessions", () => forgetSessions(use, ended?.roleArns ?? []));
    await attempt("restore the environment", () => {
        try {
            if (use && !isRestored)
                restore(use, others);
        }
        finally {
            leaveFiles(job, env);
        }
    });
    if (ended?.use)
        info(`${ended.use.roleArn}: profile ${ended.use.profile} removed`);
    if (ended && others.length > 0)
        info(`The keeper keeps running for ${count(others.length)} of this action.`);
    if (ended?.use && others.length === 0)
        await attempt("write the report", () => report(ended, saved.summary));
}
function count(others) {
    return others === 1 ? "another use" : `${others} other uses`;
}
/**
 * Nothing is left of a use. That is as it should be if main failed, or if post ran before, which has then
 * restored the environment.
 */
function reportAbsence(job, { id, use }, env) {
    const isOver = finishedUses(job).some((finished) => finished.id === id);
    if (!use || isOver || env.AWS_CONFIG_FILE !== job.config) {
        info("Nothing to clean up.");
        return;
    }
    core_warning(`${job.path}, or what main recorded in it, is gone: a step removed it before the job was over, and the ID token with it. ` +
        `Calls to AWS that needed a new session then failed. More: ${troubleshootingLink("keeper-was-gone")}`);
}
/** One part of the cleanup: logs a failure, which does not stop the other parts. */
async function attempt(what, action) {
    try {
        return await action();
    }
    catch (error) {
        core_warning(`Could not ${what}: ${errors_errorText(error)}`);
        return undefined;
    }
}
function forgetSessions(use, roleArns) {
    // The user's profiles may reach other roles through ours. The CLI chooses the names of those sessions.
    const chained = new Set(roleArns.flatMap((arn) => parseRole(arn)?.role ?? []));
    const isChained = (arn) => chained.has(parseRole(arn)?.role ?? "");
    const deleted = deleteCachedSessions(cliCache(), use.roleArn, use.sessionName, (arn, writtenAt) => isChained(arn) && writtenAt >= use.startedAt);
    if (deleted > 0)
        core_debug(`deleted ${deleted} cached session(s) of the AWS CLI`);
}
function restoreEnvironment(use, others, env) {
    const values = previousVariables(JSON.parse(unseal(use.previous, findJobSecret(env))));
    const overridden = overrideWarning(env, { ...use, previous: values });
    if (overridden !== undefined)
        core_warning(overridden);
    const previous = {};
    for (const [name, value] of Object.entries(values))
        previous[name] = value ?? undefined;
    // The values of a use that is not over come before the values of before any use: they may have begun in
    // parallel.
    for (const other of others)
        Object.assign(previous, other.exported);
    for (const [name, value] of Object.entries(planRestore(env, use.exported, previous, user_files_defaultFiles()))) {
        exportVariable(name, value);
    }
}
/** Even if post found no record of the use: later post steps must not look for files that are gone. */
function leaveFiles(job, env) {
    for (const [name, path] of Object.entries(user_files_defaultFiles())) {
        const now = env[name];
        if (now?.startsWith(`${job.path}/`) && !(0,external_node_fs_namespaceObject.existsSync)(now))
            exportVariable(name, path);
    }
}
async function report({ finished }, summary) {
    const { warnings, markdown, eventful } = makeReport(finished);
    for (const warning of warnings)
        core_warning(warning);
    if (summary === "always" || (summary === "auto" && eventful))
        await summary_summary.addRaw(markdown, true).write();
}


/***/ }),

/***/ 748:
/***/ ((__webpack_module__, __unused_webpack___webpack_exports__, __nccwpck_require__) => {

__nccwpck_require__.a(__webpack_module__, async (__webpack_handle_async_dependencies__, __webpack_async_result__) => { try {
/* harmony import */ var _finish_js__WEBPACK_IMPORTED_MODULE_0__ = __nccwpck_require__(417);

await (0,_finish_js__WEBPACK_IMPORTED_MODULE_0__/* .finish */ .O)(process.env);

__webpack_async_result__();
} catch(e) { __webpack_async_result__(e); } }, 1);

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
/************************************************************************/
/******/ 
/******/ // startup
/******/ // Load entry module and return exports
/******/ // This entry module used 'module' so it can't be inlined
/******/ var __webpack_exports__ = __nccwpck_require__(748);
/******/ __webpack_exports__ = await __webpack_exports__;
/******/ 
