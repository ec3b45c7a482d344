import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { processesWith } from "../../harness/runner/processes.ts";
import { waitFor } from "../../harness/wait.ts";

/** A rehearsal lasts 30 s at least; this is for a machine with much else to do. */
const LIMIT_MS = 150_000;

const folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), "rehearse test ")));
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children)
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/** Beside lib/scripts. */
const SUITE = "../conformance/suite.js";
const TOOLS = "../conformance/tools/suite.js";

interface Started {
  child: ChildProcess;
  /** Where it makes its temporary folders: empty again when it has ended well. */
  temp: string;
  output: { stdout: string; stderr: string };
  code: Promise<number | null>;
}

function start(script: string, parameters: string[], env: Record<string, string> = {}): Started {
  const temp = mkdtempSync(path.join(folder, "tmp "));
  const child = spawn(process.execPath, [path.resolve("lib/scripts", script), ...parameters], {
    env: { ...process.env, TMPDIR: temp, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (data: Buffer) => {
    output.stdout += data;
  });
  child.stderr.on("data", (data: Buffer) => {
    output.stderr += data;
  });
  return { child, temp, output, code: once(child, "close").then(([code]) => code as number | null) };
}

/** Processes of the jobs of a rehearsal that lived in `temp`. */
const processesOf = (temp: string) => processesWith("RUNNER_TEMP", (value) => value.startsWith(temp));

test(
  "the rehearsal holds its promise, and one whose action cannot start does not",
  async () => {
    const json = path.join(folder, "out", "rehearsal.json");
    const svg = path.join(folder, "out", "rehearsal.svg");
    const brokenNode = path.join(folder, "broken-node");
    writeFileSync(brokenNode, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    const held = start("rehearse.js", ["--seconds", "30", "--json", json, "--svg", svg]);
    const broken = start("rehearse.js", ["--seconds", "30", "--svg", path.join(folder, "broken.svg")], {
      ACTION_NODE: brokenNode,
    });

    expect([await held.code, held.output.stderr]).toEqual([0, ""]);
    const report = JSON.parse(readFileSync(json, "utf8"));
    const [keys, token, action] = report.jobs.map(
      ({ clients: [client] }: { clients: [{ calls: { error?: string }[] }] }) =>
        client.calls.map(({ error }) => error ?? "ok"),
    );
    expect([keys[0], keys.at(-1)]).toEqual(["ok", "ExpiredToken"]);
    // Its first call may come too late on a slow machine: the token lives 6 s.
    expect(token.at(-1)).toBe("ExpiredTokenException");
    expect(new Set(action)).toEqual(new Set(["ok"]));
    expect(report.jobs[2].tokens.length).toBeGreaterThan(30 / 6);
    expect(readFileSync(svg, "utf8")).toContain("no failure in");
    expect(held.output.stdout).toContain("the SDK renews it at nearly every call");
    expect(held.output.stdout).toMatch(/aws-role-refresh +AWS SDK for JS +\d+ +\d+ +\d+ +none +0/);
    expect([readdirSync(held.temp), processesOf(held.temp)]).toEqual([[], []]);

    expect(await broken.code).toBe(1);
    expect(broken.output.stderr).toContain("aws-role-refresh: the first step failed");
    expect([readdirSync(broken.temp), processesOf(broken.temp)]).toEqual([[], []]);
  },
  LIMIT_MS,
);

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s ends all that the rehearsal has started",
  async (signal) => {
    const rehearsal = start("rehearse.js", ["--svg", path.join(folder, `${signal}.svg`)]);
    await waitFor("a keeper", LIMIT_MS / 3, () =>
      processesOf(rehearsal.temp).some(({ command }) => command.includes("keeper")),
    );
    expect(processesOf(rehearsal.temp).length).toBeGreaterThan(1);
    rehearsal.child.kill(signal);
    expect(await rehearsal.code).toBe(128 + os.constants.signals[signal]);
    expect([readdirSync(rehearsal.temp), processesOf(rehearsal.temp)]).toEqual([[], []]);
    expect(existsSync(path.join(folder, `${signal}.svg`))).toBe(false);
  },
  LIMIT_MS,
);

test.each([
  ["rehearse.js", ["--seconds", "29"], "--seconds: a whole number of at least 30, not 29"],
  ["rehearse.js", ["--seconds", "soon"], "--seconds: a whole number"],
  ["rehearse.js", ["--with", "curl"], "--with: boto3 and aws are supported, not curl"],
  ["rehearse.js", ["--with", "boto3"], "--with: python3 with boto3 is not on this machine"],
  ["rehearse.js", ["--with", "aws"], "--with: the AWS CLI is not on this machine"],
  ["rehearse.js", ["--server", "aws"], "--server: clouds and minio are supported, not aws"],
  ["rehearse.js", ["--what"], "--what"],
  ["bench.js", ["--runs", "10"], "--runs: a whole number of at least 11, not 10"],
  ["bench.js", ["--peer-input", "a=b"], "--peer-input needs --peer"],
  ["bench.js", ["--peer", ".", "--peer-input", "nonsense"], "--peer-input: NAME=VALUE, not nonsense"],
  ["bench.js", ["--peer", "/nonexistent"], "--peer: /nonexistent has no action.yml"],
  [SUITE, ["--what"], "Unknown option '--what'"],
  [SUITE, ["--only", "go-v3"], "--only: there is no client go-v3"],
  [SUITE, ["--write", "--short"], "--write: only every client and row can be written"],
  [SUITE, ["--tools", "--only", "nosuch"], "--only: there is no part nosuch"],
  [TOOLS, ["--only", "nosuch"], "--only: there is no part nosuch"],
  [TOOLS, ["--seconds", "119"], "--seconds: a whole number of at least 120, not 119"],
  [TOOLS, ["--real-time", "--seconds", "659"], "--seconds: a whole number of at least 660, not 659"],
])("%s %j is refused with the usage", async (script, parameters, message) => {
  const { code, output } = start(script, parameters, { PATH: folder });
  expect(await code).toBe(2);
  expect(output.stderr).toContain(message);
  expect(output.stderr).toContain("usage: npm run");
  expect(output.stderr).not.toMatch(/^ +at /m);
});

test.each([
  [["--scenario", "9"], "nothing ran: there is no scenario 9\n"],
  [["--row", "nosuch"], "nothing ran: no row of scenarios 3, 4, 6 and 7 has nosuch in its id\n"],
  [["--only", "boto3"], "nothing ran: no client could be installed (is there a network?)\n"],
])("a suite that would run nothing fails with one line: %j", async (parameters, message) => {
  // Without a package manager in PATH nothing can be installed, as without a network.
  const { code, output } = start(SUITE, parameters, { PATH: folder, CONFORMANCE_CACHE: folder });
  expect([await code, output.stderr]).toEqual([1, message]);
});

test("a rehearsal with MinIO where it cannot be built fails with one line", async () => {
  const { code, output } = start("rehearse.js", ["--server", "minio"], { PATH: folder, TOOLS_CACHE: folder });
  expect(await code).toBe(1);
  expect(output.stderr).toMatch(
    /^--server minio: minio is not installed, and needs Go, to build it: go .+\n$/,
  );
});

test.each(["rehearse.js", "bench.js", "fleet.js", "soak.js", "processes.js", SUITE, TOOLS])(
  "%s --help prints the usage",
  async (script) => {
    const { code, output } = start(script, ["--help"]);
    expect(await code).toBe(0);
    expect(output.stdout).toContain("usage: npm run");
  },
);

test("the fleet writes the picture of the documents only when asked to", async () => {
  const documents = statSync("docs/reliability.svg").mtimeMs;
  const svg = path.join(folder, "fleet.svg");
  const { code, output } = start("fleet.js", ["--jobs", "10", "--svg", svg]);
  expect([await code, output.stdout]).toEqual([0, expect.stringContaining(`picture: ${svg}`)]);
  const inOut = start("fleet.js", ["--jobs", "10"]);
  expect([await inOut.code, inOut.output.stdout]).toEqual([0, expect.stringContaining("out/fleet.svg")]);
  expect(statSync("docs/reliability.svg").mtimeMs).toBe(documents);
});

test("a CLI that is too old for the clouds is refused", async () => {
  const bin = mkdtempSync(path.join(folder, "bin"));
  writeFileSync(path.join(bin, "aws"), "#!/bin/sh\necho 'aws-cli/2.9.19 Python/3.11.2'\n", { mode: 0o755 });
  const { code, output } = start("rehearse.js", ["--with", "aws"], { PATH: `${bin}:/usr/bin:/bin` });
  expect(await code).toBe(2);
  expect(output.stderr).toContain("the AWS CLI 2.9.19 does not support AWS_ENDPOINT_URL_STS");
});
