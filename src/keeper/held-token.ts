import type { IdToken } from "../base/id-token.ts";
import { clockJumped } from "./schedule.ts";

// The token in the file, by the clocks that can be trusted. Durations come from the monotonic clock, because
// somebody may set the wall clock. That clock stops while the machine sleeps; the server's clock does not,
// and every answer carries it. All times in milliseconds.

/** What is held, and when it was received by the monotonic and by the server's clock. */
export interface HeldToken {
  lifetimeMs: number;
  /** What was left of its life on receipt. */
  remainingMs: number;
  receivedAt: number;
  serverReceivedAt: number;
}

/** How long the token has been in the file, and for how much of that it was stale (0: never). */
export interface Past {
  ageMs: number;
  staleMs: number;
}

/**
 * @param receivedAt by the monotonic clock
 * @param serverNow the server's clock at that moment, in milliseconds since 1970
 */
export function hold(
  { lifetimeMs, remainingMs }: Pick<IdToken, "lifetimeMs" | "remainingMs">,
  receivedAt: number,
  serverNow: number,
): HeldToken {
  return { lifetimeMs, remainingMs, receivedAt, serverReceivedAt: serverNow };
}

/** When it expires by the monotonic clock. */
export function expiry({ receivedAt, remainingMs }: HeldToken): number {
  return receivedAt + remainingMs;
}

/**
 * What became of it until `now` (monotonic).
 * @param serverNow if an answer has just arrived: it includes the time that the machine slept
 */
export function pastOf(held: HeldToken, now: number, serverNow?: number): Past {
  const age = now - held.receivedAt;
  const serverAge = serverNow === undefined ? age : serverNow - held.serverReceivedAt;
  const slept = clockJumped(serverAge, age) ? Math.max(0, serverAge - age) : 0;
  return { ageMs: age + slept, staleMs: Math.max(0, now + slept - expiry(held)) };
}
