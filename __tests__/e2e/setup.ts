/**
 * What every end-to-end test begins with: both clouds, a role, a machine with its runner, and a job of it.
 * All of it ends with the test.
 */
import { randomBytes } from "node:crypto";
import path from "node:path";
import { afterEach, expect } from "@jest/globals";
import { type Clouds, type CloudsOptions, startClouds } from "../../harness/clouds/clouds.ts";
import type { CloudJob } from "../../harness/clouds/github.ts";
import { trustGitHub } from "../../harness/clouds/trust.ts";
import { keepersOf, Stage } from "../../harness/machine/stage.ts";
import { repository } from "../../harness/repository.ts";
import { isAlive, type ProcessInfo, processesWith } from "../../harness/runner/processes.ts";
import {
  createRunner,
  type Job,
  type JobOptions,
  type JobResult,
  type Runner,
  type RunnerOptions,
  type StepResult,
} from "../../harness/runner/runner.ts";
import { waitFor } from "../../harness/wait.ts";
import type { CallLine } from "../../scripts/rehearsal/clients/call-loop.ts";

/** The checkout: what the action is used from. */
export const ACTION = repository();
/** The node that runs actions: ACTION_NODE, to try another one than that of the tests. */
export const NODE = process.env.ACTION_NODE ?? process.execPath;
export const ACCOUNT = "111122223333";
export const ROLE = `arn:aws:iam::${ACCOUNT}:role/team/deploy`;
export const WITH = { "role-to-assume": ROLE, "aws-region": "eu-west-1" };

export interface SceneOptions extends CloudsOptions {
  runner?: RunnerOptions;
  job?: JobOptions;
  /** Whether the job's environment says where STS is, as AWS_ENDPOINT_URL_STS. Default true. */
  stsInEnvironment?: boolean;
  /** Called before the job starts, when HOME is there. */
  before?: (runner: Runner, clouds: Clouds) => void;
}

export interface Scene {
  clouds: Clouds;
  runner: Runner;
  /** The job as GitHub knows it. */
  cloudJob: CloudJob;
  job: Job;
  /** The job directory. */
  root: string;
}

const stages: Stage[] = [];

afterEach(async () => {
  for (const stage of stages.splice(0)) await stage.close();
});

/** Makes ROLE, which trusts every job, and starts a job on a machine of its own. */
export async function startScene(options: SceneOptions = {}): Promise<Scene> {
  const { runner: runnerOptions, job: jobOptions, stsInEnvironment, before, ...cloudsOptions } = options;
  const grace = { cancelGraceMs: { interrupt: 5_000, terminate: 2_000 } };
  const clouds = await startClouds(cloudsOptions);
  const stage = new Stage(clouds, await createRunner({ ...grace, ...runnerOptions }));
  stages.push(stage);
  const { runner, root } = stage;
  addRole(clouds, ROLE);
  before?.(runner, clouds);
  const cloudJob = clouds.github.startJob();
  const job = await startJob({ clouds, runner, cloudJob }, jobOptions, stsInEnvironment);
  return { clouds, runner, cloudJob, job, root };
}

/** Starts a job of a scene's machine. */
export function startJob(
  { clouds, runner, cloudJob }: Pick<Scene, "clouds" | "runner" | "cloudJob">,
  options: JobOptions = {},
  stsInEnvironment = true,
): Promise<Job> {
  return runner.startJob({
    ...options,
    environment: {
      // The SDK's notice that it will end support for this Node.
      NODE_NO_WARNINGS: "1",
      ...cloudJob.environment,
      ...(stsInEnvironment && { AWS_ENDPOINT_URL_STS: clouds.sts.url }),
      ...options.environment,
    },
  });
}

export function addRole(clouds: Clouds, arn: string, audience?: string): void {
  const account = arn.split(":")[4] ?? "";
  clouds.sts.addRole({ arn, trust: trustGitHub(account, "repo:*", audience) });
  if (audience !== undefined) clouds.sts.providers.get(account)?.clientIds.push(audience);
}

