import { requestIdToken } from "../base/id-token.ts";
import { decodeClaims, timeClaim } from "../base/jwt.ts";
import { chained, credentialProcessOutput, type Keys } from "../base/session.ts";
import type { HeldToken } from "./held-token.ts";
import type { Ask, Renewal } from "./messages.ts";
import { renew } from "./renewal.ts";
import { exchangeTimeout, lastRenewal, refreshDelay, renewalDelay, requestTimeout } from "./schedule.ts";

// Where the keeper gets what it keeps fresh: ID tokens from GitHub, or sessions through an exchange.

/** What goes into the file, and how long it is valid. All times in milliseconds. */
export interface Fresh {
  content: string;
  lifetimeMs: number;
  remainingMs: number;
  clockOffsetMs: number | undefined;
}

export interface Source {
  /** When GitHub stops issuing ID tokens to this job, by the monotonic clock. */
  endsAt: number;
  /** Whether there may be a next one. */
  canRenew(): boolean;
  /** How long a request may take. */
  timeout(lifetimeMs: number): number;
  /** Asks once. Throws a RequestError. */
  next(timeoutMs: number, end: AbortSignal): Promise<Fresh>;
  /** When to ask for the next, by the monotonic clock. */
  due(held: HeldToken, random: number, isFirst?: boolean): number;
}

/** A self-hosted job may take 5 days, and no keeper runs for longer: https://docs.github.com/en/actions/reference/limits */
export const LONGEST_JOB_MS = 5 * 24 * 60 * 60 * 1000;

export function tokenSource({ endpoint, audience }: Ask, clockOffset: number): Source {
  return {
    endsAt: monotonic(timeClaim(decodeClaims(endpoint.requestToken), "exp"), clockOffset),
    // A refusal is how a keeper without a worker to watch learns that the job is over.
    canRenew: () => true,
    timeout: requestTimeout,
    async next(timeoutMs, end) {
      const { token, ...life } = await requestIdToken(endpoint, audience, timeoutMs, end);
      return { content: token, ...life };
    },
    due: ({ receivedAt, lifetimeMs, remainingMs }, random, isFirst) =>
      receivedAt + refreshDelay(lifetimeMs, remainingMs, random, isFirst),
  };
}

/** @param keys the session in the file; undefined: a step has put something else there */
export function sessionSource(renewal: Renewal, keys: Keys | undefined, clockOffset: number): Source {
  const { ask, profile, environment } = renewal;
  const endsAt = monotonic(renewal.idTokensEnd, clockOffset);
  const last = lastRenewal(performance.now(), endsAt);
  const outlives = renewal.outlivesIdTokens;
  return {
    endsAt,
    canRenew: () => outlives || performance.now() < endsAt,
    timeout: exchangeTimeout,
    async next(timeoutMs, end) {
      const isSelf = performance.now() >= endsAt;
      const job = {
        request: isSelf ? chained(renewal.request) : renewal.request,
        source: isSelf && keys ? { session: keys } : ask ? { ask } : { profile: profile ?? "" },
        environment,
        isFirst: false,
        provesSelf: false,
      };
      const how = { argv: process.execArgv, env: process.env, timeoutMs, end };
      const { session } = await renew(job, how);
      keys = session.keys;
      const { lifetimeMs, clockOffsetMs } = session;
      const content = credentialProcessOutput(keys);
      return { content, lifetimeMs, remainingMs: lifetimeMs, clockOffsetMs };
    },
    due({ receivedAt, lifetimeMs, remainingMs }, random) {
      const regular = receivedAt + renewalDelay(lifetimeMs, remainingMs, random);
      // Once more as late as is safe, since that session is the last one, or the last one of full length.
      if (regular <= last) return regular;
      if (receivedAt < last) return last;
      return outlives ? regular : Infinity;
    },
  };
}

/** A time of the server's clock by the monotonic clock of this process, which begins with the process. */
function monotonic(endsAt: number | undefined, clockOffset: number): number {
  return endsAt === undefined ? LONGEST_JOB_MS : performance.now() + endsAt - (Date.now() + clockOffset);
}
