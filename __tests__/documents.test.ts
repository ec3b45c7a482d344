// Every document of the repository: its links and anchors lead somewhere, and its code blocks parse. A workflow, or a part of
// one, is completed to a workflow and read by actionlint.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { isMap, parseDocument, stringify } from "yaml";
import { slug } from "../harness/examples/slug.ts";
import { repository } from "../harness/repository.ts";

// actionlint needs two seconds to start, and ten times as long on a busy machine.
jest.setTimeout(240_000);

const ROOT = repository();
const read = (file: string): string => readFileSync(path.join(ROOT, file), "utf8");
/** What a reader on GitHub finds: a file that is not committed is a dead link there. */
const tracked = spawnSync("git", ["ls-files"], { cwd: ROOT, encoding: "utf8" }).stdout.split("\n");
const there = new Set(tracked.flatMap((file) => [file, ...foldersOf(file)]));
const PAGES = tracked.filter((file) => file.endsWith(".md"));

function foldersOf(file: string): string[] {
  const parts = file.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}

interface Block {
  language: string;
  /** Without the indentation of the fence. */
  text: string;
  line: number;
}

const FENCED = /^( *)```([^\n`]*)\n([\s\S]*?)^ *```$/gm;

function blocksOf(page: string): Block[] {
  return [...page.matchAll(FENCED)].map(({ 1: indent = "", 2: language = "", 3: text = "", index }) => ({
    language,
    text: text.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
    line: page.slice(0, index).split("\n").length,
  }));
}

/** The anchors of a page: those of its headings, as GitHub makes them, and those that it names. */
function anchorsOf(page: string): string[] {
  const text = page.replaceAll(FENCED, "");
  const seen = new Map<string, number>();
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => {
    const anchor = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_\- ]/gu, "")
      .replaceAll(" ", "-");
    const count = seen.get(anchor) ?? 0;
    seen.set(anchor, count + 1);
    return count === 0 ? anchor : `${anchor}-${count}`;
  });
  return [...headings, ...[...text.matchAll(/<a id="([\w-]+)">/g)].map(([, id = ""]) => id)];
}

/** Links and pictures of a page that lead to nothing in this repository; other sites are not asked. */
function deadLinks(file: string, page: string): string[] {
  const prose = page.replaceAll(FENCED, "").replaceAll(/`[^`\n]*`/g, "");
  const own = new RegExp(`^https://github\\.com/${slug(ROOT)}/(?:blob|tree)/v\\d+/`);
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
  return links.filter((link) => {
    const ours = own.test(link);
    if (!ours && /^[a-z]+:/.test(link)) return false;
    const [target = "", anchor] = link.replace(own, "").split("#");
    const folder = ours ? "" : path.posix.dirname(file);
    const found = target === "" ? file : path.posix.join(folder, target).replace(/\/$/, "");
    if (!there.has(found)) return true;
    return anchor !== undefined && !anchorsOf(found === file ? page : read(found)).includes(anchor);
  });
}

const LANGUAGES = ["", "console", "hcl", "json", "mermaid", "sh", "sql", "text", "yaml"];

/** What is wrong with a block by the parser of its language; undefined if nothing is. */
function fault({ language, text }: Block): string | undefined {
  switch (language) {
    case "json":
      return thrown(() => JSON.parse(text));
    case "yaml":
      // CloudFormation's tags, such as !Ref, are warnings.
      return parseDocument(text, { logLevel: "error" }).errors[0]?.message;
    case "sh":
      return bashFault(text);
    case "console": {
      const commands = [...text.matchAll(/^\$ (.*)$/gm)].map(([, command = ""]) => command);
      return commands.length === 0 ? "no line begins with $" : bashFault(commands.join("\n"));
    }
    default:
      return LANGUAGES.includes(language) ? undefined : `${language} is not known here`;
  }
}