/** An answer of STS with a session whose ARN is `arn`, of keys that nobody knows. */
export function sessionAnswer(arn: string): { status: number; body: string } {
  const key = (name: string) => `<${name}>${randomBytes(12).toString("hex")}</${name}>`;
  const keys = ["AccessKeyId", "SecretAccessKey", "SessionToken"].map(key).join("");
  const expiration = new Date(Date.now() + 3_600_000).toISOString();
  const result =
    `<AssumedRoleUser><Arn>${arn}</Arn><AssumedRoleId></AssumedRoleId></AssumedRoleUser>` +
    `<Credentials>${keys}<Expiration>${expiration}</Expiration></Credentials>`;
  const wrap = (name: string, text: string) => `<${name}>${text}</${name}>`;
  return {
    status: 200,
    body: wrap("AssumeRoleWithWebIdentityResponse", wrap("AssumeRoleWithWebIdentityResult", result)),
  };
}

/** The ARN of a session that a use made. */
export function sessionArn(use: StepResult, role = ROLE): string {
  return `arn:aws:sts::${role.split(":")[4]}:assumed-role/${role.split("/").at(-1)}/${use.outputs["role-session-name"]}`;
}

/** A program that prints what whoAmI returns. */
export const WHO_AM_I = `
  import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
  try { console.log((await new STSClient({}).send(new GetCallerIdentityCommand({}))).Arn); }
  catch (error) { console.log(error.name + ": " + error.message); }`;

/**
 * Who a step is to AWS: the ARN that the SDK's default credentials run as, or the error's name and message.
 */
export async function whoAmI(job: Job, env: Record<string, string> = {}): Promise<string> {
  const step = await job.run([NODE, "--input-type=module", "-e", WHO_AM_I], { cwd: ACTION, env });
  return step.stdout.trim();
}

/** A step in which one SDK client calls AWS every half second: how each of its calls went. */
export async function callFor(job: Job, seconds: number): Promise<CallLine[]> {
  const client = path.join(ACTION, "lib/scripts/rehearsal/clients/sdk-js.js");
  const { stdout } = await job.run([NODE, client, String(Date.now() + seconds * 1000), "500"]);
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as CallLine);
}

/** The calls that failed. */
export const failedCalls = (calls: CallLine[]): CallLine[] =>
  calls.filter(({ error }) => error !== undefined);

/**
 * A step that runs an action's post once more, as if the runner had done so: with the state that its main
 * left.
 */
export function postAgain(
  use: StepResult,
  entry = "post",
): [command: string[], options: { env: Record<string, string> }] {
  return [[NODE, path.join(ACTION, "dist", entry, "index.js")], { env: { STATE_use: use.state.use ?? "" } }];
}

/** Asserts that a use worked and returns it. */
export function worked(use: StepResult): StepResult {
  if (use.outcome !== "success")
    throw new Error(`${use.name} ended in ${use.outcome}:\n${use.log}\n${use.stderr}`);
  return use;
}

/** `waitFor` with the time that a busy machine needs. */
export function until<T>(what: string, look: () => T | undefined | false, limitMs = 30_000): Promise<T> {
  return waitFor(what, limitMs, look);
}

/** The keepers of a machine that run now. */
export const keepers = keepersOf;

/** Every process that a job of this machine started and that lives. */
export function processesOf(runner: Runner, job: Job): ProcessInfo[] {
  const ofTemp = processesWith("RUNNER_TEMP", (value) => value === runner.temp);
  const ofJob = processesWith("RUNNER_TRACKING_ID", (value) => value !== "" && value === job.trackingId);
  const byPid = new Map([...ofTemp, ...ofJob].map((one) => [one.pid, one]));
  return [...byPid.values()].filter(({ pid }) => isAlive(pid));
}

/** Ends the job and asserts that the action has left nothing: no file, no process, no word of trouble. */
export async function finishClean({ job, runner }: Scene): Promise<JobResult> {
  const result = await job.finish();
  for (const post of result.posts) {
    expect([post.outcome, post.stderr, post.annotations]).toEqual(["success", "", []]);
  }
  expectNothingLeft({ job, runner }, result);
  return result;
}

/**
 * Asserts that no file and no process of the action is left. What the runner had to end itself counts as
 * left.
 */
export function expectNothingLeft({ job, runner }: Pick<Scene, "job" | "runner">, result: JobResult): void {
  expect(result.orphans).toEqual([]);
  expect(result.tempLeft.before).toEqual([]);
  expect(processesOf(runner, job)).toEqual([]);
}
