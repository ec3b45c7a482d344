// Steps that run at once or are killed: on Windows, that is TerminateProcess.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "@jest/globals";
import { waitFor } from "../../harness/wait.ts";
import type { WindowsJob } from "../../harness/windows/job.ts";
import { finishClean, LIMIT_MS, startJob } from "./setup.ts";

const has = (job: WindowsJob, folder: string): boolean => {
  const full = path.join(job.root, folder);
  return existsSync(full) && readdirSync(full).length > 0;
};

test(
  "two uses at once share one keeper, and two posts at once leave nothing",
  async () => {
    const job = await startJob();
    const begun = await Promise.all(["one", "two"].map((profile) => job.begin({ profile })));
    for (const use of begun) expect(await use.ended).toMatchObject({ exitCode: 0, warnings: [] });
    expect(readdirSync(path.join(job.root, "tokens"))).toHaveLength(1);
    const { pid } = job.status();
    const posts = await Promise.all(begun.map((use) => job.post(use)));
    for (const post of posts) expect(post).toMatchObject({ exitCode: 0, warnings: [] });
    expect(job.left()).toEqual([]);
    expect(await job.machine.isAlive(pid)).toBe(false);
  },
  LIMIT_MS,
);

test.each(["tokens", "uses"])(
  "main killed as soon as there is something in %s: post leaves nothing",
  async (folder) => {
    const job = await startJob();
    const use = await job.begin();
    await waitFor("main to begin", 120_000, () => has(job, folder));
    expect(await job.machine.kill(use.pid)).toBe(true);
    await use.ended;
    await finishClean(job, [use]);
    const { length } = job.clouds.github.requests;
    expect(length).toBe(1);
  },
  LIMIT_MS,
);

test(
  "a killed keeper: a later use starts another, and post reports the first",
  async () => {
    const job = await startJob();
    const first = await job.use();
    const { pid } = job.status();
    expect(await job.machine.kill(pid)).toBe(true);
    const second = await job.begin({ profile: "second" });
    const { exitCode, warnings } = await second.ended;
    expect([exitCode, warnings]).toEqual([0, [expect.stringContaining("keeper")]]);
    expect(job.status().pid).not.toBe(pid);
    await finishClean(job, [first, second]);
  },
  LIMIT_MS,
);

test(
  "a keeper that is killed and not replaced: post warns, and leaves nothing",
  async () => {
    const job = await startJob();
    const use = await job.use();
    expect(await job.machine.kill(job.status().pid)).toBe(true);
    const post = await job.post(use);
    expect(post.exitCode).toBe(0);
    expect(post.warnings.join()).toContain("keeper");
    expect(job.left()).toEqual([]);
  },
  LIMIT_MS,
);

test(
  "the runner's worker dies: the keeper deletes everything and ends",
  async () => {
    const job = await startJob();
    await job.use();
    expect(readFileSync(path.join(job.root, "job.json"), "utf8")).toMatch(/"worker":\{"pid":\d+\}/);
    await job.machine.killWorker();
    await waitFor("the keeper to notice", 120_000, () => readdirSync(job.root).length === 0);
  },
  LIMIT_MS,
);

test(
  "post twice: the second one finds nothing to do",
  async () => {
    const job = await startJob();
    const use = await job.use();
    const { pid } = job.status();
    await finishClean(job, [use]);
    await finishClean(job, [use]);
    expect(await job.machine.isAlive(pid)).toBe(false);
  },
  LIMIT_MS,
);
