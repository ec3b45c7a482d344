// When the keeper acts, as pure numbers; all times in milliseconds. For GitHub's token of 300 s: refresh
// after 135 to 150 s, retry after up to 1, 2, 4 … 30 s, 10 s for a request. Shorter lives, which only tests
// have, scale all of it down.

/**
 * The shortest life that anything is scaled to: a lifetime of milliseconds must not make the keeper flood the
 * endpoint.
 */
const SHORTEST_LIFE_MS = 1_000;

/** The longest that the keeper sleeps before it looks at the clocks, its directory and its job. */
export const TICK_MS = 10_000;
/**
 * Wall and monotonic clock may drift apart by this much in a tick before the machine counts as having slept.
 */
export const CLOCK_JUMP_MS = 5_000;

/**
 * Time from the receipt of a token to the next request: half of its life, early by up to a tenth of that. The
 * first one of a keeper is early by up to four fifths: the jobs of a matrix that started together then do not
 * ask together for hours (docs/reliability.md).
 * @param remaining what was left of its life on receipt; less than the lifetime if the server hands out the
 * same token twice
 * @param random in [0, 1)
 */
export function refreshDelay(lifetime: number, remaining: number, random: number, first = false): number {
  return (Math.max(Math.min(lifetime, remaining), SHORTEST_LIFE_MS) / 2) * (1 - random * (first ? 0.8 : 0.1));
}

/** From 15 minutes before the end on, boto3 reads a session again for each request. */
const LEFT_OF_A_SESSION_MS = 20 * 60 * 1000;

/**
 * Time from the receipt of a session to its renewal: half of its life, early by up to a tenth of that; and
 * early enough that 20 minutes are left, where that is more than a quarter of its life away.
 */
export function renewalDelay(lifetime: number, remaining: number, random: number): number {
  const early = remaining - LEFT_OF_A_SESSION_MS;
  const half = refreshDelay(lifetime, remaining, random);
  return early >= remaining / 4 ? Math.min(half, early) : half;
}

/** When to renew a session for the last time before the ID tokens end: 5 minutes are enough for retries. */
export function lastRenewal(now: number, endsAt: number): number {
  return endsAt - Math.min(5 * 60 * 1000, (endsAt - now) / 10);
}

/** How long the request for a session may take: a process, an ID token and an exchange. */
export function exchangeTimeout(lifetime: number): number {
  return Math.min(30_000, Math.max(lifetime / 4, 5_000));
}

/**
 * Time to the next try after failures: full jitter, doubling from 1 s up to 30 s. A Retry-After is waited
 * for, but no longer than that: the token is running out.
 * @param failures how many in a row, at least 1
 */
export function retryDelay(lifetime: number, failures: number, random: number, retryAfter = 0): number {
  const cap = Math.min(30_000, Math.max(lifetime, SHORTEST_LIFE_MS) / 10);
  const ceiling = Math.min(cap, (cap / 30) * 2 ** (failures - 1));
  return Math.max(Math.min(retryAfter, cap), ceiling * random);
}

/** How long one request may take: far less than the half life that is left when it is made. */
export function requestTimeout(lifetime: number): number {
  return Math.min(10_000, Math.max(lifetime, SHORTEST_LIFE_MS) / 6);
}

/** Whether the machine slept or its clock was set, from how far each clock moved in the same period. */
export function clockJumped(wall: number, monotonic: number): boolean {
  return Math.abs(wall - monotonic) > CLOCK_JUMP_MS;
}
