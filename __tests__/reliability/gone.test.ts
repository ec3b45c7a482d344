// However a job ends, and whatever dies first: no keeper, no token, nothing left behind, and post says what
// was at risk.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "@jest/globals";
import { Scene } from "../../harness/machine/scene.ts";
import { killForGood, PATIENT, Stage } from "../../harness/machine/stage.ts";
import { isAlive } from "../../harness/runner/processes.ts";
import { waitFor } from "../../harness/wait.ts";
import type { KeeperDirectory } from "../../src/base/layout.ts";

/** What the keeper may take to notice what nobody tells it. */
const GONE_WITHIN_MS = 15_000;

const stages: Stage[] = [];
afterEach(async () => {
  for (const stage of stages.splice(0)) await stage.close();
});

async function stageWith(idTokenSeconds = 300): Promise<Stage> {
  const stage = await Stage.start({ clouds: { idTokenSeconds } });
  stages.push(stage);
  return stage;
}

/** The only keeper of a machine. */
function onlyKeeper(stage: Stage): number {
  const [only, ...others] = stage.keepers();
  if (only === undefined || others.length > 0) throw new Error("not exactly one keeper");
  return only.pid;
}

function onlyDirectory(stage: Stage): KeeperDirectory {
  const [only, ...others] = stage.tokens();
  if (only === undefined || others.length > 0) throw new Error("not exactly one token");
  return only;
}

/** Resolves when no keeper of the machine lives; returns how long that took. */
async function noKeeper(stage: Stage): Promise<number> {
  const began = performance.now();
  await waitFor("the end of all keepers", 2 * GONE_WITHIN_MS, () =>
    stage.keepers().length === 0 ? true : undefined,
  );
  return performance.now() - began;
}

describe("the keeper is killed", () => {
  test("after the token ran out, post says from when to when, as a warning", async () => {
    const stage = await stageWith(3);
    const { job } = await stage.startJob();
    expect((await stage.use(job)).outcome).toBe("success");
    const { tokenExpiresAt } = stage.status();
    await killForGood(onlyDirectory(stage));
    await sleep(tokenExpiresAt + 1_500 - Date.now());
    const { posts, conclusion, tempLeft } = await job.finish();
    expect(conclusion).toBe("success");
    expect(tempLeft.before).toEqual([]);
    const warnings = posts[0]?.annotations.filter(({ level }) => level === "warning") ?? [];
    expect(warnings).toHaveLength(1);
    // Two times of day, the first of them when the token ran out.
    const [from, to] = warnings[0]?.message.match(/\d\d:\d\d:\d\d/g) ?? [];
    expect(from).toBe(new Date(tokenExpiresAt).toISOString().slice(11, 19));
    expect(to).toBeDefined();
    expect(to).not.toBe(from);
  });

  test("and a later use starts another when the token has run out: post still says from when to when", async () => {
    const stage = await stageWith(3);
    const { job } = await stage.startJob();
    await stage.use(job);
    const { tokenExpiresAt } = stage.status();
    await killForGood(onlyDirectory(stage));
    await sleep(tokenExpiresAt + 1_500 - Date.now());
    await stage.use(job, { profile: "second" });
    const { posts } = await job.finish();
    const warnings = posts.flatMap(({ annotations }) =>
      annotations.filter(({ level }) => level === "warning"),
    );
    expect(warnings.map(({ message }) => message).join("\n")).toContain(
      new Date(tokenExpiresAt).toISOString().slice(11, 19),
    );
  });

  test("a later use of the same audience starts another", async () => {
    const stage = await stageWith();
    const { job } = await stage.startJob();
    await stage.use(job);
    const { pid } = stage.status();
    await killForGood(onlyDirectory(stage));
    await waitFor("its end", 5_000, () => (isAlive(pid) ? undefined : true));
    await stage.use(job, { profile: "second" });
    expect(stage.keepers()).toHaveLength(1);
    const { tempLeft } = await job.finish();
    expect(tempLeft.before).toEqual([]);
    expect(stage.keepers()).toEqual([]);
  });
});

// On Windows a message can arrive before its sender knows that it is sent.
const SENT_LATE = `const { send } = process;
process.send = (message, onSent) =>
  send.call(process, message, () => (message.ready ? process.once("disconnect", () => onSent()) : onSent?.()));`;

test("main lets go before the keeper knows that it may: the keeper lives on", async () => {
  const scene = await Scene.start();
  try {
    const { keeper } = await scene.keep({
      lifeMs: 3_000,
      wrap: ([node = "", ...args]) => [
        node,
        "--import",
        `data:text/javascript,${encodeURIComponent(SENT_LATE)}`,
        ...args,
      ],
    });
    await keeper.until("two refreshes", ({ refreshes }) => refreshes >= 2);
    expect((await keeper.stop()).ended?.why).toBe("stopped");
  } finally {
    await scene.close();
  }
});

