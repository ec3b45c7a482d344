import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type Clouds, startClouds } from "../harness/clouds/clouds.ts";
import { trustGitHub } from "../harness/clouds/trust.ts";
import { type Run, runEntry } from "./e2e/entry.ts";

// main as its own process, with nothing around it but the environment that each case gives: what it refuses,
// and what it has not yet done by then. What it does when all is well is in e2e/.

const ROLE = "arn:aws:iam::111122223333:role/deploy";

let clouds: Clouds;
let folder: string;
let environment: Record<string, string>;

beforeEach(async () => {
  clouds = await startClouds();
  clouds.sts.addRole({ arn: ROLE, trust: trustGitHub("111122223333", "repo:*") });
  folder = mkdtempSync(path.join(os.tmpdir(), "start test "));
  mkdirSync(path.join(folder, "temp"));
  environment = {
    PATH: process.env.PATH ?? "",
    HOME: path.join(folder, "home"),
    RUNNER_TEMP: path.join(folder, "temp"),
    GITHUB_RUN_ID: "1",
    GITHUB_RUN_ATTEMPT: "1",
    NODE_NO_WARNINGS: "1",
    AWS_ENDPOINT_URL_STS: clouds.sts.url,
    ...clouds.github.startJob().environment,
    "INPUT_ROLE-TO-ASSUME": ROLE,
    "INPUT_AWS-REGION": "eu-west-1",
  };
});

