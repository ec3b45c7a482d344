// One name for each way in which a request can fail, given where the failure is seen. How long to retry
// (retry.ts) and what to tell the user (explain/) are tables over these names.

/** Why a request to GitHub or to STS had no usable answer. */
export type FailureKind =
  | "certificate" // the server's certificate could not be verified
  | "not-tls" // the other side does not use TLS, or not a version that Node.js accepts
  | "unknown-name" // DNS does not have the host
  | "dns" // DNS did not answer
  | "proxy" // the proxy refused to connect
  | "unreachable" // no connection, or no answer in time
  | "throttled" // HTTP 429, or an error code that means it
  | "server-error" // HTTP 5xx
  | "provider" // STS could not reach the identity provider
  | "refused" // GitHub answered with another status than 200
  | "denied" // STS answered with an error that is final
  | "malformed"; // an answer, but not from GitHub or STS, or not a complete one

/** One failed request, as plain data: it crosses the border between bundles. Holds no token. */
export interface Failure {
  kind: FailureKind;
  message: string;
  /** The error code of the system (ECONNREFUSED), of TLS, or of STS (AccessDenied), where there is one. */
  code?: string | undefined;
  httpStatus?: number | undefined;
  /** What the server asked for in Retry-After, in milliseconds. */
  retryAfterMs?: number | undefined;
}

export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly failure: Failure;

  constructor(failure: Failure, options?: ErrorOptions) {
    super(failure.message, options);
    this.failure = failure;
  }
}

/**
 * The kind of a failure without an answer, by the code that Node.js gives it.
 * https://nodejs.org/api/tls.html#x509-certificate-error-codes, https://nodejs.org/api/errors.html
 */
export function kindOfCode(code: string | undefined): FailureKind {
  if (code === undefined) return "unreachable";
  if (code === "EPROTO" || code === "ERR_SSL_WRONG_VERSION_NUMBER") return "not-tls";
  if (/CERT|SELF_SIGNED|SIGNATURE|ISSUER|HOSTNAME_MISMATCH|^UNABLE_TO_|^ERR_(?:TLS|SSL)/.test(code))
    return "certificate";
  if (code === "ERR_PROXY_TUNNEL") return "proxy";
  if (code === "ENOTFOUND") return "unknown-name";
  if (code.startsWith("EAI_")) return "dns";
  return "unreachable";
}
