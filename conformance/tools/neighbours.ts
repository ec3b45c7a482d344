/**
 * The neighbourhood of a job: another action that exports keys, another action's post step, and the ways in which a step
 * changes its user or its environment. What each gets is a row, measured with boto3, the SDK for JavaScript and the AWS CLI.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
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

interface Scene extends NeighbourTools {
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

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Which role each client runs as: the same for all, or one by one. "none" is a client that got no role. */
async function whoAmI(
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

async function mustBe(
  scene: Scene,
  wanted: string,
  wrap = (command: string) => command,
  env = {},
): Promise<void> {
  const found = await whoAmI(scene.job, wrap, env);
  scene.facts.push(`later steps: ${found}`);
  if (found !== wanted) scene.faults.push(`later steps are ${found}, not ${wanted}`);
}

const warnings = ({ annotations }: StepResult): string[] =>
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

const asItIs = (command: string): string => command;
const inEnvI = (command: string): string =>
  `env -i PATH="$PATH" TOOLS_JS="$TOOLS_JS" sh -c ${quote(command)}`;
const inEnvIWithFiles = (command: string): string =>
  `env -i PATH="$PATH" TOOLS_JS="$TOOLS_JS" AWS_ENDPOINT_URL_STS="$AWS_ENDPOINT_URL_STS" AWS_CONFIG_FILE="$AWS_CONFIG_FILE" ` +
  `AWS_SHARED_CREDENTIALS_FILE="$AWS_SHARED_CREDENTIALS_FILE" AWS_REGION="$AWS_REGION" sh -c ${quote(command)}`;
const inOtherHome = (command: string): string => `HOME=/nowhere ${command}`;
const asNobody = (command: string): string =>
  `setpriv --reuid 65534 --regid 65534 --clear-groups sh -c ${quote(command)}`;
/** What `docker run -v DIRECTORY:DIRECTORY:ro` and its -e flags give, without an engine: all else of RUNNER_TEMP is hidden. */
const inContainer = (command: string): string => {
  const script = [
    'd="$RUNNER_TEMP/aws-role-refresh"; keep="$(mktemp -d)"',
    'mount --bind "$d" "$keep" && mount -t tmpfs none "$RUNNER_TEMP" && mkdir "$d" && mount --bind "$keep" "$d"',
    'mount -o remount,bind,ro "$d"',
    `exec sh -c ${quote(inEnvIWithFiles(command))}`,
  ].join("\n");
  return `unshare -m sh -ec ${quote(script)}`;
};

const SESSIONS = { "web identity": {}, "a shared session": { "shared-session": "true" } };

function surroundings(
  id: string,
  title: string,
  wrap: (command: string) => string,
  wanted: string,
): NeighbourRow[] {
  return Object.entries(SESSIONS).map(([kind, inputs], index) => ({
    id: index === 0 ? id : `${id}-shared`,
    title: `${title}, with ${kind}`,
    needsRoot: true as const,
    run: async (scene) => {
      await scene.ours("ours", inputs);
      await mustBe(scene, wanted, wrap);
    },
  }));
}

export const NEIGHBOUR_ROWS: NeighbourRow[] = [
  {
    id: "peer-after",
    title: "configure-aws-credentials after this action: its keys win, and post reports it",
    needsPeer: true,
    run: async (scene) => {
      await scene.ours("ours");
      await scene.theirs("theirs");
      await mustBe(scene, "theirs");
      const { posts } = await scene.job.finish();
      const told = posts.flatMap(warnings);
      scene.facts.push(...told.map((text) => `post: ${text.slice(0, 200)}`));
      if (!told.some((text) => text.includes("AWS_ACCESS_KEY_ID")))
        scene.faults.push("post does not tell the user");
    },
  },
  {
    id: "peer-before",
    title: "configure-aws-credentials before this action: this role wins, and main warns",
    needsPeer: true,
    run: async (scene) => {
      await scene.theirs("theirs");
      const told = warnings(await scene.ours("ours"));
      scene.facts.push(...told.map((text) => `main: ${text.slice(0, 200)}`));
      if (!told.some((text) => text.includes("AWS_ACCESS_KEY_ID"))) scene.faults.push("main does not warn");
      await mustBe(scene, "ours");
      await scene.job.finish();
    },
  },
  {
    id: "peer-before-named",
    title: "the same with a named profile, which a step chooses with AWS_PROFILE",
    needsPeer: true,
    run: async (scene) => {
      await scene.theirs("theirs");
      const told = warnings(await scene.ours("ours", { profile: "deploy" }));
      scene.facts.push(...told.map((text) => `main: ${text.slice(0, 200)}`));
      const found = await whoAmI(scene.job, asItIs, { AWS_PROFILE: "deploy" });
      scene.facts.push(`with AWS_PROFILE: ${found}`, `without: ${await whoAmI(scene.job, asItIs)}`);
      await scene.job.finish();
    },
  },
  {
    id: "post-between",
    title: "another action between two uses: its post sees the role that its main saw",
    run: async (scene) => {
      await scene.ours("ours");
      await scene.job.use(scene.recorder.directory);
      await scene.ours("second");
      await mustBe(scene, "second");
      await scene.job.finish();
      await mustHaveSeen(scene, "ours ours");
    },
  },
  {
    id: "peer-post-between",
    title: "the same with configure-aws-credentials (its issue 474): the post sees another role",
    needsPeer: true,
    run: async (scene) => {
      await scene.theirs("ours");
      await scene.job.use(scene.recorder.directory);
      await scene.theirs("second");
      await scene.job.finish();
      await mustHaveSeen(scene, "ours none");
    },
  },
  ...surroundings("env-i", "env -i: finds nothing, and does not use another role", inEnvI, "none"),
  ...surroundings("env-i-files", "env -i with the files and the region", inEnvIWithFiles, "ours"),
  ...surroundings("home", "another HOME", inOtherHome, "ours"),
  ...surroundings("other-user", "another user (su, sudo -u): cannot read the files", asNobody, "none"),
  ...surroundings("container", "docker run as documented, in a mount namespace", inContainer, "ours"),
];

async function mustHaveSeen({ recorder, facts, faults }: Scene, wanted: string): Promise<void> {
  const seen = (await readFile(recorder.file, "utf8")).trim().split("\n").join(" ");
  facts.push(`main and post of the action between: ${seen}`);
  if (seen !== wanted) faults.push(`the action between saw ${seen}, not ${wanted}`);
}
