// Main and post killed right before each effect they have, one after the other: whatever was done by then,
// post puts it right.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { crashAt, everywhere } from "../../harness/machine/crash.ts";
import { Stage } from "../../harness/machine/stage.ts";
import { waitFor } from "../../harness/wait.ts";

const folder = mkdtempSync(path.join(os.tmpdir(), "crash "));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Nothing of the action is left on the machine, and nothing was said to have gone wrong. */
async function expectGone(stage: Stage, left: string[], where: string): Promise<void> {
  expect({ where, left }).toEqual({ where, left: [] });
  expect({ where, home: readdirSync(stage.runner.home) }).toEqual({ where, home: [] });
  await waitFor(`the end of all keepers (${where})`, 15_000, () =>
    stage.keepers().length === 0 ? true : undefined,
  );
}

test("main is killed at every point: its post leaves nothing", async () => {
  const points = await everywhere(async (stage, n) => {
    const { env, count } = crashAt(folder, "main", n);
    const { job } = await stage.startJob();
    const main = await stage.use(job, {}, env);
    const { posts, tempLeft } = await job.finish();
    const where = `main killed at effect ${n}`;
    expect({ where, post: posts[0]?.outcome, said: posts[0]?.annotations }).toEqual({
      where,
      post: "success",
      said: [],
    });
    await expectGone(stage, tempLeft.before, where);
    const ended = existsSync(count);
    expect({ log: main.log, signal: main.signal }).toEqual({
      log: main.log,
      signal: ended ? null : "SIGKILL",
    });
    if (ended) expect(main).toMatchObject({ outcome: "success" });
    return !ended;
  });
  // Enough to have met the token, the record, the profile, the exchange and the keeper.
  expect(points).toBeGreaterThan(30);
}, 180_000);

test("post is killed at every point, then run again", async () => {
  const points = await everywhere(async (stage, n) => {
    const { env, count } = crashAt(folder, "post", n);
    const { job } = await stage.startJob();
    const main = await stage.use(job);
    const post = await job.run([process.execPath, path.join(stage.action, "dist", "post", "index.js")], {
      env: { ...env, STATE_use: main.state.use ?? "" },
    });
    const { posts, tempLeft } = await job.finish();
    const where = `post killed at effect ${n}`;
    expect({ where, post: posts[0]?.outcome, said: posts[0]?.annotations }).toEqual({
      where,
      post: "success",
      said: [],
    });
    await expectGone(stage, tempLeft.before, where);
    const ended = existsSync(count);
    expect(post).toMatchObject(ended ? { outcome: "success" } : { outcome: "failure", signal: "SIGKILL" });
    return !ended;
  });
  expect(points).toBeGreaterThan(10);
}, 180_000);

test("two posts of one use at once: both succeed, nothing is left", async () => {
  const stage = await Stage.start();
  try {
    for (let round = 0; round < 5; round++) {
      const { job } = await stage.startJob();
      const main = await stage.use(job);
      const post = [process.execPath, path.join(stage.action, "dist", "post", "index.js")];
      const env = { STATE_use: main.state.use ?? "" };
      for (let i = 0; i < 3; i++) job.background.run(post, { env });
      for (const { outcome, annotations } of await job.wait()) {
        expect(outcome).toBe("success");
        // To one that begins when another is done, and that still has the job's old environment, a step has done that.
        for (const { message } of annotations) expect(message).toContain("is gone: a step removed it");
      }
      const { posts, tempLeft } = await job.finish();
      expect(posts[0]).toMatchObject({ outcome: "success", annotations: [] });
      await expectGone(stage, tempLeft.before, "three posts at once");
    }
  } finally {
    await stage.close();
  }
});

test("main is killed in the first of two uses, with the second one's help nothing is left", async () => {
  const stage = await Stage.start();
  try {
    for (const n of [5, 15, 25, 35]) {
      const { job } = await stage.startJob();
      await stage.use(job, { profile: "first" }, crashAt(folder, "main", n).env);
      expect((await stage.use(job, { profile: "second" })).outcome).toBe("success");
      expect(readFileSync(path.join(stage.root, "config"), "utf8")).toContain("[profile second]");
      const { posts, tempLeft } = await job.finish();
      expect(posts.map(({ outcome }) => outcome)).toEqual(["success", "success"]);
      await expectGone(stage, tempLeft.before, `first use killed at effect ${n}`);
    }
  } finally {
    await stage.close();
  }
});
