/** The claims of a JWT. Its signature is not verified here, but by STS; the endpoint was reached over TLS. */
export type Claims = Record<string, unknown>;

/** Whether a parsed JSON value is an object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// base64url segments and nothing else: such a text cannot add a line to a file, a header or a log.
const JWT = /^[\w-]+\.([\w-]+)\.[\w-]+$/;

/** The payload of a JWT in compact form, or undefined if it is not one. */
export function decodeClaims(token: string): Claims | undefined {
  const payload = JWT.exec(token)?.[1];
  if (payload === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
    return isObject(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}

// The last second that a Date can hold.
const MAX_SECONDS = 8.64e12;

/** A time claim (exp, iat, nbf) in milliseconds since 1970, or undefined. */
export function timeClaim(claims: Claims | undefined, name: "exp" | "iat" | "nbf"): number | undefined {
  const seconds = claims?.[name];
  return typeof seconds === "number" && seconds > 0 && seconds <= MAX_SECONDS ? seconds * 1000 : undefined;
}
