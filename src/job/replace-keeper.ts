import * as fs from "node:fs";
import { writeFileAtomic } from "../base/files.ts";
import type { IdToken } from "../base/id-token.ts";
import type { TokenDirectory } from "../base/layout.ts";
import { findWorker } from "../base/process.ts";
import type { LaunchedKeeper } from "../keeper/launch.ts";
import { readStatus } from "../keeper/record.ts";
import { stopKeeper } from "../keeper/stop.ts";
import { ensurePrivateDirectory } from "./private-directory.ts";

/**
 * Lets a keeper that has got its first token watch over a token directory. Ends the keeper before it, in any
 * state, and removes what a step left there. Call it with the job directory locked.
 */
export async function replaceKeeper(
  directory: TokenDirectory,
  keeper: LaunchedKeeper,
  first: IdToken,
): Promise<void> {
  ensurePrivateDirectory(directory.path);
  const before = readStatus(directory);
  if (before) await stopKeeper(directory);
  // After that, since a keeper deletes the token when it ends.
  fs.rmSync(directory.stop, { recursive: true, force: true });
  writeFileAtomic(directory.token, first.token);
  const dead = readStatus(directory);
  await keeper.watch({ directory: directory.path, worker: findWorker(), dead });
}
