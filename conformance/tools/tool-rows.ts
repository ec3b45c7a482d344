/** Runs one tool in one job, under AWS's own names, for three sessions, and says how it went. */
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { type Clouds, startClouds } from "../../harness/clouds/clouds.ts";
import { trustGitHub, trustPrincipal } from "../../harness/clouds/trust.ts";
import { repository } from "../../harness/repository.ts";
import { createRunner, type StepResult } from "../../harness/runner/runner.ts";
import { describeLoop, isGood, type Loop, readLoop } from "./loops.ts";
import { BUCKET } from "./minio.ts";
import { type Names, REGION } from "./names.ts";
import { QUICK } from "./real.ts";
import type { RowResult } from "./results.ts";
import { isExpected, LOOP_SECONDS, MODES, type Mode, type Tool, type Verdict } from "./tools.ts";

/** A tool that still runs so long after its loop does not end by itself. */
const GRACE_MS = 60_000;

/** The role of every row, and the one that an assume_role block of Terraform's reaches through it. */
const ROLE = "arn:aws:iam::111122223333:role/deploy";
const SECOND_ROLE = "arn:aws:iam::222233334444:role/deploy-prod";

export interface ToolWorld {
  /** Whose GitHub MinIO trusts. */
  clouds: Clouds;
  names: Names;
  folder: string;
}

export interface ToolRow extends RowResult {
  tool: string;
  mode: Mode;
  version: string;
  verdict: Verdict;
  /** Exchanges at STS that the tool made itself; at our own STS, the action's as well. */
  exchanges: number;
  /** What it printed of what `shows` asks for. */
  log?: string[];
}

export async function runTool(tool: Tool, mode: Mode, world: ToolWorld): Promise<ToolRow> {
  const { names, folder } = world;
  const own = tool.isOnOurSts ? await startOurSts() : undefined;
  const clouds = own ?? world.clouds;
  const id = `${tool.name}-${mode}`;
  const root = tool.hasPlainPath ? { root: await mkdtemp(path.join(os.tmpdir(), "runner-")) } : {};
  const runner = await createRunner({
    ...root,
    environment: {
      PATH: process.env.PATH ?? "",
      NODE_NO_WARNINGS: "1",
      NODE_EXTRA_CA_CERTS: names.authority,
    },
  });
  // For `mktemp` in the scripts.
  const scratch = await mkdtemp(path.join(os.tmpdir(), "tool-"));
  const faults: string[] = [];
  try {
    const trusted = ["AWS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"];
    const cloudJob = clouds.github.startJob();
    const job = await runner.startJob({
      environment: {
        ...cloudJob.environment,
        ...Object.fromEntries(trusted.map((name) => [name, names.bundle])),
        BUCKET,
        PREFIX: id,
        TOOL: folder,
      },
    });
    const use = await job.use(repository(), {
      with: {
        "role-to-assume": ROLE,
        "aws-region": REGION,
        ...(own && { "sts-endpoint": own.sts.url }),
        ...MODES[mode].inputs,
      },
    });
    if (use.outcome !== "success") throw new Error(`${id}: the action failed:\n${use.log}`);
    const step = await job.run(tool.script, {
      env: { TMPDIR: scratch, ...(mode === "keys" && keysOf(use)) },
      timeoutMs: LOOP_SECONDS * 1000 + GRACE_MS,
    });
    const ofJob = names.stsCalls.filter(({ runId }) => runId === cloudJob.claims.run_id);
    const atOurs = own?.sts.requests.filter(({ action }) => action !== "GetCallerIdentity");
    const exchanges = (atOurs ?? ofJob.filter(({ userAgent }) => !isOurs(userAgent))).length;
    const chained = atOurs?.filter(({ action }) => action === "AssumeRole").length;
    const { verdict, text } = judge(tool, step);
    const { log, missing } = shown(tool, verdict, step);
    faults.push(...missing.map((each) => `its output has no line like ${each}`));
    const result = await job.finish();
    const posts = result.posts.filter(({ outcome }) => outcome !== "success");
    faults.push(...posts.map(({ log }) => `post failed:\n${log}`));
    const expected = tool.expected[mode];
    if (!isExpected(tool, mode, verdict)) faults.push(`${verdict}, expected ${expected}: ${text}`);
    return {
      id,
      title: `${tool.title} ${tool.version}, ${MODES[mode].title}`,
      facts: [
        `${verdict}: ${text}`,
        chained === undefined
          ? `${exchanges} exchanges of its own`
          : `${exchanges} exchanges, ${chained} of them AssumeRole`,
        ...log,
      ],
      faults,
      tool: tool.name,
      mode,
      version: tool.version,
      verdict,
      exchanges,
      ...(log.length > 0 && { log }),
    };
  } finally {
    await runner.close();
    await own?.close();
    await rm(scratch, { recursive: true, force: true });
    if (root.root !== undefined) await rm(root.root, { recursive: true, force: true });
  }
}

