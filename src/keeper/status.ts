// What the keeper tells post: a file of times and error texts, never a token. All times in milliseconds since
// 1970, by this machine's clock.

/** A while in which no new token could be had. */
export interface Outage {
  from: number;
  /** Undefined while it lasts. */
  to?: number;
  attempts: number;
  lastError: string;
}

/** A while in which the token file held an expired token. */
export interface Interval {
  from: number;
  to: number;
}

export type Ending =
  | "stopped"
  | "job directory gone"
  | "job over"
  | "request token expired"
  | "signal"
  | "failed";

export interface KeeperStatus {
  pid: number;
  started: string;
  startedAt: number;
  /** The token in the file: when it was received and when it expires. */
  tokenReceivedAt: number;
  tokenExpiresAt: number;
  lifetimeMs: number;
  refreshes: number;
  failures: number;
  /** The oldest that the token in the file ever was. */
  longestAgeMs: number;
  /** The last of them, oldest first. */
  received: number[];
  outages: Outage[];
  stale: Interval[];
  ended?: { at: number; why: Ending };
}

/** Lists keep this many entries, so that the file stays small in a job of days. */
const MAX_ENTRIES = 200;

/**
 * How the token in the file fared until it was replaced, or the keeper ended: durations, since clocks may be
 * set meanwhile.
 */
export interface Past {
  ageMs: number;
  /** For how long it had been stale; 0 if it never was. */
  staleMs: number;
}

/** Records a new token in the file. */
export function recordRefresh(
  status: KeeperStatus,
  now: number,
  past: Past,
  remainingMs: number,
  lifetimeMs: number,
): void {
  recordPast(status, now, past);
  const outage = status.outages.at(-1);
  if (outage && outage.to === undefined) outage.to = now;
  status.refreshes += 1;
  status.tokenReceivedAt = now;
  status.tokenExpiresAt = now + remainingMs;
  status.lifetimeMs = lifetimeMs;
  add(status.received, now);
}

/**
 * Records a failed attempt; the first in a row begins an outage, whose end the next token
 * marks.
 */
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

/** Records how the token in the file fared so far. */
export function recordPast(status: KeeperStatus, now: number, { ageMs, staleMs }: Past): void {
  status.longestAgeMs = Math.max(status.longestAgeMs, Math.round(ageMs));
  if (staleMs > 0) add(status.stale, { from: Math.round(now - staleMs), to: now });
}

function add<T>(list: T[], entry: T): void {
  list.push(entry);
  if (list.length > MAX_ENTRIES) list.shift();
}
