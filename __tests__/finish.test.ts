import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { canBeAnother, canMount, NOBODY } from "../harness/machine/means.ts";
import { writeRecord } from "../src/base/files.ts";
import { jobDirectory, tokenDirectory, tokenKeeper } from "../src/base/layout.ts";
import { identify } from "../src/base/process.ts";
import type { PublishedUse } from "../src/job/records.ts";
import { beginUse } from "../src/job/uses.ts";
import type { KeeperStatus } from "../src/keeper/status.ts";
import { type Run, runEntry } from "./e2e/entry.ts";

// post as its own process, after a main whose traces each case lays out itself.

let folder: string;
let root: string;
let environment: Record<string, string>;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "finish test "));
  mkdirSync(path.join(folder, "temp"));
  mkdirSync(path.join(folder, "home"));
  root = path.join(folder, "temp", "aws-role-refresh");
  environment = {
    HOME: path.join(folder, "home"),
    RUNNER_TEMP: path.join(folder, "temp"),
    PATH: process.env.PATH ?? "",
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: "this job's",
  };
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs post with the state of a use. */
const post = (id: string, changes: Record<string, string | undefined> = {}, summary = "auto"): Promise<Run> =>
  runEntry(
    "post",
    { ...environment, STATE_use: JSON.stringify({ version: 1, root, id, summary }), ...changes },
    path.join(folder, "commands"),
  );

/** What main saves: with `use` once it has published. */
const stateWith = (use?: PublishedUse): string =>
  JSON.stringify({ version: 1, root, id: "a", summary: "auto", use });

const AUDIENCE = "sts.amazonaws.com";
const REGION = { AWS_REGION: "eu-west-1" };
const filesIn = (where: string): Record<string, string> => ({
  AWS_CONFIG_FILE: `${where}/config`,
  AWS_SHARED_CREDENTIALS_FILE: `${where}/credentials`,
});

/** What main would have left of a use; `ambient` is what was set before it. */
async function began(
  id: string,
  profile = "default",
  ambient: Record<string, string> = {},
  exported: Record<string, string> = {},
): Promise<PublishedUse> {
  const encoded = [{ alg: "none" }, { exp: 2_000_000_000 }].map((part) =>
    Buffer.from(JSON.stringify(part)).toString("base64url"),
  );
  return beginUse(
    jobDirectory(root),
    {
      id,
      startedAt: Date.now(),
      profile,
      roleArn: "arn:aws:iam::111122223333:role/deploy",
      sessionName: `session-${id}`,
      audience: AUDIENCE,
      keepers: [tokenKeeper(AUDIENCE)],
      visible: {
        profile,
        region: "eu-west-1",
        stsEndpoint: undefined,
        identity: {
          roleArn: "arn:aws:iam::111122223333:role/deploy",
          sessionName: `session-${id}`,
          tokenFile: tokenDirectory(jobDirectory(root), AUDIENCE).secret,
        },
      },
      exported: { ...filesIn(root), ...REGION, ...exported },
      token: [...encoded, "x"].join("."),
    },
    "this job's",
    ambient,
    path.join(folder, "home"),
  );
}

/** The status of a keeper that has ended. */
function keeperEnded(changes: Partial<KeeperStatus> = {}): void {
  const now = Date.now();
  const status: KeeperStatus = {
    pid: 4_194_305,
    started: "1",
    startedAt: now - 60_000,
    tokenReceivedAt: now - 1_000,
    tokenExpiresAt: now + 299_000,
    lifetimeMs: 300_000,
    silentUntil: now - 1_000 + 170_000,
    refreshes: 1,
    failures: 0,
    longestAgeMs: 1_000,
    received: [now - 1_000],
    outages: [],
    stale: [],
    ended: { at: now, why: "stopped" },
    ...changes,
  };
  const directory = tokenDirectory(jobDirectory(root), AUDIENCE);
  writeRecord(directory.status, status);
  writeFileSync(directory.stop, "post\n"); // as by a post that was killed afterwards
}

const warnings = ({ output }: Run): string[] =>
  output.split("\n").filter((line) => line.startsWith("::warning::"));

describe("with nothing to do, post says so and no more", () => {
  test.each<[string, string | undefined]>([
    ["no state", undefined],
    ["an empty state", ""],
  ])("%s", async (_, state) => {
    expect(await post("a", { STATE_use: state })).toMatchObject({
      code: 0,
      output: "Nothing to clean up: the main step stopped before it wrote anything.\n",
      environment: {},
      summary: "",
    });
  });

  test("no job directory", async () => {
    expect(await post("a")).toMatchObject({
      code: 0,
      output: "Nothing to clean up.\n",
      environment: {},
      summary: "",
    });
  });

  test("no RUNNER_TEMP", async () => {
    rmSync(path.join(folder, "temp"), { recursive: true });
    expect(await post("a")).toMatchObject({ code: 0, output: "Nothing to clean up.\n" });
  });
});

