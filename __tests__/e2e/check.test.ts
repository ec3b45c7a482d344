// The step org/aws-role-refresh/check, and what main does about the keeper of an earlier use: whatever a step did to
// keeper or token, the check fails once with the reason, and the steps after it have a fresh token and one keeper.
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";
import { killForGood, PATIENT } from "../../harness/machine/stage.ts";
import type { StepResult } from "../../harness/runner/runner.ts";
import { readJson } from "../../src/base/files.ts";
import { decodeClaims, timeClaim } from "../../src/base/jwt.ts";
import { type KeeperDirectory, keeperDirectoryAt } from "../../src/base/layout.ts";
import type { KeeperStatus } from "../../src/keeper/status.ts";
import {
  ACTION,
  expectNothingLeft,
  finishClean,
  keepers,
  type Scene,
  sessionArn,
  startScene,
  until,
  WITH,
  whoAmI,
  worked,
} from "./setup.ts";

const CHECK = path.join(ACTION, "check");
const LINK =
  "More: https://github.com/org/aws-role-refresh/blob/v1/docs/troubleshooting.md#keeper-was-replaced";

interface Kept extends Scene {
  use: StepResult;
  directory: KeeperDirectory;
  /** The pid of the keeper. */
  pid: number;
}

/** A job with one use of the action. */
async function kept(idTokenSeconds = 300): Promise<Kept> {
  const scene = await startScene({ idTokenSeconds });
  const use = worked(await scene.job.use(ACTION, { with: WITH }));
  const directory = keeperDirectoryAt(path.dirname(use.outputs["web-identity-token-file"] ?? ""));
  return { ...scene, use, directory, pid: keepers(scene.runner)[0]?.pid ?? 0 };
}

/** What the check printed: one line, whatever it found. */
function lineOf(check: StepResult): string {
  const lines = check.log.split("\n").filter((line) => line !== "" && !line.includes("::add-mask::"));
  expect([lines, check.stderr]).toEqual([[expect.any(String)], ""]);
  return lines[0]?.replace(/^.*?(?=aws-role-refresh:)/, "") ?? "";
}

/** Asserts that later steps are served: a fresh token, one new keeper, and a check that passes. */
async function expectMended({ job, runner, directory, pid, use }: Kept): Promise<void> {
  const [keeper, ...others] = keepers(runner);
  expect(others).toEqual([]);
  expect(keeper?.pid).not.toBe(pid);
  expect(readJson<KeeperStatus>(directory.status)?.pid).toBe(keeper?.pid);
  const expires = timeClaim(decodeClaims(readFileSync(directory.secret, "utf8")), "exp") ?? 0;
  expect(expires - Date.now()).toBeGreaterThan(250_000);
  expect(existsSync(directory.stop)).toBe(false);
  expect(await whoAmI(job)).toBe(sessionArn(use));
  expect(worked(await job.use(CHECK)).outputs.healthy).toBe("true");
}

test("a healthy job passes, in one line, without a request", async () => {
  const scene = await kept();
  const { job, clouds, pid } = scene;
  worked(await job.use(ACTION, { with: { ...WITH, profile: "second" } }));
  const { length } = clouds.github.requests;
  const check = worked(await job.use(CHECK));
  expect(lineOf(check)).toMatch(
    /^aws-role-refresh: healthy; profiles default and second, token valid for \d+ s, refreshed 0 times$/,
  );
  expect(check.outputs).toEqual({
    healthy: "true",
    details: lineOf(check).replace("aws-role-refresh: healthy; ", ""),
  });
  expect([check.exportedEnvironment, check.annotations]).toEqual([{}, []]);
  expect(clouds.github.requests).toHaveLength(length);
  expect(keepers(scene.runner).map((keeper) => keeper.pid)).toEqual([pid]);
  await finishClean(scene);
});

test("it reports how often the token was refreshed", async () => {
  const scene = await kept(4);
  await until("a refresh", () => (readJson<KeeperStatus>(scene.directory.status)?.refreshes ?? 0) > 1);
  expect(lineOf(worked(await scene.job.use(CHECK)))).toMatch(/refreshed [2-9] times/);
  await finishClean(scene);
});

/** What a step may do to a use, and what the check calls it. */
const DAMAGE: [name: string, damage: (kept: Kept) => unknown, reason: string][] = [
  [
    "kills the keeper",
    ({ directory }) => killForGood(directory),
    "token valid for N s, the keeper had been killed",
  ],
  [
    "suspends the keeper",
    ({ pid }) => process.kill(pid, "SIGSTOP"),
    "token valid for N s, the keeper was suspended or hung",
  ],
  [
    "makes the file stop",
    async ({ directory, runner }) => {
      writeFileSync(directory.stop, "");
      await until("the keeper's end", () => keepers(runner).length === 0);
    },
    "token was missing, a step had stopped the keeper",
  ],
  [
    "removes the token",
    ({ directory }) => rmSync(directory.secret),
    "token was missing, a step had removed or changed it",
  ],
];

