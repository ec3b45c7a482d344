/**
 * The claims of a JWT. Nobody here verifies the signature: STS does, and the endpoint was reached over TLS.
 */
export type Claims = Record<string, unknown>;

// base64url segments and nothing else: such a text cannot add a line to a file, a header or a log.
const JWT = /^[\w-]+\.([\w-]+)\.[\w-]+$/;

/** The payload of a JWT in compact form, or undefined if it is not one. */
export function decodeClaims(token: string): Claims | undefined {
  const payload = JWT.exec(token)?.[1];
  if (payload === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
    return typeof claims === "object" && claims !== null && !Array.isArray(claims)
      ? (claims as Claims)
      : undefined;
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