describe("post never fails the job", () => {
  test.each(["{", "[]", "null", '"text"', "{}", '{"root":5,"id":null}'])(
    "whatever the state is: %j",
    async (state) => {
      const run = await post("a", { STATE_use: state });
      expect(run.code).toBe(0);
      expect(run.output).not.toContain("    at ");
    },
  );

  test.each<[string, () => void]>([
    ["a symlink", () => symlinkSync(path.join(folder, "home"), root)],
    ["a file", () => writeFileSync(root, "")],
  ])("and leaves alone what the action cannot have made: %s", async (_, plant) => {
    plant();
    const run = await post("a");
    expect(run.code).toBe(0);
    expect(warnings(run)).toHaveLength(1);
    expect(warnings(run)[0]).toContain("Could not remove the profile and the token: ");
    expect(existsSync(root)).toBe(true);
  });

  test("where a step has set STATE_use after a main that saved nothing: nothing of the user's is deleted", async () => {
    const precious = path.join(folder, "home", ".ssh");
    mkdirSync(path.join(precious, "uses"), { recursive: true, mode: 0o700 });
    const run = await post("a", {
      STATE_use: JSON.stringify({ version: 1, root: precious, id: "a", summary: "auto" }),
    });
    expect(run.code).toBe(0);
    expect(run.output).toContain(
      "Could not read the state: STATE_use does not name the job directory of this job",
    );
    expect(run.output).not.toContain("Nothing to clean up");
    expect(readdirSync(precious)).toEqual(["uses"]);
  });

  test("where the runner's file for variables is gone", async () => {
    await began("a");
    const run = await post("a", { ...filesIn(root), ...REGION, GITHUB_ENV: path.join(folder, "no") });
    expect(run.code).toBe(0);
    expect(warnings(run).join()).toContain("Could not restore the environment: ");
    // One part that fails does not stop the others.
    expect(readdirSync(path.join(folder, "temp"))).toEqual([]);
  });

  test("where the user's cache of the AWS CLI is not to be read", async () => {
    mkdirSync(path.join(folder, "home", ".aws", "cli"), { recursive: true });
    writeFileSync(path.join(folder, "home", ".aws", "cli", "cache"), "");
    await began("a");
    const run = await post("a");
    expect([run.code, warnings(run)]).toEqual([0, []]);
  });
});

