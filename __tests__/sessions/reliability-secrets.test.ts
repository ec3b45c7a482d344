// The keys of a shared session stand in one file, for as long as the use lasts, and nowhere else.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { expect, test } from "@jest/globals";
import { trustGitHub, trustPrincipal } from "../../harness/clouds/trust.ts";
import { unless } from "../../harness/machine/means.ts";
import { readTree } from "../../harness/machine/tree.ts";
import { processesWith } from "../../harness/runner/processes.ts";
import type { StepResult } from "../../harness/runner/runner.ts";
import {
  ACTION,
  finishClean,
  processesOf,
  ROLE,
  type Scene,
  sessionArn,
  startScene,
  until,
  WITH,
  whoAmI,
  worked,
} from "../e2e/setup.ts";

const SHARED = { ...WITH, "shared-session": "true" };
/** Of the job directory: the session's file, or one that is just being written. */
const SESSION_FILE = /^sessions\/[0-9a-f]{16}\/session(?:\.[0-9a-f]+\.tmp)?$/;

interface Keys {
  AccessKeyId: string;
  SecretAccessKey: string;
  SessionToken: string;
}

function sessionFile({ root }: Scene): string {
  const [id = ""] = readdirSync(path.join(root, "sessions"));
  return path.join(root, "sessions", id, "session");
}
const keysIn = (scene: Scene): Keys => JSON.parse(readFileSync(sessionFile(scene), "utf8")) as Keys;

/** Everything that a step printed or gave to the runner, less the masks. */
function producedBy({ stdout, ...step }: StepResult): string {
  const spoken = stdout.split("\n").filter((line) => !line.startsWith("::add-mask::"));
  return `${spoken.join("\n")}\n${JSON.stringify(step)}`;
}

/** Environment and command line of every process of the job. */
function processTexts({ runner, job }: Scene): Record<string, string> {
  const seen: Record<string, string> = {};
  for (const { pid, command } of processesOf(runner, job)) {
    for (const file of ["environ", "cmdline"]) {
      try {
        seen[`${file} of ${command}`] = readFileSync(`/proc/${pid}/${file}`, "latin1");
      } catch {
        // It has ended.
      }
    }
  }
  return seen;
}

/** Names the keys of any session, the first one's id included, that stand in a text. */
function found({ clouds }: Scene, ids: string[], text: string): string[] {
  const { sts, github } = clouds;
  return [...sts.findIssued(text), ...github.findIssued(text), ...ids.filter((id) => text.includes(id))];
}

test("no key in the environment, on a command line, in the log, in state, or in any file but the session's", async () => {
  const scene = await startScene({
    sessionSeconds: 20,
    job: { environment: { RUNNER_DEBUG: "1", ACTIONS_STEP_DEBUG: "true" } },
  });
  const { job, clouds, runner, root } = scene;
  const steps: StepResult[] = [];
  const seen: Record<string, string> = {};

  const use = worked(await job.use(ACTION, { with: { ...SHARED, summary: "always" } }));
  steps.push(use);
  const first = keysIn(scene);
  // Failures with words of their own.
  const faults = [{ error: "AccessDenied", message: "eyJ0aGlz.eyJub3Q.x" }, "html", "reset"] as const;
  clouds.sts.fault = () => faults[clouds.sts.requests.length % faults.length];
  steps.push(await job.use(ACTION, { with: { ...SHARED, profile: "other" } }));
  const { length } = clouds.sts.requests;
  await until("the keeper to fail", () => clouds.sts.requests.length >= length + 2);
  // While the process that makes a session runs, everything that it was given is looked at, too.
  clouds.sts.fault = () => ({ delayMs: 1_000 });
  const { length: failed } = clouds.sts.requests;
  await until("a renewal", () => clouds.sts.requests.length > failed);
  Object.assign(seen, processTexts(scene));
  expect(Object.keys(seen).filter((name) => name.includes("/renew/"))).toHaveLength(2);
  clouds.sts.fault = undefined;
  await until("another session", () => keysIn(scene).AccessKeyId !== first.AccessKeyId);
  steps.push(await job.run("env"));
  await whoAmI(job);
  const second = keysIn(scene);

  for (const [name, content] of Object.entries(readTree(root)))
    if (!SESSION_FILE.test(name)) seen[`file ${name}`] = content;
  expect(Object.keys(seen)).toEqual(
    expect.arrayContaining(["file config", expect.stringMatching(/^file sessions\/.*status\.json$/)]),
  );
  expect(statSync(sessionFile(scene)).mode & 0o777).toBe(0o600);
  expect(statSync(path.dirname(sessionFile(scene))).mode & 0o777).toBe(0o700);
  const variables = Object.entries(job.environment).filter(
    ([name]) => !name.startsWith("ACTIONS_ID_TOKEN_REQUEST_"),
  );
  seen["environment of later steps"] = JSON.stringify(variables);

  const result = await job.finish();
  expect(result.posts.map(({ outcome }) => outcome)).toEqual(["success", "success"]);
  expect(result.tempLeft.before).toEqual([]);
  for (const [name, content] of Object.entries(readTree(runner.home))) seen[`HOME/${name}`] = content;
  for (const [index, step] of [...steps, ...result.posts].entries()) {
    // A step that prints its environment prints the request token, which is not ours.
    const text = producedBy(step).replaceAll(job.environment.ACTIONS_ID_TOKEN_REQUEST_TOKEN ?? "-", "");
    seen[`${index}: ${step.name}, ${step.outcome}`] = text;
  }
  const ids = [first.AccessKeyId, second.AccessKeyId];
  expect(ids[0]).not.toBe(ids[1]);
  for (const [what, text] of Object.entries(seen))
    expect([what, found(scene, ids, text)]).toEqual([what, []]);

  // The keys of main's exchange are masked, each of them.
  for (const key of [first.AccessKeyId, first.SecretAccessKey, first.SessionToken])
    expect(job.masks.includes(key)).toBe(true);
}, 180_000);

