// Takes the longest, so it runs beside the others.
import { expect, test } from "@jest/globals";
import { waitFor } from "../../harness/wait.ts";
import { expectFresh, finishClean, LIMIT_MS, startJob, wasPunctual } from "./setup.ts";

test(
  "over 100 refreshes of three jobs under readers that keep the token file open cost no request more, and no reader sees a stale token",
  async () => {
    const refreshed = async (): Promise<void> => {
      const job = await startJob({ idTokenSeconds: 6 });
      const use = await job.use({ trial: "false" });
      const readers = await Promise.all([20, 20].map((ms) => job.read(job.directory.secret, ms, ms)));
      const { refreshes, failures, outages } = await waitFor("34 refreshes", LIMIT_MS, () => {
        const status = job.status();
        return status.refreshes >= 34 && status;
      });
      // One more may be on its way.
      expect(job.clouds.github.requests.length - (1 + refreshes + failures)).toBeLessThanOrEqual(1);
      const seen = await Promise.all(readers.map((reader) => reader.stop()));
      for (const sightings of seen) expectFresh(sightings);
      // With lives of seconds, only a busy machine makes a request late, or leaves no moment to replace the file.
      const isBusy = !seen.every(wasPunctual);
      if (!isBusy) expect(outages).toEqual([]);
      await finishClean(job, [use], isBusy);
    };
    await Promise.all([refreshed(), refreshed(), refreshed()]);
  },
  LIMIT_MS,
);
