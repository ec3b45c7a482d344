import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { defaultFiles, type FileVariable } from "../aws/user-files.ts";
import { errorCode, errorText, UserError } from "../base/errors.ts";
import { readFileIfExists, writeFileAtomic, writeRecord } from "../base/files.ts";
import type { JobDirectory } from "../base/layout.ts";
import { isRunning, type ProcessIdentity } from "../base/process.ts";
import { hasKeeper } from "../keeper/stop.ts";
import { openJobDirectory } from "./private-directory.ts";
import { type Claim, readClaim } from "./records.ts";
import { keeperDirectories, removeTree, takeSecrets } from "./removal.ts";

/**
 * Makes the directory this job's, and copies the user's AWS files into it, unless an earlier use has done so.
 * Throws a UserError while another job uses it.
 */
export async function claim(
  job: JobDirectory,
  jobSecret: string,
  ambient: NodeJS.ProcessEnv,
  home: string,
  worker: ProcessIdentity | undefined,
): Promise<Claim> {
  const identity = identityOf(jobSecret);
  const found = readClaim(job);
  const claimed = found?.job === identity ? found : await takeOver(job, found, identity, ambient, worker);
  seed(job.config, "AWS_CONFIG_FILE", claimed, home);
  seed(job.credentials, "AWS_SHARED_CREDENTIALS_FILE", claimed, home);
  return claimed;
}

/** Whether the directory is the job's that has this request token, and not one that a crashed job left. */
export function isClaimedBy(job: JobDirectory, jobSecret: string): boolean {
  return readClaim(job)?.job === identityOf(jobSecret);
}

/** Whether the directory belongs to another job, and that job still runs. */
export function isOfAnotherJob(job: JobDirectory, jobSecret: string | undefined): boolean {
  const found = readClaim(job);
  if (found === undefined || (jobSecret && found.job === identityOf(jobSecret))) return false;
  return isAlive(job, found);
}

function identityOf(jobSecret: string): string {
  return createHash("sha256").update(jobSecret).digest("hex");
}

/**
 * Where no worker is known (containers, macOS, other runners), a keeper shows that its job runs. Also on
 * Windows, where another process may have got the worker's pid since.
 */
function isAlive(job: JobDirectory, { worker }: Claim): boolean {
  if (worker && !isRunning(worker)) return false;
  if (worker?.started !== undefined) return true;
  return keeperDirectories(job).some(hasKeeper);
}

/**
 * Empties the directory first: a job that crashed may have left anything in it, and none of it is trusted.
 */
async function takeOver(
  job: JobDirectory,
  found: Claim | undefined,
  identity: string,
  ambient: NodeJS.ProcessEnv,
  worker: ProcessIdentity | undefined,
): Promise<Claim> {
  if (found && isAlive(job, found)) {
    throw new UserError(
      "job-directory",
      `${job.path} belongs to another job that is still running. Two jobs cannot share one RUNNER_TEMP: give each runner its own work folder.`,
    );
  }
  await takeSecrets(job);
  for (const name of fs.readdirSync(job.path)) {
    if (!name.startsWith("lock.")) removeTree(`${job.path}/${name}`);
  }
  openJobDirectory(job);
  // The environment of a long-lived runner may still name files of the job that crashed.
  const before = (name: FileVariable) => {
    const value = ambient[name];
    return value?.startsWith(`${job.path}/`) ? null : (value ?? null);
  };
  const made: Claim = {
    job: identity,
    ...(worker && { worker }),
    previous: {
      AWS_CONFIG_FILE: before("AWS_CONFIG_FILE"),
      AWS_SHARED_CREDENTIALS_FILE: before("AWS_SHARED_CREDENTIALS_FILE"),
    },
  };
  writeRecord(job.claim, made);
  return made;
}

/**
 * Copies a file of the user, so that the user's other profiles keep working. Without one, makes an empty
 * file.
 */
function seed(target: string, variable: FileVariable, { previous }: Claim, home: string): void {
  if (fs.existsSync(target)) return;
  const source = previous[variable]?.replace(/^~(?=\/)/, () => home) || defaultFiles(home)[variable];
  let content: Buffer | undefined;
  try {
    // /dev/null is a common way to name no file.
    if (source !== "/dev/null") content = readFileIfExists(source);
  } catch (error) {
    // Service users often have HOME=/dev/null: SDKs find no file there, either.
    if (errorCode(error) !== "ENOTDIR") {
      throw new UserError(
        "aws-files",
        `${source} cannot be read (${errorText(error)}). This action copies its profiles for later steps. Make it readable, or set ${variable} to another file.`,
      );
    }
  }
  writeFileAtomic(target, content ?? "");
}
