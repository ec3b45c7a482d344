import * as fs from "node:fs";
import { errorCode } from "../base/errors.ts";
import type { TokenDirectory } from "../base/layout.ts";
import { isRunning, type ProcessIdentity } from "../base/process.ts";
import { clockJumped, TICK_MS } from "./schedule.ts";
import type { Ending } from "./status.ts";

// What ends the keeper, and what makes it look.

/** What the keeper's own requests say. SDKs can use the last ID token until it expires: before, both are false. */
export interface LastRequests {
  /** GitHub has refused every request since that token with 401 or 403. */
  isRefused: boolean;
  /** The request token has expired, too. */
  isOver: boolean;
}

/** Why the keeper has to end, or undefined. */
export function reasonToEnd(
  directory: TokenDirectory,
  worker: ProcessIdentity | undefined,
  { isRefused, isOver }: LastRequests,
): Ending | undefined {
  if (fs.existsSync(directory.stop)) return "stopped";
  if (!hasUses(`${directory.path}/../../uses`)) return "job directory gone";
  if (worker && !isRunning(worker)) return "job over";
  if (isOver) return "request token expired";
  // Where no worker can be watched (containers, macOS, other runners), GitHub's refusals are the end of the job.
  return !worker && isRefused ? "job over" : undefined;
}

/** False only if the job certainly has no use left: no record of one, or no directory. */
function hasUses(directory: string): boolean {
  try {
    return fs.readdirSync(directory).some((name) => name.endsWith(".json"));
  } catch (error) {
    return !["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "");
  }
}

// A signal says nothing about the job: "pkill node" in a step must not cost the job its credentials. SIGCONT comes
// when somebody has stopped the process. What a crash raises (SIGSEGV, ...) keeps its meaning.
const SIGNALS: NodeJS.Signals[] = [
  ...([
    "SIGTERM",
    "SIGINT",
    "SIGHUP",
    "SIGQUIT",
    "SIGUSR1",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGCONT",
  ] as const),
  ...(["SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR", "SIGXCPU", "SIGXFSZ", "SIGSYS", "SIGSTKFLT"] as const),
  ...(["SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGBREAK"] as const),
];

interface Alarms {
  look(): void;
  refreshNow(): void;
  end(why: Ending): void;
}

/** Watches the job, the clocks and signals; returns how to stop watching. */
export function arm(directory: TokenDirectory, { look, refreshNow, end }: Alarms): () => void {
  let wall = Date.now();
  let monotonic = performance.now();
  const tick = () => {
    look();
    if (clockJumped(Date.now() - wall, performance.now() - monotonic)) refreshNow();
    wall = Date.now();
    monotonic = performance.now();
  };
  for (const signal of SIGNALS) process.on(signal, tick);
  process.on("uncaughtException", () => end("failed"));
  const ticker = setInterval(tick, TICK_MS);
  // Only to notice earlier what a tick notices anyway: where watching is not possible, nothing is lost.
  let watcher: fs.FSWatcher | undefined;
  try {
    watcher = fs.watch(directory.path, tick).on("error", () => watcher?.close());
  } catch {}
  return () => {
    clearInterval(ticker);
    watcher?.close();
  };
}
