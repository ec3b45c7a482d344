import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
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
import { renderProfile } from "../../src/aws/profile.ts";
import { UserError } from "../../src/base/errors.ts";
import { writeJson } from "../../src/base/files.ts";
import {
  type JobDirectory,
  jobDirectory,
  type TokenDirectory,
  tokenDirectory,
  tokenId,
} from "../../src/base/layout.ts";
import { identify, isRunning } from "../../src/base/process.ts";
import { beginUse, endUse, type NewUse } from "../../src/job/uses.ts";
import type { KeeperStatus } from "../../src/keeper/status.ts";
import { stopKeeper } from "../../src/keeper/stop.ts";

let temp: string;
let home: string;
let job: JobDirectory;
const children: ChildProcess[] = [];

beforeEach(() => {
  temp = mkdtempSync(path.join(os.tmpdir(), "uses test "));
  home = `${temp}/home`;
  mkdirSync(`${home}/.aws`, { recursive: true });
  job = jobDirectory(`${temp}/aws-role-refresh`);
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(temp, { recursive: true, force: true });
});

const CONFIG =
  "# mine\r\n[default]\r\nregion = us-east-1\r\n\r\n[profile other] ; odd\noutput=json # \u00e9\n";
const CREDENTIALS = "[default]\naws_access_key_id = not-a-key\n[other]\naws_access_key_id = nor-this\n";

