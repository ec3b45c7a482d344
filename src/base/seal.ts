import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

// The user's own keys must not be readable in a file, neither in the job directory nor in the runner's state
// file (RUNNER_TEMP/_runner_file_commands, which the runner creates with its umask and deletes after the
// step). But post has to restore them. So they are encrypted with a key that is derived from the request
// token: every step of a job has it in its environment, it never changes in a job, and after a crash nobody
// has it.

const CIPHER = "aes-256-gcm";
const IV_BYTES = 12;
const TAG_BYTES = 16;

export function seal(text: string, requestToken: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, keyOf(requestToken), iv);
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString("base64");
}

/** Throws if it was not sealed in this job. */
export function unseal(sealed: string, requestToken: string | undefined): string {
  if (!requestToken) throw new Error("ACTIONS_ID_TOKEN_REQUEST_TOKEN is not set in this step");
  const bytes = Buffer.from(sealed, "base64");
  try {
    const decipher = createDecipheriv(CIPHER, keyOf(requestToken), bytes.subarray(0, IV_BYTES));
    decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    const text = decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString("utf8");
  } catch (error) {
    throw new Error("the previous values were encrypted in another job", { cause: error });
  }
}

function keyOf(requestToken: string): Uint8Array {
  return new Uint8Array(
    hkdfSync("sha256", requestToken, "", "aws-role-refresh: the user's own settings", 32),
  );
}
