export const id = 770;
export const ids = [770];
export const modules = {

/***/ 4770:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

__webpack_require__.r(__webpack_exports__);
/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   StsError: () => (/* binding */ StsError),
/* harmony export */   exchange: () => (/* binding */ exchange)
/* harmony export */ });
/* harmony import */ var node_timers_promises__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(8500);
/* harmony import */ var _aws_sdk_client_sts__WEBPACK_IMPORTED_MODULE_2__ = __webpack_require__(1695);
/* harmony import */ var _errors_js__WEBPACK_IMPORTED_MODULE_1__ = __webpack_require__(5071);



/** STS's refusal, or why it could not be asked. The message never holds the token. */
class StsError extends Error {
    name = "StsError";
    /** STS's error code (AccessDenied, ...) or the system's (ECONNREFUSED, ...). */
    code;
    httpStatus;
    attempts;
    endpointHost;
    constructor(code, message, httpStatus, attempts, endpointHost, options) {
        super(message, options);
        this.code = code;
        this.httpStatus = httpStatus;
        this.attempts = attempts;
        this.endpointHost = endpointHost;
    }
}
const RETRY_WITHIN_MS = 30_000;
/**
 * The one AssumeRoleWithWebIdentity of main. What may pass (throttling, 5xx, a provider that STS could not reach, no connection) is
 * tried again within 30 s; a refusal is final at once. The session's keys are dropped here. Throws an StsError.
 */
async function exchange(request) {
    const client = new _aws_sdk_client_sts__WEBPACK_IMPORTED_MODULE_2__/* .STSClient */ .iM({
        region: request.region,
        ...(request.endpoint !== undefined && { endpoint: request.endpoint }),
        maxAttempts: 1,
        retryMode: "standard",
        defaultsMode: "standard",
        requestHandler: {
            connectionTimeout: 5_000,
            requestTimeout: 10_000,
            throwOnRequestTimeout: true,
            httpAgent: { keepAlive: false, proxyEnv: process.env },
            httpsAgent: { keepAlive: false, proxyEnv: process.env },
        },
    });
    const command = new _aws_sdk_client_sts__WEBPACK_IMPORTED_MODULE_2__/* .AssumeRoleWithWebIdentityCommand */ .WH({
        RoleArn: request.roleArn,
        RoleSessionName: request.sessionName,
        WebIdentityToken: request.token,
    });
    const deadline = performance.now() + RETRY_WITHIN_MS;
    for (let attempts = 1;; attempts++) {
        try {
            const answer = await client.send(command);
            const assumedRoleArn = answer.AssumedRoleUser?.Arn ?? "";
            return { assumedRoleArn, accountId: assumedRoleArn.split(":")[4] ?? "" };
        }
        catch (error) {
            const wait = Math.min(5_000, 500 * 2 ** (attempts - 1)) * (0.5 + Math.random() / 2);
            if (!mayPass(error) || performance.now() + wait > deadline) {
                const host = await endpointHost(client, request);
                throw new StsError(codeOf(error), (0,_errors_js__WEBPACK_IMPORTED_MODULE_1__/* .errorText */ .kc)(error), statusOf(error), attempts, host, { cause: error });
            }
            await (0,node_timers_promises__WEBPACK_IMPORTED_MODULE_0__.setTimeout)(wait);
        }
    }
}
// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html and API_AssumeRoleWithWebIdentity.html
const PASSING_CODES = /^(?:Throttling|ThrottlingException|ThrottledException|RequestLimitExceeded|TooManyRequestsException|SlowDown|IDPCommunicationError|IDPCommunicationErrorException|ServiceUnavailable|InternalFailure|TimeoutError|ECONNRESET|ECONNREFUSED|EPIPE|ETIMEDOUT|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;
function mayPass(error) {
    if (PASSING_CODES.test(codeOf(error)) || (statusOf(error) ?? 0) >= 500)
        return true;
    // Said of a provider that is there, too, when STS could not fetch its keys in time.
    return codeOf(error) === "InvalidIdentityToken" && /retrieve verification key/i.test((0,_errors_js__WEBPACK_IMPORTED_MODULE_1__/* .errorText */ .kc)(error));
}
function codeOf(error) {
    const code = (0,_errors_js__WEBPACK_IMPORTED_MODULE_1__/* .errorCode */ .CA)(error) ?? (error instanceof Error ? error.name : "Error");
    return code.replace(/Exception$/, "");
}
function statusOf(error) {
    const status = error?.$metadata
        ?.httpStatusCode;
    return typeof status === "number" ? status : undefined;
}
async function endpointHost(client, request) {
    if (request.endpoint !== undefined)
        return new URL(request.endpoint).host;
    const endpoint = await client.config.endpoint?.().catch(() => undefined);
    return endpoint
        ? `${endpoint.hostname}${endpoint.port === undefined ? "" : `:${endpoint.port}`}`
        : `sts.${request.region}.amazonaws.com`;
}


/***/ })

};
