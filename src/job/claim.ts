import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { defaultFiles, type FileVariable } from "../aws/user-files.ts";
import { errorCode, errorText, UserError } from "../base/errors.ts";
import { readFileIfExists, readJson, writeFileAtomic, writeJson } from "../base/files.ts";
import type { JobDirectory } from "../base/layout.ts";
import { stopKeepers } from "../keeper/stop.ts";
import { openJobDirectory } from "./private-directory.ts";

/** Which job a directory belongs to, and what its two AWS files were seeded from. */
export interface Claim {
  /** SHA-256 of the request token, which every step of a job shares and no other job has. */
  job: string;
  /** The variables before the first use; null: not set. */
  previous: Record<FileVariable, string | null>;
}

/** Makes the directory this job's, and copies the user's AWS files into it, unless an earlier use has done so. */
export async function claim(
  job: JobDirectory,
  requestToken: string,
  ambient: NodeJS.ProcessEnv,
  home: string,
): Promise<Claim> {
  const identity = identityOf(requestToken);
  const found = readJson<Claim>(job.claim);
  const claimed = found?.job === identity ? found : await takeOver(job, identity, ambient);
  seed(job.config, "AWS_CONFIG_FILE", claimed, home);
  seed(job.credentials, "AWS_SHARED_CREDENTIALS_FILE", claimed, home);
  return claimed;
}

/** Whether the directory is the job's that has this request token, and not one that a crashed job left. */
export function isClaimedBy(job: JobDirectory, requestToken: string): boolean {
  return readJson<Claim>(job.claim)?.job === identityOf(requestToken);
}

function identityOf(requestToken: string): string {
  return createHash("sha256").update(requestToken).digest("hex");
}

/** Empties the directory first: a job that crashed may have left anything in it, and nothing of that is trusted. */
async function takeOver(job: JobDirectory, identity: string, ambient: NodeJS.ProcessEnv): Promise<Claim> {
  await stopKeepers(job);
  for (const name of fs.readdirSync(job.path)) {
    if (!name.startsWith("lock.")) fs.rmSync(`${job.path}/${name}`, { recursive: true, force: true });
  }
  openJobDirectory(job);
  // The environment of a long-lived runner may still name files of the job that crashed.
  const before = (name: FileVariable) => {
    const value = ambient[name];
    return value?.startsWith(`${job.path}/`) ? null : (value ?? null);
  };
  const made: Claim = {
    job: identity,
    previous: {
      AWS_CONFIG_FILE: before("AWS_CONFIG_FILE"),
      AWS_SHARED_CREDENTIALS_FILE: before("AWS_SHARED_CREDENTIALS_FILE"),
    },
  };
  writeJson(job.claim, made);
  return made;
}

/** Copies a file of the user, so that the user's other profiles keep working. Without one, makes an empty file. */
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
        `${source} cannot be read (${errorText(error)}). Its profiles have to be copied for later steps: make it readable, or set ${variable} to another file.`,
      );
    }
  }
  writeFileAtomic(target, content ?? "");
}
