import * as fs from "node:fs";
import { basename } from "node:path";
import { errorText } from "../base/errors.ts";
import { layInPlace, writeRecord } from "../base/files.ts";
import { type IdToken, requestIdToken } from "../base/id-token.ts";
import { decodeClaims, timeClaim } from "../base/jwt.ts";
import { type TokenDirectory, tokenDirectoryAt } from "../base/layout.ts";
import { RequestError } from "../base/network.ts";
import { expiry, hold, pastOf } from "./held-token.ts";
import { JobWatch, reasonToEnd } from "./job-watch.ts";
import type { Ask, Watch } from "./messages.ts";
import { refreshDelay, requestTimeout, retryDelay } from "./schedule.ts";
import { beginStatus, type KeeperStatus, recordEnd, recordFailure, recordRefresh } from "./status.ts";

/** A self-hosted job may take 5 days: https://docs.github.com/en/actions/reference/limits */
const LONGEST_JOB_MS = 5 * 24 * 60 * 60 * 1000;

/**
 * Keeps the token file fresh until the job is over, and then deletes it. It has three parts: watch for
 * what ends it; wait until the next request is due, and refresh; record the end in the status file.
 * @param first the token that main has put into the file
 * @param onReady called once everything that ends the keeper is in place
 */
export async function keep(ask: Ask, watch: Watch, first: IdToken, onReady: () => void): Promise<void> {
  const directory = workIn(watch.directory);
  const jobDirectory = fs.statSync(`${directory.path}/../..`);
  const receivedMsAgo = performance.now() - first.receivedAt;
  let clockOffset = first.clockOffsetMs ?? 0;
  let held = hold(first, first.receivedAt, Date.now() - receivedMsAgo + clockOffset);
  let due = held.receivedAt + refreshDelay(held.lifetimeMs, held.remainingMs, Math.random(), true);
  // Since the token in the file: failed requests, and those of them that GitHub refused with 401 or 403.
  let failures = 0;
  let refusals = 0;
  const requestTokenExpiry = expiryOf(ask.endpoint.requestToken, clockOffset);
  const status = beginStatus(first, Date.now() - receivedMsAgo, watch.dead);

  const job = new JobWatch(directory, () => {
    const isStale = performance.now() > expiry(held);
    return reasonToEnd(directory, watch.worker, {
      isRefused: isStale && failures > 0 && refusals === failures,
      isOver: isStale && performance.now() > requestTokenExpiry,
    });
  });
  save(directory, status);
  onReady();
  while (await job.runsUntil(due)) await refresh();

  job.close();
  deleteToken(directory.token);
  recordEnd(status, Date.now(), pastOf(held, performance.now()), job.ending);
  save(directory, status);
  // The worker is gone for certain, so post will not come.
  if (watch.worker && job.ending === "job over")
    emptyJobDirectory(directory, basename(watch.directory), jobDirectory);

  async function refresh(): Promise<void> {
    try {
      const timeout = requestTimeout(held.lifetimeMs);
      const answer = await requestIdToken(ask.endpoint, ask.audience, timeout, job.over);
      await layInPlace(directory.token, answer.token, answer.lifetimeMs / 2, job.over);
      const now = performance.now();
      // Windows: a program may have had the file open since the answer came.
      const token = { ...answer, remainingMs: answer.remainingMs - (now - answer.receivedAt) };
      clockOffset = answer.clockOffsetMs ?? clockOffset;
      const serverNow = Date.now() + clockOffset;
      recordRefresh(status, Date.now(), pastOf(held, now, serverNow), token);
      held = hold(token, now, serverNow);
      due = now + refreshDelay(held.lifetimeMs, held.remainingMs, Math.random());
      failures = 0;
      refusals = 0;
    } catch (error) {
      if (job.over.aborted) return;
      failures += 1;
      const failure = error instanceof RequestError ? error.failure : undefined;
      if (failure?.httpStatus === 401 || failure?.httpStatus === 403) refusals += 1;
      due = performance.now() + retryDelay(held.lifetimeMs, failures, Math.random(), failure?.retryAfterMs);
      recordFailure(status, Date.now(), errorText(error));
    }
    save(directory, status);
  }
}

/** When the request token expires, by the monotonic clock. */
function expiryOf(requestToken: string, clockOffset: number): number {
  const endsAt = timeClaim(decodeClaims(requestToken), "exp");
  return performance.now() + (endsAt === undefined ? LONGEST_JOB_MS : endsAt - (Date.now() + clockOffset));
}

/**
 * Makes the token directory the working directory: if somebody removes it, and the next job makes one of the
 * same name, nothing is written there. Windows would refuse to remove a directory that a process works in.
 */
function workIn(path: string): TokenDirectory {
  if (process.platform === "win32") return tokenDirectoryAt(path);
  process.chdir(path);
  return tokenDirectoryAt(".");
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
 * Found from the working directory, so that it cannot be the directory of the next job under the same name:
 * the token directory in there must be this very one. A step may have moved that anywhere, with everything
 * beside it, so the folder around it must be the job directory as it was at the start.
 */
function emptyJobDirectory(directory: TokenDirectory, name: string, jobDirectory: fs.Stats): void {
  const root = `${directory.path}/../..`;
  const isSame = (one: fs.Stats, path: string) => {
    const { dev, ino } = fs.statSync(path);
    return one.dev === dev && one.ino === ino;
  };
  try {
    const here = fs.statSync(directory.path);
    if (!isSame(jobDirectory, root) || !isSame(here, `${root}/tokens/${name}`)) return;
    for (const entry of fs.readdirSync(root)) fs.rmSync(`${root}/${entry}`, { recursive: true, force: true });
  } catch {
    // The next job's first use empties it.
  }
}

function save(directory: TokenDirectory, status: KeeperStatus): void {
  try {
    // Not by record.ts, whose schema would make the bundle a tenth larger.
    writeRecord(directory.status, status);
  } catch {
    // A full disk: the next write may succeed, and the token matters more.
  }
}
