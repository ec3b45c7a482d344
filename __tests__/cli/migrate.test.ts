// The command as it is run: paths, files, exit codes.
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { replaceFile } from "../../cli/migrate/files.ts";
import { run } from "../../cli/migrate.ts";
import { NEW, OLD, STEP, withInputs, workflow } from "./workflow.ts";

let root = "";
beforeEach(() => {
  root = realpathSync(mkdtempSync(path.join(os.tmpdir(), "migrate ")));
});
afterEach(() => {
  jest.restoreAllMocks();
  rmSync(root, { recursive: true, force: true });
});

const at = (name: string): string => path.join(root, name);
const read = (name: string): string => readFileSync(at(name), "utf8");
function put(name: string, text: string | Buffer): void {
  mkdirSync(path.dirname(at(name)), { recursive: true });
  writeFileSync(at(name), text);
}

const GOOD = workflow(STEP);
const DONE = GOOD.replace(`${OLD}@v4`, NEW);
const STAYS = workflow(withInputs("custom-tags: '{}'"));
const DEPLOY = ".github/workflows/deploy.yml";

/** Runs the command with these arguments; paths are below the test's folder. */
async function migrate(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ["", ""];
  jest.spyOn(console, "log").mockImplementation((text) => {
    out += `${text}\n`;
  });
  jest.spyOn(console, "error").mockImplementation((text) => {
    err += `${text}\n`;
  });
  const code = await run(args.map((arg) => (arg.startsWith("-") || /^[a-z]*v?\d/.test(arg) ? arg : at(arg))));
  return { code, out: out.replaceAll(`${root}${path.sep}`, "").replaceAll(path.sep, "/"), err };
}

