import { setTimeout as sleep } from "node:timers/promises";
import { type Failure, type FailureKind, RequestError } from "./network.ts";

/** For how long a first request is repeated after a failure of each kind, in milliseconds. */
const PATIENCE_MS: Record<FailureKind, number> = {
  // Waiting fixes neither a certificate nor a server without TLS nor a trust policy.
  certificate: 0,
  "not-tls": 0,
  denied: 0,
  // Hardly ever fixed by waiting, but a network that is just coming up fails in the same way.
  "unknown-name": 3_000,
  proxy: 3_000,
  malformed: 3_000,
  // GitHub refuses a job that is not "in progress" yet, which takes about a second from its start
  // (actions/runner, src/Runner.Worker/JobRunner.cs).
  refused: 10_000,
  dns: 30_000,
  unreachable: 30_000,
  throttled: 30_000,
  "server-error": 30_000,
  provider: 30_000,
};

const LONGEST_WAIT_MS = 5_000;
const LONGEST_RETRY_AFTER_MS = 10_000;

/**
 * Repeats a request for as long as its kind of failure may be temporary, with a growing random pause in
 * between. Throws the last RequestError, and any other error at once.
 * @param onRetry is called before each pause
 */
export async function retrying<T>(
  request: () => Promise<T>,
  onRetry: (failure: Failure, waitMs: number) => void,
): Promise<T> {
  const began = performance.now();
  for (let tries = 1; ; tries++) {
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      const { kind, retryAfterMs = 0 } = error.failure;
      const backoff = Math.min(LONGEST_WAIT_MS, 200 * 2 ** (tries - 1)) * (0.5 + Math.random() / 2);
      const wait = Math.max(backoff, Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS));
      if (performance.now() - began + wait > PATIENCE_MS[kind]) throw error;
      onRetry(error.failure, wait);
      await sleep(wait);
    }
  }
}
