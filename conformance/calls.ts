/** Runs client processes and reads their lines. */
import { run } from "../harness/run.ts";
import type { Client } from "./clients.ts";
import { ACCOUNTS, type Principal } from "./scenarios.ts";

/** One call, as its client reported it. */
export interface Call {
  /** Milliseconds since the epoch, when it was over. */
  at: number;
  /** Undefined: it failed. */
  principal?: Principal | "unknown";
  arn?: string;
  error?: string;
}

export interface CallOptions {
  client: Client;
  /** Where the client is installed. */
  directory: string;
  /** The whole environment. */
  environment: Record<string, string>;
  /** Default: the folder the suite was started in. */
  cwd?: string | undefined;
}

/** A client retries before it reports a failure; the most patient takes half a minute. */
const CALL_TIMEOUT_MS = 90_000;
/** After its time, a long-lived client may finish the call it is in. */
const GRACE_MS = 30_000;

/** One call by a new process. */
export async function callOnce(options: CallOptions): Promise<Call> {
  const calls = await callsOf(options, ["once"], CALL_TIMEOUT_MS);
  return calls.at(-1) as Call;
}

/** A call every second by one process, for so many seconds. */
export function callForSeconds(options: CallOptions, seconds: number): Promise<Call[]> {
  const environment = { ...options.environment, CLIENT_SECONDS: String(seconds) };
  return callsOf({ ...options, environment }, [], seconds * 1000 + GRACE_MS);
}

/** What a client printed: one call at least, which failed if there was none. */
async function callsOf(
  { client, directory, environment, cwd }: CallOptions,
  mode: string[],
  timeoutMs: number,
): Promise<Call[]> {
  const { stdout, stderr, end } = await run([...client.start(directory), ...mode], timeoutMs, {
    env: { ...environment, ...client.environment },
    cwd,
  });
  const calls = stdout.split("\n").flatMap(readCall);
  if (calls.length > 0) return calls;
  return [{ at: Date.now(), error: `no answer (exit ${end}): ${stderr.trim().slice(-300)}` }];
}

function readCall(line: string): Call[] {
  if (!line.startsWith("{")) return [];
  const { t, arn, account, error } = JSON.parse(line) as {
    t: number;
    arn?: string;
    account?: string;
    error?: string;
  };
  if (error !== undefined) return [{ at: t, error }];
  return [{ at: t, principal: principalOf(account ?? arn?.split(":")[4]), arn: arn ?? `account ${account}` }];
}

function principalOf(account: string | undefined): Principal | "unknown" {
  const names = Object.keys(ACCOUNTS) as Principal[];
  return names.find((name) => ACCOUNTS[name] === account) ?? "unknown";
}

/** Lets so many run at once; the others wait their turn. */
export class Turns {
  #free: number;
  #waiting: (() => void)[] = [];

  constructor(free: number) {
    this.#free = free;
  }

  async take<T>(action: () => Promise<T>): Promise<T> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free -= 1;
    try {
      return await action();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