describe("the worker is killed: no post, no orphan cleanup", () => {
  test.each([
    { name: "and the keeper carries the runner's mark", env: {} },
    { name: "and the user had blanked RUNNER_TRACKING_ID", env: { RUNNER_TRACKING_ID: "" } },
  ])("$name", async ({ env }) => {
    const stage = await stageWith();
    const { job } = await stage.startJob();
    expect((await stage.use(job, {}, env)).outcome).toBe("success");
    const [token] = stage.tokens();
    expect(existsSync(token?.secret ?? "")).toBe(true);
    await job.killWorker();
    expect(await noKeeper(stage)).toBeLessThan(GONE_WITHIN_MS);
    expect(existsSync(token?.secret ?? "")).toBe(false);
    // And everything else, since no post will come.
    expect(readdirSync(stage.root)).toEqual([]);

    // The next job of the machine finds a clean one.
    const next = await stage.startJob();
    expect((await stage.use(next.job)).outcome).toBe("success");
    expect((await next.job.finish()).tempLeft.before).toEqual([]);
  });

  test("while the machine sleeps, and wakes in the next job", async () => {
    const stage = await stageWith();
    const { job } = await stage.startJob();
    await stage.use(job);
    const keeper = onlyKeeper(stage);
    process.kill(keeper, "SIGSTOP");
    await job.killWorker();
    const next = await stage.startJob();
    expect((await stage.use(next.job)).outcome).toBe("success");
    const [token] = stage.tokens();
    const now = readFileSync(token?.secret ?? "", "utf8");
    process.kill(keeper, "SIGCONT");
    const began = performance.now();
    await waitFor("the end of the old keeper", 2 * GONE_WITHIN_MS, () =>
      isAlive(keeper) ? undefined : true,
    );
    expect(performance.now() - began).toBeLessThan(GONE_WITHIN_MS);
    // The new job's token and keeper are none of its business.
    expect(readFileSync(token?.secret ?? "", "utf8") === now).toBe(true);
    expect(stage.keepers()).toHaveLength(1);
    expect((await next.job.finish()).tempLeft.before).toEqual([]);
  });
});

test("a step moves all in the job directory into a folder, then the worker is killed: the folder's own files stay", async () => {
  const stage = await stageWith();
  const { job } = await stage.startJob();
  await stage.use(job);
  const folder = `${stage.runner.temp}-home`;
  mkdirSync(folder);
  writeFileSync(path.join(folder, "own"), "");
  await job.run(`mv "$RUNNER_TEMP"/aws-role-refresh/* '${folder}'`);
  const keeper = onlyKeeper(stage);
  await job.killWorker();
  await waitFor("its end", 2 * GONE_WITHIN_MS, () => (isAlive(keeper) ? undefined : true));
  expect(existsSync(path.join(folder, "own"))).toBe(true);
  for (const id of readdirSync(path.join(folder, "tokens")))
    expect(existsSync(path.join(folder, "tokens", id, "token"))).toBe(false);
});

test("RUNNER_TEMP is emptied under it: gone, and nothing is written into the emptied directory", async () => {
  const stage = await stageWith(3);
  const { job } = await stage.startJob();
  await stage.use(job);
  const { temp } = stage.runner;
  for (const entry of readdirSync(temp)) rmSync(path.join(temp, entry), { recursive: true, ...PATIENT });
  const appeared = new Set<string>();
  const watch = setInterval(() => {
    for (const entry of readdirSync(temp)) appeared.add(entry);
  }, 5);
  try {
    expect(await noKeeper(stage)).toBeLessThan(GONE_WITHIN_MS);
  } finally {
    clearInterval(watch);
  }
  expect([...appeared]).toEqual([]);
  const { posts } = await job.finish();
  expect(posts[0]?.outcome).toBe("success");
  expect(posts[0]?.annotations.map(({ message }) => message)).toEqual([
    expect.stringContaining(`${stage.root}, or what main recorded in it, is gone: a step removed it`),
  ]);
});

test("a step opens RUNNER_TEMP to everybody: post ends the keeper and deletes the token all the same", async () => {
  const stage = await stageWith();
  const { job } = await stage.startJob();
  await stage.use(job);
  await job.run('chmod -R a+rwX "$RUNNER_TEMP"');
  const { posts, tempLeft, orphans } = await job.finish();
  expect(posts[0]?.outcome).toBe("success");
  expect({ left: tempLeft.before, orphans, keepers: stage.keepers() }).toEqual({
    left: [],
    orphans: [],
    keepers: [],
  });
});

