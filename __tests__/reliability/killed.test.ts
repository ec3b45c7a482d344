// A keeper that somebody kills comes back at once, and post tells.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { unless } from "../../harness/machine/means.ts";
import { isAlive } from "../../harness/runner/processes.ts";
import { decodeClaims, timeClaim } from "../../src/base/jwt.ts";
import {
  jobDirectory,
  type KeeperDirectory,
  keeperDirectoryAt,
  tokenDirectory,
} from "../../src/base/layout.ts";
import type { ProcessIdentity } from "../../src/base/process.ts";
import { readStatus } from "../../src/keeper/record.ts";
import type { KeeperStatus } from "../../src/keeper/status.ts";
import { restartDelay } from "../../src/keeper/watcher.ts";
import {
  ACTION,
  expectNothingLeft,
  finishClean,
  keepers,
  NODE,
  processesOf,
  type Scene,
  startScene,
  until,
  WITH,
  worked,
} from "../e2e/setup.ts";

const TOKEN_SECONDS = 6;

function directoryOf({ root }: Scene, kind: "token" | "session" = "token"): KeeperDirectory {
  const [id = ""] = readdirSync(path.join(root, `${kind}s`));
  return keeperDirectoryAt(path.join(root, `${kind}s`, id), kind);
}

function statusOf(directory: KeeperDirectory): KeeperStatus {
  const status = readStatus(directory);
  if (!status) throw new Error("no keeper has recorded anything");
  return status;
}

/** The status of a keeper that has its watcher. */
function watched(directory: KeeperDirectory): Promise<KeeperStatus & { watcher: ProcessIdentity }> {
  return until("a watcher", () => {
    const { watcher, ...status } = statusOf(directory);
    return watcher && { ...status, watcher };
  });
}

/** Kills, and returns once another keeper has taken over. */
async function killKeeper(directory: KeeperDirectory): Promise<void> {
  const before = await watched(directory);
  process.kill(before.pid, "SIGKILL");
  await until("the next keeper", () => {
    const { pid, watcher } = statusOf(directory);
    return pid !== before.pid && watcher && watcher.pid !== before.watcher.pid;
  });
}

const expiryOf = (token: string) => timeClaim(decodeClaims(token), "exp") ?? 0;

async function finish(scene: Scene): Promise<string> {
  const result = await scene.job.finish();
  expectNothingLeft(scene, result);
  return result.posts.map(({ summary, log }) => `${summary}\n${log}`).join("\n");
}

test("killed at twelve points of a token's life: no reader sees a stale one, and post says when", async () => {
  const scene = await startScene({ idTokenSeconds: TOKEN_SECONDS });
  // Each keeper is killed three times: then comes a delay, for which such a short token does not live.
  const audiences = ["https://a", "https://b", "https://c", "https://d"];
  for (const [index, audience] of audiences.entries())
    worked(
      await scene.job.use(ACTION, { with: { ...WITH, profile: `p${index}`, audience, trial: "false" } }),
    );
  const job = jobDirectory(scene.root);
  const stale: string[] = [];
  const reading = { on: true };
  const reader = (async () => {
    for (; reading.on; await sleep(20))
      for (const audience of audiences)
        if (expiryOf(readFileSync(tokenDirectory(job, audience).secret, "utf8")) <= Date.now())
          stale.push(audience);
  })();
  const begin = Date.now();
  const points = audiences.flatMap((audience, index) =>
    [1, 2, 3].map((turn) => ({ audience, at: turn * 4 + index })),
  );
  for (const { audience, at } of points.sort((a, b) => a.at - b.at)) {
    await sleep(Math.max(0, begin + (at * TOKEN_SECONDS * 1000) / 12 - Date.now()));
    await killKeeper(tokenDirectory(job, audience));
  }
  await sleep(TOKEN_SECONDS * 1000);
  reading.on = false;
  await reader;
  expect(stale).toEqual([]);
  expect(keepers(scene.runner)).toHaveLength(4);
  const told = await finish(scene);
  expect(
    told.match(/The keeper of the ID token was killed and brought back 3 times, at [\d:, ]+ UTC/g),
  ).toHaveLength(4);
}, 90_000);

