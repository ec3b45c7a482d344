/**
 * The neighbourhood of a job: another action that exports keys, another action's post step, and the ways in which a step
 * changes its user or its environment. What each gets is a row, measured with boto3, the SDK for JavaScript and the AWS CLI.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { startClouds } from "../../harness/clouds/clouds.ts";
import { trustGitHub } from "../../harness/clouds/trust.ts";
import { repository } from "../../harness/repository.ts";
import { createRunner, type Job, type Runner, type StepResult } from "../../harness/runner/runner.ts";
import type { RowResult } from "./results.ts";

const ROLES = { ours: role("ours"), theirs: role("theirs"), second: role("second") };
type RoleName = keyof typeof ROLES;

function role(name: string): string {
  return `arn:aws:iam::111122223333:role/${name}`;
}

export interface NeighbourTools {
  python: string;
  js: string;
  /** A checkout of configure-aws-credentials, where there is one. */
  peer: string | undefined;
}

export interface Scene extends NeighbourTools {
  runner: Runner;
  job: Job;
  facts: string[];
  faults: string[];
  ours(name: RoleName, inputs?: Record<string, string>): Promise<StepResult>;
  theirs(name: RoleName): Promise<StepResult>;
  /** Another action, whose main and post look who they are; the file has a line for each. */
  recorder: { directory: string; file: string };
}

export interface NeighbourRow {
  id: string;
  title: string;
  needsPeer?: true;
  needsRoot?: true;
  run(scene: Scene): Promise<void>;
}

const WHO = {
  boto3: "python -c \"import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])\"",
  js: `${quote(process.execPath)} ${quote(path.join(repository(), "conformance/tools/programs/loop.mjs"))} sts 0.001 0`,
  cli: "aws sts get-caller-identity --query Arn --output text",
};

export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Which role each client runs as: the same for all, or one by one. "none" is a client that got no role. */
export async function whoAmI(
  job: Job,
  wrap: (command: string) => string,
  env: Record<string, string> = {},
): Promise<string> {
  const found: string[] = [];
  for (const [client, command] of Object.entries(WHO)) {
    const { stdout } = await job.run(wrap(command), { env });
    found.push(`${client} ${/assumed-role\/([\w-]+)\//.exec(stdout)?.[1] ?? "none"}`);
  }
  const names = new Set(found.map((each) => each.split(" ")[1]));
  return names.size === 1 ? ([...names][0] ?? "") : found.join(", ");
}

export async function mustBe(
  scene: Scene,
  wanted: string,
  wrap = (command: string) => command,
  env = {},
): Promise<void> {
  const found = await whoAmI(scene.job, wrap, env);
  scene.facts.push(`later steps: ${found}`);
  if (found !== wanted) scene.faults.push(`later steps are ${found}, not ${wanted}`);
}

export const warnings = ({ annotations }: StepResult): string[] =>
  annotations.filter(({ level }) => level === "warning").map(({ message }) => message.split("\n")[0] ?? "");

export async function runNeighbour(row: NeighbourRow, tools: NeighbourTools): Promise<RowResult> {
  const clouds = await startClouds();
  const folder = await mkdtemp(path.join(os.tmpdir(), "neighbour-"));
  const runner = await createRunner({
    environment: {
      PATH: `${path.join(tools.python, "venv", "bin")}:${path.dirname(process.execPath)}:${process.env.PATH}`,
      NODE_NO_WARNINGS: "1",
    },
  });
  const [facts, faults]: [string[], string[]] = [[], []];
  try {
    for (const arn of Object.values(ROLES))
      clouds.sts.addRole({ arn, trust: trustGitHub("111122223333", "repo:*") });
    const job = await runner.startJob({
      environment: {
        ...clouds.github.startJob().environment,
        AWS_ENDPOINT_URL_STS: clouds.sts.url,
        TOOLS_JS: tools.js,
      },
    });
    const use = async (action: string, name: RoleName, inputs: Record<string, string> = {}) => {
      const used = await job.use(action, {
        with: { "role-to-assume": ROLES[name], "aws-region": "eu-west-1", ...inputs },
      });
      if (used.outcome !== "success") faults.push(`${action} failed:\n${used.log}`);
      return used;
    };
    await row.run({
      ...tools,
      runner,
      job,
      facts,
      faults,
      ours: (name, inputs) => use(repository(), name, inputs),
      theirs: (name) => use(tools.peer ?? "", name),
      recorder: await makeRecorder(folder),
    });
    if (job.isOpen) await job.finish();
  } finally {
    await runner.close();
    await clouds.close();
    await rm(folder, { recursive: true, force: true });
  }
  return { id: row.id, title: row.title, facts, faults };
}

async function makeRecorder(folder: string): Promise<Scene["recorder"]> {
  const file = path.join(folder, "seen");
  const text = `import { execSync } from "node:child_process";
import { appendFileSync } from "node:fs";
let who = "none";
try { who = /assumed-role\\/([\\w-]+)\\//.exec(execSync(${JSON.stringify(WHO.js)}, { encoding: "utf8" }))?.[1] ?? "none"; } catch {}
appendFileSync(${JSON.stringify(file)}, who + "\\n");
`;
  const directory = path.join(folder, "recorder");
  await mkdir(directory);
  for (const name of ["main.mjs", "post.mjs"]) await writeFile(path.join(directory, name), text);
  await writeFile(
    path.join(directory, "action.yml"),
    "name: recorder\ndescription: looks who it is\nruns:\n  using: node24\n  main: main.mjs\n  post: post.mjs\n",
  );
  return { directory, file };
}
