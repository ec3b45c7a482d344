import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { readFileIfExists } from "../base/files.ts";
import { type KeeperDirectory, keeperDirectoryAt } from "../base/layout.ts";
import { isRunning, type ProcessIdentity } from "../base/process.ts";
import { readStatus } from "./record.ts";
import type { KeeperStatus } from "./status.ts";

/** Whether a keeper is running for a token directory. */
export function hasKeeper(directory: KeeperDirectory): boolean {
  const status = readStatus(directory);
  return status !== undefined && status.ended === undefined && isKeeperOf(directory, status);
}

const STOP_TIMEOUT_MS = 2_000;
/** What post writes into the stop file. A step that makes one may leave it empty. */
const BY_POST = "post\n";

export interface StoppedKeeper {
  /** Its last status. */
  keeper?: KeeperStatus;
  /** Whether it ended before anybody asked, and without recording why. */
  keeperDied?: boolean;
}

/**
 * Ends the keeper of a token directory, if there is one: first with the stop file, and if that has no effect
 * with signals. Only the process that wrote the status file and works in this directory ever gets a signal.
 */
export async function stopKeeper(directory: KeeperDirectory): Promise<StoppedKeeper> {
  const status = readStatus(directory);
  if (status !== undefined && !isKeeperOf(directory, status)) {
    stopWatcher(status);
    const keeper = isAskedByPost(directory) ? status : notByPost(status);
    return { keeper, keeperDied: status.ended === undefined };
  }
  const isAsked = ask(directory);
  if (status === undefined) return {};
  const isGone = () => !isRunning(status);
  const hasEnded = () => readStatus(directory)?.ended !== undefined;
  if (isAsked) await within(STOP_TIMEOUT_MS, () => isGone() || hasEnded());
  for (const signal of signalsFor(status, isAsked, hasEnded())) {
    if (isGone()) break;
    // First, or it would bring back what is killed next.
    if (signal === "SIGKILL") stopWatcher(status);
    try {
      process.kill(status.pid, signal);
    } catch {
      // It has just ended, or belongs to another user. A keeper also ends when its directory is gone, and the
      // caller removes that next.
    }
    await within(STOP_TIMEOUT_MS, isGone);
  }
  if (status.started === undefined) await within(STOP_TIMEOUT_MS, isGone);
  return { keeper: readStatus(directory) ?? status };
}

/**
 * Ends a keeper whose directory is not where it was, and deletes what it kept, wherever a step has moved the
 * directory. Does nothing if that process has ended, or without /proc.
 */
export async function stopMovedKeeper({ pid, started }: ProcessIdentity): Promise<void> {
  const isGone = () => started === undefined || !isRunning({ pid, started });
  if (isGone()) return;
  const directory = fs.openSync(`/proc/${pid}/cwd`, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    if (isGone()) return;
    // First the watcher, or it would bring back what is killed next; and no keeper that runs replaces it.
    process.kill(pid, "SIGSTOP");
    const status = readStatus(keeperDirectoryAt(`/proc/self/fd/${directory}`));
    if (status?.pid === pid) stopWatcher(status);
    process.kill(pid, "SIGKILL");
    await within(STOP_TIMEOUT_MS, isGone);
    for (const secret of ["token", "session"])
      fs.rmSync(`/proc/self/fd/${directory}/${secret}`, { force: true });
  } finally {
    fs.closeSync(directory);
  }
}

function stopWatcher({ watcher }: KeeperStatus): void {
  // Without a start time a pid proves nothing.
  if (watcher?.started === undefined || !isRunning(watcher)) return;
  try {
    process.kill(watcher.pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
}

/** Makes the stop file. Returns whether the keeper can see one: not on a full disk. */
function ask(directory: KeeperDirectory): boolean {
  try {
    fs.writeFileSync(directory.stop, BY_POST, { flag: "wx", mode: 0o600 });
  } catch {
    // Another post or a step has made one, or it cannot be made.
  }
  return fs.existsSync(directory.stop);
}

function isAskedByPost(directory: KeeperDirectory): boolean {
  try {
    return readFileIfExists(directory.stop, BY_POST.length)?.toString() === BY_POST;
  } catch {
    return false;
  }
}

/** The status of a keeper that was asked to end by a stop file that no post made. */
function notByPost(status: KeeperStatus): KeeperStatus {
  const { ended } = status;
  return ended?.why === "stopped" ? { ...status, ended: { ...ended, why: "stopped by a step" } } : status;
}

/**
 * Whether the process that wrote the status still runs, and is a keeper of this directory: it works in there.
 * Without /proc nothing more than the pid is known.
 */
function isKeeperOf(directory: KeeperDirectory, { pid, started }: KeeperStatus): boolean {
  if (started === undefined) return isRunning({ pid });
  if (!isRunning({ pid, started })) return false;
  try {
    const [one, other] = [fs.statSync(`/proc/${pid}/cwd`), fs.statSync(directory.path)];
    return one.dev === other.dev && one.ino === other.ino;
  } catch {
    return false;
  }
}

/**
 * Without /proc a pid proves nothing, because the keeper may have ended and another process may have its pid.
 * Then the keeper sees the stop file at its next tick. SIGTERM only makes a keeper look at once whether it is
 * asked to end. One that has recorded its end only has to exit, and V8 takes longer for that than the keeper
 * takes for everything else.
 */
function signalsFor({ started }: KeeperStatus, isAsked: boolean, hasEnded: boolean): NodeJS.Signals[] {
  if (started === undefined) return [];
  return isAsked && !hasEnded ? ["SIGTERM", "SIGKILL"] : ["SIGKILL"];
}

/** Waits until something is true, or for `ms`. */
async function within(ms: number, isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + ms;
  while (!isTrue() && performance.now() < deadline) await sleep(1);
}
