import { readRecord, writeRecord } from "../base/files.ts";
import type { KeeperDirectory } from "../base/layout.ts";
import type { ProcessIdentity } from "../base/process.ts";
import { amount, list, object, oneOf, optional, positive, text } from "../base/schema.ts";
import type { Ending, Interval, KeeperStatus, Outage } from "./status.ts";

/** More than the keeper ever records. */
const MAX_ENTRIES = 1000;

/** Clock ticks since boot. */
export const TICKS = text(/^\d{1,20}$/);

/** A finite number. */
function offset(value: unknown): number {
  if (Number.isFinite(value)) return value as number;
  throw new Error("not a number");
}

const interval = object<Interval>({ from: amount, to: amount });
const outage = object<Outage>({
  from: amount,
  to: optional(amount),
  attempts: positive,
  lastError: text(/^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]{0,1000}$/u),
});
const why = oneOf<Ending>(
  "stopped",
  "stopped by a step",
  "job directory gone",
  "job over",
  "request token expired",
  "failed",
);

export const keeperStatus = object<KeeperStatus>({
  pid: positive,
  started: optional(TICKS),
  startedAt: amount,
  tokenReceivedAt: amount,
  tokenExpiresAt: amount,
  lifetimeMs: amount,
  silentUntil: amount,
  clockOffsetMs: optional(offset),
  refreshes: amount,
  failures: amount,
  longestAgeMs: amount,
  received: list(amount, MAX_ENTRIES),
  outages: list(outage, MAX_ENTRIES),
  stale: list(interval, MAX_ENTRIES),
  revivals: optional(list(amount, MAX_ENTRIES)),
  watcher: optional(object<ProcessIdentity>({ pid: positive, started: optional(TICKS) })),
  ended: optional(object<NonNullable<KeeperStatus["ended"]>>({ at: amount, why })),
});

/** The last status of the keeper of a token directory, if it wrote one. */
export function readStatus(directory: KeeperDirectory): KeeperStatus | undefined {
  return readRecord(directory.status, keeperStatus);
}

export function writeStatus(directory: KeeperDirectory, status: KeeperStatus): void {
  writeRecord(directory.status, status);
}