describe("a step", () => {
  test.each(DAMAGE)("%s: the check fails with the reason and repairs it", async (_, damage, reason) => {
    const scene = await kept();
    const { job } = scene;
    await damage(scene);
    const check = await job.use(CHECK);
    expect(check.outcome).toBe("failure");
    const { stdout, ...told } = check;
    const unmasked = stdout.replace(/^::add-mask::.*$/gm, "");
    expect(scene.clouds.github.findIssued(JSON.stringify([unmasked, told]))).toEqual([]);
    const line = lineOf(check);
    expect(line.replace(/\d+ s,/, "N s,")).toBe(
      `aws-role-refresh: unhealthy; profile default, ${reason}; repaired. ${LINK}`,
    );
    expect(check.outputs).toEqual({ healthy: "false", details: line.slice(29, line.indexOf(". More")) });
    await expectMended(scene);
    expectNothingLeft(scene, await job.finish());
  });

  test.each(DAMAGE)("%s: a second use warns and repairs it", async (_, damage, reason) => {
    const scene = await kept();
    await damage(scene);
    const again = worked(await scene.job.use(ACTION, { with: { ...WITH, profile: "second" } }));
    if (reason.includes("the keeper")) {
      expect(again.annotations).toEqual([
        {
          level: "warning",
          message: expect.stringContaining(`renew the ID token: ${reason.split(", ")[1]}.`),
        },
      ]);
      await expectMended(scene);
    } else {
      // The keeper is well, and any use writes the token.
      expect(worked(await scene.job.use(CHECK)).outputs.healthy).toBe("true");
    }
    expectNothingLeft(scene, await scene.job.finish());
  });

  test("kills the keeper, and the token expires: the check names the time, and so does post", async () => {
    const scene = await kept(3);
    const { tokenExpiresAt } = readJson<KeeperStatus>(scene.directory.status) as KeeperStatus;
    await killForGood(scene.directory);
    await until("its expiry", () => Date.now() > tokenExpiresAt + 1_000);
    scene.clouds.github.idTokenSeconds = 300;
    const check = await scene.job.use(CHECK);
    const since =
      /token had been stale since (\d\d:\d\d:\d\d) UTC, the keeper had been killed; repaired/.exec(
        lineOf(check),
      );
    const [, time = ""] = since ?? [];
    const times = [-1_000, 0, 1_000].map((ms) => new Date(tokenExpiresAt + ms).toISOString().slice(11, 19));
    expect(times).toContain(time);
    await expectMended(scene);
    const result = await scene.job.finish();
    expect(result.posts[0]?.annotations.map(({ message }) => message)).toEqual([
      expect.stringContaining("The ID token was stale from"),
    ]);
    expectNothingLeft(scene, result);
  });
});

describe("GitHub does not answer", () => {
  const refuse = () => ({ status: 403 });

  test("beyond the token's end: the check fails with the error; a second check, when it answers again, repairs it", async () => {
    const scene = await kept(3);
    const { job, clouds, directory } = scene;
    clouds.github.fault = refuse;
    const { tokenExpiresAt } = readJson<KeeperStatus>(directory.status) as KeeperStatus;
    await until("its expiry", () => Date.now() > tokenExpiresAt + 1_500);
    const line = lineOf(await job.use(CHECK));
    expect(line).toMatch(
      /token had been stale since \S+ UTC, the keeper could not refresh it, \d+ requests? failed since \S+ UTC, the last with ".* 403"; not repaired: .*\. More:/,
    );
    expect(keepers(scene.runner)).toHaveLength(1);
    clouds.github.fault = undefined;
    clouds.github.idTokenSeconds = 300;
    await job.use(CHECK);
    expect(worked(await job.use(CHECK)).outputs.healthy).toBe("true");
    expect(keepers(scene.runner)).toHaveLength(1);
    expectNothingLeft(scene, await job.finish());
  });
});

describe("without a use in this job the check", () => {
  test("fails, and says where it belongs", async () => {
    const scene = await startScene();
    const check = await scene.job.use(CHECK);
    expect(check.outcome).toBe("failure");
    expect(check.log).toContain("Put this step after the step that uses the action, in the same job. More: ");
    expect(check.outputs.healthy).toBe("false");
    expect(scene.clouds.github.requests).toEqual([]);
    expect(existsSync(scene.root)).toBe(false);
    await finishClean(scene);
  });

  test("does not believe what another job left", async () => {
    const scene = await kept();
    const claim = readJson<{ job: string }>(`${scene.root}/job.json`);
    writeFileSync(`${scene.root}/job.json`, JSON.stringify({ ...claim, job: "0".repeat(64) }));
    const check = await scene.job.use(CHECK, { env: { AWS_CONFIG_FILE: "" } });
    expect(check.log).toContain("No use of aws-role-refresh is active in this job");
    writeFileSync(`${scene.root}/job.json`, JSON.stringify(claim));
    await finishClean(scene);
  });

  test("fails otherwise where a step removed the job directory", async () => {
    const scene = await kept();
    rmSync(scene.root, { recursive: true, ...PATIENT });
    const check = await scene.job.use(CHECK);
    expect(lineOf(check)).toMatch(
      /^aws-role-refresh: unhealthy; a step removed .*\. Use the action once more in this job\. /,
    );
    await until("the keeper's end", () => keepers(scene.runner).length === 0, 30_000);
    expectNothingLeft(scene, await scene.job.finish());
  });
});