test("no process of ours has node in its name or its command line", async () => {
  const scene = await startScene();
  worked(await scene.job.use(ACTION, { with: WITH }));
  await watched(directoryOf(scene));
  const ours = processesOf(scene.runner, scene.job);
  expect(ours.length).toBeGreaterThanOrEqual(2);
  expect(ours.filter(({ command }) => command.includes("node"))).toEqual([]);
  for (const { pid } of ours)
    expect(readFileSync(`/proc/${pid}/comm`, "utf8")).not.toMatch(/node|MainThread/);
  // What pkill would find with the same arguments.
  for (const args of [["node"], ["-f", "node"], ["-f", "[Nn]ode"]]) {
    const { error, stdout } = spawnSync("pgrep", args, { encoding: "utf8" });
    if (error) break; // not installed
    const found = stdout.trim().split("\n").map(Number);
    if (args.length > 1) expect(found).toContain(process.pid);
    expect(ours.filter(({ pid }) => found.includes(pid))).toEqual([]);
  }
  await finishClean(scene);
});

test("the kernel is not asked to end the keeper first, as it is with the steps", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "oom-"));
  const node = path.join(folder, "node");
  // As the runner does for each step (actions/runner, src/Runner.Sdk/ProcessInvoker.cs).
  writeFileSync(node, `#!/bin/bash\necho 500 > /proc/self/oom_score_adj\nexec '${NODE}' "$@"\n`, {
    mode: 0o755,
  });
  const scene = await startScene({ runner: { node } });
  worked(await scene.job.use(ACTION, { with: WITH }));
  const { pid } = await watched(directoryOf(scene));
  expect(readFileSync(`/proc/${pid}/oom_score_adj`, "utf8").trim()).toBe("0");
  await finishClean(scene);
  rmSync(folder, { recursive: true });
});

const CGROUPS = "/sys/fs/cgroup/memory";
const canLimit = process.getuid?.() === 0 && existsSync(path.join(CGROUPS, "memory.limit_in_bytes"));
const limited = canLimit ? test : test.skip;
limited(
  `killed by the kernel, for want of memory${unless(canLimit, "needs root and memory cgroups, version 1")}`,
  async () => {
    const scene = await startScene({ idTokenSeconds: TOKEN_SECONDS });
    worked(await scene.job.use(ACTION, { with: WITH }));
    const directory = directoryOf(scene);
    const before = await watched(directory);
    const group = mkdtempSync(path.join(CGROUPS, "keeper-"));
    try {
      writeFileSync(path.join(group, "memory.limit_in_bytes"), String(256 * 1024));
      // What it has is counted elsewhere; the next refresh needs more.
      writeFileSync(path.join(group, "cgroup.procs"), String(before.pid));
      await until(
        "the next keeper",
        () => statusOf(directory).pid !== before.pid && statusOf(directory).watcher,
      );
      expect(
        Number(/oom_kill (\d+)/.exec(readFileSync(path.join(group, "memory.oom_control"), "utf8"))?.[1]),
      ).toBe(1);
      expect(expiryOf(readFileSync(directory.secret, "utf8"))).toBeGreaterThan(Date.now());
      expect(await finish(scene)).toContain("was killed and brought back 1 time");
    } finally {
      await until("the end of the group", () => {
        rmdirSync(group);
        return true;
      });
    }
  },
  60_000,
);

