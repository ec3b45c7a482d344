import * as http from "node:http";
import * as https from "node:https";
import { withDeadline } from "./deadline.ts";
import { errorCode, errorText } from "./errors.ts";
import { type Claims, decodeClaims, timeClaim } from "./jwt.ts";
import { kindOfCode, RequestError } from "./network.ts";

/** Where to ask for ID tokens: ACTIONS_ID_TOKEN_REQUEST_URL and _TOKEN, which the runner sets. */
export interface Endpoint {
  url: string;
  requestToken: string;
}

export interface IdToken {
  token: string;
  claims: Claims;
  /** exp - iat, in milliseconds: 300,000 at GitHub. */
  lifetimeMs: number;
  /** Time left by the server's clock when the answer came, in milliseconds. */
  remainingMs: number;
  /** The server's clock less this machine's, in milliseconds; undefined where the answer had no Date. */
  clockOffsetMs: number | undefined;
  /** performance.now() of this process when the answer came. */
  receivedAt: number;
}

/** GitHub's answers are about 2 kB. */
const MAX_ANSWER_BYTES = 64 * 1024;
/** Each piece of an answer costs far more memory than its bytes. */
const MAX_ANSWER_PIECES = 1024;
/** A token "from the future" by more than this would be refused by STS. */
const FUTURE_TOLERANCE_MS = 60_000;

/**
 * Asks the job's endpoint for one ID token. One request, no retry, no redirect: the request token goes to the
 * host that the runner named and to no other. Throws a RequestError whose message never holds a token.
 * @param timeoutMs bounds the whole exchange, from the connection to the last byte
 * @param end ends the request early
 */
export async function requestIdToken(
  endpoint: Endpoint,
  audience: string,
  timeoutMs: number,
  end?: AbortSignal,
): Promise<IdToken> {
  // Appended as text, as the toolkit's getIDToken() does: the rest of the URL belongs to the server.
  const separator = endpoint.url.includes("?") ? "&" : "?";
  const url = new URL(`${endpoint.url}${separator}audience=${encodeURIComponent(audience)}`);
  const send = (signal: AbortSignal) => get(url, endpoint.requestToken, signal);
  const { body, date } = await withDeadline(() => url.host, timeoutMs, send, end);
  return readAnswer(body, audience, date);
}

/** `date`: the server's Date in milliseconds, if it sent one. */
type Answer = { body: string; date: number | undefined };

function get(url: URL, requestToken: string, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let answered = false;
    const client = url.protocol === "http:" ? http : https;
    const request = client.get(
      url,
      {
        // A separate agent, so that the connection is not kept. proxyEnv: HTTPS_PROXY, NO_PROXY, from Node
        // 24.5.
        agent: new client.Agent({ keepAlive: false, proxyEnv: process.env } as https.AgentOptions),
        headers: {
          accept: "application/json; api-version=2.0",
          authorization: `Bearer ${requestToken}`,
          "user-agent": "aws-role-refresh",
        },
        signal,
      },
      (response) => {
        answered = true;
        readResponse(response, url.host).then(resolve, fail);
      },
    );
    function fail(error: Error) {
      request.destroy();
      if (error instanceof RequestError) return reject(error);
      const code = errorCode(error);
      const message = `${url.host} cannot be reached: ${errorText(error)}`;
      reject(new RequestError({ kind: kindOfCode(code), code, message }));
    }
    request.on("error", fail);
    // An answer of 101 closes the request with neither response nor error. A settled promise ignores this.
    request.on("close", () => {
      const message = `${url.host} closed the connection without an answer`;
      if (!answered) reject(new RequestError({ kind: "unreachable", message }));
    });
  });
}

function readResponse(response: http.IncomingMessage, host: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on("data", (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size > MAX_ANSWER_BYTES) reject(malformed(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`));
      if (chunks.length > MAX_ANSWER_PIECES)
        reject(malformed(`the answer arrives in more than ${MAX_ANSWER_PIECES} pieces`));
    });
    response.on("error", reject);
    response.on("close", () => reject(new Error("the connection closed before the answer was complete")));
    response.on("end", () => {
      const date = Date.parse(response.headers.date ?? "") || undefined;
      const httpStatus = response.statusCode ?? 0;
      if (httpStatus === 200) return resolve({ body: Buffer.concat(chunks).toString("utf8"), date });
      const kind = httpStatus === 429 ? "throttled" : httpStatus >= 500 ? "server-error" : "refused";
      const retryAfterMs = readRetryAfter(response.headers["retry-after"], date);
      reject(new RequestError({ kind, httpStatus, retryAfterMs, message: `${host} answered ${httpStatus}` }));
    });
  });
}

function malformed(message: string): RequestError {
  return new RequestError({ kind: "malformed", message });
}

/** Retry-After is seconds or a date: RFC 9110, 10.2.3. */
function readRetryAfter(value = "", serverDate = Date.now()): number | undefined {
  if (/^\d{1,6}$/.test(value)) return Number(value) * 1000;
  const until = Date.parse(value) - serverDate;
  return until > 0 ? until : undefined;
}

function readAnswer(body: string, audience: string, date: number | undefined): IdToken {
  let token: unknown;
  try {
    token = (JSON.parse(body) as { value?: unknown } | null)?.value;
  } catch {
    throw malformed("the answer is not JSON");
  }
  const claims = typeof token === "string" ? decodeClaims(token) : undefined;
  if (typeof token !== "string" || claims === undefined) throw malformed("the answer does not contain a JWT");
  const audiences: unknown[] = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
  if (!audiences.includes(audience)) throw malformed("the token is for another audience");

  // The server's clock, if it sent a Date, decides what has expired: the runner's may be wrong by any amount.
  const clockOffsetMs = date === undefined ? undefined : date - Date.now();
  const now = date ?? Date.now();
  const expires = timeClaim(claims, "exp");
  if (expires === undefined) throw malformed("the token has no expiry time");
  if (expires <= now) throw malformed("the token has expired already");
  const issued = timeClaim(claims, "iat") ?? now;
  if (Math.max(issued, timeClaim(claims, "nbf") ?? 0) > now + FUTURE_TOLERANCE_MS)
    throw malformed("the token is from the future");
  const lifetimeMs = expires - issued;
  if (lifetimeMs <= 0) throw malformed("the token expires before it was issued");
  return {
    token,
    claims,
    lifetimeMs,
    remainingMs: Math.min(lifetimeMs, expires - now),
    clockOffsetMs,
    receivedAt: performance.now(),
  };
}
