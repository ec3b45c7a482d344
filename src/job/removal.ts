import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { errorCode } from "../base/errors.ts";
import { isHeld, patiently } from "../base/files.ts";
import { type JobDirectory, type KeeperDirectory, keeperDirectoryAt } from "../base/layout.ts";
import { type StoppedKeeper, stopKeeper } from "../keeper/stop.ts";
import { closeDirectory, entriesOf, notOurs } from "./private-directory.ts";

/**
 * Gives us back the permissions that a step may have taken away or given to others, on the job directory and
 * the directories in it. To delete what is ours, owner and "not a link" are enough; to trust it takes more.
 */
export function closeAll(job: JobDirectory): void {
  closeDirectory(job.path);
  for (const directory of [job.uses, job.finished, job.tokens, job.sessions])
    if (isOurs(directory)) closeDirectory(directory);
  for (const { path } of keeperDirectories(job)) if (isOurs(path)) closeDirectory(path);
}

/** Ends every keeper of a job directory and deletes every token and session: before anything else can fail. */
export async function takeSecrets(job: JobDirectory): Promise<void> {
  const taken = keeperDirectories(job).map(takeSecret);
  await Promise.allSettled(taken);
  await Promise.all(taken); // now the first failure counts
}

/**
 * Ends the keeper of a directory and deletes what it kept. Returns what the keeper recorded. If a step has
 * put something else in its place, its keeper finds that out itself.
 */
export async function takeSecret(directory: KeeperDirectory): Promise<StoppedKeeper> {
  if (!isOurs(directory.path)) return {};
  const stopped = await stopKeeper(directory);
  try {
    removeNow(directory.secret);
  } catch (error) {
    // Windows, and a program has it open: the caller removes the directory, and waits for that program then.
    if (!isHeld(error)) throw error;
  }
  return stopped;
}

/** Renames the job directory first, so that its name is free at once, and then deletes it. */
export function removeJobDirectory(job: JobDirectory): void {
  // A name that nobody can occupy beforehand.
  const gone = `${job.path}.${randomBytes(8).toString("hex")}.gone`;
  try {
    fs.renameSync(job.path, gone);
  } catch {
    removeTree(job.path);
  }
  removeTree(gone);
  clearRemains(job);
}

/** Deletes what a post that was killed during `removeJobDirectory` left. */
export function clearRemains(job: JobDirectory): void {
  const parent = path.dirname(job.path);
  const name = path.basename(job.path);
  for (const entry of entriesOf(parent)) {
    if (!entry.startsWith(`${name}.`) || !entry.endsWith(".gone")) continue;
    try {
      removeTree(`${parent}/${entry}`);
    } catch {
      // Another post is deleting it, too.
    }
  }
}

/**
 * Deletes a path with everything in it, and enters no link. What cannot be deleted does not stop it from
 * deleting the rest. On Windows it waits for programs that have a file open, for up to 3 s. What they still
 * hold is then empty, and the error names the first.
 */
export function removeTree(target: string): void {
  try {
    patiently(() => removeNow(target));
  } catch (error) {
    const { path: held } = error as NodeJS.ErrnoException;
    if (!isHeld(error) || held === undefined) throw error;
    const state = isEmpty(held) ? "It is empty now" : "It could not be emptied, either";
    throw new Error(`Windows does not delete ${held}, because another program has it open. ${state}`, {
      cause: error,
    });
  }
}

function removeNow(target: string): void {
  try {
    const stat = fs.lstatSync(target);
    if (stat.isDirectory()) removeDirectory(target);
    else removeFile(target, stat.isFile());
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
}

/** Empties what Windows does not let it delete: whoever has it open may share it for writing. */
function removeFile(file: string, isRegular: boolean): void {
  try {
    fs.unlinkSync(file);
  } catch (error) {
    try {
      if (isRegular && isHeld(error)) fs.truncateSync(file);
    } catch {
      // Not even that.
    }
    throw error;
  }
}

/** A directory is, and what is gone. */
function isEmpty(target: string): boolean {
  const stat = fs.lstatSync(target, { throwIfNoEntry: false });
  return !stat?.isFile() || stat.size === 0;
}

function removeDirectory(target: string): void {
  try {
    closeDirectory(target);
  } catch {
    // Another user's: perhaps its contents can still be deleted.
  }
  inside(target, (directory) => {
    const failures: unknown[] = [];
    // The lock of a job directory last, and only when all else is gone: another main waits for it.
    for (const name of fs.readdirSync(directory).sort((one, other) => isLock(one) - isLock(other))) {
      if (failures.length > 0 && isLock(name)) break;
      try {
        removeNow(`${directory}/${name}`);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  });
  fs.rmdirSync(target);
}

function isLock(name: string): number {
  return Number(name.startsWith("lock."));
}

/**
 * On Linux, a path that names the very directory, even if somebody renames it or puts a link in its place.
 */
function inside(target: string, action: (directory: string) => void): void {
  if (process.platform !== "linux") {
    action(target);
    return;
  }
  const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = fs.constants;
  const fd = fs.openSync(target, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    action(`/proc/self/fd/${fd}`);
  } finally {
    fs.closeSync(fd);
  }
}

/** The directories of all keepers of a job. */
export function keeperDirectories(job: JobDirectory): KeeperDirectory[] {
  const inside = (folder: string, kind: "token" | "session") =>
    isOurs(folder) ? entriesOf(folder).map((name) => keeperDirectoryAt(`${folder}/${name}`, kind)) : [];
  return [...inside(job.tokens, "token"), ...inside(job.sessions, "session")];
}

function isOurs(directory: string): boolean {
  try {
    return notOurs(directory) === undefined;
  } catch {
    return false; // gone
  }
}
