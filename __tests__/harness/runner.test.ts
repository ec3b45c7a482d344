import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "@jest/globals";
import { isAlive, processesWith } from "../../harness/runner/processes.ts";
import {
  createRunner,
  type Job,
  type JobOptions,
  type Runner,
  type RunnerOptions,
  type StepResult,
} from "../../harness/runner/runner.ts";

const open: { runners: Runner[]; folders: string[] } = { runners: [], folders: [] };

afterEach(async () => {
  for (const runner of open.runners.splice(0)) await runner.close();
  for (const folder of open.folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

async function machine(options: RunnerOptions = {}): Promise<Runner> {
  const runner = await createRunner(options);
  open.runners.push(runner);
  return runner;
}

async function job(options: JobOptions = {}, runnerOptions: RunnerOptions = {}): Promise<Job> {
  return (await machine(runnerOptions)).startJob(options);
}

function folder(): string {
  const made = realpathSync(mkdtempSync(path.join(os.tmpdir(), "runner test ")));
  open.folders.push(made);
  return made;
}

/** Writes an action whose scripts are `main` and `post`, with helpers for what actions do. */
function action({
  main = "",
  post,
  postIf,
  inputs = "",
}: {
  main?: string;
  post?: string;
  postIf?: string;
  inputs?: string;
}): string {
  const directory = folder();
  const prelude = [
    `import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";`,
    `import { spawn } from "node:child_process";`,
    `const write = (variable, text) => appendFileSync(process.env[variable], text + "\\n");`,
    "",
  ].join("\n");
  mkdirSync(path.join(directory, "dist"));
  writeFileSync(path.join(directory, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(path.join(directory, "dist", "main.js"), prelude + main);
  if (post !== undefined) writeFileSync(path.join(directory, "dist", "post.js"), prelude + post);
  const lines = [
    "name: fixture",
    ...(inputs === "" ? [] : ["inputs:", inputs]),
    "runs:",
    "  using: node24",
    "  main: dist/main.js",
    ...(post === undefined ? [] : ["  post: dist/post.js"]),
    ...(postIf === undefined ? [] : [`  post-if: ${postIf}`]),
  ];
  writeFileSync(path.join(directory, "action.yml"), `${lines.join("\n")}\n`);
  return directory;
}

/** The environment that a step printed as JSON. */
const environmentIn = ({ stdout }: StepResult): Record<string, string> =>
  JSON.parse(stdout) as Record<string, string>;
const PRINT_ENVIRONMENT = [process.execPath, "-e", "console.log(JSON.stringify(process.env))"];
const GRACE = { interrupt: 1_000, terminate: 1_000 };

/** Waits, at most 20 s, until `condition` holds. */
async function until(condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 20_000; !condition(); ) {
    if (Date.now() > deadline) throw new Error(`not in time: ${condition}`);
    await sleep(20);
  }
}

test("inputs arrive upper-cased with underscores for spaces, defaults filled in, empty without one", async () => {
  const directory = action({
    main: "console.log(JSON.stringify(process.env))",
    inputs: [
      "  role-to-assume:",
      "    description: 'a # in quotes'",
      "    required: true",
      "  two words:",
      '    default: "d1" # said',
      "  plain:",
      "    default: false",
      "  silent:",
      "    description: >-",
      "      over two",
      "      lines: yes",
    ].join("\n"),
  });
  const running = await job();
  const environment = environmentIn(await running.use(directory, { with: { "Role-To-Assume": "r" } }));
  expect(environment).toMatchObject({
    "INPUT_ROLE-TO-ASSUME": "r",
    INPUT_TWO_WORDS: "d1",
    INPUT_PLAIN: "false",
    INPUT_SILENT: "",
  });
  const other = await running.use(directory, { with: { "a typo": "x", "another-one": "" } });
  expect(environmentIn(other)).toMatchObject({ INPUT_A_TYPO: "x", "INPUT_ANOTHER-ONE": "" });
  const valid = "'role-to-assume', 'two words', 'plain', 'silent'";
  const message = `Unexpected input(s) 'a typo', 'another-one', valid inputs are [${valid}]`;
  expect(other.annotations).toEqual([{ level: "warning", message }]);
  expect(other.log).toMatch(/^##\[warning\]Unexpected input/);
});

test("runs what action.yml names from a folder of its own, in which the checkout's node_modules are out of reach", async () => {
  const directory = action({ main: `await import("helper");` });
  mkdirSync(path.join(directory, "node_modules", "helper"), { recursive: true });
  writeFileSync(
    path.join(directory, "node_modules", "helper", "package.json"),
    JSON.stringify({ main: "index.js" }),
  );
  writeFileSync(path.join(directory, "node_modules", "helper", "index.js"), "");
  const result = await (await job()).use(directory);
  expect(result.outcome).toBe("failure");
  expect(result.stderr).toContain("Cannot find package 'helper'");
});

test("every path of the runner has a space in it", async () => {
  const running = await job();
  const environment = environmentIn(await running.run(PRINT_ENVIRONMENT));
  for (const name of ["HOME", "RUNNER_TEMP", "GITHUB_WORKSPACE", "GITHUB_ENV"])
    expect(environment[name]).toContain(" ");
});

test("steps get the GITHUB_* and RUNNER_* variables and a minimal environment of the runner", async () => {
  const secretName = "RUNNER_TEST_OF_THE_TEST_PROCESS";
  process.env[secretName] = "x";
  try {
    const running = await job({ name: "deploy", github: { GITHUB_RUN_ID: "7" } });
    const environment = environmentIn(await running.run(PRINT_ENVIRONMENT));
    expect(environment).toMatchObject({
      CI: "true",
      GITHUB_ACTIONS: "true",
      GITHUB_JOB: "deploy",
      GITHUB_RUN_ID: "7",
      RUNNER_OS: "Linux",
    });
    expect(environment[secretName]).toBeUndefined();
  } finally {
    delete process.env[secretName];
  }
});

test("environment layers: runner < job < GITHUB_ENV < step", async () => {
  const running = await job(
    { environment: { B: "job", C: "job", D: "job" } },
    { environment: { A: "runner", B: "runner" } },
  );
  await running.run(`printf 'C=file\\nD=file\\n' >> "$GITHUB_ENV"`);
  const environment = environmentIn(await running.run(PRINT_ENVIRONMENT, { env: { D: "step" } }));
  expect(environment).toMatchObject({ A: "runner", B: "job", C: "file", D: "step" });
  expect(running.environment).toMatchObject({ A: "runner", B: "job", C: "file", D: "file" });
});

test("GITHUB_* and RUNNER_* override every env", async () => {
  const running = await job({ environment: { GITHUB_REPOSITORY: "other/one" } });
  const environment = environmentIn(
    await running.run(PRINT_ENVIRONMENT, { env: { RUNNER_TEMP: "/nowhere" } }),
  );
  expect(environment.GITHUB_REPOSITORY).toBe("org/repository");
  expect(environment.RUNNER_TEMP).toContain("_temp");
});

test("the ID token variables of the server override every env, and the request token is masked", async () => {
  const running = await job({
    environment: { ACTIONS_ID_TOKEN_REQUEST_URL: "u", ACTIONS_ID_TOKEN_REQUEST_TOKEN: "server-sent" },
  });
  const result = await running.run("echo $ACTIONS_ID_TOKEN_REQUEST_TOKEN", {
    env: { ACTIONS_ID_TOKEN_REQUEST_TOKEN: "mine" },
  });
  expect(result.stdout).toBe("server-sent\n");
  expect(result.log).toBe("***\n");
});

test("a step's env holds for the action's post too", async () => {
  const running = await job();
  await running.use(action({ post: "console.log(process.env.MINE)" }), { env: { MINE: "kept" } });
  expect((await running.finish()).posts[0]?.stdout).toBe("kept\n");
});

test("GITHUB_ENV takes heredocs and empty values", async () => {
  const running = await job();
  const result = await running.run(`printf 'LONG<<END\\none=1\\n\\ntwo\\nEND\\nEMPTY=\\n' >> "$GITHUB_ENV"`);
  expect(result.exportedEnvironment).toEqual({ LONG: "one=1\n\ntwo", EMPTY: "" });
  expect(running.environment).toMatchObject({ LONG: "one=1\n\ntwo", EMPTY: "" });
});

test.each([
  ["no separator", "nonsense", "Invalid format 'nonsense'"],
  ["no name", "=value", "Name must not be empty"],
  ["no end of the heredoc", "A<<END\nvalue", "Matching delimiter not found 'END'"],
])("a malformed env file fails the step: %s", async (_, text, message) => {
  const running = await job();
  const result = await running.use(
    action({ main: `write("GITHUB_ENV", ${JSON.stringify(text)}); write("GITHUB_STATE", "a=1");` }),
  );
  expect(result).toMatchObject({ outcome: "failure", exitCode: 0, state: { a: "1" } });
  expect(result.annotations.map((annotation) => annotation.message).join("\n")).toContain(message);
  expect((await running.finish()).conclusion).toBe("failure");
});

test("NODE_OPTIONS is refused in GITHUB_ENV without failing the step", async () => {
  const running = await job();
  const result = await running.run(`printf 'node_options=--x\\nB=1\\n' >> "$GITHUB_ENV"`);
  expect(result.outcome).toBe("success");
  expect(result.annotations).toEqual([
    expect.objectContaining({ level: "error", message: expect.stringContaining("node_options") }),
  ]);
  expect(result.exportedEnvironment).toEqual({ B: "1" });
});

test("file commands count after a failure", async () => {
  const running = await job();
  const directory = action({
    main: `write("GITHUB_ENV", "A=1"); write("GITHUB_STATE", "s=2"); process.exit(1);`,
    post: "console.log(process.env.STATE_s)",
  });
  expect(await running.use(directory)).toMatchObject({ outcome: "failure", exitCode: 1 });
  expect(running.environment.A).toBe("1");
  expect((await running.finish()).posts[0]?.stdout).toBe("2\n");
});

test("outputs, summary and PATH", async () => {
  const running = await job();
  const result = await running.run(
    `echo name=value >> "$GITHUB_OUTPUT"; echo '# done' >> "$GITHUB_STEP_SUMMARY"; printf '/a b\\n/c\\n/a b\\n' >> "$GITHUB_PATH"`,
  );
  expect(result.outputs).toEqual({ name: "value" });
  expect(result.summary).toBe("# done\n");
  expect(running.environment.PATH).toMatch(/^\/a b:\/c:\/usr\//);
});

test("a summary of more than 1 MiB is dropped with an error, the step is not", async () => {
  const result = await (await job()).run(`head -c 1100000 /dev/zero | tr '\\0' x >> "$GITHUB_STEP_SUMMARY"`);
  expect(result).toMatchObject({ outcome: "success", summary: "" });
  expect(result.annotations[0]?.message).toContain("GITHUB_STEP_SUMMARY upload aborted");
});

test("posts run in reverse, and what one exports reaches the next", async () => {
  const running = await job();
  await running.use(action({ post: "console.log('first', process.env.LATE)" }));
  await running.use(action({ post: `console.log("second"); write("GITHUB_ENV", "LATE=yes")` }));
  const { posts, conclusion } = await running.finish();
  expect(posts.map(({ stdout }) => stdout)).toEqual(["second\n", "first yes\n"]);
  expect(conclusion).toBe("success");
});

test("a post is registered before main runs, has its state and inputs, and may fail the job", async () => {
  const running = await job();
  const directory = action({
    main: `write("GITHUB_STATE", "Mixed-Case=kept"); process.kill(process.pid, "SIGKILL");`,
    post: `console.log(process.env["STATE_Mixed-Case"], process.env.INPUT_A); process.exit(4);`,
    inputs: "  a:\n    default: given",
  });
  expect(await running.use(directory)).toMatchObject({
    outcome: "failure",
    exitCode: null,
    signal: "SIGKILL",
  });
  const { posts, conclusion } = await running.finish();
  expect(posts).toEqual([
    expect.objectContaining({ stdout: "kept given\n", outcome: "failure", exitCode: 4 }),
  ]);
  expect(conclusion).toBe("failure");
});

test("post-if is evaluated", async () => {
  const running = await job();
  await running.use(action({ post: `console.log("no")`, postIf: "failure()" }));
  await running.use(action({ post: `console.log("yes")`, postIf: "success()" }));
  expect((await running.finish()).posts.map(({ outcome }) => outcome)).toEqual(["success", "skipped"]);
});

test.each([
  ["set by the job", { SKIP: "true" }, {}, "skipped"],
  ["set by the step", {}, { SKIP: "true" }, "skipped"],
  ["not set", {}, {}, "success"],
])("post-if may look at a variable: %s", async (_, environment, env, outcome) => {
  const running = await job({ environment });
  await running.use(action({ post: "", postIf: "env.SKIP != 'true'" }), { env });
  expect((await running.finish()).posts[0]?.outcome).toBe(outcome);
});

test("workflow commands become masks, annotations, groups and debug lines", async () => {
  const script = [
    "echo 'before: hidden'",
    "echo '::add-mask::hidden'",
    "echo 'after: hidden and hi%0Aden'",
    "echo '::warning title=T%2C1::one%0Atwo hidden'",
    "echo '::notice::n' >&2",
    "echo '::error file=a.js,line=1::e'",
    "echo '::group::g'",
    "echo '::debug::unseen'",
    "echo '::endgroup::'",
    "echo '::no-such-command::x'",
  ].join("\n");
  const running = await job();
  const result = await running.run(script);
  expect(result.log.split("\n").sort()).toEqual(
    [
      "before: hidden",
      "after: *** and hi%0Aden",
      "##[warning]one",
      "two ***",
      "##[notice]n",
      "##[error]e",
      "##[group]g",
      "##[endgroup]",
      "::no-such-command::x",
      "",
    ].sort(),
  );
  expect(result.annotations).toEqual(
    expect.arrayContaining([
      { level: "warning", message: "one\ntwo ***", title: "T,1" },
      { level: "notice", message: "n" },
      { level: "error", message: "e" },
    ]),
  );
  expect(result.stdout).toContain("::add-mask::hidden");
  expect(running.masks).toEqual(["hidden"]);
  expect((await running.run("echo hidden")).log).toBe("***\n");
});

test("masks cover each line of a value and its encodings", async () => {
  const secret = 'line "one"?\nline "two"!';
  const running = await job();
  await running.run([
    process.execPath,
    "-e",
    `console.log("::add-mask::" + ${JSON.stringify(secret.replace("\n", "%0A"))})`,
  ]);
  const shown = [
    'line "two"!',
    encodeURIComponent('line "one"?'),
    JSON.stringify(secret),
    Buffer.from(`x${secret}`).toString("base64"),
  ];
  for (const text of shown) {
    const { log, stdout } = await running.run(
      [process.execPath, "-e", "process.stdin.pipe(process.stdout)"],
      { input: text },
    );
    expect(stdout).toBe(text);
    expect(log).toContain("***");
  }
});

test("RUNNER_DEBUG shows debug lines and is set for steps", async () => {
  const running = await job({ environment: { RUNNER_DEBUG: "1" } });
  expect((await running.run('echo "::debug::seen $RUNNER_DEBUG"')).log).toBe("##[debug]seen 1\n");
});

test("stop-commands holds commands back until its token", async () => {
  const running = await job();
  const result = await running.run(
    "echo ::stop-commands::t0ken; echo ::error::text; echo ::t0ken::; echo ::error::real",
  );
  expect(result.annotations).toEqual([{ level: "error", message: "real" }]);
  expect(result.log).toBe("::error::text\n::t0ken::\n##[error]real\n");
});

test("set-env is disabled and fails the step", async () => {
  const running = await job();
  expect((await running.run("echo '::set-env name=A::1'")).outcome).toBe("failure");
  expect(running.environment.A).toBeUndefined();
});

test("a run step fails at its first failing command and can read its input", async () => {
  const running = await job();
  const result = await running.run("cat; false; echo unreached", { input: "given" });
  expect(result).toMatchObject({ outcome: "failure", exitCode: 1, stdout: "given" });
  expect(result.annotations).toEqual([{ level: "error", message: "Process completed with exit code 1." }]);
});

test("a program that does not exist fails the step", async () => {
  const result = await (await job()).run(["/no/such/program"]);
  expect(result).toMatchObject({ outcome: "failure", exitCode: null });
  expect(result.annotations[0]?.message).toContain("ENOENT");
});

test("a child that keeps the pipes open holds the step for 5 s and can write on", async () => {
  const running = await job();
  const held = await running.run("(while sleep 0.1; do echo more; done) & echo $!");
  expect(held.outcome).toBe("success");
  expect(held.heldPipesMs).toBeGreaterThan(4_900);
  await sleep(1_000);
  expect(isAlive(Number.parseInt(held.stdout, 10))).toBe(true);
  const free = await running.run("sleep 1000 < /dev/null > /dev/null 2>&1 & echo $!");
  expect(free.heldPipesMs).toBeLessThan(4_900);
});

test("cancel sends SIGINT, then SIGTERM, then SIGKILL, to the step alone, and skips the rest but not the posts", async () => {
  const running = await job({}, { cancelGraceMs: GRACE });
  const directory = action({
    main: `
      const child = spawn(process.execPath, ["-e", "process.on('SIGINT', () => process.exit()); setInterval(() => {}, 1000)"], { stdio: "ignore" });
      for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => write("GITHUB_ENV", signal + "=" + Date.now()));
      write("GITHUB_STATE", "child=" + child.pid);
      child.on("spawn", () => console.log("ready"));
      setInterval(() => {}, 1000);`,
    post: "console.log(process.env.STATE_child)",
  });
  let ready = false;
  const main = running.use(directory, {
    onLine: (line) => {
      ready ||= line === "ready";
    },
  });
  await until(() => ready);
  await running.cancel();
  const result = await main;
  expect(result).toMatchObject({ outcome: "cancelled", signal: "SIGKILL" });
  const { SIGINT, SIGTERM } = result.exportedEnvironment;
  expect(Number(SIGTERM) - Number(SIGINT)).toBeGreaterThanOrEqual(GRACE.interrupt - 50);
  expect(isAlive(Number(result.state.child))).toBe(true);
  expect((await running.run("echo never")).outcome).toBe("skipped");
  const { posts, orphans, conclusion } = await running.finish();
  expect(posts.map(({ stdout }) => stdout)).toEqual([`${result.state.child}\n`]);
  expect(orphans.map(({ pid }) => pid)).toEqual([Number(result.state.child)]);
  expect(conclusion).toBe("cancelled");
});

test("a step that ends on SIGINT is not signalled again", async () => {
  const running = await job();
  const script =
    "process.on('SIGINT', () => process.exit(3)); setInterval(() => {}, 1000); console.log('ready')";
  let ready = false;
  const step = running.run([process.execPath, "-e", script], {
    onLine: () => {
      ready = true;
    },
  });
  await until(() => ready);
  await running.cancel();
  expect(await step).toMatchObject({ outcome: "cancelled", signal: null, exitCode: 3 });
});

test("a step beyond its timeout is ended and has failed", async () => {
  const running = await job({}, { cancelGraceMs: GRACE });
  const result = await running.run(["sleep", "1000"], { timeoutMs: 200 });
  expect(result).toMatchObject({ outcome: "failure", signal: "SIGINT" });
  expect(result.annotations[0]?.message).toContain("has timed out");
});

test("the orphan cleanup ends this job's processes and no others", async () => {
  const detached = "setsid sleep 1000 < /dev/null > /dev/null 2>&1 & echo $!";
  const running = await job();
  const own = Number((await running.run(detached)).stdout);
  const untracked = Number((await running.run(detached, { env: { RUNNER_TRACKING_ID: "" } })).stdout);
  const foreign = Number(
    (await running.run(detached, { env: { RUNNER_TRACKING_ID: "github_other" } })).stdout,
  );
  const { orphans } = await running.finish();
  expect(orphans).toEqual([{ pid: own, command: "sleep 1000" }]);
  expect([own, untracked, foreign].map(isAlive)).toEqual([false, true, true]);
});

test("without a tracking id there is no orphan cleanup", async () => {
  const running = await job({ trackingId: false });
  const { stdout } = await running.run(
    'sleep 1000 < /dev/null > /dev/null 2>&1 & echo $! "[$RUNNER_TRACKING_ID]"',
  );
  expect(stdout).toMatch(/ \[\]$/m);
  expect((await running.finish()).orphans).toEqual([]);
  expect(isAlive(Number.parseInt(stdout, 10))).toBe(true);
});

test("RUNNER_TEMP is empty at the start of a job and emptied at its end", async () => {
  const runner = await machine();
  const first = await runner.startJob();
  await first.run('mkdir "$RUNNER_TEMP/left"; touch "$RUNNER_TEMP/left/file"');
  await first.killWorker();
  expect(existsSync(path.join(runner.temp, "left", "file"))).toBe(true);
  const second = await runner.startJob();
  expect(existsSync(path.join(runner.temp, "left"))).toBe(false);
  await second.run('touch "$RUNNER_TEMP/more"');
  expect((await second.finish()).tempLeft).toEqual({ before: ["more"], after: [] });
  expect(readdirSync(runner.temp)).toEqual([]);
});

test("steps are children of a process named Runner.Worker", async () => {
  const running = await job();
  const { stdout } = await running.run(
    'echo "$PPID"; cat "/proc/$PPID/comm"; tr "\\0" "\\n" < "/proc/$PPID/cmdline" | head -1',
  );
  expect(stdout).toBe(`${running.workerPid}\nRunner.Worker\nRunner.Worker\n`);
});

test("a killed worker: the step lives on, nothing is ended or emptied, no post runs, and the next job can start", async () => {
  const runner = await machine();
  const running = await runner.startJob();
  const posted = path.join(folder(), "posted");
  await running.use(action({ post: `writeFileSync(${JSON.stringify(posted)}, "")` }));
  const step = running.run(["sleep", "1000"]);
  await until(() => running.runningPids.length === 1);
  const pid = running.runningPids[0] as number;
  await running.killWorker();
  expect(await step).toMatchObject({ outcome: "cancelled", exitCode: null });
  expect([isAlive(running.workerPid), isAlive(pid)]).toEqual([false, true]);
  await expect(running.finish()).rejects.toThrow("the job is over");
  const next = await runner.startJob();
  expect((await next.finish()).orphans).toEqual([]);
  expect([isAlive(pid), existsSync(posted)]).toEqual([true, false]);
});

test("a worker that dies by itself ends the job's steps, also those to come", async () => {
  const running = await job();
  await running.use(action({ post: "" }));
  const step = running.run(["sleep", "1000"]);
  await until(() => running.runningPids.length === 1);
  process.kill(running.workerPid, "SIGKILL");
  expect((await step).outcome).toBe("cancelled");
  expect((await running.run("echo next")).outcome).toBe("cancelled");
  expect((await running.finish()).posts.map(({ outcome }) => outcome)).toEqual(["cancelled"]);
});

test("shutdown: the running step is cancelled, posts are skipped, orphans ended, RUNNER_TEMP emptied", async () => {
  const running = await job({}, { cancelGraceMs: GRACE });
  await running.use(action({ post: `console.log("never")` }));
  const pid = Number(
    (await running.run('touch "$RUNNER_TEMP/left"; sleep 1000 < /dev/null > /dev/null 2>&1 & echo $!'))
      .stdout,
  );
  const step = running.run(["sleep", "1000"]);
  await until(() => running.runningPids.length === 1);
  const result = await running.shutdown();
  expect(await step).toMatchObject({ outcome: "cancelled" });
  expect(result).toMatchObject({
    conclusion: "cancelled",
    posts: [],
    tempLeft: { before: ["left"], after: [] },
  });
  expect(result.orphans.map((orphan) => orphan.pid)).toEqual([pid]);
});

test("background steps run at once, keep state at once, and export only from wait() on", async () => {
  const running = await job();
  const meeting = folder();
  const main = `
    write("GITHUB_ENV", "FROM_" + process.env.INPUT_ME + "=1");
    write("GITHUB_STATE", "me=" + process.env.INPUT_ME);
    writeFileSync(${JSON.stringify(meeting)} + "/" + process.env.INPUT_ME, "");
    while (!existsSync(${JSON.stringify(meeting)} + "/" + process.env.INPUT_OTHER)) await new Promise((resolve) => setTimeout(resolve, 20));`;
  const directory = action({ main, post: "console.log(process.env.STATE_me)", inputs: "  me:\n  other:" });
  const a = running.background.use(directory, { with: { me: "A", other: "B" } });
  const b = running.background.use(directory, { with: { me: "B", other: "A" } });
  expect(await a.result).toMatchObject({
    outcome: "success",
    state: { me: "A" },
    exportedEnvironment: { FROM_A: "1" },
  });
  await b.result;
  expect(running.environment.FROM_A).toBeUndefined();
  expect((await running.wait(a)).map(({ state }) => state)).toEqual([{ me: "A" }]);
  expect([running.environment.FROM_A, running.environment.FROM_B]).toEqual(["1", undefined]);
  const { posts } = await running.finish();
  expect(running.environment.FROM_B).toBe("1");
  expect(posts.map(({ stdout }) => stdout).sort()).toEqual(["A\n", "B\n"]);
});

test("a background step can be cancelled by itself", async () => {
  const running = await job({}, { cancelGraceMs: GRACE });
  const step = running.background.run(["sleep", "1000"]);
  expect(isAlive(await step.pid)).toBe(true);
  await step.cancel();
  expect(await step.result).toMatchObject({ outcome: "cancelled", signal: "SIGINT" });
  expect((await running.run("echo next")).outcome).toBe("success");
  expect((await running.finish()).conclusion).toBe("success");
});

test("only one step runs in the foreground, and only one job", async () => {
  const runner = await machine();
  const running = await runner.startJob();
  const step = running.run("sleep 0.2");
  expect(() => running.run("true")).toThrow("a step is running");
  await expect(runner.startJob()).rejects.toThrow("has a job already");
  await step;
});

test("close leaves no process and no folder", async () => {
  const runner = await machine();
  const running = await runner.startJob();
  const left = Number(
    (await running.run("env -u RUNNER_TRACKING_ID setsid sleep 1000 < /dev/null > /dev/null 2>&1 & echo $!"))
      .stdout,
  );
  const step = running.background.run(["sleep", "1000"]);
  const pids = [left, await step.pid, running.workerPid];
  await runner.close();
  expect(pids.map(isAlive)).toEqual([false, false, false]);
  expect(processesWith("RUNNER_TEMP", (value) => value === runner.temp)).toEqual([]);
  expect(existsSync(path.resolve(runner.temp, "../.."))).toBe(false);
});

test("a given root is kept", async () => {
  const root = folder();
  const runner = await createRunner({ root });
  await (await runner.startJob()).finish();
  await runner.close();
  expect(readdirSync(root).sort()).toEqual(["_work", "home"]);
});

test("the node that runs actions can be chosen", async () => {
  const root = folder();
  const node = path.join(root, "node");
  writeFileSync(node, '#!/bin/sh\necho "chosen: $1"\n', { mode: 0o755 });
  const running = await job({}, { node });
  expect((await running.use(action({}))).stdout).toMatch(/^chosen: .*\/dist\/main\.js\n$/);
});

test.each([
  ["a list", "runs:\n  using: node24\n  steps:\n    - run: x\n", "line 4"],
  ["a flow collection", "runs: { using: node24 }\n", "line 1"],
  ["an anchor", "name: &a x\n", "line 1"],
  ["a key given twice", "name: a\nname: b\n", "line 2"],
  ["a docker action", "runs:\n  using: docker\n  main: x\n", "docker is not run here"],
  ["a composite action", "runs:\n  using: composite\n", "not a JavaScript action"],
  ["a pre step", "runs:\n  using: node24\n  pre: x\n  main: x\n", "runs.pre"],
])("an action.yml that is not understood is refused: %s", async (_, text, message) => {
  const directory = folder();
  writeFileSync(path.join(directory, "action.yml"), text);
  await expect((await job()).use(directory)).rejects.toThrow(message);
});

test("much output arrives whole, in lines and characters", async () => {
  const script = "process.stdout.write('line\\n'.repeat(20000) + '\u20ac'.repeat(200000) + '\\n')";
  const { stdout, log } = await (await job()).run([process.execPath, "-e", script]);
  expect(stdout === `${"line\n".repeat(20_000)}${"\u20ac".repeat(200_000)}\n`).toBe(true);
  expect(log === stdout).toBe(true);
});
