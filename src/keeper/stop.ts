import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { readJson } from "../base/files.ts";
import { isRunning } from "../base/process.ts";
import type { TokenDirectory } from "../base/token-directory.ts";
import type { KeeperStatus } from "./status.ts";

/** Whether a keeper watches over a token directory. */
export function hasKeeper(directory: TokenDirectory): boolean {
  const status = readJson<KeeperStatus>(directory.status);
  return status !== undefined && status.ended === undefined && isRunning(status);
}

const STOP_TIMEOUT_MS = 2_000;

export interface StoppedKeeper {
  keeper?: KeeperStatus;
  /** Whether it was gone before it was asked to end, and without saying why. */
  keeperDied?: boolean;
}

/**
 * Ends the keeper of a token directory, if there is one: by message, and if it does not listen by a signal.
 * Only ever signals the very process that wrote the status file. Returns its last status, where it ever wrote
 * one.
 */
export async function stopKeeper(directory: TokenDirectory): Promise<StoppedKeeper> {
  const status = readJson<KeeperStatus>(directory.status);
  if (status === undefined) return {};
  const isGone = () => !isRunning(status);
  if (isGone()) return { keeper: status, keeperDied: status.ended === undefined };
  try {
    fs.closeSync(fs.openSync(directory.stop, "wx", 0o600));
  } catch {
    // Asked before, or the directory is no more what it was: signals follow.
  }
  const hasEnded = () => readJson<KeeperStatus>(directory.status)?.ended !== undefined;
  await within(STOP_TIMEOUT_MS, () => isGone() || hasEnded());
  // Without /proc a pid proves nothing once the process may have ended: then the message has to do, and the
  // tick that follows it. A keeper that says it has ended has nothing left to do but to leave, for which V8
  // takes several times as long as for all the rest.
  const signals: NodeJS.Signals[] =
    status.started === "" ? [] : hasEnded() ? ["SIGKILL"] : ["SIGTERM", "SIGKILL"];
  for (const signal of signals) {
    if (isGone()) break;
    try {
      process.kill(status.pid, signal);
    } catch {
      // Gone meanwhile, or another user's. It also ends without its directory, which goes next and matters
      // more.
    }
    await within(STOP_TIMEOUT_MS, isGone);
  }
  if (signals.length === 0) await within(STOP_TIMEOUT_MS, isGone);
  return { keeper: readJson<KeeperStatus>(directory.status) ?? status };
}

/** Waits until something is true, or too late. */
async function within(ms: number, isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + ms;
  while (!isTrue() && performance.now() < deadline) await sleep(1);
}