test("a server that repeats the session it was sent: not in the status, and not in the log", async () => {
  // Long enough for main on a busy machine.
  const scene = await startScene({ sessionSeconds: 20, requestTokenSeconds: 30 });
  const { job, clouds } = scene;
  const own = [trustGitHub("111122223333", "repo:*"), trustPrincipal(ROLE)];
  clouds.sts.addRole({ arn: ROLE, trust: { Statement: own.flatMap(({ Statement }) => Statement) } });
  worked(await job.use(ACTION, { with: { ...SHARED, "outlive-id-tokens": "true", summary: "always" } }));
  // From now on the role assumes itself, with the session that is in the file.
  let repeated = 0;
  clouds.sts.fault = ({ action }) => {
    if (action !== "AssumeRole") return undefined;
    repeated += 1;
    const { AccessKeyId, SessionToken } = keysIn(scene);
    return { error: "AccessDenied", message: `denied to ${AccessKeyId} with ${SessionToken}` };
  };
  const status = path.join(path.dirname(sessionFile(scene)), "status.json");
  const said = await until(
    "a failure",
    () => {
      const text = readFileSync(status, "utf8");
      return repeated > 1 && text.includes("denied to") && text;
    },
    60_000,
  );
  const ids = [keysIn(scene).AccessKeyId];
  expect(found(scene, ids, said)).toEqual([]);
  const { posts } = await job.finish();
  expect(found(scene, ids, posts.map(producedBy).join())).toEqual([]);
}, 150_000);

test("a step that prints the session of main shows stars for each key", async () => {
  const scene = await startScene();
  const { job } = scene;
  worked(await job.use(ACTION, { with: SHARED }));
  const keys = keysIn(scene);
  const step = await job.run(["cat", sessionFile(scene)]);
  expect(step.stdout.includes(keys.SecretAccessKey)).toBe(true);
  // Compared here: a failure must not print the keys.
  const stars = /"AccessKeyId":"\*\*\*","SecretAccessKey":"\*\*\*","SessionToken":"\*\*\*"/;
  expect(stars.test(step.log)).toBe(true);
  await finishClean(scene);
});

test("output-credentials puts the keys into masked outputs, and still into no environment and no state", async () => {
  const scene = await startScene();
  const { job } = scene;
  const use = worked(await job.use(ACTION, { with: { ...SHARED, "output-credentials": "true" } }));
  const keys = keysIn(scene);
  expect(use.outputs["aws-session-token"] === keys.SessionToken).toBe(true);
  const elsewhere = JSON.stringify([use.state, use.exportedEnvironment, job.environment]);
  expect(scene.clouds.sts.findIssued(elsewhere)).toEqual([]);
  for (const key of [keys.AccessKeyId, keys.SecretAccessKey, keys.SessionToken])
    expect(job.masks.includes(key)).toBe(true);
  expect(processesWith("AWS_SECRET_ACCESS_KEY", (value) => value === keys.SecretAccessKey)).toEqual([]);
  await finishClean(scene);
});

/** Where the AWS CLI is, if it is one that knows AWS_ENDPOINT_URL_STS (1.29 and 2.13, July 2023). */
const cliPath = ((): string | undefined => {
  try {
    const version = execFileSync("aws", ["--version"], { encoding: "utf8", timeout: 60_000 });
    const [, major, minor] = /^aws-cli\/(\d+)\.(\d+)\./.exec(version) ?? [];
    return Number(minor) >= (major === "1" ? 29 : 13) ? process.env.PATH : undefined;
  } catch {
    return undefined;
  }
})();

(cliPath === undefined ? test.skip : test)(
  `the AWS CLI keeps nothing of a shared session on disk${unless(cliPath !== undefined, "needs the AWS CLI")}`,
  async () => {
    const scene = await startScene({ runner: { environment: { PATH: cliPath ?? "" } } });
    const { job, runner, clouds } = scene;
    const use = worked(await job.use(ACTION, { with: SHARED }));
    for (let call = 0; call < 2; call++) {
      const step = worked(await job.run("aws sts get-caller-identity --query Arn --output text"));
      expect(step.stdout.trim()).toBe(sessionArn(use));
    }
    // Neither before post, which would delete it, nor anywhere else in HOME.
    const cache = path.join(runner.home, ".aws", "cli", "cache");
    expect(existsSync(cache) ? readdirSync(cache).filter((name) => name.endsWith(".json")) : []).toEqual([]);
    expect(clouds.sts.findIssued(JSON.stringify(readTree(runner.home)))).toEqual([]);
    expect(clouds.sts.requests.filter(({ action }) => action.startsWith("AssumeRole"))).toHaveLength(1);
    await finishClean(scene);
  },
  120_000,
);
