// Surroundings that no good runner makes: a hostile umask, HOME and RUNNER_TEMP of every wrong kind, a folder
// that others may write to.
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  lstatSync,
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
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { runAlone } from "../../harness/machine/alone.ts";
import { canBeAnother, NOBODY, STRANGER, unless } from "../../harness/machine/means.ts";
import { INPUTS, Stage } from "../../harness/machine/stage.ts";
import { jobDirectory } from "../../src/base/layout.ts";
import { openJobDirectory } from "../../src/job/private-directory.ts";

const NOT_ROOT = "needs root";

let stage: Stage;
let folder: string;
beforeAll(async () => {
  stage = await Stage.start();
  folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), "surroundings ")));
  chmodSync(folder, 0o755);
});
afterAll(async () => {
  await stage.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Path and mode of everything in the job directory, sockets and locks of the moment aside. */
function modes(root: string): Record<string, string> {
  return Object.fromEntries(
    [".", ...readdirSync(root, { recursive: true, encoding: "utf8" })].map((entry) => {
      const stat = lstatSync(path.join(root, entry));
      return [entry, `${stat.isDirectory() ? "d" : "-"}${(stat.mode & 0o7777).toString(8)}`];
    }),
  );
}

describe("under a hostile umask nothing is open to others, and nothing closed to us", () => {
  test.each(["000", "777", "027"])("%s", async (umask) => {
    const hook = path.join(folder, `umask-${umask}.mjs`);
    writeFileSync(hook, `process.umask(0o${umask});\n`);
    const { job } = await stage.startJob();
    // The keeper has it from main.
    const main = await stage.use(job, {}, { NODE_OPTIONS: `--import="${hook}"` });
    expect({ outcome: main.outcome, log: main.log }).toEqual({ outcome: "success", log: main.log });
    const found = modes(stage.root);
    expect(Object.keys(found).length).toBeGreaterThan(8);
    expect(Object.entries(found).filter(([, mode]) => mode !== "d700" && mode !== "-600")).toEqual([]);
    expect((await job.finish()).tempLeft.before).toEqual([]);
  });
});

function errorsOf(stdout: string): string[] {
  return stdout.split("\n").filter((line) => line.startsWith("::error::"));
}

/** What the runner gives to main, at its least. */
function runnerEnvironment(temp: string): Record<string, string> {
  const inputs = Object.entries(INPUTS).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]);
  const { environment } = stage.clouds.github.startJob();
  return {
    ...Object.fromEntries(inputs),
    ...environment,
    AWS_ENDPOINT_URL_STS: stage.clouds.sts.url,
    HOME: folder,
    RUNNER_TEMP: temp,
  };
}

describe("RUNNER_TEMP", () => {
  test.each([
    { name: "missing", temp: undefined },
    { name: "empty", temp: "" },
    { name: "relative", temp: "temp" },
    { name: "with a newline", temp: "/tmp/a\n[default]\ncredential_process = x" },
    { name: "with a comment", temp: "/tmp/a #b" },
    { name: "with a variable", temp: "/tmp/$HOME" },
    { name: "not ASCII", temp: "/tmp/é" },
    { name: "not there", temp: "/tmp/not there/at all" },
    { name: "a file", temp: "/etc/hostname" },
  ])("$name: refused with a reason, before anything is asked for", async ({ name, temp }) => {
    const { RUNNER_TEMP: _, ...env } = runnerEnvironment("");
    const requests = stage.clouds.github.requests.length;
    const cwd = path.join(folder, `cwd of ${name}`);
    mkdirSync(cwd);
    const result = await runAlone({
      entry: "main",
      env: { ...env, ...(temp === undefined ? {} : { RUNNER_TEMP: temp }) },
      folder: path.join(folder, "files"),
      cwd,
    });
    expect(result.code).toBe(1);
    expect(errorsOf(result.stdout)).toEqual([expect.stringContaining("RUNNER_TEMP")]);
    expect(stage.clouds.github.requests.length).toBe(requests);
    expect(readdirSync(cwd)).toEqual([]);
    expect(result.exported).toEqual({});
    // Post has nothing to do, and says so.
    const post = await runAlone({
      entry: "post",
      env: { ...env, ...stateOf(result.state) },
      folder: path.join(folder, "files"),
    });
    expect(post).toMatchObject({ code: 0, stderr: "" });
  });

  (canBeAnother ? test : test.skip)(`not writable${unless(canBeAnother, NOT_ROOT)}`, async () => {
    const temp = path.join(folder, "closed");
    mkdirSync(temp, { mode: 0o755 });
    const result = await runAlone({
      entry: "main",
      env: runnerEnvironment(temp),
      folder: path.join(folder, "files"),
      uid: NOBODY,
    });
    expect(result.code).toBe(1);
    expect(result.stdout).toMatch(/::error::.*cannot be created: EACCES.*RUNNER_TEMP/);
  });
});

function stateOf(state: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(state).map(([name, value]) => [`STATE_${name}`, value]));
}

