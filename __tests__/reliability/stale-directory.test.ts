// What a crashed job left in the place of the job directory: taken over with nothing of it trusted, or
// refused with a reason.
import {
  chmodSync,
  chownSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { canBeAnother, isRoot, NOBODY, unless } from "../../harness/machine/means.ts";
import { OtherUser } from "../../harness/machine/other-user.ts";
import { PATIENT, Stage } from "../../harness/machine/stage.ts";
import { isAlive } from "../../harness/runner/processes.ts";
import { waitFor } from "../../harness/wait.ts";

const NOT_ROOT = "needs root";

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.start();
});
afterAll(() => stage.close());

/** Every path in a folder with what can be seen of it. */
function snapshot(folder: string): string[] {
  return [".", ...readdirSync(folder, { recursive: true, encoding: "utf8" })].sort().map((entry) => {
    const { mode, uid, size, mtimeMs } = lstatSync(path.join(folder, entry));
    return `${entry} ${mode.toString(8)} ${uid} ${size} ${mtimeMs}`;
  });
}

test("of this user, its keeper still alive: the keeper is ended and nothing in there is believed", async () => {
  const crashed = await stage.startJob();
  await stage.use(crashed.job, { profile: "of-the-crashed-job" });
  const old = stage.status().pid;
  const kept = `${stage.runner.temp}-kept`;
  cpSync(stage.root, kept, { recursive: true });
  // As an attacker in the crashed job might have left it.
  const evil = "[default]\ncredential_process = touch /tmp/evil\n[profile evil]\nregion = evil-1\n";
  for (const name of ["config", "credentials"]) writeFileSync(path.join(kept, name), evil);
  writeFileSync(
    path.join(kept, "uses", "0123456789abcdef.json"),
    JSON.stringify({ id: "0123456789abcdef", profile: "default", section: evil }),
  );
  process.kill(old, "SIGSTOP");
  await crashed.job.killWorker();

  const { job } = await stage.startJob();
  // A runner whose emptying failed: https://github.com/actions/runner, TempDirectoryManager.cs goes on after
  // errors.
  cpSync(kept, stage.root, { recursive: true });
  chmodSync(stage.root, 0o700);
  process.kill(old, "SIGCONT");
  expect((await stage.use(job)).outcome).toBe("success");
  await waitFor("the end of the old keeper", 15_000, () => (isAlive(old) ? undefined : true));
  expect(readFileSync(path.join(stage.root, "config"), "utf8")).toMatch(/^\[default\]\nrole_arn = [^[]*$/);
  expect(readFileSync(path.join(stage.root, "credentials"), "utf8")).toBe("");
  expect(readdirSync(path.join(stage.root, "uses"))).toHaveLength(1);
  expect(stage.tokens()).toHaveLength(1);
  expect(stage.keepers()).toHaveLength(1);
  const { posts, tempLeft } = await job.finish();
  expect(posts[0]).toMatchObject({ outcome: "success", annotations: [] });
  expect(tempLeft.before).toEqual([]);
});

test("of a job that still runs: refused, and that job goes on", async () => {
  const { job } = await stage.startJob();
  expect((await stage.use(job)).outcome).toBe("success");
  const before = readFileSync(path.join(stage.root, "config"), "utf8");
  const { pid } = stage.status();
  // Another job, to which the machine's owner has given the same RUNNER_TEMP.
  const other = stage.clouds.github.startJob();
  const env = {
    ...other.environment,
    "INPUT_ROLE-TO-ASSUME": "arn:aws:iam::111122223333:role/another",
    "INPUT_AWS-REGION": "eu-west-1",
  };
  // By env(1), since the job's own variables come before those of a step.
  const run = (entry: string, more: Record<string, string> = {}) =>
    job.run([
      "env",
      ...Object.entries({ ...env, ...more }).map(([name, value]) => `${name}=${value}`),
      ...[process.execPath, path.join(stage.action, "dist", entry, "index.js")],
    ]);
  const main = await run("main");
  expect(main.outcome).toBe("failure");
  expect(main.annotations[0]?.message).toContain(
    `${stage.root} belongs to another job that is still running. Two jobs cannot share one RUNNER_TEMP`,
  );
  expect((await run("post", { STATE_use: main.state.use ?? "" })).outcome).toBe("success");
  expect(readFileSync(path.join(stage.root, "config"), "utf8")).toBe(before);
  expect(stage.keepers().map((keeper) => keeper.pid)).toEqual([pid]);
  const { posts, tempLeft } = await job.finish();
  expect(posts[0]).toMatchObject({ outcome: "success", annotations: [] });
  expect(tempLeft.before).toEqual([]);
});

describe("refused before GitHub or AWS is asked for anything, and left as it is", () => {
  const CASES: { name: string; make: (root: string) => void; reason: RegExp; root?: true }[] = [
    {
      name: "open to others",
      make: (root) => mkdirSync(root, { mode: 0o755 }),
      reason: /is open to other users \(mode 755\)/,
    },
    {
      name: "a symlink to a directory of this user",
      make: (root) => {
        mkdirSync(`${root}-target`, { mode: 0o700 });
        symlinkSync(`${root}-target`, root);
      },
      reason: /is a symlink/,
    },
    {
      name: "a symlink to nowhere",
      make: (root) => symlinkSync(`${root}-nowhere`, root),
      reason: /is a symlink/,
    },
    {
      name: "a file",
      make: (root) => writeFileSync(root, "x", { mode: 0o600 }),
      reason: /is not a directory/,
    },
    {
      name: "of another user",
      make: (root) => {
        mkdirSync(path.join(root, "tokens"), { recursive: true, mode: 0o700 });
        writeFileSync(path.join(root, "config"), "[default]\n");
        for (const entry of [root, path.join(root, "tokens"), path.join(root, "config")])
          chownSync(entry, NOBODY, NOBODY);
      },
      reason: /belongs to another user \(uid 65534\)/,
      root: true,
    },
  ];

  test.each(CASES.filter(({ root }) => isRoot || !root))("$name", async ({ make, reason }) => {
    const { job } = await stage.startJob();
    make(stage.root);
    const before = snapshot(stage.runner.temp).filter((line) => !/_runner_file_commands|^\. /.test(line));
    const requests = stage.clouds.github.requests.length;
    const { outcome, annotations } = await stage.use(job);
    expect(outcome).toBe("failure");
    expect(annotations).toHaveLength(1);
    expect(annotations[0]?.message).toMatch(reason);
    expect(annotations[0]?.message).toContain(stage.root);
    expect(stage.clouds.github.requests.length).toBe(requests);
    expect(snapshot(stage.runner.temp).filter((line) => !/_runner_file_commands|^\. /.test(line))).toEqual(
      before,
    );
    const { posts } = await job.finish();
    expect(posts[0]?.outcome).toBe("success");
    expect(stage.keepers()).toEqual([]);
  });

  (canBeAnother ? test : test.skip)(
    `root's, in a job of another user${unless(canBeAnother, NOT_ROOT)}`,
    async () => {
      const other = new OtherUser(NOBODY);
      try {
        const { root } = await other.start();
        mkdirSync(path.join(root, "tokens"), { recursive: true, mode: 0o700 });
        const before = snapshot(root);
        const { result, keepers, requests } = await other.use();
        expect(result.outcome).toBe("failure");
        expect(result.annotations[0]?.message).toMatch(/belongs to another user \(uid 0\)/);
        expect({ keepers, requests }).toEqual({ keepers: [], requests: 0 });
        expect(snapshot(root)).toEqual(before);
        chmodSync(root, 0o755); // for the runner, which lists what is left
        chmodSync(path.join(root, "tokens"), 0o755);
        expect((await other.finish()).outcome).toBe("success");
        expect(readdirSync(root)).toEqual(["tokens"]);
        rmSync(root, { recursive: true, ...PATIENT });
      } finally {
        await other.close();
      }
    },
  );
});
