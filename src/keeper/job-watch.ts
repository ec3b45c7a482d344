import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { errorCode } from "../base/errors.ts";
import type { KeeperDirectory } from "../base/layout.ts";
import { isRunning, type ProcessIdentity } from "../base/process.ts";
import { readStatus } from "./record.ts";
import { clockJumped, TICK_MS } from "./schedule.ts";
import type { Ending } from "./status.ts";

/** A timer of more than 2^31 ms would fire at once. */
const LONGEST_WAIT_MS = 60 * 60 * 1000;

/**
 * What the keeper's own requests show. SDKs can use the last ID token until it expires: before, both are
 * false.
 */
export interface LastRequests {
  /** GitHub has refused every request since that token with 401 or 403. */
  isRefused: boolean;
  /** The request token has expired, too. */
  isOver: boolean;
}

/** Never recorded: another keeper has taken over. */
export type Reason = Ending | "replaced";

/** Why the keeper has to end, or undefined. */
export function reasonToEnd(
  directory: KeeperDirectory,
  worker: ProcessIdentity | undefined,
  { isRefused, isOver }: LastRequests,
): Reason | undefined {
  if (fs.existsSync(directory.stop)) return "stopped";
  if (!hasUses(`${directory.path}/../../uses`)) return "job directory gone";
  if (isAnothers(directory)) return "replaced";
  if (worker && !isRunning(worker)) return "job over";
  if (isOver) return "request token expired";
  // Where no worker can be watched (containers, macOS, other runners), GitHub's refusals are the end of the
  // job. Also on Windows, where another process may have got the worker's pid between two looks.
  return worker?.started === undefined && isRefused ? "job over" : undefined;
}

/**
 * Whether another keeper has recorded itself and runs. That of a later use and one that a watcher has brought
 * back may have started at the same time: the last one to write stays.
 */
function isAnothers(directory: KeeperDirectory): boolean {
  const status = readStatus(directory);
  return status !== undefined && status.pid !== process.pid && !status.ended && isRunning(status);
}

/** False only if the job certainly has no use left: no record of one, or no directory. */
function hasUses(directory: string): boolean {
  try {
    return fs.readdirSync(directory).some((name) => name.endsWith(".json"));
  } catch (error) {
    return !["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "");
  }
}

// A signal proves nothing about the job: "pkill node" in a step must not cost the job its credentials.
// SIGCONT comes when somebody has stopped the process. What a crash raises (SIGSEGV, ...) keeps its meaning.
const SIGNALS = (
  "SIGTERM SIGINT SIGHUP SIGQUIT SIGUSR1 SIGUSR2 SIGPIPE SIGALRM SIGCONT SIGVTALRM SIGPROF SIGIO SIGPWR SIGXCPU " +
  "SIGXFSZ SIGSYS SIGSTKFLT SIGTSTP SIGTTIN SIGTTOU SIGBREAK"
).split(" ") as NodeJS.Signals[];

/** Watches the job, the clocks and signals on behalf of the keeper. */
export class JobWatch {
  readonly #over = new AbortController();
  readonly #directory: KeeperDirectory;
  readonly #reason: () => Reason | undefined;
  readonly #ticker: NodeJS.Timeout;
  #watcher: fs.FSWatcher | undefined;
  #wall = Date.now();
  #monotonic = performance.now();
  #jumped = false;
  #wake = () => {};

  /** @param reason why the keeper has to end, or undefined; asked at every tick */
  constructor(directory: KeeperDirectory, reason: () => Reason | undefined) {
    this.#directory = directory;
    this.#reason = reason;
    const tick = () => this.#tick();
    for (const signal of SIGNALS) process.on(signal, tick);
    process.on("uncaughtException", () => this.#end("failed"));
    this.#ticker = setInterval(tick, TICK_MS);
    // Only to notice earlier what a tick notices anyway: where watching is not possible, nothing is lost.
    try {
      this.#watcher = fs.watch(directory.path, tick).on("error", () => this.#watcher?.close());
    } catch {}
  }

  /** Aborts when the keeper has to end. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Why, once `over` has aborted. */
  get ending(): Reason {
    return this.over.reason as Reason;
  }

  /**
   * Waits until `due` on the monotonic clock, or until the machine wakes up or somebody sets its clock.
   * Resolves with false as soon as the keeper has to end.
   */
  async runsUntil(due: number): Promise<boolean> {
    this.#look();
    this.#jumped = false;
    for (;;) {
      // Read once: Node.js warns about a negative time.
      const waitMs = Math.min(due - performance.now(), LONGEST_WAIT_MS);
      if (this.over.aborted || this.#jumped || waitMs <= 0) return !this.over.aborted;
      const alarm = new AbortController();
      this.#wake = () => alarm.abort();
      await sleep(waitMs, undefined, { signal: alarm.signal }).catch(() => {}); // woken
    }
  }

  close(): void {
    clearInterval(this.#ticker);
    this.#watcher?.close();
  }

  #tick(): void {
    this.#look();
    closeToOthers(this.#directory.path);
    this.#jumped ||= clockJumped(Date.now() - this.#wall, performance.now() - this.#monotonic);
    this.#wall = Date.now();
    this.#monotonic = performance.now();
    if (this.#jumped) this.#wake();
  }

  #look(): void {
    const why = this.#reason();
    if (why) this.#end(why);
  }

  #end(why: Reason): void {
    this.#over.abort(why); // the first reason stays
    this.#wake();
  }
}

/** `chmod -R a+rwX "$RUNNER_TEMP"` is a common way to clean up after a container; the token stays private. */
function closeToOthers(directory: string): void {
  if (process.platform === "win32") return;
  try {
    if ((fs.statSync(directory).mode & 0o077) !== 0) fs.chmodSync(directory, 0o700);
  } catch {
    // Gone, or not ours any more.
  }
}