/** Main and post of one use, whose keeper must not outlive it. */
async function mainAndPost(env: Record<string, string>, uid?: number) {
  const files = path.join(folder, "files");
  const as = uid === undefined ? {} : { uid };
  const main = await runAlone({ entry: "main", env, folder: files, ...as });
  const post = await runAlone({
    entry: "post",
    env: { ...env, ...stateOf(main.state) },
    folder: files,
    ...as,
  });
  return { main, post };
}

describe("HOME", () => {
  const CASES: { name: string; home: string | undefined }[] = [
    { name: "missing", home: undefined },
    { name: "empty", home: "" },
    { name: "relative", home: "home" },
    { name: "with a newline", home: "/tmp/a\nb" },
    { name: "not there", home: "/nowhere/at/all" },
    { name: "/dev/null", home: "/dev/null" },
    { name: "not ASCII", home: "/tmp/é" },
  ];
  test.each(CASES)("$name: main works, and post leaves nothing", async ({ home }) => {
    const temp = mkdtempSync(path.join(folder, "temp "));
    const { HOME: _, ...env } = runnerEnvironment(temp);
    const { main, post } = await mainAndPost({ ...env, ...(home === undefined ? {} : { HOME: home }) });
    expect({ code: main.code, errors: errorsOf(main.stdout) }).toEqual({ code: 0, errors: [] });
    expect(main.exported.AWS_CONFIG_FILE).toBe(path.join(temp, "aws-role-refresh", "config"));
    expect(post.code).toBe(0);
    expect(post.stdout).not.toMatch(/^::(warning|error)::/m);
    expect(readdirSync(temp)).toEqual([]);
  });

  (canBeAnother ? test : test.skip)(
    `missing, of a user that the machine does not know${unless(canBeAnother, NOT_ROOT)}`,
    async () => {
      const temp = mkdtempSync(path.join(folder, "temp "));
      chmodSync(temp, 0o777);
      const { HOME: _, ...env } = runnerEnvironment(temp);
      const { main, post } = await mainAndPost(env, STRANGER);
      // No home, no AWS files of the user's: nothing to copy.
      expect({ code: main.code, errors: errorsOf(main.stdout) }).toEqual({ code: 0, errors: [] });
      expect(post.code).toBe(0);
      expect(readdirSync(temp)).toEqual([]);
    },
  );
});

/** Tries without end to be first, or to swap what is there, as another user. */
const ATTACKER = `
const fs = require("node:fs");
const [, root, aside] = process.argv;
const attempts = [
  () => fs.renameSync(root, aside),
  () => fs.mkdirSync(root, 0o777),
  () => fs.rmdirSync(root),
  () => fs.symlinkSync(aside, root),
  () => fs.unlinkSync(root),
  () => process.stdout.write(fs.readFileSync(root + "/config")),
];
const loop = () => {
  for (let i = 0; i < 200; i++) for (const attempt of attempts) { try { attempt(); } catch {} }
  setImmediate(loop);
};
loop();
`;

(canBeAnother ? describe : describe.skip)(
  `RUNNER_TEMP that everybody may write to, as /tmp${unless(canBeAnother, NOT_ROOT)}`,
  () => {
    let attacker: ChildProcess;
    let temp: string;
    beforeAll(() => {
      temp = path.join(folder, "shared");
      mkdirSync(temp);
      chmodSync(temp, 0o1777);
      const swap = [path.join(temp, "aws-role-refresh"), path.join(temp, "aside")];
      attacker = spawn(process.execPath, ["-e", ATTACKER, ...swap], {
        uid: NOBODY,
        gid: NOBODY,
        cwd: "/",
        stdio: ["ignore", "pipe", "ignore"],
      });
    });
    afterAll(() => {
      attacker.kill("SIGKILL");
    });

    test("another user swaps the job directory as fast as it can: ours, or refused, never its own", async () => {
      let stolen = "";
      attacker.stdout?.on("data", (chunk) => {
        stolen += chunk;
      });
      const root = path.join(temp, "aws-role-refresh");
      const outcomes = { ours: 0, refused: 0 };
      for (let round = 0; round < 150; round++) {
        await sleep(2);
        try {
          openJobDirectory(jobDirectory(root));
        } catch (error) {
          outcomes.refused += 1;
          expect(String(error)).toMatch(/is a symlink|is not a directory|belongs to another user|ENOENT/);
          continue;
        }
        // From here on it is ours, and stays so.
        outcomes.ours += 1;
        writeFileSync(path.join(root, "config"), "secret", { mode: 0o600 });
        expect(modes(root)).toEqual({
          ".": "d700",
          config: "-600",
          tokens: "d700",
          sessions: "d700",
          uses: "d700",
          finished: "d700",
        });
        expect(lstatSync(root).uid).toBe(process.getuid?.());
        rmSync(root, { recursive: true });
      }
      // Both of them were there, again and again.
      expect(outcomes.ours).toBeGreaterThan(2);
      expect(outcomes.refused).toBeGreaterThan(2);

      for (let round = 0; round < 2; round++) {
        const { main, post } = await mainAndPost(runnerEnvironment(temp));
        expect(post.code).toBe(0);
        if (main.code !== 0)
          expect(main.stdout).toMatch(/already exists and (is a symlink|belongs to another user)/);
      }
      expect(stolen).toBe("");
    }, 60_000);
  },
);