describe("post takes the secret first", () => {
  const AMBIENT = { ...filesIn("/mine"), AWS_ACCESS_KEY_ID: "not-a-key" };
  const EXPORTED = { AWS_ACCESS_KEY_ID: "" };
  const tokenFile = () => tokenDirectory(jobDirectory(root), AUDIENCE).secret;

  test("where a step has opened the directory: nothing in it is believed, and everything else is done", async () => {
    const use = await began("a", "default", AMBIENT, EXPORTED);
    execFileSync("chmod", ["-R", "a+rwX", path.join(folder, "temp")]);
    const run = await post("a", { ...filesIn(root), ...REGION, ...EXPORTED, STATE_use: stateWith(use) });
    expect(run.code).toBe(0);
    expect(readdirSync(path.join(folder, "temp"))).toEqual([]);
    expect(warnings(run)).toEqual([
      "::warning::Could not use the records of the job directory, because it is open to other users (mode 777). Post deletes the directory",
    ]);
    expect(run.environment).toEqual(AMBIENT);
    expect(run.output).not.toContain("Nothing to clean up");
  });

  // As another user, since permissions do not stop root.
  (canBeAnother ? test : test.skip).each([0o000, 0o500, 0o100])(
    "where a step has taken our own permissions away: mode %o",
    async (mode) => {
      await began("a");
      execFileSync("chown", ["-R", `${NOBODY}:${NOBODY}`, folder]);
      chmodSync(folder, 0o755);
      for (const name of ["tokens", "uses", ""]) chmodSync(path.join(root, name), mode);
      const run = await runEntry("post", { ...environment, STATE_use: stateWith() }, `${folder}-commands`, [
        ...["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"],
      ]);
      rmSync(`${folder}-commands`, { recursive: true });
      expect([run.code, warnings(run)]).toEqual([0, []]);
      expect(run.output).toContain("profile default removed");
      expect(readdirSync(path.join(folder, "temp"))).toEqual([]);
    },
  );

  test("where another process hangs with the lock", async () => {
    await began("a");
    const { started } = identify(process.pid);
    writeFileSync(path.join(root, `lock.${process.pid}.${started}.0123456789ab`), "");
    const run = await post("a", { ...filesIn(root), ...REGION });
    expect(run.code).toBe(0);
    expect(warnings(run)).toEqual([
      `::warning::Could not lock the job directory: Another use of this action has kept ${root} locked for 12 s. Run the job again.`,
    ]);
    expect(readdirSync(path.join(folder, "temp"))).toEqual([]);
  }, 30_000);

  (canMount ? test : test.skip).each([
    ["blocks", "size=128k", 'cat /dev/zero > "$1/filler"', []],
    [
      "inodes",
      "size=1m,nr_inodes=40",
      'for i in $(seq 50); do : > "$1/filler$i"; done',
      ["Could not lock the job directory: ENOSPC: no space left on device"],
    ],
  ])("where the disk has no %s left", async (_, options, fill, said) => {
    await began("a", "default", AMBIENT, EXPORTED);
    const temp = path.join(folder, "temp");
    const listing = path.join(folder, "listing");
    const script = `mv "$1" "$1-aside" && mkdir "$1" && mount -t tmpfs -o ${options},mode=700 tmpfs "$1" &&
      cp -a "$1-aside/." "$1" && { (${fill}) 2>&1 || true; } && shift 1 &&
      list="$1" && shift 1 && "$@"; code=$?; find "$RUNNER_TEMP" -mindepth 1 > "$list"; exit $code`;
    const run = await runEntry(
      "post",
      { ...environment, ...filesIn(root), ...REGION, ...EXPORTED, STATE_use: stateWith() },
      path.join(folder, "commands"),
      ["unshare", "-m", "sh", "-c", script, "sh", temp, listing],
    );
    expect(run.code).toBe(0);
    expect(warnings(run).map((line) => line.slice("::warning::".length).split(",")[0])).toEqual(said);
    expect(run.output).toContain("profile default removed");
    expect(run.environment).toEqual(AMBIENT);
    expect(readFileSync(listing, "utf8")).not.toContain("aws-role-refresh");
  });

  test("where the job directory of another user's making cannot be ours, it is left", async () => {
    if (process.getuid?.() !== 0) return;
    mkdirSync(root, { mode: 0o700 });
    chownSync(root, NOBODY, NOBODY);
    const run = await post("a");
    expect(warnings(run)[0]).toContain(
      `${root} belongs to another user (uid ${NOBODY}), because another program replaced the job directory`,
    );
    expect(existsSync(root)).toBe(true);
  });

  test("and deletes no name in the job directory through a record: an id is a hexadecimal number", async () => {
    mkdirSync(path.join(folder, "mine"));
    await began("a");
    const file = path.join(root, "uses", "a.json");
    writeFileSync(
      file,
      JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), audience: "../../../mine" }),
    );
    await post("a");
    expect(existsSync(path.join(folder, "mine"))).toBe(true);
    expect(existsSync(tokenFile())).toBe(false);
  });
});

describe("what should be there and is not", () => {
  test("is a warning, if main had published and nobody has cleaned up", async () => {
    const use = await began("a", "default", { ...filesIn("/mine") });
    rmSync(root, { recursive: true });
    const run = await post("a", { ...filesIn(root), ...REGION, STATE_use: stateWith(use) });
    expect(run.code).toBe(0);
    expect(warnings(run)).toHaveLength(1);
    expect(warnings(run)[0]).toContain(`${root}, or what main recorded in it, is gone: a step removed it`);
    expect(run.output).not.toContain("Nothing to clean up");
    // The state has what the record had.
    expect(run.environment).toEqual(filesIn("/mine"));
  });

  test("is nothing, if main failed or post ran before", async () => {
    const use = await began("a");
    rmSync(root, { recursive: true });
    expect((await post("a", { ...REGION, STATE_use: stateWith(use) })).output).toBe("Nothing to clean up.\n");
    expect((await post("a", { ...filesIn(root), ...REGION })).output).toContain("Nothing to clean up.\n");
  });

  test("a keeper that a step stopped is reported", async () => {
    await began("a");
    keeperEnded({ ended: { at: Date.now() - 8_000, why: "stopped" } });
    writeFileSync(tokenDirectory(jobDirectory(root), AUDIENCE).stop, "");
    const run = await post("a");
    expect(warnings(run)).toHaveLength(1);
    expect(warnings(run)[0]).toContain('ended early because a step made the file "stop" in its folder');
  });
});

