/** One job against MinIO as STS and S3, with the built action: what the rows in real-rows.ts are made of. */
import path from "node:path";
import type { Clouds } from "../../harness/clouds/clouds.ts";
import type { CloudJob, JobClaims } from "../../harness/clouds/github.ts";
import { repository } from "../../harness/repository.ts";
import { createRunner, type Job, type Runner, type StepResult } from "../../harness/runner/runner.ts";
import { describeLoop, isGood, type Loop, readLoop } from "./loops.ts";
import { BUCKET, type Minio, roleOf } from "./minio.ts";
import type { RowResult } from "./results.ts";
import { withRclone } from "./tools.ts";

/** How fast time goes. A session of MinIO lives as long as its ID token, unless a duration is asked for. */
export interface Pace {
  idTokenSeconds: number;
  /** How long the loops of a row last: three sessions, one after another. */
  seconds: number;
  /** From one turn to the next. */
  turnSeconds: number;
}

export const QUICK: Pace = { idTokenSeconds: 40, seconds: 120, turnSeconds: 5 };
/** GitHub's own ID tokens, for over ten minutes. */
export const REAL_TIME: Pace = { idTokenSeconds: 300, seconds: 660, turnSeconds: 10 };
const SETUP_MS = 120_000;

export interface World {
  clouds: Clouds;
  minio: Minio;
  /** Folders of the Python environment, of the SDK for JavaScript, of the program in Go, and of rclone. */
  python: string;
  js: string;
  go: string;
  rclone: string;
  pace: Pace;
}

export interface Scene {
  world: World;
  runner: Runner;
  job: Job;
  cloudJob: CloudJob;
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
  const { clouds, minio, js, python, go, rclone } = world;
  const runner = await createRunner({
    environment: {
      PATH: `${path.join(python, "venv", "bin")}:${path.dirname(process.execPath)}:${process.env.PATH}`,
      NODE_NO_WARNINGS: "1",
    },
  });
  const [facts, faults]: [string[], string[]] = [[], []];
  try {
    const cloudJob = clouds.github.startJob(row.claims);
    const job = await runner.startJob({
      environment: {
        ...cloudJob.environment,
        AWS_ENDPOINT_URL_S3: minio.url,
        BUCKET,
        PREFIX: row.id,
        TOOLS_JS: js,
        TOOLS_GO: go,
        TOOLS_RCLONE: rclone,
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
    await row.run({ world, runner, job, cloudJob, facts, faults, use });
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
  'echo "$N" | aws s3 cp --only-show-errors - "s3://$BUCKET/$PREFIX-cli/$N"',
  'test "$(aws s3 cp "s3://$BUCKET/$PREFIX-cli/$N" -)" = "$N"',
  'aws s3 ls "s3://$BUCKET/$PREFIX-cli/$N" > /dev/null',
].join("\n");

/** Write and read, in one process that is asked over a socket. It reads no AWS_ENDPOINT_URL_S3. */
const RCLONE_TURN = [
  'copy() { "$TOOLS_RCLONE/rclone" rc --unix-socket socket operations/copyfile "$@"; }',
  'echo "$N" > put',
  'copy srcFs="$PWD" srcRemote=put dstFs=":s3:$BUCKET" dstRemote="$PREFIX-rclone/$N"',
  'copy srcFs=":s3:$BUCKET" srcRemote="$PREFIX-rclone/$N" dstFs="$PWD" dstRemote=got',
  "cmp put got",
].join("\n");
const RCLONE = [
  "mkdir rclone && cd rclone",
  'export RCLONE_S3_PROVIDER=Minio RCLONE_S3_ENV_AUTH=true RCLONE_S3_ENDPOINT="$AWS_ENDPOINT_URL_S3"',
  withRclone("$TOOLS_RCLONE/rclone", '"$@"'),
].join("\n");

/** The loops that a row can run side by side. */
const LOOPS = {
  boto3: ({ seconds, turnSeconds }: Pace) => ["python", program("loop.py"), "boto3", seconds, turnSeconds],
  js: ({ seconds, turnSeconds }: Pace) => [process.execPath, program("loop.mjs"), "s3", seconds, turnSeconds],
  go: ({ seconds, turnSeconds }: Pace) => [
    "sh",
    "-c",
    'exec "$TOOLS_GO/client" "$@"',
    "sh",
    seconds,
    turnSeconds,
  ],
  cli: ({ seconds, turnSeconds }: Pace) => commands(seconds, 3 * turnSeconds, CLI_TURN),
  rclone: ({ seconds, turnSeconds }: Pace) => [
    "sh",
    "-c",
    RCLONE,
    "sh",
    ...commands(seconds, turnSeconds, RCLONE_TURN),
  ],
};
export type LoopName = keyof typeof LOOPS;
const CLIENTS = Object.keys(LOOPS) as LoopName[];

function commands(seconds: number, interval: number, turn: string): (string | number)[] {
  return [process.execPath, COMMAND_LOOP, seconds, interval, turn];
}

/** Runs every client's loop in background steps. Each must be good throughout, except where `mustFail`. */
export async function loop(
  { job, facts, faults, world: { pace } }: Scene,
  env: Record<string, string> = {},
  mustFail = false,
): Promise<Map<LoopName, Loop>> {
  const timeoutMs = pace.seconds * 1000 + SETUP_MS;
  const steps = CLIENTS.map((name) => ({
    name,
    step: job.background.run(LOOPS[name](pace).map(String), { env, timeoutMs }),
  }));
  const loops = new Map<LoopName, Loop>();
  for (const { name, step } of steps) {
    const { stdout, stderr } = await step.result;
    const found = readLoop(stdout);
    loops.set(name, found);
    facts.push(`${name}: ${describeLoop(found)}`);
    const isExpected = mustFail ? found.good < found.turns && found.done : isGood(found);
    if (!isExpected) faults.push(`${name}: ${describeLoop(found)} ${stderr.slice(-500)}`);
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
    put: 'echo x | aws s3 cp --only-show-errors - "s3://$BUCKET/rights/$PREFIX"',
    get: 'aws s3 cp --only-show-errors "s3://$BUCKET/rights/known" -',
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
