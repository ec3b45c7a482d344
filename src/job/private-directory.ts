import * as fs from "node:fs";
import * as path from "node:path";
import { errorCode, UserError } from "../base/errors.ts";
import type { JobDirectory } from "../base/layout.ts";

/**
 * Makes the job directory, or checks the one that exists: it must be a real directory of this user and closed to
 * others. Throws a UserError for any other, because whoever made it could read the token or choose the role that SDKs
 * use.
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
    const fault = untrusted(job.path);
    if (fault) {
      throw new UserError(
        "job-directory",
        `${job.path} already exists and ${fault}. Remove it from this runner: this action did not make it.`,
      );
    }
  }
  for (const directory of [job.tokens, job.uses, job.finished]) ensurePrivateDirectory(directory);
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
  fs.mkdirSync(directory, 0o700);
  if (process.platform === "win32") return;
  fs.chmodSync(directory, 0o700); // the umask may have removed our own permissions
  // As root in a job container: the runner outside must be able to delete it, or it can never empty its temp folder
  // again (actions/runner, src/Runner.Sdk/Util/IOUtil.cs, DeleteDirectory).
  if (process.getuid?.() === 0) {
    const parent = fs.statSync(path.dirname(directory));
    if (parent.uid !== 0) fs.chownSync(directory, parent.uid, parent.gid);
  }
}

/**
 * Why a directory that exists cannot be trusted, or undefined. On Windows there are no modes to check; the profile
 * folder is private.
 */
export function untrusted(directory: string): string | undefined {
  const stat = fs.lstatSync(directory);
  if (stat.isSymbolicLink()) return "is a symlink";
  if (!stat.isDirectory()) return "is not a directory";
  const uid = process.getuid?.();
  if (uid === undefined) return undefined;
  const ours = stat.uid === uid || (uid === 0 && stat.uid === fs.statSync(path.dirname(directory)).uid);
  if (!ours) return `belongs to another user (uid ${stat.uid})`;
  if ((stat.mode & 0o077) !== 0) return `is open to other users (mode ${(stat.mode & 0o777).toString(8)})`;
  return undefined;
}

/** Renames the job directory first, so that its name is free at once, and then deletes it. */
export function removeJobDirectory(job: JobDirectory): void {
  fs.renameSync(job.path, `${job.path}.${process.pid}.gone`);
  clearRemains(job);
}

/** Deletes what a post that was killed during `removeJobDirectory` left. */
export function clearRemains(job: JobDirectory): void {
  const parent = path.dirname(job.path);
  const name = path.basename(job.path);
  for (const entry of entriesOf(parent)) {
    if (!entry.startsWith(`${name}.`) || !entry.endsWith(".gone")) continue;
    try {
      fs.rmSync(`${parent}/${entry}`, { recursive: true, force: true });
    } catch {
      // Another post is deleting it, too.
    }
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
