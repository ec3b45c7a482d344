/**
 * The action against MinIO as STS and S3: what it accepts, what it refuses, and what it silently ignores. Each
 * row is a job of its own, with the built action.
 */
import { readdirSync, readFileSync } from "node:fs";
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

interface Scene {
  world: World;
  runner: Runner;
  job: Job;
  facts: string[];
  faults: string[];
  /** One use of the action against MinIO. */
  use(inputs?: Record<string, string>): Promise<StepResult>;
}

interface Row {
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
async function loop(
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

function mustWork({ faults }: Scene, use: StepResult): StepResult {
  if (use.outcome !== "success") faults.push(`the action failed:\n${use.log}`);
  return use;
}

/** The action must refuse, with a text that matches. */
function mustRefuse({ facts, faults }: Scene, use: StepResult, text: RegExp): void {
  const error = use.annotations.find(({ level }) => level === "error")?.message ?? use.log;
  facts.push(`refused: ${error.split("\n")[0]}`);
  if (use.outcome === "success" || !text.test(use.log)) faults.push(`not refused with ${text}:\n${use.log}`);
}

/** Whether a step may put, get and list: "+" for what worked. */
async function rights({ job }: Scene, env: Record<string, string> = {}): Promise<string> {
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

async function mustHave(scene: Scene, wanted: string, env: Record<string, string> = {}): Promise<void> {
  const found = await rights(scene, env);
  scene.facts.push(`rights: ${found}`);
  if (found !== wanted) scene.faults.push(`rights are ${found}, not ${wanted}`);
}

/** An object that every row may read. */
export async function prepare(world: World): Promise<RowResult> {
  return runReal(
    {
      id: "session",
      title: "one session: what MinIO answers",
      run: async (scene) => {
        const use = mustWork(scene, await scene.use());
        await scene.job.run('echo known | aws s3 cp --quiet - "s3://$BUCKET/rights/known"');
        await mustHave(scene, "+put +get +list");
        scene.facts.push(`assumed-role-arn: ${JSON.stringify(use.outputs["assumed-role-arn"])}`);
      },
    },
    world,
  );
}

const READ_POLICY = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: ["s3:GetObject", "s3:ListBucket"], Resource: ["arn:aws:s3:::*"] }],
});
const SHARED = { "shared-session": "true" };

/** How long the session in the job directory still lives, in seconds. */
function secondsLeft({ runner }: Scene): number {
  const folder = path.join(runner.temp, "aws-role-refresh", "sessions");
  const [id = ""] = readdirSync(folder);
  const { Expiration } = JSON.parse(readFileSync(path.join(folder, id, "session"), "utf8")) as {
    Expiration: string;
  };
  return Math.round((Date.parse(Expiration) - Date.now()) / 1000);
}

export const REAL_ROWS: Row[] = [
  {
    id: "web-identity",
    title: "the web identity profile, ambient",
    run: async (scene) => {
      mustWork(scene, await scene.use());
      for (const [name, { sessions }] of await loop(scene, ["boto3", "js", "cli"]))
        if (name !== "cli" && sessions.length < 3) scene.faults.push(`${name}: ${sessions.length} sessions`);
    },
  },
  {
    id: "web-identity-named",
    title: "the web identity profile, named",
    run: async (scene) => {
      mustWork(scene, await scene.use({ profile: "store" }));
      await loop(scene, ["boto3", "js", "cli"], { AWS_PROFILE: "store" });
    },
  },
  {
    id: "shared",
    title: "a shared session",
    run: async (scene) => {
      mustWork(scene, await scene.use(SHARED));
      for (const [name, { sessions }] of await loop(scene, ["boto3", "js", "cli"]))
        if (name !== "cli" && sessions.length < 3) scene.faults.push(`${name}: ${sessions.length} sessions`);
    },
  },
  {
    id: "shared-duration",
    title: "a shared session with role-duration-seconds: MinIO lets it outlive its ID token",
    run: async (scene) => {
      mustWork(scene, await scene.use({ ...SHARED, "role-duration-seconds": "900" }));
      const left = secondsLeft(scene);
      scene.facts.push(`${left} s of the session left, of an ID token of ${ID_TOKEN_SECONDS} s`);
      if (left < 800) scene.faults.push(`only ${left} s of the session left`);
      await loop(scene, ["boto3", "js", "cli"]);
    },
  },
  {
    id: "shared-policy",
    title: "a shared session with inline-session-policy: MinIO honours it",
    run: async (scene) => {
      mustWork(scene, await scene.use({ "inline-session-policy": READ_POLICY }));
      await mustHave(scene, "-put +get +list");
    },
  },
  {
    id: "managed-policies",
    title: "managed-session-policies: MinIO ignores them, so the session has all rights of the role",
    run: async (scene) => {
      const policy = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
      mustWork(scene, await scene.use({ "managed-session-policies": policy }));
      await mustHave(scene, "+put +get +list");
    },
  },
  {
    id: "read-only",
    title: "a role that may only read, for another audience",
    run: async (scene) => {
      const inputs = { "role-to-assume": roleOf("read.example"), audience: "read.example" };
      mustWork(scene, await scene.use(inputs));
      const found = await rights(scene);
      scene.facts.push(`rights: ${found}`);
      // MinIO's policy "readonly" has s3:GetObject and s3:GetBucketLocation.
      if (found !== "-put +get -list") scene.faults.push(`rights are ${found}`);
    },
  },
  {
    id: "wrong-audience",
    title: "an audience that MinIO does not know",
    run: async (scene) =>
      mustRefuse(scene, await scene.use({ audience: "nobody.example" }), /does not accept the audience/),
  },
  {
    id: "unknown-role",
    title: "a role that MinIO does not have",
    run: async (scene) =>
      mustRefuse(scene, await scene.use({ "role-to-assume": "arn:minio:iam:::role/none" }), /role\/none/),
  },
  {
    id: "stranger",
    title: "a job of another owner: MinIO's role policy checks issuer and audience, and not the repository",
    claims: { repository: "stranger/repository" },
    run: async (scene) => {
      mustWork(scene, await scene.use());
      await mustHave(scene, "+put +get +list");
    },
  },
  {
    id: "chain",
    title: "role-chaining: MinIO issues no session for a session",
    run: async (scene) => {
      mustWork(scene, await scene.use());
      const inputs = { "role-to-assume": roleOf("read.example"), "role-chaining": "true" };
      mustRefuse(scene, await scene.use(inputs), /AccessDenied/);
    },
  },
  {
    id: "outlive",
    title: "outlive-id-tokens: the same, and main says so at once",
    run: async (scene) =>
      mustRefuse(scene, await scene.use({ ...SHARED, "outlive-id-tokens": "true" }), /AccessDenied/),
  },
  {
    id: "keys-once",
    title: "control: keys exported once, which must fail",
    run: async (scene) => {
      const { outputs } = mustWork(scene, await scene.use({ "output-credentials": "true" }));
      const env = {
        AWS_ACCESS_KEY_ID: outputs["aws-access-key-id"] ?? "",
        AWS_SECRET_ACCESS_KEY: outputs["aws-secret-access-key"] ?? "",
        AWS_SESSION_TOKEN: outputs["aws-session-token"] ?? "",
      };
      await loop(scene, ["boto3", "js", "cli"], env, true);
    },
  },
];