test("the watcher holds the configuration in its memory alone", async () => {
  const scene = await startScene();
  const use = worked(await scene.job.use(ACTION, { with: WITH }));
  const { watcher } = await watched(directoryOf(scene));
  const { pid } = watcher;
  const seen = ["cmdline", "environ"].map((file) => readFileSync(`/proc/${pid}/${file}`, "utf8")).join("\n");
  expect(seen).toContain("KEEPER_COMMAND");
  expect(seen).not.toContain(scene.cloudJob.environment.ACTIONS_ID_TOKEN_REQUEST_TOKEN);
  expect(scene.clouds.github.findIssued(seen)).toEqual([]);
  expect(use.outcome).toBe("success");
  await finishClean(scene);
});

test("a killed watcher is replaced, and the new one does its work", async () => {
  const scene = await startScene();
  worked(await scene.job.use(ACTION, { with: WITH }));
  const { watcher } = await watched(directoryOf(scene));
  process.kill(watcher.pid, "SIGKILL");
  await until("the next watcher", () => statusOf(directoryOf(scene)).watcher?.pid !== watcher.pid);
  await killKeeper(directoryOf(scene));
  expect(keepers(scene.runner)).toHaveLength(1);
  await finish(scene);
});

test("brought back in a folder that a step has moved away: when the job is over, what else is there stays", async () => {
  const scene = await startScene();
  worked(await scene.job.use(ACTION, { with: WITH }));
  const { path: from } = directoryOf(scene);
  const away = mkdtempSync(path.join(tmpdir(), "moved "));
  // It looks like a job directory, so that the keeper does not end for another reason.
  for (const name of ["uses", "tokens"]) mkdirSync(path.join(away, name));
  writeFileSync(path.join(away, "uses", "0123456789abcdef.json"), "{}");
  const before = await watched(keeperDirectoryAt(from));
  const directory = keeperDirectoryAt(path.join(away, "tokens", path.basename(from)));
  renameSync(from, directory.path);
  process.kill(before.pid, "SIGKILL");
  await until("the next keeper", () => statusOf(directory).pid !== before.pid && statusOf(directory).watcher);
  await scene.job.killWorker();
  await until("its end", () => keepers(scene.runner).length === 0);
  expect(existsSync(directory.secret)).toBe(false);
  expect(readdirSync(away).sort()).toEqual(["tokens", "uses"]);
  rmSync(away, { recursive: true });
});

test("both killed: the next use starts another pair", async () => {
  const scene = await startScene();
  worked(await scene.job.use(ACTION, { with: WITH }));
  const { pid, watcher } = await watched(directoryOf(scene));
  process.kill(watcher.pid, "SIGKILL");
  process.kill(pid, "SIGKILL");
  await until("their end", () => !isAlive(pid));
  expect(keepers(scene.runner)).toEqual([]);
  worked(await scene.job.use(ACTION, { with: { ...WITH, profile: "second" } }));
  expect(keepers(scene.runner)).toHaveLength(1);
  await finish(scene);
});

test("a session's keeper goes on without an exchange of its own", async () => {
  const scene = await startScene();
  worked(await scene.job.use(ACTION, { with: { ...WITH, "shared-session": "true" } }));
  await killKeeper(directoryOf(scene, "session"));
  await until("the end of the first shell", () => processesOf(scene.runner, scene.job).length === 2);
  expect(scene.clouds.sts.requests).toHaveLength(1);
  expect(await finish(scene)).toContain(
    "The keeper of the shared session was killed and brought back 1 time",
  );
});

test("a suspended keeper is not taken for a killed one, and post ends both", async () => {
  const scene = await startScene();
  worked(await scene.job.use(ACTION, { with: WITH }));
  const { pid } = await watched(directoryOf(scene));
  process.kill(pid, "SIGSTOP");
  await sleep(500);
  expect(keepers(scene.runner)).toHaveLength(1);
  await finish(scene);
});

describe("the delay before the next start", () => {
  test("none at first, then doubling up to half a minute", () => {
    expect([0, 1, 2, 3, 4, 5, 7, 8, 50].map(restartDelay)).toEqual([0, 0, 0, 1, 2, 4, 16, 30, 30]);
  });
});
