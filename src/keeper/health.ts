import * as fs from "node:fs";
import { readFileIfExists } from "../base/files.ts";
import { decodeClaims, timeClaim } from "../base/jwt.ts";
import type { KeeperDirectory } from "../base/layout.ts";
import { isSuspended } from "../base/process.ts";
import { readKeys } from "../base/session.ts";
import { readStatus } from "./record.ts";
import type { KeeperStatus } from "./status.ts";
import { hasKeeper } from "./stop.ts";

/**
 * What is wrong with a token directory:
 * - `no keeper`: none has recorded anything there
 * - `stopped`: the file `stop` is there, or it ended because of it
 * - `ended`: it ended for another reason, which its status has
 * - `died`: it ended without recording why, so somebody killed it
 * - `frozen`: it runs, but is suspended, or did not act when it should have
 * - `cannot refresh`: its last token has expired, and its requests fail
 * - `token missing`, `token stale`: the keeper is healthy, but the file is not
 */
export type Trouble =
  | "no keeper"
  | "stopped"
  | "ended"
  | "died"
  | "frozen"
  | "cannot refresh"
  | "token missing"
  | "token stale";

export interface Health {
  /** undefined: healthy. */
  trouble: Trouble | undefined;
  /**
   * How long the token in the file is still valid. Negative: for how long it has been stale. undefined: no
   * token.
   */
  remainingMs: number | undefined;
  /** The keeper's last status. */
  status: KeeperStatus | undefined;
}

/**
 * The health of the keeper of a token directory, from its status and the token file. The clock of this
 * machine may be wrong: times in the status are by the same clock, and the token's own times count by the
 * server's, as the keeper saw it last. Read it under the lock of the job directory: post makes the file
 * `stop`, too.
 */
export function healthOf(directory: KeeperDirectory, now = Date.now()): Health {
  const status = readStatus(directory);
  const expires = expiryOf(directory.secret);
  const remainingMs = expires === undefined ? undefined : expires - (now + (status?.clockOffsetMs ?? 0));
  const trouble = troubleOfKeeper(directory, status, now) ?? troubleOfToken(remainingMs);
  return { trouble, remainingMs, status };
}

function troubleOfKeeper(
  directory: KeeperDirectory,
  status: KeeperStatus | undefined,
  now: number,
): Trouble | undefined {
  if (status === undefined) return "no keeper";
  if (status.ended) return status.ended.why.startsWith("stopped") ? "stopped" : "ended";
  if (!hasKeeper(directory)) return "died";
  if (fs.existsSync(directory.stop)) return "stopped";
  if (isSuspended(status)) return "frozen";
  if (openOutage(status)) return now > status.tokenExpiresAt ? "cannot refresh" : undefined;
  return now > status.silentUntil ? "frozen" : undefined;
}

function troubleOfToken(remainingMs: number | undefined): Trouble | undefined {
  if (remainingMs === undefined) return "token missing";
  return remainingMs <= 0 ? "token stale" : undefined;
}

/** The requests that have failed since the last token. */
export function openOutage({ outages }: KeeperStatus): KeeperStatus["outages"][number] | undefined {
  const last = outages.at(-1);
  return last?.to === undefined ? last : undefined;
}

const MAX_TOKEN_BYTES = 64 * 1024;

/** When the token or the session in a file expires, by the server's clock; undefined if there is none. */
function expiryOf(file: string): number | undefined {
  try {
    const token = readFileIfExists(file, MAX_TOKEN_BYTES)?.toString("latin1") ?? "";
    return timeClaim(decodeClaims(token), "exp") ?? readKeys(file)?.expiresAt;
  } catch {
    return undefined; // a step has put something else there
  }
}