test("the user's own keys are in no file of the job directory but the copy of the user's files", async () => {
  const key = "a-key-of-the-environment";
  await began("a", "default", { AWS_SECRET_ACCESS_KEY: key }, { AWS_SECRET_ACCESS_KEY: "" });
  for (const file of readdirSync(root, { recursive: true, encoding: "utf8" })) {
    const at = path.join(root, file);
    if (statSync(at).isFile()) expect([file, readFileSync(at, "utf8").includes(key)]).toEqual([file, false]);
  }
  const run = await post("a", { ...filesIn(root), ...REGION, AWS_SECRET_ACCESS_KEY: "" });
  expect(run.environment.AWS_SECRET_ACCESS_KEY).toBe(key);
});

describe("post gives the environment back", () => {
  test("as it was", async () => {
    const ambient = { ...filesIn("/mine"), AWS_REGION: "us-west-2" };
    await began("a", "default", ambient);
    expect((await post("a", { ...filesIn(root), ...REGION })).environment).toEqual(ambient);
  });

  test("with the default files where none were named, and no change to what had no value", async () => {
    await began("a");
    expect((await post("a", { ...filesIn(root), ...REGION })).environment).toEqual(
      filesIn(path.join(folder, "home", ".aws")),
    );
  });

  test("less what a later step has changed", async () => {
    await began("a", "default", { AWS_REGION: "us-west-2" });
    const now = { ...filesIn("/a step's own"), AWS_REGION: "ap-south-1" };
    expect((await post("a", now)).environment).toEqual({});
  });

  test("less the files, while another use needs them", async () => {
    await began("a", "default", { ...filesIn("/mine"), AWS_REGION: "us-west-2" });
    await began("b", "prod", { ...filesIn(root), AWS_REGION: "eu-west-1" });
    expect((await post("b", { ...filesIn(root), ...REGION })).environment).toEqual({});
    expect((await post("a", { ...filesIn(root), ...REGION })).environment).toEqual({
      ...filesIn("/mine"),
      AWS_REGION: "us-west-2",
    });
  });

  test("less what another use exports, too: uses in parallel saw the same environment, and the first post must not bring a key back", async () => {
    const keys = { AWS_ACCESS_KEY_ID: "not-a-key", AWS_SECRET_ACCESS_KEY: "nor-this" };
    const blank = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", AWS_SESSION_TOKEN: "" };
    await began("a", "default", keys, blank);
    await began("b", "prod", { ...keys, AWS_PROFILE: "mine" }, { ...blank, AWS_PROFILE: "default" });
    const now = { ...filesIn(root), ...REGION, ...blank, AWS_PROFILE: "default" };
    expect((await post("b", now)).environment).toEqual({ AWS_PROFILE: "mine" });
    expect((await post("a", { ...now, AWS_PROFILE: "mine" })).environment).toEqual({
      ...filesIn(path.join(folder, "home", ".aws")),
      ...keys,
    });
  });

  test("with files that are there, if the job directory is gone already", async () => {
    expect((await post("a", filesIn(root))).environment).toEqual(filesIn(path.join(folder, "home", ".aws")));
    // Not if they are there: then another use has them.
    await began("b");
    expect((await post("a", filesIn(root))).environment).toEqual({});
  });
});

describe("the report", () => {
  const STALE = {
    stale: [{ from: Date.UTC(2030, 0, 1, 12, 3), to: Date.UTC(2030, 0, 1, 12, 9) }],
    failures: 3,
  };

  test("of a quiet job is a line in the log, and a summary only on request", async () => {
    for (const [summary, isWritten] of [
      ["auto", false],
      ["never", false],
      ["always", true],
    ] as const) {
      await began("a");
      keeperEnded();
      const run = await post("a", {}, summary);
      expect([summary, run.code, warnings(run), run.summary !== ""]).toEqual([summary, 0, [], isWritten]);
      expect(run.output).toContain("arn:aws:iam::111122223333:role/deploy: profile default removed");
    }
  });

  test("of a token that was stale is a warning, and a summary unless it is unwanted", async () => {
    for (const [summary, isWritten] of [
      ["auto", true],
      ["never", false],
    ] as const) {
      await began("a");
      keeperEnded(STALE);
      const run = await post("a", {}, summary);
      expect([summary, run.code, run.summary !== ""]).toEqual([summary, 0, isWritten]);
      expect(warnings(run)).toHaveLength(1);
      expect(warnings(run)[0]).toContain("The ID token was stale from ");
      expect(warnings(run)[0]).toContain("12:03:00 to ");
    }
  });

  test("comes once, with the last use, for all of them", async () => {
    await began("a");
    await began("b", "prod");
    keeperEnded(STALE);
    const first = await post("b", {}, "always");
    expect([warnings(first), first.summary]).toEqual([[], ""]);
    const last = await post("a", {}, "always");
    expect(warnings(last)).toHaveLength(1);
    expect(last.summary).toContain("session-a");
    expect(last.summary).toContain("session-b");
  });
});
