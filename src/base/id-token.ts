import * as http from "node:http";
import * as https from "node:https";
import { errorCode, errorText } from "./errors.ts";
import { type Claims, decodeClaims, timeClaim } from "./jwt.ts";

/**
 * Where to ask for ID tokens: ACTIONS_ID_TOKEN_REQUEST_URL and _TOKEN, which the runner gives to each step of
 * a job.
 */
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

/**
 * unreachable: no answer; status: an answer other than 200; answer: 200 without a token that STS would take.
 */
export type IdTokenFailure = "unreachable" | "status" | "answer";

export class IdTokenError extends Error {
  override readonly name = "IdTokenError";
  readonly kind: IdTokenFailure;
  readonly status: number | undefined;
  /**
   * The system's code for an endpoint that cannot be reached: ECONNREFUSED, ENOTFOUND, a TLS code, TIMEOUT.
   */
  readonly code: string | undefined;
  /** What the server asked for in Retry-After. */
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: IdTokenFailure,
    message: string,
    details: { status?: number; code?: string; retryAfterMs?: number } = {},
  ) {
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
export async function requestIdToken(
  endpoint: Endpoint,
  audience: string,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<IdToken> {
  const { body, date } = await get(endpoint, audience, timeoutMs, signal);
  return readAnswer(body, audience, date);
}

interface Answer {
  body: string;
  /** The server's Date in milliseconds, if it sent one. */
  date: number | undefined;
}

function get(
  endpoint: Endpoint,
  audience: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    // Appended as text, as the toolkit's getIDToken() does: the rest of the URL is the server's own.
    const url = new URL(
      `${endpoint.url}${endpoint.url.includes("?") ? "&" : "?"}audience=${encodeURIComponent(audience)}`,
    );
    const client = url.protocol === "http:" ? http : https;
    const timer = setTimeout(() => {
      request.destroy(
        new IdTokenError("unreachable", `${url.host} did not answer within ${timeoutMs} ms`, {
          code: "TIMEOUT",
        }),
      );
    }, timeoutMs);
    const request = client.get(
      url,
      {
        // Of its own, so that the connection is not kept; proxyEnv (HTTPS_PROXY, NO_PROXY): Node 24.5 and
        // later.
        agent: new client.Agent({ keepAlive: false, proxyEnv: process.env } as https.AgentOptions),
        headers: {
          accept: "application/json; api-version=2.0",
          authorization: `Bearer ${endpoint.requestToken}`,
          "user-agent": "aws-role-refresh",
        },
        ...(signal && { signal }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on("data", (chunk: Buffer) => {
          size += chunk.length;
          if (size > MAX_ANSWER_BYTES) {
            request.destroy(
              new IdTokenError("answer", `the answer is larger than ${MAX_ANSWER_BYTES} bytes`),
            );
          } else if (chunks.length === MAX_ANSWER_PIECES) {
            request.destroy(
              new IdTokenError("answer", `the answer comes in more than ${MAX_ANSWER_PIECES} pieces`),
            );
          } else {
            chunks.push(chunk);
          }
        });
        response.on("error", fail);
        response.on("end", () => {
          const date = Date.parse(response.headers.date ?? "");
          const status = response.statusCode ?? 0;
          if (status !== 200) {
            const retryAfterMs = readRetryAfter(response.headers["retry-after"], date);
            reject(
              new IdTokenError("status", `${url.host} answered ${status}`, {
                status,
                ...(retryAfterMs !== undefined && { retryAfterMs }),
              }),
            );
            return;
          }
          resolve({
            body: Buffer.concat(chunks).toString("utf8"),
            date: Number.isNaN(date) ? undefined : date,
          });
        });
      },
    );
    function fail(error: Error) {
      if (error instanceof IdTokenError) reject(error);
      else {
        const code = errorCode(error);
        reject(
          new IdTokenError(
            "unreachable",
            `${url.host} cannot be reached: ${errorText(error)}`,
            code === undefined ? {} : { code },
          ),
        );
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
function readRetryAfter(value: string | undefined, serverDate: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,6}$/.test(value)) return Number(value) * 1000;
  const until = Date.parse(value) - (Number.isNaN(serverDate) ? Date.now() : serverDate);
  return until > 0 ? until : undefined;
}

function readAnswer(body: string, audience: string, date: number | undefined): IdToken {
  let token: unknown;
  try {
    token = (JSON.parse(body) as { value?: unknown } | null)?.value;
  } catch {
    throw new IdTokenError("answer", "the answer is not JSON");
  }
  const claims = typeof token === "string" ? decodeClaims(token) : undefined;
  if (typeof token !== "string" || claims === undefined)
    throw new IdTokenError("answer", "the answer holds no JWT");
  const audiences: unknown[] = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
  if (!audiences.includes(audience)) throw new IdTokenError("answer", "the token is for another audience");

  // The server's own clock decides what has expired, where it tells it: the runner's may be wrong by any
  // amount.
  const clockOffsetMs = date === undefined ? undefined : date - Date.now();
  const now = date ?? Date.now();
  const expires = timeClaim(claims, "exp");
  if (expires === undefined) throw new IdTokenError("answer", "the token does not say when it expires");
  if (expires <= now) throw new IdTokenError("answer", "the token has expired already");
  const issued = timeClaim(claims, "iat") ?? now;
  if (Math.max(issued, timeClaim(claims, "nbf") ?? 0) > now + FUTURE_TOLERANCE_MS)
    throw new IdTokenError("answer", "the token is from the future");
  const lifetimeMs = expires - issued;
  if (lifetimeMs <= 0) throw new IdTokenError("answer", "the token expires before it was issued");
  return {
    token,
    claims,
    lifetimeMs,
    remainingMs: Math.min(lifetimeMs, expires - now),
    clockOffsetMs,
    receivedAt: performance.now(),
  };
}