afterEach(async () => {
  await clouds.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs main; undefined takes a variable out. */
const main = (changes: Record<string, string | undefined> = {}, wrapper: string[] = []): Promise<Run> =>
  runEntry("main", { ...environment, ...changes }, path.join(folder, "commands"), wrapper);

/** Asserts that main refused before it did anything at all; its first line of error. */
function refused({ code, output, state, environment: exported, outputs }: Run): string {
  expect(code).toBe(1);
  expect([state, exported, outputs]).toEqual([{}, {}, {}]);
  expect(clouds.github.requests).toEqual([]);
  expect(readdirSync(path.join(folder, "temp"))).toEqual([]);
  expect(existsSync(path.join(folder, "home"))).toBe(false);
  const errors = output.split("\n").filter((line) => line.startsWith("::error::"));
  expect(errors).toHaveLength(1);
  const [message = "", more = ""] = (errors[0] ?? "")
    .slice("::error::".length)
    .replaceAll("%25", "%")
    .split("%0A");
  expect(more).toMatch(/^More: https:\/\/.*\/docs\/troubleshooting\.md#[a-z-]+$/);
  return message;
}

describe("main refuses before it does anything", () => {
  test.each<[string, Record<string, string | undefined>, string]>([
    [
      "an input that is missing",
      { "INPUT_ROLE-TO-ASSUME": undefined },
      'role-to-assume is missing or empty. Give the ARN of a role, such as arn:aws:iam::111122223333:role/deploy under "with:". An expression is empty if its secret or variable does not exist for this job (misspelled, defined in another environment, or not available to forks).',
    ],
    [
      "an input of white space",
      { "INPUT_AWS-REGION": " \n" },
      'aws-region is missing or empty. Give a region in lower case, such as eu-west-1 under "with:". An expression is empty if its secret or variable does not exist for this job (misspelled, defined in another environment, or not available to forks).',
    ],
    [
      "an input that adds a line",
      { "INPUT_ROLE-SESSION-NAME": "a\nrole_arn = b" },
      'role-session-name is "a\\nrole_arn = b". Allowed: 2 to 64 of the characters A-Z a-z 0-9 _ + = , . @ -. Leave it out to get a unique name.',
    ],
    [
      "an account that is not allowed",
      { "INPUT_ALLOWED-ACCOUNT-IDS": "444455556666" },
      `The role ${ROLE} is in account 111122223333, which allowed-account-ids (444455556666) does not list. Correct the ARN or the list.`,
    ],
    [
      "no RUNNER_TEMP",
      { RUNNER_TEMP: undefined },
      "RUNNER_TEMP is not set. The runner sets it; this action cannot run without it.",
    ],
    [
      "an endpoint that is no URL",
      { ACTIONS_ID_TOKEN_REQUEST_URL: "file:///etc/passwd" },
      "ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN must hold the URL and the token that the runner sets. Remove them from the workflow's env.",
    ],
    [
      "a request token that adds a header",
      { ACTIONS_ID_TOKEN_REQUEST_TOKEN: "x\r\nx-evil: y" },
      "ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN must hold the URL and the token that the runner sets. Remove them from the workflow's env.",
    ],
    [
      "a named profile that would lose to the environment",
      { INPUT_PROFILE: "prod", AWS_ROLE_ARN: "x", AWS_WEB_IDENTITY_TOKEN_FILE: "/x" },
      "AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE are set in this job. Most AWS SDKs prefer them to a profile chosen with AWS_PROFILE, so steps that choose " +
        'profile "prod" would silently run as another role. Remove them from the job or the runner, make all uses named ' +
        "if an earlier use of this action set mirror-environment, or leave out profile to make this role ambient.",
    ],
  ])("%s", async (_, changes, message) => {
    expect(refused(await main(changes))).toBe(message);
  });

  test.each(["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"])(
    "a job without %s, and says what to add",
    async (name) => {
      const run = await main({ [name]: undefined });
      refused(run);
      expect(run.output).toContain("id-token: write");
    },
  );
});

test("a RUNNER_TEMP that is not there is said, and nothing else is lost", async () => {
  const run = await main({ RUNNER_TEMP: path.join(folder, "no") });
  expect(run.code).toBe(1);
  expect(run.output).toContain(
    `${folder}/no/aws-role-refresh cannot be created: ENOENT. RUNNER_TEMP must exist and be writable.`,
  );
  expect(clouds.github.requests).toEqual([]);
});

test("the state for post is there before the first request is answered, and holds no secret", async () => {
  clouds.github.fault = () => ({ status: 404 });
  let state = "";
  const files = path.join(folder, "commands", "_runner_file_commands");
  clouds.github.fault = () => {
    const name = readdirSync(files).find((each) => each.startsWith("save_state"));
    state = readFileSync(path.join(files, name ?? ""), "utf8");
    return { claims: { exp: undefined } };
  };
  const run = await main();
  expect(run.code).toBe(1);
  expect(state).toMatch(/^use<</);
  expect(JSON.parse(run.state.use ?? "")).toEqual({
    root: `${folder}/temp/aws-role-refresh`,
    id: expect.stringMatching(/^[0-9a-f]{16}$/),
    summary: "auto",
    version: 1,
  });
});

test("two HTTP calls, one connection each, are all that main needs", async () => {
  const run = await main();
  expect([run.code, run.output.includes("::error::")]).toEqual([0, false]);
  expect(clouds.github.requests.map(({ connection }) => connection)).toEqual([1]);
  expect(clouds.sts.requests.map(({ connection, action }) => [connection, action])).toEqual([
    [1, "AssumeRoleWithWebIdentity"],
  ]);
  // The keeper ends with the directory that it works in: there is no post here.
  const use = JSON.parse(run.state.use ?? "") as { root: string };
  const [id = ""] = readdirSync(path.join(use.root, "tokens"));
  const { pid } = JSON.parse(readFileSync(path.join(use.root, "tokens", id, "status.json"), "utf8")) as {
    pid: number;
  };
  rmSync(use.root, { recursive: true });
  const deadline = performance.now() + 40_000;
  while (existsSync(`/proc/${pid}`) && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 50));
  expect(existsSync(`/proc/${pid}`)).toBe(false);
});

test("a disk that is full when the profile is written fails the step, and leaves nothing", async () => {
  // A limit on the size of files stands for it: the token and the log still fit, a user's large config file
  // does not.
  mkdirSync(path.join(folder, "home", ".aws"), { recursive: true });
  writeFileSync(path.join(folder, "home", ".aws", "config"), "# a long comment\n".repeat(20_000));
  const run = await main({}, ["bash", "-c", `ulimit -f 64; trap '' XFSZ; exec "$0" "$@"`]);
  expect(run.code).toBe(1);
  expect(run.output).toContain("EFBIG");
  expect(run.environment).toEqual({});
  expect(readdirSync(path.join(folder, "temp"))).toEqual([]);
});
