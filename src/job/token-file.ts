import { writeFileAtomic } from "../base/files.ts";
import { decodeClaims, timeClaim } from "../base/jwt.ts";
import type { KeeperDirectory } from "../base/layout.ts";
import { readText } from "./aws-files.ts";
import { ensurePrivateDirectory } from "./private-directory.ts";

const MAX_TOKEN_BYTES = 64 * 1024;

/** Another use's keeper may have written a newer token while this use waited for the lock. */
export function writeToken(directory: KeeperDirectory, token: string): void {
  ensurePrivateDirectory(directory.path);
  if (expiry(readText(directory.secret, MAX_TOKEN_BYTES)) < expiry(token))
    writeFileAtomic(directory.secret, token);
}

function expiry(token: string): number {
  return timeClaim(decodeClaims(token), "exp") ?? 0;
}
