import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import type { StepResult } from "../../harness/runner/runner.ts";
import type { BackgroundStep } from "../../harness/runner/steps.ts";
import {
  ACTION,
  expectNothingLeft,
  finishClean,
  keepers,
  postAgain,
  processesOf,
  type Scene,
  sessionArn,
  startJob,
  startScene,
  until,
  WITH,
  whoAmI,
  worked,
} from "./setup.ts";

async function kill(step: BackgroundStep): Promise<StepResult> {
  process.kill(await step.pid, "SIGKILL");
  return step.result;
}

describe("a main that is killed", () => {
  const hanging: [string, (scene: Scene) => void, (scene: Scene) => boolean][] = [
    [
      "while it asks for the ID token, its state saved",
      ({ clouds }) => {
        clouds.github.fault = () => "hang-before-headers";
      },
      ({ clouds }) => clouds.github.requests.length === 1,
    ],
    [
      "in the midst of the trial exchange",
      ({ clouds }) => {
        clouds.sts.fault = () => "hang-before-headers";
      },
      ({ clouds }) => clouds.sts.requests.length === 1,
    ],
  ];
  test.each(hanging)("%s exports nothing, and leaves what its post removes", async (_, before, instant) => {
    const scene = await startScene({ idTokenSeconds: 4 });
    const { job, clouds, runner } = scene;
    before(scene);
    const main = job.background.use(ACTION, { with: WITH });
    await until("the instant", () => instant(scene));
    const killed = await kill(main);
    expect([killed.outcome, killed.signal]).toEqual(["failure", "SIGKILL"]);
    expect([killed.exportedEnvironment, killed.outputs]).toEqual([{}, {}]);
    // A keeper that main had started in advance has nothing to keep.
    await until("no keeper", () => keepers(runner).length === 0);
    clouds.github.fault = undefined;
    clouds.sts.fault = undefined;
    await finishClean(scene);
  });

  // Right before each of its effects, one after the other: reliability/crash-points.test.ts.
  test("at any other moment, too; and what others made stays", async () => {
    const scene = await startScene({ idTokenSeconds: 30 });
    const { job, runner } = scene;
    const kept = worked(await job.use(ACTION, { with: { ...WITH, profile: "kept" } }));
    // From before the script runs until after main is done, on this machine or a slower one.
    for (let n = 0; n < 8; n++) {
      const main = job.background.use(ACTION, {
        with: { ...WITH, audience: "sts.amazonaws.com", profile: `killed${n}` },
      });
      await main.pid;
      await sleep(40 + n * 45);
      await kill(main).catch(() => main.result);
      await job.wait(main);
    }
    expect(await whoAmI(job, { AWS_PROFILE: "kept" })).toBe(sessionArn(kept));
    await until("one keeper", () => keepers(runner).length === 1);
    await finishClean(scene);
  });

  test("by a cancel of the job is like any other, and the keeper of an earlier use is not touched by it", async () => {
    const scene = await startScene();
    const { job, clouds, runner } = scene;
    worked(await job.use(ACTION, { with: WITH }));
    clouds.github.fault = () => "hang-before-headers";
    const main = job.background.use(ACTION, { with: { ...WITH, profile: "two", audience: "another" } });
    await until("main to ask", () => clouds.github.requests.length === 2);
    await job.cancel();
    expect((await main.result).outcome).toBe("cancelled");
    // The one that main had started in advance goes; the earlier use's stays.
    await until("one keeper", () => keepers(runner).length === 1);
    await finishClean(scene);
  });

  test("by its time limit is like any other", async () => {
    const scene = await startScene();
    scene.clouds.sts.fault = () => "hang-before-headers";
    const main = await scene.job.use(ACTION, { with: WITH, timeoutMs: 2_000 });
    expect(main.outcome).toBe("failure");
    expect(main.exportedEnvironment).toEqual({});
    await finishClean(scene);
  });
});

