import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { UserError } from "./errors.ts";

// The user's own keys must not be readable in a file, neither in the job directory nor in the runner's state
// file (RUNNER_TEMP/_runner_file_commands, which the runner creates with its umask and deletes after the
// step). But post has to restore them. So they are encrypted with a key that is derived from the request
// token: every step of a job has it in its environment, it never changes in a job, and after a crash nobody
// has it.

const CIPHER = "aes-256-gcm";
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * The job's access token. Both variables hold it (actions/runner,
 * src/Runner.Worker/Handlers/NodeScriptActionHandler.cs); a job that may not have ID tokens has only the
 * second.
 */
export function findJobSecret(env: NodeJS.ProcessEnv): string | undefined {
  return env.ACTIONS_ID_TOKEN_REQUEST_TOKEN || env.ACTIONS_RUNTIME_TOKEN || undefined;
}

/** Throws a UserError where there is none. */
export function readJobSecret(env: NodeJS.ProcessEnv): string {
  const secret = findJobSecret(env);
  if (secret !== undefined) return secret;
  throw new UserError(
    "id-token-endpoint",
    "ACTIONS_RUNTIME_TOKEN is not set. The runner sets it for every action, and this action tells the files of one job from those of another by it.",
  );
}

export function seal(text: string, jobSecret: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, keyOf(jobSecret), iv);
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString("base64");
}

/** Throws if it was not sealed in this job. */
export function unseal(sealed: string, jobSecret: string | undefined): string {
  if (!jobSecret)
    throw new Error("neither ACTIONS_ID_TOKEN_REQUEST_TOKEN nor ACTIONS_RUNTIME_TOKEN is set in this step");
  const bytes = Buffer.from(sealed, "base64");
  try {
    const decipher = createDecipheriv(CIPHER, keyOf(jobSecret), bytes.subarray(0, IV_BYTES));
    decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    const text = decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString("utf8");
  } catch (error) {
    throw new Error("the previous values were encrypted in another job", { cause: error });
  }
}

function keyOf(jobSecret: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", jobSecret, "", "aws-role-refresh: the user's own settings", 32));
}
