import * as fs from "node:fs";
import { errorCode, errorText } from "../base/errors.ts";
import { writeFileAtomic, writeJson } from "../base/files.ts";
import { type Endpoint, type IdToken, IdTokenError, requestIdToken } from "../base/id-token.ts";
import { identify, isRunning, type ProcessIdentity } from "../base/process.ts";
import { tokenDirectory } from "../base/token-directory.ts";
import { clockJumped, refreshDelay, requestTimeout, retryDelay, TICK_MS } from "./schedule.ts";
import {
  type Ending,
  type KeeperStatus,
  type Past,
  recordFailure,
  recordPast,
  recordRefresh,
} from "./status.ts";

/**
 * What main tells the keeper, over IPC only: the request token must not stand in argv, the environment or a
 * file.
 */
export interface KeeperConfig {
  endpoint: Endpoint;
  audience: string;
  /** The token directory, with the first token in it. */
  directory: string;
  /** Of the first token, on receipt. */
  lifetimeMs: number;
  remainingMs: number;
  /** How long ago that was. */
  ageMs: number;
  /** The server's clock less this machine's. */
  clockOffsetMs: number;
  /** When the request token expires, from now. */
  endsInMs: number;
  /** The process whose end is the end of the job, where one is known. */
  worker: ProcessIdentity | undefined;
  /** What a keeper that was killed had to tell. */
  dead: KeeperStatus | undefined;
}

/** A timer of more than 2^31 ms would fire at once. */
const LONGEST_WAIT_MS = 60 * 60 * 1000;

/**
 * Keeps the token file fresh until the job is over, one way or another, and then deletes it.
 * @param onReady called once everything that ends the keeper is in place
 */
export async function keep(config: KeeperConfig, onReady: () => void): Promise<void> {
  // Working in the directory itself: if it is removed, and the next job makes one of the same name, nothing
  // is written there. Windows would refuse to remove a directory that a process works in.
  if (process.platform !== "win32") process.chdir(config.directory);
  const directory = tokenDirectory(process.platform === "win32" ? config.directory : ".");
  const uses = `${directory.path}/../../uses`;

  const over = new AbortController();
  let wakeUp = () => {};
  let ending: Ending = "failed";
  const end = (why: Ending) => {
    if (over.signal.aborted) return;
    ending = why;
    over.abort();
    wakeUp();
  };

  const received = Math.round(Date.now() - config.ageMs);
  const status: KeeperStatus = {
    ...identify(process.pid),
    startedAt: Date.now(),
    tokenReceivedAt: received,
    tokenExpiresAt: received + config.remainingMs,
    lifetimeMs: config.lifetimeMs,
    refreshes: 0,
    failures: 0,
    longestAgeMs: 0,
    received: [],
    outages: [],
    stale: [],
    ...(config.dead && inherit(config.dead, received)),
  };
  status.received.push(received);
  // Monotonic from here on: a clock that is set, or wrong, must not matter.
  let lifetime = config.lifetimeMs;
  let expires = performance.now() - config.ageMs + config.remainingMs;
  let due =
    performance.now() - config.ageMs + refreshDelay(lifetime, config.remainingMs, Math.random(), true);
  // This machine's monotonic clock stands still while the machine sleeps; the server's does not, and is known
  // when it answers.
  let receivedAt = performance.now() - config.ageMs;
  let clockOffset = config.clockOffsetMs;
  let serverReceived = received + clockOffset;
  const past = (serverNow?: number): Past => {
    const age = performance.now() - receivedAt;
    const serverAge = serverNow === undefined ? age : serverNow - serverReceived;
    const slept = clockJumped(serverAge, age) ? Math.max(0, serverAge - age) : 0;
    return { ageMs: age + slept, staleMs: Math.max(0, performance.now() + slept - expires) };
  };
  let failures = 0;
  const endsAt = performance.now() + config.endsInMs;

  let wall = Date.now();
  let monotonic = performance.now();
  const look = () => {
    const why = reasonToEnd();
    if (why) end(why);
    if (clockJumped(Date.now() - wall, performance.now() - monotonic)) {
      due = performance.now();
      wakeUp();
    }
    wall = Date.now();
    monotonic = performance.now();
  };
  const reasonToEnd = (): Ending | undefined => {
    if (fs.existsSync(directory.stop)) return "stopped";
    if (!hasUses(uses)) return "job directory gone";
    if (config.worker && !isRunning(config.worker)) return "job over";
    // The last ID token may outlive the request token; SDKs can use it until then.
    if (performance.now() > Math.max(endsAt, expires)) return "request token expired";
    return undefined;
  };

  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => end("signal"));
  process.on("uncaughtException", () => end("failed"));
  const ticker = setInterval(look, TICK_MS);
  // Only to notice sooner what a tick notices anyway: where watching is not possible, nothing is lost.
  let watcher: fs.FSWatcher | undefined;
  try {
    watcher = fs.watch(directory.path, look).on("error", () => watcher?.close());
  } catch {}

  writeStatus();
  onReady();
  look();
  while (!over.signal.aborted) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(Math.max(0, due - performance.now()), LONGEST_WAIT_MS));
      wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    if (!over.signal.aborted && performance.now() >= due) await refresh();
  }

  clearInterval(ticker);
  watcher?.close();
  recordPast(status, Date.now(), past());
  status.ended = { at: Date.now(), why: ending };
  deleteToken(directory.token);
  writeStatus();

  async function refresh(): Promise<void> {
    try {
      const answer: IdToken = await requestIdToken(
        config.endpoint,
        config.audience,
        requestTimeout(lifetime),
        over.signal,
      );
      if (over.signal.aborted) return;
      writeFileAtomic(directory.token, answer.token);
      clockOffset = answer.clockOffsetMs ?? clockOffset;
      const serverNow = Date.now() + clockOffset;
      recordRefresh(status, Date.now(), past(serverNow), answer.remainingMs, answer.lifetimeMs);
      lifetime = answer.lifetimeMs;
      failures = 0;
      receivedAt = performance.now();
      serverReceived = serverNow;
      expires = performance.now() + answer.remainingMs;
      due = performance.now() + refreshDelay(lifetime, answer.remainingMs, Math.random());
    } catch (error) {
      if (over.signal.aborted) return;
      failures += 1;
      const retryAfter = error instanceof IdTokenError ? error.retryAfterMs : undefined;
      due = performance.now() + retryDelay(lifetime, failures, Math.random(), retryAfter);
      recordFailure(status, Date.now(), errorText(error));
    }
    writeStatus();
  }

  function writeStatus(): void {
    try {
      writeJson(directory.status, status);
    } catch {
      // A full disk: the next one may succeed, and the token matters more.
    }
  }
}

/** What goes on from a keeper that was killed, until another use wrote a token again. */
function inherit(dead: KeeperStatus, until: number): Partial<KeeperStatus> {
  const { refreshes, failures, received, outages, stale } = dead;
  const longestAgeMs = Math.max(dead.longestAgeMs, until - dead.tokenReceivedAt);
  const gap = until > dead.tokenExpiresAt ? [{ from: dead.tokenExpiresAt, to: until }] : [];
  return { refreshes, failures, received, longestAgeMs, outages, stale: [...stale, ...gap] };
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

/** Whether any use of the job is not over. Only what is certain counts: no entry, or no directory. */
function hasUses(directory: string): boolean {
  try {
    return fs.readdirSync(directory).some((name) => name.endsWith(".json"));
  } catch (error) {
    return !["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "");
  }
}
