// Main and post of a shared session killed right before each effect they have, and its keeper at the worst
// moments: post leaves nothing, and no reader ever finds half a file.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { crashAt, everywhere } from "../../harness/machine/crash.ts";
import { killForGood, Stage } from "../../harness/machine/stage.ts";
import { sessionExpiry } from "../../harness/machine/token-reader.ts";
import { isAlive, type ProcessInfo, processesWith } from "../../harness/runner/processes.ts";
import type { Job } from "../../harness/runner/runner.ts";
import { waitFor } from "../../harness/wait.ts";
import { type KeeperDirectory, keeperDirectoryAt } from "../../src/base/layout.ts";

const SHARED = { "shared-session": "true" };
const folder = mkdtempSync(path.join(os.tmpdir(), "session crash "));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Keepers, the shells beside them, and processes that make a session. */
function processesOf({ runner }: Stage): ProcessInfo[] {
  return processesWith("RUNNER_TEMP", (value) => value === runner.temp).filter(({ pid }) => isAlive(pid));
}

/** The directory of the only session. */
function directoryOf({ root }: Stage): KeeperDirectory {
  const folder = path.join(root, "sessions");
  const [id, ...others] = readdirSync(folder);
  if (id === undefined || others.length > 0) throw new Error("not exactly one session");
  return keeperDirectoryAt(path.join(folder, id), "session");
}

const allGone = (stage: Stage, where: string) =>
  waitFor(`the end of all processes (${where})`, 15_000, () => processesOf(stage).length === 0);

/** The session files of the job as they are now. */
function sessions({ root }: Stage): string[] {
  const folder = path.join(root, "sessions");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((id) => path.join(folder, id, "session"))
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, "utf8"));
}

/** Whatever is there can be used. */
function expectWhole(stage: Stage, where: string): void {
  const left = sessions(stage).map((content) => (sessionExpiry(content) ?? 0) > Date.now());
  expect({ where, left }).toEqual({ where, left: left.map(() => true) });
}

/** Ends the job, and asserts that post succeeded and that nothing of the action is left on the machine. */
async function expectGone(stage: Stage, job: Job, where: string, said: unknown[] = []): Promise<void> {
  const { posts, tempLeft } = await job.finish();
  const [post] = posts;
  const { outcome, annotations } = post ?? {};
  expect({ where, outcome, annotations }).toEqual({ where, outcome: "success", annotations: said });
  expect({ where, left: tempLeft.before }).toEqual({ where, left: [] });
  expect({ where, home: readdirSync(stage.runner.home) }).toEqual({ where, home: [] });
  await allGone(stage, where);
}

test("main is killed at every point: its post leaves nothing", async () => {
  const points = await everywhere(async (stage, n) => {
    const where = `main killed at effect ${n}`;
    const { env, count } = crashAt(folder, "main", n);
    const { job } = await stage.startJob();
    const main = await stage.use(job, SHARED, env);
    expectWhole(stage, where);
    await expectGone(stage, job, where);
    const ended = existsSync(count);
    expect({ log: main.log, signal: main.signal }).toEqual({
      log: main.log,
      signal: ended ? null : "SIGKILL",
    });
    if (ended) expect(main).toMatchObject({ outcome: "success" });
    return !ended;
  });
  // Enough to have met the record, the profile, the process that makes the session, its file and the keeper.
  expect(points).toBeGreaterThan(30);
}, 1_200_000);

test("post is killed at every point, then run again", async () => {
  const points = await everywhere(async (stage, n) => {
    const { env, count } = crashAt(folder, "post", n);
    const where = `post killed at effect ${n}`;
    const { job } = await stage.startJob();
    const main = await stage.use(job, SHARED);
    const post = await job.run([process.execPath, path.join(stage.action, "dist", "post", "index.js")], {
      env: { ...env, STATE_use: main.state.use ?? "" },
    });
    expectWhole(stage, where);
    await expectGone(stage, job, where);
    const ended = existsSync(count);
    expect(post).toMatchObject(ended ? { outcome: "success" } : { outcome: "failure", signal: "SIGKILL" });
    return !ended;
  });
  expect(points).toBeGreaterThan(10);
}, 1_200_000);

test.each(["between renewals", "while a session is made"])(
  "the keeper is killed for good %s: the session stays whole, post reports it and leaves nothing",
  async (when) => {
    const stage = await Stage.start({ clouds: { sessionSeconds: 24 } });
    try {
      const { job } = await stage.startJob();
      expect((await stage.use(job, SHARED)).outcome).toBe("success");
      const before = sessions(stage);
      if (when === "while a session is made") {
        stage.clouds.sts.fault = () => "hang-before-headers";
        const { length } = stage.clouds.sts.requests;
        await waitFor("a request for a session", 30_000, () => stage.clouds.sts.requests.length > length);
        expect(processesOf(stage)).toHaveLength(3);
      }
      await killForGood(directoryOf(stage));
      await allGone(stage, when);
      expect(sessions(stage).join() === before.join()).toBe(true);
      expectWhole(stage, when);
      await expectGone(stage, job, when, [
        expect.objectContaining({ level: "warning", message: expect.stringContaining("keeper") }),
      ]);
    } finally {
      await stage.close();
    }
  },
  120_000,
);

test("main is killed while its first session is made: that process ends with it", async () => {
  const stage = await Stage.start();
  try {
    const { job } = await stage.startJob();
    stage.clouds.sts.fault = () => "hang-before-headers";
    const main = stage.use(job, SHARED);
    await waitFor("a request for a session", 30_000, () => stage.clouds.sts.requests.length > 0);
    const [own] = processesWith("INPUT_SHARED-SESSION", (value) => value === "true").filter(({ command }) =>
      command.includes(path.join("dist", "main")),
    );
    // Never 0, which is the process group of the tests.
    process.kill(own?.pid ?? Number.NaN, "SIGKILL");
    expect((await main).signal).toBe("SIGKILL");
    await allGone(stage, "main");
    await expectGone(stage, job, "main killed at its exchange");
  } finally {
    await stage.close();
  }
}, 120_000);
