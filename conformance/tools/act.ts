/**
 * A workflow under nektos/act, on this machine and without containers: a role, another one through it, and a
 * third through that, all of them used for longer than any of their sessions lives. MinIO has no chains (it
 * issues no session for a session), so the clouds on loopback are AWS here.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { startClouds } from "../../harness/clouds/clouds.ts";
import { trustGitHub, trustPrincipal } from "../../harness/clouds/trust.ts";
import { runUnderAct } from "../../harness/examples/act.ts";
import { repository } from "../../harness/repository.ts";
import { type ProcessInfo, processesWith } from "../../harness/runner/processes.ts";
import { describeLoop, isGood, readLoop } from "./loops.ts";
import type { RowResult } from "./results.ts";

const ROLES = [
  "arn:aws:iam::111122223333:role/deploy",
  "arn:aws:iam::444455556666:role/release",
  "arn:aws:iam::777788889999:role/audit",
] as const;
const ID_TOKEN_SECONDS = 10;
const SESSION_SECONDS = 20;
/** Every session ends at least three times. */
const LOOP_SECONDS = 3.5 * SESSION_SECONDS;
/** Bound on the whole run. */
const TIMEOUT_MS = (LOOP_SECONDS + 240) * 1000;
const CLIENTS = ["boto3", "js", "cli"] as const;

export interface ActTools {
  act: string;
  python: string;
  js: string;
}

/** One run of the workflow. `shared`: the last role as a shared session. */
export async function chainsUnderAct(tools: ActTools, shared: boolean): Promise<RowResult> {
  const out = mkdtempSync(path.join(os.tmpdir(), "tools-act-"));
  const clouds = await startClouds({ idTokenSeconds: ID_TOKEN_SECONDS, sessionSeconds: SESSION_SECONDS });
  try {
    clouds.sts.addRole({ arn: ROLES[0], trust: trustGitHub("111122223333", "repo:octo-org/octo-repo:*") });
    clouds.sts.addRole({ arn: ROLES[1], trust: trustPrincipal(ROLES[0]) });
    clouds.sts.addRole({ arn: ROLES[2], trust: trustPrincipal(ROLES[1]) });
    let left: ProcessInfo[] = [];
    const ran = await runUnderAct(clouds, {
      workflow: workflow(shared),
      act: tools.act,
      path: [path.join(tools.python, "venv", "bin")],
      env: {
        OUT: out,
        LOOP_SECONDS: String(LOOP_SECONDS),
        PROGRAMS: path.join(repository(), "conformance", "tools", "programs"),
        COMMAND_LOOP: path.join(repository(), "lib", "conformance", "tools", "command-loop.js"),
        TOOLS_JS: tools.js,
      },
      timeoutMs: TIMEOUT_MS,
      after: (work) => {
        left = processesWith("HOME", (home) => home === path.join(work, "..", "home"));
      },
    });
    const loops = CLIENTS.map((client) => ({ client, loop: readLoop(textOf(path.join(out, client))) }));
    const wanted = "arn:aws:sts::777788889999:assumed-role/audit/";
    const faults = [
      ...(ran.end === 0 ? [] : [`act ended with ${ran.end}:\n${ran.log.slice(-3000)}`]),
      ...loops
        .filter(({ loop }) => !isGood(loop))
        .map(({ client, loop }) => `${client}: ${describeLoop(loop)}`),
      ...loops.flatMap(({ client, loop }) =>
        loop.sessions.filter((arn) => !arn.startsWith(wanted)).map((arn) => `${client} ran as ${arn}`),
      ),
      ...left.map(({ command: line }) => `left running: ${line}`),
    ];
    const exchanges = ROLES.map((role) => clouds.sts.requests.filter((each) => each.role === role));
    const facts = [
      ...loops.map(({ client, loop }) => `${client}: ${describeLoop(loop)}`),
      `exchanges for each role of the chain: ${exchanges.map(({ length }) => length).join(", ")}`,
    ];
    return {
      id: shared ? "chain-shared" : "chain",
      title: TITLES[shared ? "shared" : "native"],
      facts,
      faults,
    };
  } finally {
    await clouds.close();
    rmSync(out, { recursive: true, force: true });
  }
}

const TITLES = {
  native: "three roles, each through the one before (role-chaining)",
  shared: "the same, with the last one as a shared session",
};

const textOf = (file: string): string => (existsSync(file) ? readFileSync(file, "utf8") : "");

function workflow(shared: boolean): string {
  const use = (role: string, ...inputs: string[]): string =>
    ["      - uses: org/aws-role-refresh@v1", "        with:"]
      .concat(
        [`role-to-assume: ${role}`, "aws-region: eu-west-1", ...inputs].map((line) => `          ${line}`),
      )
      .join("\n");
  return `on: push
permissions:
  id-token: write
jobs:
  chain:
    runs-on: ubuntu-latest
    steps:
${use(ROLES[0])}
${use(ROLES[1], "role-chaining: true")}
${use(ROLES[2], "role-chaining: true", ...(shared ? ["shared-session: true"] : []))}
      - run: |
          python "$PROGRAMS/loop.py" sts "$LOOP_SECONDS" 2 > "$OUT/boto3" &
          node "$PROGRAMS/loop.mjs" sts "$LOOP_SECONDS" 2 > "$OUT/js" &
          node "$COMMAND_LOOP" "$LOOP_SECONDS" 5 "aws sts get-caller-identity" > "$OUT/cli" &
          wait
`;
}
