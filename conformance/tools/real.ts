/** One job against MinIO as STS and S3, with the built action: what the rows in real-rows.ts are made of. */
import path from "node:path";
import type { Clouds } from "../../harness/clouds/clouds.ts";
import type { JobClaims } from "../../harness/clouds/github.ts";
import { repository } from "../../harness/repository.ts";
import { createRunner, type Job, type Runner, type StepResult } from "../../harness/runner/runner.ts";
import { describeLoop, isGood, type Loop, readLoop } from "./loops.ts";
import { BUCKET, type Minio, roleOf } from "./minio.ts";
import type { RowResult } from "./results.ts";

/** A session of MinIO lives as long as the ID token that it was made of, unless a duration is asked for. */
export const ID_TOKEN_SECONDS = 40;
/** Three sessions, one after another. */
export const LOOP_SECONDS = 3 * ID_TOKEN_SECONDS;
const SETUP_MS = 120_000;

export interface World {
  clouds: Clouds;
  minio: Minio;
  /** Folders of the Python environment and of the SDK for JavaScript. */
  python: string;
  js: string;
  /** How long the loops of a row last. */
  seconds: number;
}

export interface Scene {
  world: World;
  runner: Runner;
  job: Job;
  facts: string[];
  faults: string[];
  /** One use of the action against MinIO. */
  use(inputs?: Record<string, string>): Promise<StepResult>;
}

export interface Row {
  id: string;
  title: string;
  /** Of the job's ID tokens. */
  claims?: Partial<JobClaims>;
  run(scene: Scene): Promise<void>;
}

/** Runs one row. The job ends clean, or that is a fault. */
export async function runReal(row: Row, world: World): Promise<RowResult> {
  const { clouds, minio, js, python } = world;
  const runner = await createRunner({
    environment: {
      PATH: `${path.join(python, "venv", "bin")}:${path.dirname(process.execPath)}:${process.env.PATH}`,
      NODE_NO_WARNINGS: "1",
    },
  });
  const [facts, faults]: [string[], string[]] = [[], []];
  try {
    const job = await runner.startJob({
      environment: {
        ...clouds.github.startJob(row.claims).environment,
        AWS_ENDPOINT_URL_S3: minio.url,
        BUCKET,
        PREFIX: row.id,
        TOOLS_JS: js,
      },
    });
    const use = (inputs: Record<string, string> = {}) =>
      job.use(repository(), {
        with: {
          "role-to-assume": roleOf("sts.amazonaws.com"),
          "aws-region": "us-east-1",
          "sts-endpoint": minio.url,
          ...inputs,
        },
      });
    await row.run({ world, runner, job, facts, faults, use });
    const { posts, orphans, tempLeft } = await job.finish();
    for (const { outcome, log } of posts) if (outcome !== "success") faults.push(`post: ${outcome}\n${log}`);
    for (const { command } of orphans) faults.push(`left running: ${command}`);
    for (const file of tempLeft.before) faults.push(`left behind: ${file}`);
  } finally {
    await runner.close();
  }
  return { id: row.id, title: row.title, facts, faults };
}

const program = (name: string): string => path.join(repository(), "conformance", "tools", "programs", name);
const COMMAND_LOOP = path.join(repository(), "lib", "conformance", "tools", "command-loop.js");
/** Write, read and list, as three processes of the AWS CLI. */
const CLI_TURN = [
  'echo "$N" | aws s3 cp --quiet - "s3://$BUCKET/$PREFIX-cli/$N"',
  'test "$(aws s3 cp "s3://$BUCKET/$PREFIX-cli/$N" -)" = "$N"',
  'aws s3 ls "s3://$BUCKET/$PREFIX-cli/$N" > /dev/null',
].join("\n");

/** The loops that a row can run side by side. */
const LOOPS = {
  boto3: (seconds: string) => ["python", program("loop.py"), "boto3", seconds, "5"],
  js: (seconds: string) => [process.execPath, program("loop.mjs"), "s3", seconds, "5"],
  cli: (seconds: string) => [process.execPath, COMMAND_LOOP, seconds, "15", CLI_TURN],
};

/** Runs loops in background steps. Each must be good throughout, except where `mustFail`. */
export async function loop(
  { job, facts, faults, world: { seconds } }: Scene,
  names: (keyof typeof LOOPS)[],
  env: Record<string, string> = {},
  mustFail = false,
): Promise<Map<string, Loop>> {
  const steps = names.map((name) => ({
    name,
    step: job.background.run(LOOPS[name](String(seconds)), { env, timeoutMs: seconds * 1000 + SETUP_MS }),
  }));
  const loops = new Map<string, Loop>();
  for (const { name, step } of steps) {
    const { stdout, stderr } = await step.result;
    const found = readLoop(stdout);
    loops.set(name, found);
    facts.push(`${name}: ${describeLoop(found)}`);
    if (isGood(found) === mustFail) faults.push(`${name}: ${describeLoop(found)} ${stderr.slice(-500)}`);
  }
  await job.wait();
  return loops;
}

export function mustWork({ faults }: Scene, use: StepResult): StepResult {
  if (use.outcome !== "success") faults.push(`the action failed:\n${use.log}`);
  return use;
}

/** The action must refuse, with a text that matches. */
export function mustRefuse({ facts, faults }: Scene, use: StepResult, text: RegExp): void {
  const error = use.annotations.find(({ level }) => level === "error")?.message ?? use.log;
  facts.push(`refused: ${error.split("\n")[0]}`);
  if (use.outcome === "success" || !text.test(use.log)) faults.push(`not refused with ${text}:\n${use.log}`);
}

/** Whether a step may put, get and list: "+" for what worked. */
export async function rights({ job }: Scene, env: Record<string, string> = {}): Promise<string> {
  const commands = {
    put: 'echo x | aws s3 cp --quiet - "s3://$BUCKET/rights/$PREFIX"',
    get: 'aws s3 cp --quiet "s3://$BUCKET/rights/known" -',
    list: 'aws s3 ls "s3://$BUCKET/rights/"',
  };
  const found: string[] = [];
  for (const [name, command] of Object.entries(commands)) {
    const { outcome } = await job.run(command, { env });
    found.push(`${outcome === "success" ? "+" : "-"}${name}`);
  }
  return found.join(" ");
}

export async function mustHave(
  scene: Scene,
  wanted: string,
  env: Record<string, string> = {},
): Promise<void> {
  const found = await rights(scene, env);
  scene.facts.push(`rights: ${found}`);
  if (found !== wanted) scene.faults.push(`rights are ${found}, not ${wanted}`);
}
