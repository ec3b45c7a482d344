import * as fs from "node:fs";
import { errorText } from "../base/errors.ts";
import { layInPlace } from "../base/files.ts";
import { type KeeperDirectory, keeperDirectoryAt } from "../base/layout.ts";
import { RequestError } from "../base/network.ts";
import { isRunning, type ProcessIdentity } from "../base/process.ts";
import { expiry, hold, pastOf } from "./held-token.ts";
import { JobWatch, reasonToEnd } from "./job-watch.ts";
import { writeStatus } from "./record.ts";
import { RenewalError } from "./renewal.ts";
import { retryDelay } from "./schedule.ts";
import { LONGEST_JOB_MS, type Source } from "./source.ts";
import { type KeeperStatus, recentRevivals, recordEnd, recordFailure, recordRefresh } from "./status.ts";
import { restartDelay, Watcher } from "./watcher.ts";

/** What one keeper does, and what the next one needs if somebody kills it. */
export interface Task {
  kind: "token" | "session";
  source: Source;
  worker: ProcessIdentity | undefined;
  /** The directory; or, in the place of a killed keeper, where that was: this process works in it already. */
  directory: string | Place;
  /** What the source is made of, for the next keeper. */
  orders: object;
}

/** Where a keeper's directory was at the start. A step may move it, with everything beside it. */
export interface Place {
  /** In the job directory. */
  name: string;
  /** Of the job directory. */
  dev: number;
  ino: number;
}

/** What is in the file at the start. */
export interface First {
  lifetimeMs: number;
  remainingMs: number;
  clockOffsetMs: number | undefined;
  /** By the monotonic clock of this process. */
  receivedAt: number;
}

/**
 * Keeps the file of a directory fresh until the job is over, and then deletes it. It has three parts: watch
 * for what ends it; wait until the next request is due, and refresh; record the end in the status file.
 * @param status with which this keeper begins
 * @param onReady called once everything that ends the keeper is in place
 */
export async function keep(
  task: Task,
  first: First,
  status: KeeperStatus,
  onReady: () => void,
): Promise<void> {
  const { source, worker } = task;
  const directory = workIn(task.directory, task.kind);
  const place = typeof task.directory === "string" ? placeOf(task.directory) : task.directory;
  const again = JSON.stringify({ ...task.orders, worker, place });
  let clockOffset = first.clockOffsetMs ?? 0;
  let held = hold(first, first.receivedAt, Date.now() - (performance.now() - first.receivedAt) + clockOffset);
  let due = source.due(held, Math.random(), true);
  // Since what is in the file: failed requests, and those of them that GitHub refused with 401 or 403.
  let failures = 0;
  let refusals = 0;
  const isStale = () => performance.now() > expiry(held);

  const job = new JobWatch(directory, () =>
    reasonToEnd(directory, worker, {
      isRefused: isStale() && failures > 0 && refusals === failures,
      isOver: (isStale() && performance.now() > source.endsAt) || performance.now() > LONGEST_JOB_MS,
    }),
  );
  recordDue();
  onReady();
  const watcher = new Watcher(again, restartDelay(recentRevivals(status)), (shell) => {
    status.watcher = shell;
    save(directory, status);
  });
  while (await job.runsUntil(due)) await refresh();

  job.close();
  watcher.stop();
  // The file and the status are another keeper's by now.
  if (job.ending === "replaced") return;
  deleteSecret(directory.secret);
  recordEnd(status, Date.now(), pastOf(held, performance.now()), job.ending);
  save(directory, status);
  // The worker is gone for certain, so post will not come.
  if (worker && !isRunning(worker) && job.ending === "job over") emptyJobDirectory(directory, place);

  async function refresh(): Promise<void> {
    if (!source.canRenew()) {
      due = Infinity;
      return recordDue();
    }
    try {
      const answer = await source.next(source.timeout(held.lifetimeMs), job.over);
      const arrived = performance.now();
      await layInPlace(directory.secret, answer.content, answer.lifetimeMs / 2, job.over);
      const now = performance.now();
      // Windows: a program may have had the file open since the answer came.
      const fresh = { ...answer, remainingMs: answer.remainingMs - (now - arrived) };
      clockOffset = answer.clockOffsetMs ?? clockOffset;
      const serverNow = Date.now() + clockOffset;
      recordRefresh(status, Date.now(), pastOf(held, now, serverNow), fresh);
      held = hold(fresh, now, serverNow);
      due = source.due(held, Math.random());
      failures = 0;
      refusals = 0;
    } catch (error) {
      if (job.over.aborted) return;
      failures += 1;
      const failure = error instanceof RequestError ? error.failure : undefined;
      // What STS refuses says nothing about the job.
      const isOfSts = error instanceof RenewalError && "exchangeFailure" in error.reply;
      if (!isOfSts && (failure?.httpStatus === 401 || failure?.httpStatus === 403)) refusals += 1;
      due = performance.now() + retryDelay(held.lifetimeMs, failures, Math.random(), failure?.retryAfterMs);
      recordFailure(status, Date.now(), errorText(error));
    }
    recordDue();
  }

  /** By when this keeper records more, even if everything takes twice as long. */
  function recordDue(): void {
    const next = Math.min(due, expiry(held)) + 2 * source.timeout(held.lifetimeMs);
    status.silentUntil = Math.round(Date.now() + next - performance.now());
    save(directory, status);
  }
}

/**
 * Makes the keeper's directory the working directory: if somebody removes it, and the next job makes one of the
 * same name, nothing is written there. Windows would refuse to remove a directory that a process works in.
 */
function workIn(path: Task["directory"], kind: Task["kind"]): KeeperDirectory {
  if (typeof path !== "string") return keeperDirectoryAt(".", kind);
  if (process.platform === "win32") return keeperDirectoryAt(path, kind);
  process.chdir(path);
  return keeperDirectoryAt(".", kind);
}

function placeOf(path: string): Place {
  const { dev, ino } = fs.statSync(`${path}/../..`);
  return { name: path.split(/[\\/]/).slice(-2).join("/"), dev, ino };
}

/** In a directory that has become read-only, an empty file is the next best. */
function deleteSecret(path: string): void {
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
 * Found from the working directory, so that it cannot be the directory of the next job under the same name:
 * the keeper's directory in there must be this very one. A step may have moved that anywhere, with everything
 * beside it, so the folder around it must be the job directory as it was at the start.
 */
function emptyJobDirectory(directory: KeeperDirectory, place: Place): void {
  const root = `${directory.path}/../..`;
  const isSame = (one: Pick<fs.Stats, "dev" | "ino">, path: string) => {
    const { dev, ino } = fs.statSync(path);
    return one.dev === dev && one.ino === ino;
  };
  try {
    const here = fs.statSync(directory.path);
    if (!isSame(place, root) || !isSame(here, `${root}/${place.name}`)) return;
    for (const entry of fs.readdirSync(root)) fs.rmSync(`${root}/${entry}`, { recursive: true, force: true });
  } catch {
    // The next job's first use empties it.
  }
}

function save(directory: KeeperDirectory, status: KeeperStatus): void {
  try {
    writeStatus(directory, status);
  } catch {
    // A full disk: the next write may succeed, and the token matters more.
  }
}
