import * as fs from "node:fs";
import { writeFileAtomic } from "../base/files.ts";
import type { IdToken } from "../base/id-token.ts";
import type { KeeperDirectory } from "../base/layout.ts";
import { credentialProcessOutput } from "../base/session.ts";
import type { LaunchedKeeper } from "../keeper/launch.ts";
import type { WatchSession } from "../keeper/messages.ts";
import { readStatus } from "../keeper/record.ts";
import { stopKeeper } from "../keeper/stop.ts";
import { ensurePrivateDirectory } from "./private-directory.ts";
import { findWorker } from "./worker.ts";

/** What a keeper takes over: an ID token, or a session and how to renew it. */
export type Handover = Pick<IdToken, "token"> | Pick<WatchSession, "renewal" | "first">;

/**
 * Lets a keeper watch over a directory. Ends the keeper before it, in any state, and removes what a step left
 * there. Call it with the job directory locked.
 */
export async function replaceKeeper(
  directory: KeeperDirectory,
  keeper: LaunchedKeeper,
  handover: Handover,
): Promise<void> {
  ensurePrivateDirectory(directory.path);
  const before = readStatus(directory);
  if (before) await stopKeeper(directory);
  // After that, since a keeper deletes the file when it ends.
  fs.rmSync(directory.stop, { recursive: true, force: true });
  const isSession = "renewal" in handover;
  const content = isSession ? credentialProcessOutput(handover.first.keys) : handover.token;
  writeFileAtomic(directory.secret, content);
  const watch = { directory: directory.path, worker: findWorker(), dead: readStatus(directory) };
  await keeper.watch(isSession ? { ...watch, renewal: handover.renewal, first: handover.first } : watch);
}
