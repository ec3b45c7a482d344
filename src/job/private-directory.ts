import * as fs from "node:fs";
import * as path from "node:path";
import { errorCode, UserError } from "../base/errors.ts";
import { patiently } from "../base/files.ts";
import type { JobDirectory } from "../base/layout.ts";

/**
 * Makes the job directory, or checks the one that exists: it must be a real directory of this user and closed
 * to others. Throws a UserError for any other, because whoever made it could read the token or choose the
 * role that SDKs use.
 */
export function openJobDirectory(job: JobDirectory): void {
  try {
    makePrivateDirectory(job.path);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") {
      throw new UserError(
        "runner-temp",
        `${job.path} cannot be created: ${errorCode(error) ?? String(error)}. RUNNER_TEMP must exist and be writable.`,
        { cause: error },
      );
    }
    const fault = notOurs(job.path) ?? openness(job.path);
    if (fault) {
      throw new UserError(
        "job-directory",
        `${job.path} already exists and ${fault}. Remove it from this runner: another program made it or changed it.`,
      );
    }
  }
  for (const directory of [job.tokens, job.sessions, job.uses, job.finished])
    ensurePrivateDirectory(directory);
}

export function ensurePrivateDirectory(directory: string): void {
  try {
    makePrivateDirectory(directory);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
    if (fs.lstatSync(directory).isDirectory()) return;
    // A step put something else there.
    fs.rmSync(directory, { force: true });
    makePrivateDirectory(directory);
  }
}

function makePrivateDirectory(directory: string): void {
  const umask = process.umask(0o077);
  try {
    patiently(() => fs.mkdirSync(directory, 0o700));
  } finally {
    process.umask(umask);
  }
  // As root in a job container: the runner outside must be able to delete it, or it can never empty its temp
  // folder again (actions/runner, src/Runner.Sdk/Util/IOUtil.cs, DeleteDirectory).
  if (process.getuid?.() !== 0) return;
  const parent = fs.statSync(path.dirname(directory));
  if (parent.uid === 0) return;
  // By descriptor: the owner of RUNNER_TEMP could replace the directory with a link to a file of root.
  const fd = fs.openSync(directory, NO_LINK);
  try {
    if (fs.fstatSync(fd).uid === 0) fs.fchownSync(fd, parent.uid, parent.gid);
  } finally {
    fs.closeSync(fd);
  }
}

const { O_DIRECTORY = 0, O_NOFOLLOW = 0, O_RDONLY } = fs.constants;
const NO_LINK = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
/**
 * Linux: names a directory without reading it, so that it works on one of mode 0000, too. Not in Node's
 * constants.
 */
const O_PATH = 0o10000000;

/**
 * Why a directory that exists cannot be this action's, or undefined. Windows has neither links of users nor
 * owners.
 */
export function notOurs(directory: string): string | undefined {
  const stat = fs.lstatSync(directory);
  if (stat.isSymbolicLink()) return "is a symlink";
  if (!stat.isDirectory()) return "is not a directory";
  return isOurs(stat.uid, directory) ? undefined : `belongs to another user (uid ${stat.uid})`;
}

function isOurs(owner: number, directory: string): boolean {
  const uid = process.getuid?.();
  if (uid === undefined || owner === uid) return true;
  return uid === 0 && owner === fs.statSync(path.dirname(directory)).uid;
}

/** That others can enter a directory, if they can. Windows: the profile folder is private. */
export function openness(directory: string): string | undefined {
  const { mode } = fs.lstatSync(directory);
  if (process.platform === "win32" || (mode & 0o077) === 0) return undefined;
  return `is open to other users (mode ${(mode & 0o777).toString(8)})`;
}

/** Closes a directory of ours to others and gives us our own permissions back; never through a link. */
export function closeDirectory(directory: string): void {
  if (process.platform === "linux") {
    const fd = fs.openSync(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    try {
      fs.chmodSync(`/proc/self/fd/${fd}`, 0o700);
    } finally {
      fs.closeSync(fd);
    }
  } else if (process.platform !== "win32") {
    // Not lchmodSync: on macOS it opens for writing, which fails on every directory (nodejs/node#23736).
    if (!fs.lstatSync(directory).isDirectory()) throw new Error(`${directory} is not a directory`);
    fs.chmodSync(directory, 0o700);
  }
}

/** The names in a directory; none if a step has put something else in its place. */
export function entriesOf(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    return [];
  }
}
