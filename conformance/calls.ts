/** Runs client processes and reads their lines. */
import { spawn } from "node:child_process";
import type { Client } from "./clients.ts";
import { ACCOUNTS, type Principal } from "./scenarios.ts";

/** One call, as its client told it. */
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
  cwd?: string;
}

/** A client that fails retries before it says so; the most patient takes half a minute. */
const CALL_TIMEOUT_MS = 90_000;
/** After its time, a long-lived client may finish the call it is in. */
const GRACE_MS = 30_000;

/** One call by a new process. */
export async function callOnce(options: CallOptions): Promise<Call> {
  const { calls, end, stderr } = await run(options, ["once"], CALL_TIMEOUT_MS);
  return calls.at(-1) ?? { at: Date.now(), error: `no answer (${end}): ${stderr.trim().slice(-300)}` };
}

/** A call every second by one process, for so many seconds. */
export async function callForSeconds(options: CallOptions, seconds: number): Promise<Call[]> {
  const environment = { ...options.environment, CLIENT_SECONDS: String(seconds) };
  const { calls, end, stderr } = await run({ ...options, environment }, [], seconds * 1000 + GRACE_MS);
  return calls.length > 0
    ? calls
    : [{ at: Date.now(), error: `no answer (${end}): ${stderr.trim().slice(-300)}` }];
}

function run(
  { client, directory, environment, cwd }: CallOptions,
  mode: string[],
  timeoutMs: number,
): Promise<{ calls: Call[]; end: string; stderr: string }> {
  const [command = "", ...args] = client.start(directory);
  const child = spawn(command, [...args, ...mode], {
    env: { ...environment, ...client.environment },
    stdio: ["ignore", "pipe", "pipe"],
    ...(cwd === undefined ? {} : { cwd }),
    // Its own process group, so that one that hangs is ended with what it started.
    detached: true,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-2000);
  });
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    }, timeoutMs);
    const finish = (end: string): void => {
      clearTimeout(timer);
      resolve({ calls: stdout.split("\n").flatMap(readCall), end, stderr });
    };
    child.on("error", (error) => finish(error.message));
    child.on("close", (code, signal) => finish(`exit ${signal ?? code}`));
  });
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