/** Sessions of the same length as those of MinIO. The second role trusts the first. */
async function startOurSts(): Promise<Clouds> {
  const { idTokenSeconds } = QUICK;
  const clouds = await startClouds({ idTokenSeconds, sessionSeconds: idTokenSeconds });
  clouds.sts.addRole({ arn: ROLE, trust: trustGitHub("111122223333", "*") });
  clouds.sts.addRole({ arn: SECOND_ROLE, trust: trustPrincipal(ROLE) });
  return clouds;
}

/** The lines that the tool must have printed, without frames, request ids and what follows them. */
function shown(
  { shows }: Tool,
  verdict: Verdict,
  { stdout, stderr }: StepResult,
): { log: string[]; missing: RegExp[] } {
  const lines = `${stdout}\n${stderr}`.split("\n").map((line) => line.replace(/^[│╷╵ ]+/, "").trimEnd());
  const found = (shows?.[verdict] ?? []).map((wanted) => ({
    wanted,
    line: lines.find((line) => wanted.test(line)),
  }));
  return {
    log: found.flatMap(({ line }) => line?.replace(/, RequestID:.*/, "") ?? []),
    missing: found.flatMap(({ wanted, line }) => (line === undefined ? wanted : [])),
  };
}

/** The keys of the first session, which the action gives as outputs. */
function keysOf({ outputs }: StepResult): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: outputs["aws-access-key-id"] ?? "",
    AWS_SECRET_ACCESS_KEY: outputs["aws-secret-access-key"] ?? "",
    AWS_SESSION_TOKEN: outputs["aws-session-token"] ?? "",
  };
}

/** The action's own exchanges: the bundle's SDK runs on no other program here. */
const isOurs = (userAgent: string): boolean => /aws-sdk-js\//.test(userAgent);

function judge(
  { isWhole }: Tool,
  { stdout, stderr, exitCode, signal, outcome }: StepResult,
): {
  verdict: Verdict;
  text: string;
} {
  const last = `${stderr}\n${stdout}`.trim().split("\n").slice(-6).join(" | ").slice(-600);
  const aborted = signal === "SIGABRT" || exitCode === 134;
  if (aborted)
    return { verdict: "aborts", text: stderr.trim().split("\n").slice(0, 2).join(" | ").slice(0, 300) };
  if (isWhole) {
    const isRight = exitCode === 0;
    const text = isRight ? "one process, exit code 0" : `exit code ${exitCode}: ${last}`;
    return { verdict: isRight ? "right" : "dies", text };
  }
  const loop = readLoop(stdout);
  const text = `${describeLoop(loop)}${loop.turns === 0 ? ` ${last}` : ""}`;
  return { verdict: verdictOf(loop, outcome), text };
}

function verdictOf(loop: Loop, outcome: StepResult["outcome"]): Verdict {
  if (loop.good === 0) return "fails";
  if (loop.good < loop.turns) return "dies";
  return isGood(loop) && outcome === "success" ? "right" : "hangs";
}
