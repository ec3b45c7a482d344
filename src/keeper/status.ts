import type { IdToken } from "../base/id-token.ts";
import { identify, type ProcessIdentity } from "../base/process.ts";
import type { Past } from "./held-token.ts";

// The keeper's record for post: a file of times and error texts, never a token. All times in milliseconds
// since 1970, by this machine's clock.

/** A period in which requests for a new token failed. */
export interface Outage {
  from: number;
  /** undefined: not over. */
  to?: number;
  attempts: number;
  lastError: string;
}

/** A period in which the token file held an expired token. */
export interface Interval {
  from: number;
  to: number;
}

export type Ending =
  | "stopped"
  /** As post records it: a stop file that no post had made. */
  | "stopped by a step"
  | "job directory gone"
  | "job over"
  | "request token expired"
  | "failed";

export interface KeeperStatus {
  pid: number;
  started?: string;
  startedAt: number;
  /** The token in the file: when it was received and when it expires. */
  tokenReceivedAt: number;
  tokenExpiresAt: number;
  lifetimeMs: number;
  /** By when the keeper records the next token or failure, even if everything takes twice as long. */
  silentUntil: number;
  /** The server's clock less this machine's when it was received; undefined if the answer had no Date. */
  clockOffsetMs?: number;
  refreshes: number;
  failures: number;
  /** The greatest age that a token in the file reached. */
  longestAgeMs: number;
  /** When tokens were received: the last ones, oldest first. */
  received: number[];
  outages: Outage[];
  stale: Interval[];
  /** When it was brought back after somebody had killed it: the last times. */
  revivals?: number[];
  /** The shell that would bring it back. */
  watcher?: ProcessIdentity;
  ended?: { at: number; why: Ending };
}

type Token = Pick<IdToken, "lifetimeMs" | "remainingMs"> & Partial<Pick<IdToken, "clockOffsetMs">>;

/** Lists keep this many entries, so that the file stays small in a job of days. */
const MAX_ENTRIES = 200;

/**
 * The status of a keeper that has just begun.
 * @param dead the last status of the one before it
 */
export function beginStatus(token: Token, receivedAt: number, dead: KeeperStatus | undefined): KeeperStatus {
  const received = Math.round(receivedAt);
  const status: KeeperStatus = {
    ...identify(process.pid),
    startedAt: Date.now(),
    tokenReceivedAt: received,
    tokenExpiresAt: received + token.remainingMs,
    lifetimeMs: token.lifetimeMs,
    silentUntil: received + token.remainingMs,
    ...(token.clockOffsetMs !== undefined && { clockOffsetMs: token.clockOffsetMs }),
    refreshes: 0,
    failures: 0,
    longestAgeMs: 0,
    received: [],
    outages: [],
    stale: [],
    ...(dead && inherit(dead, received)),
  };
  add(status.received, received);
  return status;
}

/**
 * What a new keeper inherits from the one before it. The last token of a killed one stayed in the file until
 * a later use wrote another; one that recorded its end deleted the token.
 */
function inherit(dead: KeeperStatus, until: number): Partial<KeeperStatus> {
  const { refreshes, failures, received, stale, revivals } = dead;
  const goneAt = dead.ended?.at ?? dead.tokenExpiresAt;
  const longestAgeMs = dead.ended
    ? dead.longestAgeMs
    : Math.max(dead.longestAgeMs, until - dead.tokenReceivedAt);
  const gap = until > goneAt ? [{ from: goneAt, to: until }] : [];
  const outages = dead.outages.map((outage) => ({ ...outage, to: outage.to ?? until }));
  return {
    refreshes,
    failures,
    received,
    longestAgeMs,
    outages,
    stale: [...stale, ...gap],
    ...(revivals && { revivals }),
  };
}

/** The status of a keeper that goes on with what a killed one left. */
export function reviveStatus({ ended: _, watcher: __, ...dead }: KeeperStatus): KeeperStatus {
  const revivals = [...(dead.revivals ?? [])];
  add(revivals, Date.now());
  return { ...dead, ...identify(process.pid), revivals };
}

const RECENTLY_MS = 10 * 60 * 1000;

/** How often the keeper was brought back in the last ten minutes. */
export function recentRevivals({ revivals = [] }: KeeperStatus): number {
  return revivals.filter((at) => at > Date.now() - RECENTLY_MS).length;
}

/** Records a new token in the file, and what became of the one before it. */
export function recordRefresh(status: KeeperStatus, now: number, past: Past, token: Token): void {
  recordPast(status, now, past);
  const outage = status.outages.at(-1);
  if (outage && outage.to === undefined) outage.to = now;
  status.refreshes += 1;
  status.tokenReceivedAt = now;
  status.tokenExpiresAt = now + token.remainingMs;
  status.lifetimeMs = token.lifetimeMs;
  if (token.clockOffsetMs !== undefined) status.clockOffsetMs = token.clockOffsetMs;
  add(status.received, now);
}

/** Records a failed attempt; the first in a row begins an outage, which the next token ends. */
export function recordFailure(status: KeeperStatus, now: number, error: string): void {
  status.failures += 1;
  const last = status.outages.at(-1);
  if (last && last.to === undefined) {
    last.attempts += 1;
    last.lastError = error;
  } else {
    add(status.outages, { from: now, attempts: 1, lastError: error });
  }
}

/** Records the end of the keeper, and what became of its last token. */
export function recordEnd(status: KeeperStatus, now: number, past: Past, why: Ending): void {
  recordPast(status, now, past);
  status.ended = { at: now, why };
}

function recordPast(status: KeeperStatus, now: number, { ageMs, staleMs }: Past): void {
  status.longestAgeMs = Math.max(status.longestAgeMs, Math.round(ageMs));
  if (staleMs > 0) add(status.stale, { from: Math.round(now - staleMs), to: now });
}

function add<T>(list: T[], entry: T): void {
  list.push(entry);
  if (list.length > MAX_ENTRIES) list.shift();
}
