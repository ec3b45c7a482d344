import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errorCode, UserError } from "../base/errors.ts";
import { isRunning } from "../base/process.ts";

// $RUNNER_TEMP/aws-role-refresh/
//   config            the AWS config file of this job
//   credentials       the AWS credentials file of this job
//   job.json          whose directory this is, and what the files were seeded from
//   tokens/<id>/      one per audience: token, status.json, and stop once the keeper is asked to end
//   uses/<id>.json    one per use that is not over: what it wrote, so that any post can undo it
//   finished/<id>.json  one per use that is over, for the summary
//   lock.*            see withLock
const NAME = "aws-role-refresh";

export interface JobDirectory {
  path: string;
  config: string;
  credentials: string;
  job: string;
  tokens: string;
  uses: string;
  finished: string;
}

/**
 * The job directory's paths; nothing is read or made. With forward slashes, which every SDK takes on every
 * system.
 */
export function jobDirectory(root: string): JobDirectory {
  const at = (name: string) => `${root}/${name}`;
  return {
    path: root,
    config: at("config"),
    credentials: at("credentials"),
    job: at("job.json"),
    tokens: at("tokens"),
    uses: at("uses"),
    finished: at("finished"),
  };
}

/**
 * Where this job's directory belongs, from RUNNER_TEMP. Throws a UserError where the path could not stand in
 * a config file that every SDK reads the same way: `#` and `;` begin a comment for some, `$` and `%` a
 * variable, and non-ASCII breaks others (docs/compatibility.md).
 */
export function jobDirectoryPath(
  runnerTemp: string | undefined,
  platform: string = process.platform,
): string {
  if (!runnerTemp) {
    throw new UserError(
      "runner-temp",
      "RUNNER_TEMP is not set. The runner sets it; this action cannot run without one.",
    );
  }
  const absolute =
    platform === "win32" ? path.win32.isAbsolute(runnerTemp) : path.posix.isAbsolute(runnerTemp);
  const root = platform === "win32" ? runnerTemp.replaceAll("\\", "/") : runnerTemp;
  const readDifferently = platform === "win32" ? "#;$%\"'`" : "#;$\"'`\\";
  if (
    !absolute ||
    !/^[\x20-\x7e]+$/.test(root) ||
    [...readDifferently].some((character) => root.includes(character))
  ) {
    throw new UserError(
      "runner-temp",
      `RUNNER_TEMP is ${JSON.stringify(runnerTemp.slice(0, 200))}. It must be an absolute path in ASCII without any of ${[...readDifferently].join(" ")} ` +
        "which AWS SDKs read differently in a config file. Change the runner's work folder.",
    );
  }
  return `${root.replace(/\/+$/, "")}/${NAME}`;
}

/**
 * Makes the job directory, or takes the one that is there if it can only be ours: a real directory of this
 * user, closed to others. Throws a UserError for any other, since whoever made it could read the token or
 * choose what SDKs run as.
 */
export function openJobDirectory(root: string): JobDirectory {
  try {
    makePrivateDirectory(root);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") {
      throw new UserError(
        "runner-temp",
        `${root} cannot be made: ${errorCode(error) ?? String(error)}. RUNNER_TEMP must exist and be writable.`,
        { cause: error },
      );
    }
    const fault = untrusted(root);
    if (fault)
      throw new UserError(
        "job-directory",
        `${root} is there already and ${fault}. Remove it from this runner: this action did not make it.`,
      );
  }
  const job = jobDirectory(root);
  for (const directory of [job.tokens, job.uses, job.finished]) ensurePrivateDirectory(directory);
  return job;
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
  fs.chmodSync(directory, 0o700); // the umask may have taken our own bits away
  // In a job container as root: the runner outside must be able to delete it, or it can never empty its temp
  // folder again (actions/runner, src/Runner.Sdk/Util/IOUtil.cs, DeleteDirectory).
  if (process.getuid?.() === 0) {
    const parent = fs.statSync(path.dirname(directory));
    if (parent.uid !== 0) fs.chownSync(directory, parent.uid, parent.gid);
  }
}

/**
 * Why a directory that exists cannot be trusted, or undefined. Windows has no modes to look at; the profile
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

/**
 * Far longer than any section that holds the lock; a process that died is noticed at once where its pid
 * tells.
 */
const LOCK_STALE_MS = 60_000;

/**
 * Runs `action` while no other process does, among those that lock the same directory. Every contender makes
 * a file of its own and then looks for others: whoever comes second sees the first one, withdraws, and tries
 * again. No name is used twice, so that clearing away what a dead process left cannot take away a lock that
 * lives. Throws when `waitMs` have passed, and ENOENT when there is no such directory (any more).
 */
export async function withLock<T>(
  directory: string,
  waitMs: number,
  action: () => T | Promise<T>,
): Promise<T> {
  const own = `lock.${process.pid}.${randomBytes(6).toString("hex")}`;
  const deadline = performance.now() + waitMs;
  for (;;) {
    fs.closeSync(fs.openSync(`${directory}/${own}`, "wx", 0o600));
    try {
      const locks = fs.readdirSync(directory).filter((name) => name.startsWith("lock."));
      // Not there: the directory was replaced in between, and the next round tries in the new one.
      if (locks.includes(own) && locks.every((name) => name === own || clearIfStale(directory, name)))
        return await action();
    } finally {
      fs.rmSync(`${directory}/${own}`, { force: true });
    }
    if (performance.now() > deadline)
      throw new UserError(
        "job-directory-locked",
        `Another use of this action has held ${directory} for ${Math.round(waitMs / 1000)} s. Run the job again.`,
      );
    await sleep(5 + Math.random() * 20);
  }
}

/** Whether a lock's owner is gone; its file then is, too. */
function clearIfStale(directory: string, name: string): boolean {
  try {
    const pid = Number(name.split(".")[1]);
    const stale =
      !isRunning({ pid, started: "" }) ||
      Date.now() - fs.statSync(`${directory}/${name}`).mtimeMs > LOCK_STALE_MS;
    if (stale) fs.rmSync(`${directory}/${name}`, { recursive: true, force: true });
    return stale;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return true;
    throw error;
  }
}
