import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { errorCode, UserError } from "../base/errors.ts";
import { patiently } from "../base/files.ts";
import type { JobDirectory } from "../base/layout.ts";
import { identify, isRunning } from "../base/process.ts";
import { openJobDirectory } from "./private-directory.ts";

const WAIT_MS = 30_000;
/**
 * Far longer than any action holds the lock. Where the process that holds it has died, its pid usually shows
 * that at once.
 */
const STALE_MS = 60_000;

/**
 * Runs `action` with the job directory locked, which it creates if need be: another use's post may remove it
 * at any moment before that.
 */
export async function locked<T>(job: JobDirectory, action: () => T | Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      openJobDirectory(job);
      return await withLock(job, WAIT_MS, action);
    } catch (error) {
      if (errorCode(error) !== "ENOENT" || tries === 10) throw error;
    }
  }
}

/**
 * Runs `action` while no other process holds the lock of the same job directory. Every contender makes a file
 * with a unique name and then looks for others. Whoever comes second sees the first one's file, withdraws,
 * and tries again. No name is used twice, so that removing a dead process's file cannot remove a lock that is
 * held. Throws a UserError after `waitMs`, and ENOENT when the directory does not exist (any more).
 */
export async function withLock<T>(
  job: JobDirectory,
  waitMs: number,
  action: () => T | Promise<T>,
): Promise<T> {
  const own = `lock.${process.pid}.${identify(process.pid).started ?? ""}.${randomBytes(6).toString("hex")}`;
  const deadline = performance.now() + waitMs;
  for (;;) {
    fs.closeSync(patiently(() => fs.openSync(`${job.path}/${own}`, "wx", 0o600)));
    try {
      const locks = fs.readdirSync(job.path).filter((name) => name.startsWith("lock."));
      // Ours is missing if the directory was replaced in between: the next round tries in the new one.
      if (locks.includes(own) && locks.every((name) => name === own || clearIfStale(job, name)))
        return await action();
    } finally {
      patiently(() => fs.rmSync(`${job.path}/${own}`, { force: true }));
    }
    if (performance.now() > deadline) {
      throw new UserError(
        "job-directory-locked",
        `Another use of this action has kept ${job.path} locked for ${Math.round(waitMs / 1000)} s. Run the job again.`,
      );
    }
    await sleep(5 + Math.random() * 20);
  }
}

const NAME = /^lock\.(?<pid>[1-9]\d*)\.(?<started>\d*)\.[0-9a-f]{12}$/;

/**
 * Whether nobody holds a lock file: its process is gone, or this action did not make it. It is then removed.
 */
function clearIfStale(job: JobDirectory, name: string): boolean {
  const file = `${job.path}/${name}`;
  try {
    const { pid, started } = NAME.exec(name)?.groups ?? {};
    const holder = { pid: Number(pid), ...(started && { started }) };
    const stale =
      pid === undefined || !isRunning(holder) || Date.now() - fs.statSync(file).mtimeMs > STALE_MS;
    if (stale) fs.rmSync(file, { recursive: true, force: true });
    return stale;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return true;
    throw error;
  }
}
