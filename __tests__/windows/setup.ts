/** What every test on Windows begins with. All of it ends with the test. */
import { afterEach, expect, jest } from "@jest/globals";
import type { CloudsOptions } from "../../harness/clouds/clouds.ts";
import { type Ran, type Use, WindowsJob } from "../../harness/windows/job.ts";
import type { Sightings } from "../../harness/windows/reader.ts";

/** Bound on one test. Wine is slow on a busy machine. */
export const LIMIT_MS = 300_000;

// Tokens live for seconds here, and a machine that stands still for as long makes one stale. The log has the error of
// the first try.
jest.retryTimes(1, { logErrorsBeforeRetry: true });

const jobs: WindowsJob[] = [];

afterEach(async () => {
  for (const job of jobs.splice(0)) await job.close();
});

export async function startJob(options: CloudsOptions = {}, folder?: string): Promise<WindowsJob> {
  const job = await WindowsJob.start(options, folder);
  jobs.push(job);
  return job;
}

/** More than that, and a machine is too busy for tokens that live for seconds. */
const BLIND_MS = 500;

export const wasPunctual = ({ blindMs }: Sightings): boolean => blindMs < BLIND_MS;

/** Asserts that a reader found a whole, valid token every time. */
export function expectFresh(seen: Sightings): void {
  const { reads, stale, missing, torn, errors } = seen;
  expect({ missing, torn, errors }).toEqual({ missing: 0, torn: 0, errors: [] });
  expect(reads).toBeGreaterThan(10);
  if (wasPunctual(seen)) expect(stale).toBe(0);
}

/**
 * The post step of each use, latest first, and asserts that the action has left nothing and warned of nothing.
 * @param isBusy whether this machine was too busy to keep a token of seconds fresh, of which post warns
 */
export async function finishClean(job: WindowsJob, uses: Use[], isBusy = false): Promise<Ran[]> {
  const posts: Ran[] = [];
  for (const use of uses.toReversed()) posts.push(await job.post(use));
  for (const { exitCode, warnings } of posts) {
    const others = warnings.filter((warning) => !isBusy || !warning.startsWith("The ID token was stale"));
    expect([exitCode, others]).toEqual([0, []]);
  }
  expect(job.left()).toEqual([]);
  return posts;
}
