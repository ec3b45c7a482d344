import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { Stage } from "../../harness/machine/stage.ts";

const FILTER = "/proc/self/coredump_filter";
const reason = existsSync(FILTER) ? "" : " [skipped: this kernel makes no core dumps]";

(reason === "" ? test : test.skip)(
  `the running keeper leaves its memory out of a core dump${reason}`,
  async () => {
    const stage = await Stage.start();
    try {
      const { job } = await stage.startJob();
      expect((await stage.use(job)).outcome).toBe("success");
      const [keeper] = stage.keepers();
      // A bit for each kind of memory (core(5)): none.
      expect(Number.parseInt(readFileSync(`/proc/${keeper?.pid}/coredump_filter`, "utf8"), 16)).toBe(0);
      expect(Number.parseInt(readFileSync(FILTER, "utf8"), 16)).not.toBe(0);
      await job.finish();
    } finally {
      await stage.close();
    }
  },
);
