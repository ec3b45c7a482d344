import { existsSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import type { StepResult } from "../../harness/runner/runner.ts";
import type { CallLine } from "../../scripts/rehearsal/clients/call-loop.ts";
import {
  ACTION,
  addRole,
  finishClean,
  keepers,
  NODE,
  ROLE,
  sessionArn,
  startScene,
  until,
  WITH,
  worked,
} from "./setup.ts";

const RELEASE = "arn:aws:iam::444455556666:role/release";
/** exp - iat of ID tokens, seconds: short, but half of it is still long for a busy machine. */
const TOKEN_SECONDS = 6;
const SESSION_SECONDS = 5;

const callsOf = (step: StepResult): CallLine[] =>
  step.stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as CallLine);

test("a job outlives its first token three times over: an ambient and a named role side by side, with the SDK's own refresh", async () => {
  // Nothing but what the action exports tells the steps where STS is.
  const scene = await startScene({
    idTokenSeconds: TOKEN_SECONDS,
    sessionSeconds: SESSION_SECONDS,
    stsInEnvironment: false,
  });
  const { job, clouds, runner } = scene;
  addRole(clouds, RELEASE);
  const endpoint = { "sts-endpoint": clouds.sts.url };
  const ambient = worked(await job.use(ACTION, { with: { ...WITH, ...endpoint } }));
  const named = worked(
    await job.use(ACTION, { with: { ...WITH, ...endpoint, "role-to-assume": RELEASE, profile: "release" } }),
  );
  expect(keepers(runner)).toHaveLength(1);
  const first = clouds.github.requests.length;

  // Two processes, each with one client object for all of its life.
  const seconds = 3 * TOKEN_SECONDS + 2;
  const client = [
    NODE,
    path.join(ACTION, "lib/scripts/rehearsal/clients/sdk-js.js"),
    String(Date.now() + seconds * 1000),
    "500",
  ];
  const loops = [job.background.run(client), job.background.run(client, { env: { AWS_PROFILE: "release" } })];
  const tokenFile = ambient.outputs["web-identity-token-file"] ?? "";
  const tokens = new Set<string>();
  const reading = { on: true };
  const reader = (async () => {
    while (reading.on) {
      tokens.add(readFileSync(tokenFile, "utf8"));
      await sleep(50);
    }
  })();
  const results = await job.wait(...loops);
  reading.on = false;
  await reader;

  for (const step of results) {
    const calls = callsOf(step);
    expect(calls.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(calls.length).toBeGreaterThan(5);
  }
  const callers = clouds.sts.requests
    .filter(({ action }) => action === "GetCallerIdentity")
    .map(({ caller }) => caller);
  expect(new Set(callers)).toEqual(new Set([sessionArn(ambient), sessionArn(named, RELEASE)]));
  // Sessions were renewed with tokens that the keeper fetched after main was over.
  const renewals = clouds.sts.requests.filter(
    ({ action, error }) => action === "AssumeRoleWithWebIdentity" && error === undefined,
  );
  expect(renewals.length).toBeGreaterThan(2 * Math.floor(seconds / SESSION_SECONDS));
  expect(clouds.github.requests.length - first).toBeGreaterThanOrEqual(5);
  expect(tokens.size).toBeGreaterThanOrEqual(5);
  for (const token of tokens) expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);

  await finishClean(scene);
  expect(existsSync(scene.root)).toBe(false);
  // Nobody asks for anything when the job is over: for longer than half of a token's life, when the keeper
  // would have.
  const after = [clouds.github.requests.length, clouds.sts.requests.length];
  await sleep(TOKEN_SECONDS * 500 + 500);
  expect([clouds.github.requests.length, clouds.sts.requests.length]).toEqual(after);
});

test("the token file is fresh again after an outage of the endpoint, without anybody's doing", async () => {
  const scene = await startScene({ idTokenSeconds: 4 });
  const { job, clouds } = scene;
  const use = worked(await job.use(ACTION, { with: { ...WITH, trial: "false" } }));
  const tokenFile = use.outputs["web-identity-token-file"] ?? "";
  clouds.github.fault = () => ({ status: 503 });
  const { length } = clouds.github.requests;
  // By the first of them, whatever was on its way has been written.
  await until("the keeper to try in vain", () => clouds.github.requests.length > length);
  const before = readFileSync(tokenFile, "utf8");
  await until("the keeper to try in vain again", () => clouds.github.requests.length >= length + 3);
  // The old token stays where it is.
  expect(readFileSync(tokenFile, "utf8")).toBe(before);
  clouds.github.fault = undefined;
  await until("a new token", () => readFileSync(tokenFile, "utf8") !== before);
  await job.finish();
});

test("the keeper runs on the same node as main, with nothing of the job's environment but what it needs", async () => {
  const scene = await startScene({
    job: { environment: { SECRET_OF_THE_JOB: "x", NODE_OPTIONS: "--no-warnings" } },
  });
  const use = worked(await scene.job.use(ACTION, { with: WITH }));
  // The runner waits for whoever still holds a step's pipes, 5 s long.
  expect(use.heldPipesMs).toBeLessThan(4_000);
  const [keeper] = keepers(scene.runner);
  const read = (file: string) => readFileSync(`/proc/${keeper?.pid}/${file}`, "utf8").split("\0");
  const names = read("environ").flatMap((entry) => (entry === "" ? [] : (entry.split("=")[0] ?? [])));
  // NODE_CHANNEL_* belong to the channel over which main configured it, and hold nothing but a number.
  expect(names.filter((name) => !name.startsWith("NODE_CHANNEL_")).sort()).toEqual([
    "HOME",
    "PATH",
    "RUNNER_TEMP",
    "RUNNER_TRACKING_ID",
  ]);
  expect(readlinkSync(`/proc/${keeper?.pid}/exe`)).toBe(realpathSync(NODE));
  // No token, no address.
  expect(read("cmdline").filter((word) => word !== "")).toEqual(["aws-role-refresh"]);
  await finishClean(scene);
});

test("a use tells what it made in outputs and log, and post that it is gone", async () => {
  const scene = await startScene();
  const use = worked(await scene.job.use(ACTION, { with: WITH }));
  expect(use.outputs).toEqual({
    "aws-account-id": "111122223333",
    "assumed-role-arn": sessionArn(use),
    "authenticated-arn": sessionArn(use),
    profile: "default",
    "config-file": `${scene.root}/config`,
    "credentials-file": `${scene.root}/credentials`,
    "web-identity-token-file": expect.stringMatching(new RegExp(`^${scene.root}/tokens/[0-9a-f]{16}/token$`)),
    // Quoted: the path has a space.
    "docker-args": `-v '${scene.root}:${scene.root}:ro' ${Object.keys(use.exportedEnvironment)
      .map((name) => `-e ${name}`)
      .join(" ")}`,
    "role-session-name": expect.stringMatching(/^GitHubActions-1234567890-1-[0-9a-f]{8}$/),
    "refreshable-until": new Date(scene.cloudJob.requestTokenExpires * 1000)
      .toISOString()
      .replace(".000Z", "Z"),
  });
  expect(use.log).toContain(
    `Role ${ROLE} for every later step (profile default), session ${use.outputs["role-session-name"]}; fresh ID tokens until ${use.outputs["refreshable-until"]}\n`,
  );
  const { posts } = await finishClean(scene);
  expect(posts[0]?.log).toContain(`${ROLE}: profile default removed`);
});
