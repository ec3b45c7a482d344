import { type ChildProcess, spawn } from "node:child_process";
import * as path from "node:path";
import { bundlePath } from "../base/bundles.ts";
import type { Claims } from "../base/jwt.ts";
import { type Failure, RequestError } from "../base/network.ts";
import type { ExchangeFailure, Session, SessionSource } from "../base/session.ts";
import type { Ask, Renewal } from "./messages.ts";

// A role session comes from a program of its own with the AWS SDK (src/renew.ts), which main and the keeper
// start in the same way and which is gone afterwards: so the keeper stays small. What it needs goes over IPC.

/** To the program. */
export interface RenewalJob extends Pick<Renewal, "request" | "environment"> {
  source: Exclude<SessionSource, { idToken: string }> | { ask: Ask };
  /** Repeat what may be temporary, and try whether the role may assume itself. */
  isFirst: boolean;
  provesSelf: boolean;
}

/** From the program. */
export interface Renewed {
  session: Session;
  /** Of the ID token that was exchanged. */
  idToken: IdTokenFacts | undefined;
}
export interface IdTokenFacts {
  claims: Claims;
  lifetimeMs: number;
  clockOffsetMs: number | undefined;
}
export type RenewalReply =
  | { retrying: string }
  | Renewed
  | { idTokenFailure: Failure }
  | { exchangeFailure: ExchangeFailure; idToken: IdTokenFacts | undefined; isSelf: boolean };

/** How the process is started: as the keeper itself is, and with a bound. */
export interface Surroundings {
  argv: string[];
  env: NodeJS.ProcessEnv;
  timeoutMs: number;
  end?: AbortSignal;
  onRetry?: (text: string) => void;
}

/** Which request failed, with what an explanation needs. */
export class RenewalError extends RequestError {
  readonly reply: Exclude<RenewalReply, Renewed | { retrying: string }>;

  constructor(reply: RenewalError["reply"]) {
    super("idTokenFailure" in reply ? reply.idTokenFailure : reply.exchangeFailure);
    this.reply = reply;
  }
}

/** One session. Throws a RenewalError with the server's answer, or a RequestError if the process failed. */
export async function renew(job: RenewalJob, surroundings: Surroundings): Promise<Renewed> {
  const { argv, env, timeoutMs, end } = surroundings;
  const child = spawn(process.execPath, [...argv, bundlePath("renew")], {
    cwd: path.dirname(process.execPath),
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    windowsHide: true,
    env,
  });
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(`no session within ${Math.round(timeoutMs)} ms`), timeoutMs);
  const onEnd = () => stop.abort("cancelled");
  end?.addEventListener("abort", onEnd);
  if (end?.aborted) onEnd();
  try {
    const reply = await converse(child, job, stop.signal, surroundings.onRetry);
    if ("session" in reply) return reply;
    throw new RenewalError(reply);
  } finally {
    clearTimeout(timer);
    end?.removeEventListener("abort", onEnd);
    child.kill("SIGKILL");
  }
}

function converse(
  child: ChildProcess,
  job: RenewalJob,
  stop: AbortSignal,
  onRetry: Surroundings["onRetry"],
): Promise<Renewed | RenewalError["reply"]> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new RequestError({ kind: "unreachable", message: why }));
    child.on("error", (error) => fail(`the exchange did not start: ${error.message}`));
    child.on("exit", (code, signal) => fail(`the exchange ended early (${signal ?? `exit code ${code}`})`));
    child.on("message", (reply: RenewalReply) => {
      if ("retrying" in reply) onRetry?.(reply.retrying);
      else resolve(reply);
    });
    stop.addEventListener("abort", () => fail(String(stop.reason)));
    if (stop.aborted) fail(String(stop.reason));
    child.send(job, (error) => error && fail(`the exchange did not start: ${error.message}`));
  });
}