function seedHome(): void {
  writeFileSync(`${home}/.aws/config`, CONFIG, "latin1");
  writeFileSync(`${home}/.aws/credentials`, CREDENTIALS, "latin1");
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const tokenUntil = (exp: number, jti = ""): string =>
  `${encode({ alg: "none" })}.${encode({ exp, jti })}.${encode("x")}`;
const TOKEN = tokenUntil(2_000_000_000);

function newUse(id: string, profile = "default", audience = "sts.amazonaws.com"): NewUse {
  const roleArn = `arn:aws:iam::111122223333:role/${id}`;
  const tokenFile = `${job.tokens}/${tokenId(audience)}/token`;
  return {
    id,
    startedAt: 1_000,
    profile,
    roleArn,
    sessionName: `session-${id}`,
    audience,
    tokenId: tokenId(audience),
    section: renderProfile({
      name: profile,
      roleArn,
      tokenFile,
      sessionName: `session-${id}`,
      region: "eu-west-1",
      stsEndpoint: undefined,
    }),
    exported: { AWS_CONFIG_FILE: job.config, AWS_REGION: "eu-west-1" },
  };
}

const begin = (
  use: NewUse,
  ambient: NodeJS.ProcessEnv = {},
  token = TOKEN,
  requestToken = "this job's",
): Promise<void> => beginUse(job, use, { requestToken, token }, ambient, home);
const end = (id: string): ReturnType<typeof endUse> => endUse(job, id);
const text = (file: string): string => readFileSync(file, "latin1");
const record = (id: string): Record<string, unknown> =>
  JSON.parse(text(`${job.uses}/${id}.json`)) as Record<string, unknown>;

describe("the first use", () => {
  test("makes every file private, and none beside them", async () => {
    await begin(newUse("a"));
    const files = readdirSync(job.path, { recursive: true, encoding: "utf8" }).sort();
    const token = `tokens/${tokenId("sts.amazonaws.com")}`;
    expect(files).toEqual(
      [
        "config",
        "credentials",
        "finished",
        "job.json",
        token,
        `${token}/token`,
        "tokens",
        "uses",
        "uses/a.json",
      ].sort(),
    );
    for (const name of files) {
      const stat = statSync(`${job.path}/${name}`);
      expect([name, (stat.mode & 0o777).toString(8)]).toEqual([name, stat.isDirectory() ? "700" : "600"]);
    }
    expect(text(`${job.path}/${token}/token`)).toBe(TOKEN);
  });

  test("copies the user's files byte for byte, less the profile of its name, and adds its own", async () => {
    seedHome();
    await begin(newUse("a"));
    expect(text(job.config)).toBe(
      `# mine\r\n\r\n[profile other] ; odd\noutput=json # \u00e9\n${newUse("a").section}`,
    );
    expect(text(job.credentials)).toBe("[other]\naws_access_key_id = nor-this\n");
    // And does not touch the originals.
    expect(text(`${home}/.aws/config`)).toBe(CONFIG);
    expect(text(`${home}/.aws/credentials`)).toBe(CREDENTIALS);
  });

  test("makes both files where the user has none: some SDKs fall back to ~/.aws otherwise", async () => {
    await begin(newUse("a", "prod"));
    expect(text(job.config)).toBe(newUse("a", "prod").section);
    expect(text(job.credentials)).toBe("");
  });

  test("copies the files that the environment names", async () => {
    seedHome();
    writeFileSync(`${temp}/config`, "[profile from-env]\nregion = x");
    writeFileSync(`${home}/credentials`, "[from-env]\n");
    await begin(newUse("a"), {
      AWS_CONFIG_FILE: `${temp}/config`,
      AWS_SHARED_CREDENTIALS_FILE: "~/credentials",
    });
    expect(text(job.config)).toBe(`[profile from-env]\nregion = x\n${newUse("a").section}`);
    expect(text(job.credentials)).toBe("[from-env]\n");
    expect(record("a").previous).toEqual({
      AWS_CONFIG_FILE: `${temp}/config`,
      AWS_SHARED_CREDENTIALS_FILE: "~/credentials",
      AWS_REGION: null,
    });
  });

  test.each([
    ["/dev/null", () => "/dev/null"],
    ["a file that is not there", () => `${temp}/no`],
    ["a path through a file", () => `${home}/.aws/config/x`],
  ])("takes %s for none", async (_, file) => {
    seedHome();
    await begin(newUse("a"), { AWS_CONFIG_FILE: file() });
    expect(text(job.config)).toBe(newUse("a").section);
  });

  test("takes an empty path for the default one", async () => {
    seedHome();
    await begin(newUse("a", "prod"), { AWS_CONFIG_FILE: "", AWS_SHARED_CREDENTIALS_FILE: "" });
    expect(text(job.config)).toBe(CONFIG + newUse("a", "prod").section);
    expect(text(job.credentials)).toBe(CREDENTIALS);
  });

  test.each([
    ["AWS_CONFIG_FILE", "config"],
    ["AWS_SHARED_CREDENTIALS_FILE", "credentials"],
  ])("refuses a file that cannot be read, and says what to set: %s", async (variable, name) => {
    mkdirSync(`${home}/.aws/${name}`);
    const failed = begin(newUse("a"));
    await expect(failed).rejects.toThrow(UserError);
    await expect(failed).rejects.toThrow(`${home}/.aws/${name} cannot be read (`);
    await expect(failed).rejects.toThrow(`make it readable, or set ${variable} to another file.`);
  });

  test("does not copy files of a job that crashed, which the environment of a long-lived runner still names", async () => {
    seedHome();
    await begin(newUse("old"), {}, TOKEN, "another job's");
    await begin(newUse("a", "prod"), {
      AWS_CONFIG_FILE: job.config,
      AWS_SHARED_CREDENTIALS_FILE: job.credentials,
    });
    expect(text(job.config)).toBe(CONFIG + newUse("a", "prod").section);
    expect(text(job.credentials)).toBe(CREDENTIALS);
    expect(record("a").previous).toMatchObject({ AWS_CONFIG_FILE: null, AWS_SHARED_CREDENTIALS_FILE: null });
  });
});

describe("a later use", () => {
  test("adds its profile to the same files, which are not copied again", async () => {
    seedHome();
    await begin(newUse("a", "one"));
    writeFileSync(`${home}/.aws/config`, "[changed]\n");
    await begin(newUse("b", "two"), { AWS_CONFIG_FILE: job.config });
    expect(text(job.config)).toBe(CONFIG + newUse("a", "one").section + newUse("b", "two").section);
    expect(record("b").previous).toMatchObject({ AWS_CONFIG_FILE: null });
  });

  test("of the same profile shadows the earlier one", async () => {
    await begin(newUse("a"));
    await begin(newUse("b"));
    expect(text(job.config)).toBe(newUse("b").section);
  });

  test("of another audience has a token of its own", async () => {
    await begin(newUse("a", "one"));
    await begin(newUse("b", "two", "mine"), {}, tokenUntil(2_000_000_001));
    expect(text(`${job.tokens}/${tokenId("sts.amazonaws.com")}/token`)).toBe(TOKEN);
    expect(text(`${job.tokens}/${tokenId("mine")}/token`)).toBe(tokenUntil(2_000_000_001));
  });

  test("of the same audience leaves a token that is newer than its own", async () => {
    const file = `${job.tokens}/${tokenId("sts.amazonaws.com")}/token`;
    const newer = tokenUntil(2_000_000_009);
    await begin(newUse("a"), {}, newer);
    await begin(newUse("b"));
    expect(text(file)).toBe(newer);
    await begin(newUse("c"), {}, tokenUntil(2_000_000_010));
    expect(text(file)).toBe(tokenUntil(2_000_000_010));
    writeFileSync(file, "what is this");
    await begin(newUse("d"));
    expect(text(file)).toBe(TOKEN);
  });
});

describe("the end of a use", () => {
  test("of the only one removes everything, and tells about it", async () => {
    seedHome();
    await begin(newUse("a"));
    const ended = await end("a");
    expect(ended).toMatchObject({
      others: [],
      use: { id: "a", roleArn: "arn:aws:iam::111122223333:role/a" },
      finished: [
        {
          id: "a",
          startedAt: 1_000,
          profile: "default",
          sessionName: "session-a",
          audience: "sts.amazonaws.com",
        },
      ],
      roleArns: ["arn:aws:iam::111122223333:role/a"],
    });
    expect(readdirSync(temp).sort()).toEqual(["home"]);
  });

  // Whatever the order in which posts run: a profile is the latest use's that is not over, or what the user
  // had.
  const orders = permutations(["a", "b", "c", "d"]);
  test.each(orders.map((order) => [order.join(", ")]))(
    "puts back what it shadowed, in the order %s",
    async (joined) => {
      seedHome();
      const uses = [newUse("a"), newUse("b", "other"), newUse("c"), newUse("d")];
      for (const use of uses) await begin(use);
      const left = [...uses];
      const order = joined.split(", ");
      for (const [index, id] of order.entries()) {
        const ended = await end(id);
        left.splice(
          left.findIndex((use) => use.id === id),
          1,
        );
        expect(ended?.others.length).toBe(3 - index);
        if (index === 3) break;
        const effective = (profile: string, users: string): string =>
          left.findLast((use) => use.profile === profile)?.section ?? users;
        const config = text(job.config);
        const usersDefault = "[default]\r\nregion = us-east-1\r\n";
        const usersOther = "[profile other] ; odd\noutput=json # \u00e9\n";
        const sections = [effective("default", usersDefault), effective("other", usersOther)];
        for (const section of sections) expect(config).toContain(section);
        // And nothing else: comments and blank lines of the user's, and these two.
        expect(config.length).toBe("# mine\r\n\r\n".length + sections.join("").length);
        const hasDefault = left.some((use) => use.profile === "default");
        const hasOther = left.some((use) => use.profile === "other");
        expect(text(job.credentials).includes("[default]")).toBe(!hasDefault);
        expect(text(job.credentials).includes("[other]")).toBe(!hasOther);
      }
      expect(existsSync(job.path)).toBe(false);
    },
  );

  test("keeps a token that another use needs, and removes one that none does", async () => {
    await begin(newUse("a", "one"));
    await begin(newUse("b", "two"));
    await begin(newUse("c", "three", "mine"));
    await end("c");
    expect(readdirSync(job.tokens)).toEqual([tokenId("sts.amazonaws.com")]);
    await end("a");
    expect(readdirSync(job.tokens)).toEqual([tokenId("sts.amazonaws.com")]);
    await end("b");
    expect(existsSync(job.path)).toBe(false);
  });

  test("a second time finds nothing and changes nothing", async () => {
    await begin(newUse("a", "one"));
    await begin(newUse("b", "two"));
    await end("a");
    const before = text(job.config);
    expect(await end("a")).toBeUndefined();
    expect(text(job.config)).toBe(before);
    await end("b");
    expect(await end("b")).toBeUndefined();
    expect(readdirSync(temp)).toEqual(["home"]);
  });

  test("that never was, with nothing else there, clears what main had only begun", async () => {
    mkdirSync(job.path, 0o700);
    expect(await end("a")).toBeUndefined();
    expect(existsSync(job.path)).toBe(false);
    mkdirSync(job.uses, { recursive: true, mode: 0o700 });
    chmodSync(job.path, 0o700);
    writeFileSync(`${job.config}.0123.tmp`, "half");
    expect(await end("a")).toBeUndefined();
    expect(existsSync(job.path)).toBe(false);
  });

  test("can be cut short after any of its steps and done again", async () => {
    seedHome();
    await begin(newUse("a"));
    await begin(newUse("b", "prod"));
    const config = text(job.config);
    const use = text(`${job.uses}/a.json`);
    await end("a");
    const after = { config: text(job.config), credentials: text(job.credentials) };
    // Cut short when the files were written and the record was not yet gone; then before the second file was.
    writeFileSync(`${job.uses}/a.json`, use);
    expect((await end("a"))?.others).toHaveLength(1);
    expect({ config: text(job.config), credentials: text(job.credentials) }).toEqual(after);
    writeFileSync(`${job.uses}/a.json`, use);
    writeFileSync(job.config, config, "latin1");
    await end("a");
    expect({ config: text(job.config), credentials: text(job.credentials) }).toEqual(after);
  });

  test("clears what a post that was killed left of the directory", async () => {
    mkdirSync(`${job.path}.4711.gone/tokens`, { recursive: true });
    mkdirSync(`${temp}/aws-role-refresh-of-mine`);
    await end("a");
    expect(readdirSync(temp).sort()).toEqual(["aws-role-refresh-of-mine", "home"]);
  });

  test.each(["", "null", "17", '{"id":', "[]"])(
    "goes on beside a record that is broken: %j",
    async (content) => {
      await begin(newUse("a"));
      writeFileSync(`${job.uses}/broken.json`, content);
      expect((await end("a"))?.use.id).toBe("a");
    },
  );

  test("refuses a directory that this action cannot have made, and leaves it alone", async () => {
    mkdirSync(`${temp}/target/uses`, { recursive: true });
    chmodSync(`${temp}/target`, 0o700);
    symlinkSync(`${temp}/target`, job.path);
    await expect(end("a")).rejects.toThrow(`${job.path} is a symlink: it was not made by this action`);
    rmSync(job.path);
    mkdirSync(job.path);
    chmodSync(job.path, 0o750);
    await expect(end("a")).rejects.toThrow(`${job.path} is open to other users (mode 750)`);
    expect(readdirSync(`${temp}/target`)).toEqual(["uses"]);
    expect(existsSync(job.path)).toBe(true);
  });

  test("where there is no directory at all is nothing", async () => {
    expect(await end("a")).toBeUndefined();
    rmSync(temp, { recursive: true });
    expect(await end("a")).toBeUndefined();
  });
});

describe("many at once", () => {
  test("none is lost, and each has a place of its own in the order", async () => {
    seedHome();
    const ids = Array.from({ length: 12 }, (_, index) => `use${index}`);
    await Promise.all(
      ids.map((id, index) => begin(newUse(id, index % 2 === 0 ? "default" : `profile${index}`))),
    );
    const orders = ids.map((id) => record(id).order as number);
    expect(orders.toSorted((a, b) => a - b)).toEqual(ids.map((_, index) => index + 1));
    for (let index = 1; index < ids.length; index += 2)
      expect(text(job.config)).toContain(`[profile profile${index}]\n`);
    expect(text(job.config).match(/^\[default\]/gm)).toHaveLength(1);
    const ended = await Promise.all(ids.map(end));
    expect(ended.filter((each) => each?.others.length === 0)).toHaveLength(1);
    expect(ended.map((each) => each?.use.id)).toEqual(ids);
    expect(readdirSync(temp)).toEqual(["home"]);
  });

  test("two posts of the same use: one does it", async () => {
    await begin(newUse("a"));
    const ended = await Promise.all([end("a"), end("a"), end("a")]);
    expect(ended.filter((each) => each !== undefined)).toHaveLength(1);
    expect(readdirSync(temp)).toEqual(["home"]);
  });

  test("a use that begins while the last one ends has a directory of its own", async () => {
    for (let round = 0; round < 10; round++) {
      await begin(newUse("a"));
      await Promise.all([end("a"), begin(newUse("b"))]);
      expect(text(job.config)).toBe(newUse("b").section);
      expect((await end("b"))?.others).toEqual([]);
    }
    expect(readdirSync(temp)).toEqual(["home"]);
  });
});

/** A process that stands in for a keeper of a token directory; `script` is what it does once it runs. */
async function fakeKeeper(
  script: string,
): Promise<{ directory: TokenDirectory; status: KeeperStatus; child: ChildProcess }> {
  const directory = tokenDirectory(job, "sts.amazonaws.com");
  mkdirSync(directory.path, { recursive: true, mode: 0o700 });
  const source = `const fs = require("node:fs"); const directory = ${JSON.stringify(directory)};
    process.on("SIGTERM", () => fs.writeFileSync(directory.path + "/got-SIGTERM", ""));
    ${script}; setInterval(() => {}, 1e6); console.log("up");`;
  const child = spawn(process.execPath, ["-e", source], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  await once(child.stdout as NodeJS.ReadableStream, "data");
  const status: KeeperStatus = {
    ...identify(child.pid as number),
    startedAt: 1,
    tokenReceivedAt: 1,
    tokenExpiresAt: 2,
    lifetimeMs: 1,
    refreshes: 0,
    failures: 0,
    longestAgeMs: 0,
    received: [1],
    outages: [],
    stale: [],
  };
  writeJson(directory.status, status);
  return { directory, status, child };
}

const ENDS_ON_MESSAGE = `setInterval(() => fs.existsSync(directory.stop) && process.exit(), 5)`;
const ENDS_WITHOUT_LEAVING = `const looking = setInterval(() => {
  if (!fs.existsSync(directory.stop)) return;
  clearInterval(looking);
  const status = JSON.parse(fs.readFileSync(directory.status, "utf8"));
  fs.writeFileSync(directory.status, JSON.stringify({ ...status, ended: { at: 1, why: "stopped" } }));
}, 5);`;

describe("the keeper", () => {
  test("is stopped by message with the last use of its audience, and not before", async () => {
    await begin(newUse("a", "one"));
    await begin(newUse("b", "two"));
    const { status } = await fakeKeeper(ENDS_ON_MESSAGE);
    expect((await end("a"))?.finished[0]?.keeper).toBeUndefined();
    expect(isRunning(status)).toBe(true);
    const ended = await end("b");
    expect(isRunning(status)).toBe(false);
    expect(ended?.finished.find(({ id }) => id === "b")?.keeper).toEqual(status);
  });

  test("that does not listen is ended by signals", async () => {
    await begin(newUse("a"));
    const { status, directory } = await fakeKeeper("");
    const stopped = stopKeeper(directory);
    expect(await stopped).toEqual({ keeper: status });
    expect(existsSync(`${directory.path}/got-SIGTERM`)).toBe(true);
    expect(isRunning(status)).toBe(false);
  });

  test("that says it has ended is not waited for, and not asked twice", async () => {
    await begin(newUse("a"));
    const { status, directory } = await fakeKeeper(ENDS_WITHOUT_LEAVING);
    expect(await stopKeeper(directory)).toEqual({ keeper: { ...status, ended: { at: 1, why: "stopped" } } });
    expect(existsSync(`${directory.path}/got-SIGTERM`)).toBe(false);
    expect(isRunning(status)).toBe(false);
  });

  test("that was gone before is said to have died", async () => {
    const { directory, status, child } = await fakeKeeper("");
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await stopKeeper(directory)).toEqual({ keeper: status, keeperDied: true });
    const ended = { ...status, ended: { at: 1, why: "job over" as const } };
    writeJson(directory.status, ended);
    expect(await stopKeeper(directory)).toEqual({ keeper: ended, keeperDied: false });
  });

  test("whose pid is another process's by now is left alone", async () => {
    const { directory, status } = await fakeKeeper(ENDS_ON_MESSAGE);
    writeJson(directory.status, { ...status, started: String(Number(status.started) - 1) });
    expect((await stopKeeper(directory)).keeperDied).toBe(true);
    expect(existsSync(directory.stop)).toBe(false);
    expect(isRunning(status)).toBe(true);
  });

  test.each([
    "",
    "{}",
    '{"pid":-1,"started":"1"}',
    '{"pid":0,"started":"1"}',
    '{"pid":"1","started":"1"}',
    "null",
  ])("of a status file that says %j is none, and no process is hurt", async (content) => {
    const { directory, status } = await fakeKeeper("");
    writeFileSync(directory.status, content);
    await stopKeeper(directory);
    expect(existsSync(`${directory.path}/got-SIGTERM`)).toBe(false);
    expect(isRunning(status)).toBe(true);
  });
});

describe("a directory that a crashed job left", () => {
  test("is emptied, its keeper ended, and this job's made of it", async () => {
    seedHome();
    await begin(newUse("old"), { AWS_CONFIG_FILE: `${temp}/old` }, TOKEN, "another job's");
    const { status } = await fakeKeeper(ENDS_ON_MESSAGE);
    writeFileSync(`${job.path}/planted`, "");
    mkdirSync(`${job.tokens}/planted/deep`, { recursive: true });
    await begin(newUse("a", "prod"));
    expect(isRunning(status)).toBe(false);
    expect(readdirSync(job.uses)).toEqual(["a.json"]);
    expect(readdirSync(job.tokens)).toEqual([tokenId("sts.amazonaws.com")]);
    expect(readdirSync(`${job.tokens}/${tokenId("sts.amazonaws.com")}`)).toEqual(["token"]);
    expect(readdirSync(job.path).sort()).toEqual([
      "config",
      "credentials",
      "finished",
      "job.json",
      "tokens",
      "uses",
    ]);
    expect(text(job.config)).toBe(CONFIG + newUse("a", "prod").section);
    expect((await end("a"))?.others).toEqual([]);
    expect(readdirSync(temp)).toEqual(["home"]);
  });

  test("is so whatever its files hold, and if links stand in their places", async () => {
    mkdirSync(job.path, 0o700);
    writeFileSync(`${temp}/mine`, "precious");
    mkdirSync(`${temp}/mine too`);
    writeFileSync(`${temp}/mine too/file`, "precious");
    symlinkSync(`${temp}/mine`, job.config);
    symlinkSync(`${temp}/mine too`, job.tokens);
    symlinkSync(`${temp}/mine too`, job.uses);
    writeFileSync(job.claim, "{");
    await begin(newUse("a"));
    expect(text(`${temp}/mine`)).toBe("precious");
    expect(readdirSync(`${temp}/mine too`)).toEqual(["file"]);
    expect(text(job.config)).toBe(newUse("a").section);
    await end("a");
    expect(readdirSync(temp).sort()).toEqual(["home", "mine", "mine too"]);
    expect(text(`${temp}/mine too/file`)).toBe("precious");
  });

  test("that is a symlink or open to others is refused", async () => {
    mkdirSync(`${temp}/target`, 0o700);
    symlinkSync(`${temp}/target`, job.path);
    await expect(begin(newUse("a"))).rejects.toThrow("already exists and is a symlink");
    expect(readdirSync(`${temp}/target`)).toEqual([]);
    rmSync(job.path);
    mkdirSync(job.path);
    chmodSync(job.path, 0o755);
    await expect(begin(newUse("a"))).rejects.toThrow("is open to other users (mode 755)");
    expect(readdirSync(job.path)).toEqual([]);
  });
});

function permutations(items: string[]): string[][] {
  if (items.length < 2) return [items];
  return items.flatMap((item, index) =>
    permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]),
  );
}