function thrown(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function bashFault(input: string): string | undefined {
  // The bash of Windows may be WSL's, without a Linux in it.
  if (process.platform === "win32") return undefined;
  const { status, stderr } = spawnSync("bash", ["-n"], { input, encoding: "utf8", timeout: 10_000 });
  return status === 0 && stderr === "" ? undefined : stderr;
}

const JOB_KEYS = new Set([
  "name",
  "runs-on",
  "environment",
  "permissions",
  "env",
  "steps",
  "timeout-minutes",
]);
/** Files with another schema, by keys that they have at the top: CloudFormation, Dependabot, compose. */
const OTHER_SCHEMAS = ["Resources", "updates", "services"];
const STEP = { uses: `${slug(ROOT)}@v1` };

/** The workflow that a block is, or is a part of. Undefined if it is something else; throws if nobody knows what. */
function completed(text: string): string | undefined {
  const document = parseDocument(text, { logLevel: "error" });
  const data = document.toJS() as Record<string, unknown> | Record<string, unknown>[];
  const job = (parts: object) =>
    stringify({ on: "push", jobs: { job: { "runs-on": "ubuntu-latest", steps: [STEP], ...parts } } });
  if (Array.isArray(data)) return job({ steps: data });
  const keys = Object.keys(data);
  if (!isMap(document.contents) || keys.length === 0) throw new Error("neither a map nor a list");
  if (keys.includes("jobs")) return stringify({ on: "push", ...data });
  if (keys.some((key) => OTHER_SCHEMAS.includes(key))) return undefined;
  if (keys.every((key) => JOB_KEYS.has(key))) return job(data);
  if (keys.includes("with")) return job({ steps: [{ ...STEP, ...data }] });
  const unknown = keys.filter((key) => !read("action.yml").includes(`\n  ${key}:\n`));
  if (unknown.length > 0) throw new Error(`no part of a workflow that is known here: ${unknown.join(", ")}`);
  return job({ steps: [{ ...STEP, with: data }] });
}

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "arr-documents-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What actionlint finds in these workflows, which are put into files of these names. */
function lint(workflows: Map<string, string>): string {
  for (const [name, text] of workflows) writeFileSync(path.join(folder, `${name}.yml`), text);
  const program = path.join(ROOT, "node_modules", "@tktco", "node-actionlint", "bin", "node-actionlint.js");
  const { stdout, stderr, status } = spawnSync(process.execPath, [program, "*.yml"], {
    cwd: folder,
    encoding: "utf8",
    timeout: 120_000,
  });
  for (const name of workflows.keys()) rmSync(path.join(folder, `${name}.yml`));
  return status === 0 ? "" : `${stdout}${stderr}` || `actionlint ended with ${status}`;
}

describe.each(PAGES)("%s", (file) => {
  test("links to files and headings that are there", () => {
    expect(deadLinks(file, read(file))).toEqual([]);
  });

  test("has code blocks that parse", () => {
    const faults = blocksOf(read(file)).map((block) => ({ line: block.line, fault: fault(block) }));
    expect(faults.filter((one) => one.fault !== undefined)).toEqual([]);
  });

  test("closes each code block", () => {
    expect((read(file).match(/^ *```/gm) ?? []).length).toBe(2 * blocksOf(read(file)).length);
  });
});

test("actionlint finds nothing in the workflows of all documents", () => {
  const workflows = new Map<string, string>();
  for (const file of PAGES)
    for (const { language, text, line } of blocksOf(read(file))) {
      const workflow = language === "yaml" ? completed(text) : undefined;
      if (workflow !== undefined) workflows.set(`${file.replaceAll("/", "_")}-line-${line}`, workflow);
    }
  expect(workflows.size).toBeGreaterThan(8);
  expect(lint(workflows)).toBe("");
});

describe("a mistake is found", () => {
  const block = (language: string, text: string): Block => ({ language, text, line: 1 });

  test.each([
    ["json", '{ "a": 1, }'],
    ["yaml", "a: 1\na: 2\n"],
    ["yaml", "steps: [\n"],
    ["sh", "if true; then echo\n"],
    ["console", "$ echo 'one\n"],
    ["console", "echo\n"],
    ["yml", "a: 1\n"],
  ])("in a block of %s: %j", (language, text) => {
    expect(fault(block(language, text))).toMatch(/\S/);
  });

  test.each([
    "[x](docs/nothing.md)",
    "![x](docs/nothing.svg)",
    "[x](#nothing)",
    "[x](SECURITY.md#nothing)",
    "[x](../README.md)",
    `[x](https://github.com/${slug(ROOT)}/blob/v1/docs/nothing.md)`,
    "# Two\n# Two\n[x](#two-2)",
    "```text\n# In a block\n```\n[x](#in-a-block)",
  ])("in a link: %j", (page) => {
    expect(deadLinks("README.md", page)).toHaveLength(1);
  });

  test("but not in links that are right, or not links", () => {
    const page =
      "# A `b`, [c](d.md)!\n# A\n# A\n[x](#a-b-c) [x](docs) [x](#a-1) `[x](y)`\n```text\n[x](y)\n```\n";
    expect(deadLinks("README.md", page.replace("d.md", "SECURITY.md"))).toEqual([]);
  });

  test("by actionlint in a workflow, and in each part of one", () => {
    const wrong = new Map([
      ["workflow", "jobs: { a: { runs-on: ubuntu-latest, step: [] } }"],
      ["steps", "- uses: actions/checkout@v4\n  wiht: {}\n"],
      ["job", "permissions: { id-tokens: write }"],
      ["step", "with: { a: [] }"],
      ["inputs", `shared-session: \${{ nothing.a }}`],
    ]);
    const found = lint(new Map([...wrong].map(([name, text]) => [name, completed(text) ?? ""])));
    for (const name of wrong.keys()) expect(found).toContain(`${name}.yml`);
  });

  test.each(["no-such-input: 1", "text"])("in YAML that is no part of a workflow: %j", (text) => {
    expect(() => completed(text)).toThrow();
  });
});