describe("post", () => {
  test("a second and a third time finds nothing to do, and says so", async () => {
    const scene = await startScene();
    const { job } = scene;
    const use = worked(await job.use(ACTION, { with: WITH }));
    const [command, options] = postAgain(use);
    const first = worked(await job.run(command, options));
    expect(first.log).toContain("profile default removed");
    expect(existsSync(scene.root)).toBe(false);
    const second = worked(await job.run(command, options));
    expect(second.log).toBe("Nothing to clean up.\n");
    expect(second.exportedEnvironment).toEqual({});
    const { posts } = await finishClean(scene);
    expect(posts.map(({ log }) => log)).toEqual(["Nothing to clean up.\n"]);
  });

  test("twice at once: one does it, neither fails", async () => {
    const scene = await startScene();
    const { job } = scene;
    const use = worked(await job.use(ACTION, { with: WITH }));
    const [command, options] = postAgain(use);
    const results = await job.wait(...[1, 2, 3].map(() => job.background.run(command, options)));
    for (const { outcome, annotations, stderr } of results) {
      expect([outcome, stderr]).toEqual(["success", ""]);
      // To one that begins when another is done, and that still has the job's old environment, a step has done that.
      for (const { message } of annotations) expect(message).toContain("is gone: a step removed it");
    }
    expect(results.filter(({ log }) => log.includes("profile default removed"))).toHaveLength(1);
    await finishClean(scene);
  });

  test("that is killed half-way can be run again", async () => {
    const scene = await startScene({ idTokenSeconds: 30 });
    const { job } = scene;
    const use = worked(await job.use(ACTION, { with: WITH }));
    const [command, options] = postAgain(use);
    for (let n = 0; n < 6; n++) {
      const post = job.background.run(command, options);
      await post.pid;
      await sleep(30 + n * 15);
      await kill(post).catch(() => post.result);
    }
    await finishClean(scene);
  });

  test("of a main that was refused has nothing to do", async () => {
    const scene = await startScene();
    expect((await scene.job.use(ACTION, { with: { ...WITH, profile: "no good" } })).outcome).toBe("failure");
    const { posts } = await finishClean(scene);
    expect(posts[0]?.log).toBe("Nothing to clean up: the main step stopped before it wrote anything.\n");
  });
});

test("a job whose runner is killed: its keeper ends by itself, and the next job takes the directory over", async () => {
  const scene = await startScene({ idTokenSeconds: 4 });
  const { job, runner, clouds } = scene;
  worked(await job.use(ACTION, { with: { ...WITH, profile: "old" } }));
  await job.killWorker();
  await until("the keeper to end", () => keepers(runner).length === 0, 40_000);
  // With everything in the directory, since no post will come.
  expect(readdirSync(scene.root)).toEqual([]);

  // This runner empties its temp folder when a job starts. Another may not: the directory is there again when
  // the action looks.
  const aside = `${runner.temp}, aside`;
  renameSync(scene.root, aside);
  const cloudJob = clouds.github.startJob();
  const next = await startJob({ clouds, runner, cloudJob });
  renameSync(aside, scene.root);
  const use = worked(await next.use(ACTION, { with: WITH }));
  expect(await whoAmI(next)).toBe(sessionArn(use));
  const config = await next.run(`cat "$AWS_CONFIG_FILE"; ls "$RUNNER_TEMP/aws-role-refresh/uses" | wc -l`);
  expect(config.stdout).not.toContain("[profile old]");
  expect(config.stdout.trim().split("\n").at(-1)).toBe("1");
  expectNothingLeft({ job: next, runner }, await next.finish());
});

test("a job directory that is not the action's own is refused, left as it is, and post says no more than it has to", async () => {
  const scene = await startScene();
  const { job, clouds } = scene;
  mkdirSync(scene.root, { mode: 0o755 });
  const use = await job.use(ACTION, { with: WITH });
  expect(use.outcome).toBe("failure");
  expect(use.annotations.map(({ message }) => message.split("\n")[0])).toEqual([
    `${scene.root} already exists and is open to other users (mode 755). Remove it from this runner: another program made it or changed it.`,
  ]);
  // The token was not even asked for.
  expect(clouds.github.requests).toEqual([]);
  expect(readdirSync(scene.root)).toEqual([]);
  const { posts, orphans } = await job.finish();
  expect(posts[0]?.outcome).toBe("success");
  expect(orphans).toEqual([]);
  expect(processesOf(scene.runner, job)).toEqual([]);
});