describe("exit codes", () => {
  test("0: nothing of the old action is there", async () => {
    put(DEPLOY, DONE);
    expect(await migrate(".")).toEqual({
      code: 0,
      out: "Steps changed: 0, left: 0. Files changed: 0 of 1.\n",
      err: "",
    });
  });

  test("1 without --write, which changes nothing, then 0 with it, then 0 again", async () => {
    put(DEPLOY, GOOD);
    expect(await migrate(".")).toMatchObject({
      code: 1,
      out: `${DEPLOY}:8: changed: ${NEW}
Steps changed: 1, left: 0. Files changed: 1 of 1.
Sessions that are no longer called GitHubActions: 1. See docs/migration.md.
Nothing has been written: add --write.
`,
    });
    expect(read(DEPLOY)).toBe(GOOD);
    expect(await migrate("--write", ".")).toMatchObject({ code: 0 });
    expect(read(DEPLOY)).toBe(DONE);
    expect(await migrate("--write", ".")).toMatchObject({ code: 0 });
    expect(read(DEPLOY)).toBe(DONE);
  });

  test("1 as long as something is left, with its place and reason", async () => {
    put(DEPLOY, STAYS);
    put(".github/workflows/other.yaml", GOOD);
    for (const _ of [1, 2]) {
      const { code, out } = await migrate(".", "--write");
      expect([code, out]).toEqual([1, expect.stringContaining(`${DEPLOY}:8: left: custom-tags: `)]);
    }
    expect(read(DEPLOY)).toBe(STAYS);
    expect(read(".github/workflows/other.yaml")).toBe(DONE);
  });

  test.each([
    [["--wrte", "."], /--wrte/],
    [[], /at least one PATH/],
    [["--ref", "v 1", "."], /--ref/],
    [["nowhere"], /nowhere/],
  ])("2 for %j, with the usage, and nothing is touched", async (args, message) => {
    put(DEPLOY, GOOD);
    const { code, out, err } = await migrate(...args, ...(args.includes("nowhere") ? ["--write", "."] : []));
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(message);
    expect(err).toContain("Usage: aws-role-refresh migrate ");
    expect(read(DEPLOY)).toBe(GOOD);
  });

  test("2 for a file that cannot be read, and the others are migrated all the same", async () => {
    put(DEPLOY, GOOD);
    put(".github/workflows/latin1.yml", Buffer.from([0x6e, 0x3a, 0x20, 0xe9, 0x0a]));
    put(".github/workflows/large.yml", "#".repeat(1_000_001));
    const { code, out } = await migrate("--write", ".");
    expect(code).toBe(2);
    expect(out).toContain(".github/workflows/latin1.yml: error: the file is not UTF-8\n");
    expect(out).toContain(".github/workflows/large.yml: error: the file is too large for a workflow\n");
    expect(read(DEPLOY)).toBe(DONE);
  });

  test("--help is 0, and describes every flag", async () => {
    const { code, out } = await migrate("--help");
    expect(code).toBe(0);
    const flags = out.match(/^ {2}--[\w-]+/gm)?.map((flag) => flag.trim());
    expect(flags).toEqual(["--write", "--ref", "--no-move", "--json"]);
    const page = readFileSync("docs/migration.md", "utf8");
    expect(page.match(/^\| `--[\w-]+/gm)?.map((row) => row.slice(3))).toEqual(flags);
  });
});

describe("paths", () => {
  test("a folder stands for its workflows, templates and actions, of all repositories below it", async () => {
    const found = [
      "a/.github/actions/deep/er/action.yaml",
      "a/.github/workflows/x.yml",
      "b/.github/workflows/x.yaml",
      "b/action.yml",
      "b/workflow-templates/x.yml",
    ];
    for (const name of found) put(name, GOOD);
    for (const name of [
      "a/x.yml",
      "a/.github/x.yml",
      "a/.github/workflows/sub/x.yml",
      "a/.github/workflows/x.txt",
    ])
      put(name, GOOD);
    put("b/node_modules/x/action.yml", GOOD);
    put("b/.git/action.yml", GOOD);
    const { out } = await migrate(".");
    expect(out.match(/^\S+(?=:8: changed)/gm)).toEqual(found);
  });

  test("a file is read, whatever its name, and each only once", async () => {
    put("x.txt", GOOD);
    put(DEPLOY, GOOD);
    const { out } = await migrate("x.txt", ".github", DEPLOY, ".github/workflows");
    expect(out.match(/^\S+(?=:8: changed)/gm)).toEqual(["x.txt", DEPLOY]);
  });

  test("a link to a folder is not followed, a link to a file stays one", async () => {
    put("real.yml", GOOD);
    mkdirSync(at(".github/workflows"), { recursive: true });
    symlinkSync("../../real.yml", at(DEPLOY));
    symlinkSync("..", at(".github/up"));
    expect(await migrate("--write", DEPLOY, ".")).toMatchObject({ code: 0 });
    expect(read("real.yml")).toBe(DONE);
    expect(realpathSync(at(DEPLOY))).toBe(at("real.yml"));
  });
});

describe("writing", () => {
  test("keeps the mode, and leaves nothing beside the file", async () => {
    put(DEPLOY, GOOD);
    chmodSync(at(DEPLOY), 0o640);
    await migrate("--write", ".");
    expect(readdirSync(at(".github/workflows"))).toEqual(["deploy.yml"]);
    if (process.platform !== "win32") expect(statSync(at(DEPLOY)).mode & 0o777).toBe(0o640);
  });

  test("replaces the file as a whole: who has the old one open still reads the old text", async () => {
    put(DEPLOY, GOOD);
    const { ino } = statSync(at(DEPLOY));
    await migrate("--write", ".");
    expect(statSync(at(DEPLOY)).ino).not.toBe(ino);
  });

  test("refuses a file that has changed since it was read, and leaves it and nothing else", () => {
    put("x.yml", "new");
    expect(() => replaceFile(at("x.yml"), "old", "fresh")).toThrow("changed meanwhile");
    expect([read("x.yml"), readdirSync(root)]).toEqual(["new", ["x.yml"]]);
  });

  test("--ref names what is written, with a comment", async () => {
    put(DEPLOY, GOOD);
    await migrate("--write", "--ref", "v1.2.3 # v1.2.3", ".");
    expect(read(DEPLOY)).toBe(GOOD.replace(`${OLD}@v4`, "org/aws-role-refresh@v1.2.3 # v1.2.3"));
  });

  test("--no-move leaves steps where they are", async () => {
    const text = workflow(`      - uses: actions/checkout@v4\n${STEP}`);
    put(DEPLOY, text);
    await migrate("--write", "--no-move", ".");
    expect(read(DEPLOY)).toBe(text.replace(`${OLD}@v4`, NEW));
  });
});

test("--json has the same findings", async () => {
  put(DEPLOY, GOOD);
  put(".github/workflows/stays.yml", STAYS);
  put(".github/workflows/other.yml", "on: push\n");
  const { code, out } = await migrate("--json", "--write", ".");
  expect([code, JSON.parse(out)]).toEqual([
    1,
    [
      { file: DEPLOY, written: true, findings: [{ line: 8, verdict: "changed", text: NEW, instead: [] }] },
      expect.objectContaining({ file: ".github/workflows/stays.yml", written: false }),
    ],
  ]);
});

test("a file name with a line break forges no line", async () => {
  put(".github/workflows/x\n::error::y.yml", GOOD);
  const { out } = await migrate(".");
  expect(out).not.toMatch(/^::/m);
});
