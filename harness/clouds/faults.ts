import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { Exchange } from "./server.ts";

/** What a cloud would answer, before a fault touches it. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** Faults that either cloud can have, each on the way of one answer. */
export type TransportFault =
  /** This answer in place of the right one. */
  | { status: number; headers?: Record<string, string>; body?: string }
  /** To another address. */
  | { redirect: string; status?: 301 | 302 | 303 | 307 | 308 }
  /** The connection is reset before a byte of the answer. */
  | "reset"
  /** Connected, and then silence. */
  | "hang-before-headers"
  /** Headers and half of the right body, and then silence. */
  | "hang-in-body"
  /** The right answer, headers at once and then a byte of the body each second. */
  | "slow"
  /** The right answer, compressed although nobody asked. */
  | "gzip"
  /** The right answer in a body of one MiB, still well-formed. */
  | "huge"
  /** Status 200 and a page of HTML, as a captive portal or a proxy sends it. */
  | "html"
  /** Status 200 and no body at all. */
  | "empty-body";

/** Faults in the ID token itself; each is signed with the right key unless it cannot be. */
export const TOKEN_FAULTS = [
  /** A well-formed answer with an empty value. */
  "empty-value",
  /** Expired a minute ago. */
  "expired-token",
  /** nbf and iat an hour ahead. */
  "future-token",
  "other-audience",
  "no-exp",
  "not-a-jwt",
  /** Another key signed it. */
  "bad-signature",
] as const;

export type TokenFault =
  | (typeof TOKEN_FAULTS)[number]
  /** These claims in place of the right ones; undefined leaves one out. */
  | { claims: Record<string, unknown> }
  /** This value in place of the token. */
  | { value: string };

/** An error of STS, in its own words: status and message as the service gives them unless stated. */
export interface ErrorFault {
  error: string;
  message?: string;
  status?: number;
}

/** Wait, then go on as if nothing had been, or with another fault. */
export interface DelayFault<F> {
  delayMs: number;
  fault?: F;
}

export type GitHubFault = TransportFault | TokenFault | DelayFault<TransportFault | TokenFault>;
export type StsFault = TransportFault | ErrorFault | DelayFault<TransportFault | ErrorFault>;
export type Fault = GitHubFault | StsFault;

const HUGE_BYTES = 1024 * 1024;
const SLOW_MS_PER_BYTE = 1000;

/**
 * Waits the delay of a fault that has one; what is left of the fault comes back. Throws when the cloud closes
 * meanwhile.
 */
export async function afterDelay<F>(
  fault: F | DelayFault<F> | undefined,
  closing: AbortSignal,
): Promise<F | undefined> {
  if (typeof fault !== "object" || fault === null || !("delayMs" in fault)) return fault;
  await sleep(fault.delayMs, undefined, { signal: closing });
  return fault.fault;
}

/** Sends an answer through a fault. Returns the status that reached the wire, undefined if none did. */
export async function deliver(
  { response, closing, reset }: Exchange,
  answer: () => Promise<Answer>,
  fault?: TransportFault,
): Promise<number | undefined> {
  if (fault === "reset") {
    reset();
    return undefined;
  }
  if (fault === "hang-before-headers") return undefined;
  if (fault === "html")
    return send(response, { status: 200, headers: { "content-type": "text/html" }, body: HTML });
  if (fault === "empty-body") return send(response, { status: 200, headers: {}, body: "" });
  if (typeof fault === "object") {
    if ("redirect" in fault)
      return send(response, { status: fault.status ?? 302, headers: { location: fault.redirect }, body: "" });
    return send(response, { status: fault.status, headers: fault.headers ?? {}, body: fault.body ?? "" });
  }

  const right = await answer();
  switch (fault) {
    case undefined:
      return send(response, right);
    case "huge":
      // White space is legal before the last bracket of JSON and between the elements of XML.
      return send(response, {
        ...right,
        body: right.body.replace(/[}>]\s*$/, (end) => " ".repeat(HUGE_BYTES) + end),
      });
    case "gzip": {
      const body = gzipSync(right.body);
      response.writeHead(right.status, {
        ...right.headers,
        "content-encoding": "gzip",
        "content-length": body.length,
      });
      response.end(body);
      return right.status;
    }
    case "hang-in-body":
      writeHead(response, right);
      response.write(right.body.slice(0, right.body.length / 2));
      return right.status;
    case "slow":
      writeHead(response, right);
      void drip(response, Buffer.from(right.body), closing);
      return right.status;
  }
}

const HTML =
  "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Sign in to the network</h1></body></html>\n";

function writeHead(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, { ...answer.headers, "content-length": Buffer.byteLength(answer.body) });
  response.flushHeaders();
}

function send(response: ServerResponse, answer: Answer): number {
  writeHead(response, answer);
  response.end(answer.body);
  return answer.status;
}

async function drip(response: ServerResponse, body: Buffer, closing: AbortSignal): Promise<void> {
  for (const byte of body) {
    if (closing.aborted || response.destroyed) return;
    response.write(Buffer.of(byte));
    await sleep(SLOW_MS_PER_BYTE, undefined, { signal: closing }).catch(() => undefined);
  }
  response.end();
}