test.each([
  ["moves the job directory away", ""],
  ["moves the job directory away and leaves a link", 'ln -s "$PWD/moved" "$RUNNER_TEMP/aws-role-refresh"'],
])("a step %s: post ends the keeper and deletes the token where it is", async (_, link) => {
  const stage = await stageWith();
  const { job } = await stage.startJob();
  await stage.use(job);
  const { stdout } = await job.run(
    `mv "$RUNNER_TEMP/aws-role-refresh" moved; ${link || "true"}; pwd; find moved -name token | wc -l`,
  );
  const [cwd = "", tokens] = stdout.trim().split("\n");
  expect(tokens).toBe("1");
  const { posts, orphans } = await job.finish();
  expect(posts[0]?.outcome).toBe("success");
  expect({ orphans, keepers: stage.keepers() }).toEqual({ orphans: [], keepers: [] });
  const left = readdirSync(path.join(cwd, "moved"), { recursive: true, encoding: "utf8" });
  expect(left.filter((file) => path.basename(file) === "token")).toEqual([]);
  expect(posts[0]?.annotations).toHaveLength(1);
  expect(posts[0]?.log).not.toContain("Nothing to clean up");
});

test("a step stops the keeper with a stop file: post reports from when to when there was no token", async () => {
  const stage = await stageWith();
  const { job } = await stage.startJob();
  await stage.use(job);
  const { stop } = stage.tokens()[0] ?? { stop: "" };
  await job.run(`touch "${stop}"; sleep 1`);
  expect(await noKeeper(stage)).toBeLessThan(GONE_WITHIN_MS);
  const { posts, tempLeft } = await job.finish();
  expect(posts[0]?.annotations.map(({ message }) => message)).toEqual([
    expect.stringMatching(/a step made the file "stop" in its folder\. There was no valid ID token from /),
  ]);
  expect(tempLeft.before).toEqual([]);
});

test("the keeper sleeps through the end of the job: post ends it all the same", async () => {
  const stage = await stageWith();
  const { job } = await stage.startJob();
  await stage.use(job);
  process.kill(stage.status().pid, "SIGSTOP");
  const { posts, tempLeft, orphans } = await job.finish();
  expect(posts[0]).toMatchObject({ outcome: "success" });
  expect(posts[0]?.durationMs).toBeLessThan(10_000);
  expect({ left: tempLeft.before, orphans, keepers: stage.keepers() }).toEqual({
    left: [],
    orphans: [],
    keepers: [],
  });
});

test("RUNNER_TRACKING_ID empty for the whole job: post needs no orphan cleanup", async () => {
  const stage = await stageWith();
  const { job } = await stage.startJob({ trackingId: false });
  await stage.use(job);
  expect(stage.keepers()).toHaveLength(1);
  const { tempLeft, orphans } = await job.finish();
  expect({ left: tempLeft.before, orphans, keepers: stage.keepers() }).toEqual({
    left: [],
    orphans: [],
    keepers: [],
  });
});

test("the runner is stopped, with no post: the orphan cleanup takes the keeper, the emptying its files", async () => {
  const stage = await stageWith();
  const { job } = await stage.startJob();
  await stage.use(job);
  await waitFor("the watcher", 20_000, () => (stage.status().watcher ? true : undefined));
  const { orphans, tempLeft } = await job.shutdown();
  // And the shell that would bring it back.
  const names = orphans.map(({ command }) =>
    command.replace(/^\/bin\/sh -c : (aws-role-refresh), [\s\S]*$/, "$1, sh"),
  );
  expect(names.sort()).toEqual(["aws-role-refresh", "aws-role-refresh, sh"]);
  expect(tempLeft.after).toEqual([]);
  expect(await noKeeper(stage)).toBeLessThan(GONE_WITHIN_MS);
});

test("the request token runs out: the keeper ends when its last ID token does, and takes that with it", async () => {
  // Long enough for a busy machine to come to main.
  const stage = await Stage.start({ clouds: { idTokenSeconds: 3, requestTokenSeconds: 10 } });
  stages.push(stage);
  const { job } = await stage.startJob();
  expect((await stage.use(job)).outcome).toBe("success");
  expect(await noKeeper(stage)).toBeLessThan(2 * GONE_WITHIN_MS);
  const [token] = stage.tokens();
  expect(existsSync(token?.secret ?? "")).toBe(false);
  expect(stage.status().ended?.why).toBe("request token expired");
  expect((await job.finish()).tempLeft.before).toEqual([]);
});
