import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { tokenId } from "../../src/base/layout.ts";
import { isRunning } from "../../src/base/process.ts";
import {
  begin,
  CONFIG,
  ENDS_ON_MESSAGE,
  end,
  fakeKeeper,
  home,
  job,
  newUse,
  previousOf,
  record,
  sectionOf,
  seedHome,
  TOKEN,
  temp,
  text,
  tokenUntil,
} from "./setup.ts";

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
        "sessions",
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
});

describe("a later use", () => {
  test("adds its profile to the same files, which are not copied again", async () => {
    seedHome();
    await begin(newUse("a", "one"));
    writeFileSync(`${home}/.aws/config`, "[changed]\n");
    await begin(newUse("b", "two"), { AWS_CONFIG_FILE: job.config });
    expect(text(job.config)).toBe(CONFIG + sectionOf(newUse("a", "one")) + sectionOf(newUse("b", "two")));
    expect(previousOf("b")).toMatchObject({ AWS_CONFIG_FILE: null });
  });

  test("of the same profile shadows the earlier one", async () => {
    await begin(newUse("a"));
    await begin(newUse("b"));
    expect(text(job.config)).toBe(sectionOf(newUse("b")));
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
          left.findIndex((use) => use?.id === id),
          1,
        );
        expect(ended?.others.length).toBe(3 - index);
        if (index === 3) break;
        // The user's settings stay in a use's section; all that names no identity, and no region.
        const effective = (profile: string, users: string, settings: string): string => {
          const use = left.findLast((use) => use.profile === profile);
          return use ? sectionOf(use).replace("]\n", `]\n${settings}`) : users;
        };
        const config = text(job.config);
        const usersDefault = "[default]\r\nregion = us-east-1\r\n";
        const usersOther = "[profile other] ; odd\noutput=json # \u00e9\n";
        const sections = [
          effective("default", usersDefault, ""),
          effective("other", usersOther, "output=json # \u00e9\n"),
        ];
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
      const ended = await end("a");
      expect(ended?.use?.id).toBe("a");
      expect(ended?.damage).toEqual([
        `use 1 of the records in ${job.uses}: a step changed them or put them there`,
      ]);
    },
  );

  test("refuses a directory that this action cannot have made, and leaves it alone", async () => {
    mkdirSync(`${temp}/target/uses`, { recursive: true });
    chmodSync(`${temp}/target`, 0o700);
    symlinkSync(`${temp}/target`, job.path);
    await expect(end("a")).rejects.toThrow(
      `${job.path} is a symlink, because another program replaced the job directory`,
    );
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
    const ids = Array.from({ length: 12 }, (_, index) => `a${index.toString(16)}`);
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
    expect(ended.map((each) => each?.use?.id)).toEqual(ids);
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
      expect(text(job.config)).toBe(sectionOf(newUse("b")));
      expect((await end("b"))?.others).toEqual([]);
    }
    expect(readdirSync(temp)).toEqual(["home"]);
  });
});

describe("the keeper", () => {
  test("is stopped by message with the last use of its audience, and not before", async () => {
    await begin(newUse("a", "one"));
    await begin(newUse("b", "two"));
    const { status } = await fakeKeeper(ENDS_ON_MESSAGE);
    expect((await end("a"))?.finished[0]?.ended).toEqual([]);
    expect(isRunning(status)).toBe(true);
    const ended = await end("b");
    expect(isRunning(status)).toBe(false);
    const [keeper] = newUse("b").keepers;
    expect(ended?.finished.find(({ id }) => id === "b")?.ended).toEqual([
      { id: keeper, status, died: false },
    ]);
  });
});

function permutations(items: string[]): string[][] {
  if (items.length < 2) return [items];
  return items.flatMap((item, index) =>
    permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]),
  );
}
