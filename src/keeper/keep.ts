import * as fs from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errorCode, errorText } from "../base/errors.ts";
import { writeFileAtomic, writeJson } from "../base/files.ts";
import { type IdToken, requestIdToken } from "../base/id-token.ts";
import { decodeClaims, timeClaim } from "../base/jwt.ts";
import { type TokenDirectory, tokenDirectoryAt } from "../base/layout.ts";
import { RequestError } from "../base/network.ts";
import { isRunning, type ProcessIdentity } from "../base/process.ts";
import { expiry, hold, pastOf } from "./held-token.ts";
import type { Ask, Watch } from "./messages.ts";
import { clockJumped, refreshDelay, requestTimeout, retryDelay, TICK_MS } from "./schedule.ts";
import {
  beginStatus,
  type Ending,
  type KeeperStatus,
  recordEnd,
  recordFailure,
  recordRefresh,
} from "./status.ts";

/** A self-hosted job may take 5 days: https://docs.github.com/en/actions/reference/limits */
const LONGEST_JOB_MS = 5 * 24 * 60 * 60 * 1000;
/** A timer of more than 2^31 ms would fire at once. */
const LONGEST_WAIT_MS = 60 * 60 * 1000;

/**
 * Keeps the token file fresh until the job is over, and then deletes it. It has three parts: arm what ends it; sleep
 * until the next request is due, and refresh; leave last words in the status file.
 * @param first the token that main has put into the file
 * @param onReady called once everything that ends the keeper is in place
 */
export async function keep(ask: Ask, watch: Watch, first: IdToken, onReady: () => void): Promise<void> {
  const directory = workIn(watch.directory);
  const receivedMsAgo = performance.now() - first.receivedAt;
  let clockOffset = first.clockOffsetMs ?? 0;
  let held = hold(first, first.receivedAt, Date.now() - receivedMsAgo + clockOffset);
  let due = held.receivedAt + refreshDelay(held.lifetimeMs, held.remainingMs, Math.random(), true);
  let failures = 0;
  /** Whether GitHub has refused every request since the token in the file. */
  let onlyRefused = true;
  const requestTokenExpiry = expiryOf(ask.endpoint.requestToken, clockOffset);
  const status = beginStatus(first, Date.now() - receivedMsAgo, watch.dead);

  const over = new AbortController();
  let alarm = new AbortController();
  const end = (why: Ending) => {
    over.abort(why); // the first reason stays
    alarm.abort();
  };
  const look = () => {
    const isStale = performance.now() > expiry(held);
    const isRefused = failures > 0 && onlyRefused;
    const why = reasonToEnd(
      directory,
      watch.worker,
      isStale && isRefused,
      isStale && performance.now() > requestTokenExpiry,
    );
    if (why) end(why);
  };
  const refreshNow = () => {
    due = performance.now();
    alarm.abort();
  };
  const disarm = arm(directory, { look, refreshNow, end });

  save(directory, status);
  onReady();
  look();
  while (!over.signal.aborted) {
    alarm = new AbortController();
    const wait = Math.min(Math.max(0, due - performance.now()), LONGEST_WAIT_MS);
    await sleep(wait, undefined, { signal: alarm.signal }).catch(() => {}); // woken
    if (!over.signal.aborted && performance.now() >= due) await refresh();
  }

  disarm();
  deleteToken(directory.token);
  recordEnd(status, Date.now(), pastOf(held, performance.now()), over.signal.reason as Ending);
  save(directory, status);
  // Post will not come any more.
  if (status.ended?.why === "job over") emptyJobDirectory(directory, basename(watch.directory));

  async function refresh(): Promise<void> {
    try {
      const timeout = requestTimeout(held.lifetimeMs);
      const answer = await requestIdToken(ask.endpoint, ask.audience, timeout, over.signal);
      writeFileAtomic(directory.token, answer.token);
      const now = performance.now();
      clockOffset = answer.clockOffsetMs ?? clockOffset;
      const serverNow = Date.now() + clockOffset;
      recordRefresh(status, Date.now(), pastOf(held, now, serverNow), answer);
      held = hold(answer, now, serverNow);
      due = now + refreshDelay(held.lifetimeMs, held.remainingMs, Math.random());
      failures = 0;
      onlyRefused = true;
    } catch (error) {
      if (over.signal.aborted) return;
      failures += 1;
      const failure = error instanceof RequestError ? error.failure : undefined;
      onlyRefused &&= failure?.httpStatus === 401 || failure?.httpStatus === 403;
      due = performance.now() + retryDelay(held.lifetimeMs, failures, Math.random(), failure?.retryAfterMs);
      recordFailure(status, Date.now(), errorText(error));
    }
    save(directory, status);
    look();
  }
}

/** When the request token expires, by the monotonic clock. */
function expiryOf(requestToken: string, clockOffset: number): number {
  const endsAt = timeClaim(decodeClaims(requestToken), "exp");
  return performance.now() + (endsAt === undefined ? LONGEST_JOB_MS : endsAt - (Date.now() + clockOffset));
}

/**
 * Makes the token directory the working directory: if somebody removes it, and the next job makes one of the same
 * name, nothing is written there. Windows would refuse to remove a directory that a process works in.
 */
function workIn(path: string): TokenDirectory {
  if (process.platform === "win32") return tokenDirectoryAt(path);
  process.chdir(path);
  return tokenDirectoryAt(".");
}

/**
 * Why the keeper has to end, or undefined. SDKs can use the last ID token until it expires, so that the last two
 * reasons count only then.
 * @param isRefused whether GitHub has refused every request with 401 or 403 since
 * @param isOver whether the request token has expired, too
 */
function reasonToEnd(
  directory: TokenDirectory,
  worker: ProcessIdentity | undefined,
  isRefused: boolean,
  isOver: boolean,
): Ending | undefined {
  if (fs.existsSync(directory.stop)) return "stopped";
  if (!hasUses(`${directory.path}/../../uses`)) return "job directory gone";
  // Where no worker can be watched (containers, macOS, other runners), GitHub's refusals are the end of the job.
  if (worker ? !isRunning(worker) : isRefused) return "job over";
  return isOver ? "request token expired" : undefined;
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
function arm(directory: TokenDirectory, { look, refreshNow, end }: Alarms): () => void {
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

/** In a directory that has become read-only, an empty file is the next best. */
function deleteToken(path: string): void {
  try {
    fs.rmSync(path, { force: true });
  } catch {
    try {
      fs.truncateSync(path);
    } catch {
      // Nothing more can be done; it expires in minutes.
    }
  }
}

/**
 * Found from the working directory, so that it cannot be the directory of the next job under the same name, nor
 * whatever a step moved the token directory into: its name in there must be that of this very directory.
 */
function emptyJobDirectory(directory: TokenDirectory, name: string): void {
  const root = `${directory.path}/../..`;
  try {
    const [here, there] = [fs.statSync(directory.path), fs.statSync(`${root}/tokens/${name}`)];
    if (here.ino !== there.ino || here.dev !== there.dev) return;
    for (const entry of fs.readdirSync(root)) fs.rmSync(`${root}/${entry}`, { recursive: true, force: true });
  } catch {
    // The next job's first use empties it.
  }
}

function save(directory: TokenDirectory, status: KeeperStatus): void {
  try {
    writeJson(directory.status, status);
  } catch {
    // A full disk: the next write may succeed, and the token matters more.
  }
}
