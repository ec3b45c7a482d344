import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { readJson } from "../base/files.ts";
import { type JobDirectory, type TokenDirectory, tokenDirectoryAt } from "../base/layout.ts";
import { isRunning } from "../base/process.ts";
import type { KeeperStatus } from "./status.ts";

/** Whether a keeper is running for a token directory. */
export function hasKeeper(directory: TokenDirectory): boolean {
  const status = readJson<KeeperStatus>(directory.status);
  return status !== undefined && status.ended === undefined && isRunning(status);
}

const STOP_TIMEOUT_MS = 2_000;

export interface StoppedKeeper {
  /** Its last status. */
  keeper?: KeeperStatus;
  /** Whether it ended before anybody asked, and without recording why. */
  keeperDied?: boolean;
}

/** Ends every keeper of a job directory. */
export async function stopKeepers(job: JobDirectory): Promise<void> {
  let names: string[];
  try {
    names = fs.readdirSync(job.tokens);
  } catch {
    return; // a step has put something else there, or removed it
  }
  await Promise.all(names.map((name) => stopKeeper(tokenDirectoryAt(`${job.tokens}/${name}`))));
}

/**
 * Ends the keeper of a token directory, if there is one: first with the stop file, and if that has no effect with
 * signals. Only the process that wrote the status file ever gets a signal.
 */
export async function stopKeeper(directory: TokenDirectory): Promise<StoppedKeeper> {
  const status = readJson<KeeperStatus>(directory.status);
  if (status === undefined) return {};
  const isGone = () => !isRunning(status);
  if (isGone()) return { keeper: status, keeperDied: status.ended === undefined };
  try {
    fs.closeSync(fs.openSync(directory.stop, "wx", 0o600));
  } catch {
    // Another post has asked already; or the directory has changed, and signals follow.
  }
  const hasEnded = () => readJson<KeeperStatus>(directory.status)?.ended !== undefined;
  await within(STOP_TIMEOUT_MS, () => isGone() || hasEnded());
  for (const signal of signalsFor(status, hasEnded())) {
    if (isGone()) break;
    try {
      process.kill(status.pid, signal);
    } catch {
      // It has just ended, or belongs to another user. A keeper also ends when its directory is gone, and the caller
      // removes that next.
    }
    await within(STOP_TIMEOUT_MS, isGone);
  }
  if (status.started === undefined) await within(STOP_TIMEOUT_MS, isGone);
  return { keeper: readJson<KeeperStatus>(directory.status) ?? status };
}

/**
 * Without /proc a pid proves nothing, because the keeper may have ended and another process may have its pid. Then the
 * keeper sees the stop file at its next tick. A keeper that has recorded its end only has to exit, and V8 takes longer
 * for that than the keeper takes for everything else.
 */
function signalsFor({ started }: KeeperStatus, hasEnded: boolean): NodeJS.Signals[] {
  if (started === undefined) return [];
  return hasEnded ? ["SIGKILL"] : ["SIGTERM", "SIGKILL"];
}

/** Waits until something is true, or for `ms`. */
async function within(ms: number, isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + ms;
  while (!isTrue() && performance.now() < deadline) await sleep(1);
}
