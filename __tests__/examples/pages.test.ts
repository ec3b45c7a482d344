// docs/organizations.md, docs/network-and-processes.md and examples/aws/README.md: their blocks parse, their links lead somewhere,
// and what they say about the keeper is what a real one does.
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import path from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { runTool } from "../../harness/examples/tools.ts";
import { keepersOf, Stage } from "../../harness/machine/stage.ts";
import { repository } from "../../harness/repository.ts";
import { waitFor } from "../../harness/wait.ts";
import { printable } from "../../src/base/text.ts";
import { refreshDelay, requestTimeout, retryDelay } from "../../src/keeper/schedule.ts";

// Each starts several programs, which take ten times as long on a busy machine.
jest.setTimeout(240_000);

const PAGES = ["docs/organizations.md", "docs/network-and-processes.md", "examples/aws/README.md"];
const read = (file: string) => readFileSync(path.join(repository(), file), "utf8");
const NETWORK = read("docs/network-and-processes.md");
/** A row of its table of processes. */
const row = (name: string): string => new RegExp(`^\\| ${name} \\|.*$`, "m").exec(NETWORK)?.[0] ?? "";
/** Variables that the row "environment" names by what they are for. */
const KNOWN =
  /^(?:TMPDIR|TEMP|TMP|https?_proxy|no_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+|NODE_USE_SYSTEM_CA)$/i;

/** The fenced blocks of a page in one language, without their indentation. */
const blocks = (page: string, language: string): string[] =>
  [...read(page).matchAll(new RegExp(`^( *)\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\`$`, "gm"))].map(
    ([, indent = "", text = ""]) => text.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
  );

describe.each(PAGES)("%s", (page) => {
  test("has blocks of JSON and shell that parse", () => {
    for (const text of blocks(page, "json")) expect(() => JSON.parse(text)).not.toThrow();
    for (const input of blocks(page, "sh"))
      expect(runTool(["bash", "-n"], { input })).toMatchObject({ status: 0, stderr: "" });
  });

  test("links to files and headings that are there", () => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)];
    const missing = links.filter(([, file = "", anchor]) => {
      const target = path.join(repository(), path.dirname(page), file || path.basename(page));
      if (!existsSync(target)) return true;
      if (anchor === undefined) return false;
      const headings = [...readFileSync(target, "utf8").matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
        heading
          .toLowerCase()
          .replace(/[^\w\- ]/g, "")
          .replaceAll(" ", "-"),
      );
      return !headings.includes(anchor);
    });
    expect(missing.map(([link]) => link)).toEqual([]);
  });
});

test("the pages have blocks at all", () => {
  expect(blocks("docs/organizations.md", "json").length).toBe(2);
  expect(blocks("docs/organizations.md", "sh").join()).toContain(
    "npx github:org/aws-role-refresh migrate --write",
  );
});

test("every policy in the pages is one that this project's templates could have", () => {
  const workflow = "octo-org/.github/.github/workflows/reusable-trusted.yml";
  expect(read("docs/organizations.md")).toContain(`JobWorkflowRefs=${workflow}@refs/tags/v1`);
  expect(read("workflow-templates/aws-publish-site.yml")).toContain(`uses: ${workflow}@v1`);
});

describe("docs/network-and-processes.md", () => {
  test("has the rates of the schedule", () => {
    const seconds = (first: boolean) =>
      [1, 0].map((random) => refreshDelay(300_000, 300_000, random, first) / 1000);
    expect(NETWORK).toContain(`every ${seconds(false).join(" to ")} s (24 to 27 requests an hour)`);
    expect(NETWORK).toContain(
      `the first repetition ${seconds(true).map(Math.round).join(" to ")} s after the start`,
    );
    const waits = [1, 2, 3, 20].map((failures) => retryDelay(300_000, failures, 1) / 1000);
    expect(NETWORK).toContain(`up to ${waits.slice(0, 3).join(", ")} … ${waits[3]} s`);
    expect(NETWORK).toContain(`at most ${requestTimeout(300_000) / 1000} s (GitHub) or 15 s (STS)`);
    expect(read("src/exchange.ts")).toContain("ATTEMPT_TIMEOUT_MS = 15_000;");
    expect(NETWORK).toContain("reads at most 64 KiB");
    expect(read("src/base/id-token.ts")).toContain("MAX_ANSWER_BYTES = 64 * 1024;");
  });

  test("has the User-Agent, and the forms of the log", () => {
    expect(NETWORK).toContain("user-agent: aws-role-refresh");
    expect(read("src/base/id-token.ts")).toContain('"user-agent": "aws-role-refresh"');
    const healthy = "aws-role-refresh: healthy; ";
    expect(read("docs/organizations.md")).toContain(healthy);
    expect(read("src/check.ts")).toContain(healthy);
  });

  const onLinux = process.platform === "linux" ? test : test.skip;
  onLinux("says of a keeper's process and files what is there", async () => {
    const stage = await Stage.start();
    const { job } = await stage.startJob();
    try {
      await stage.use(job);
      const [keeper, ...more] = keepersOf(stage.runner);
      expect(more).toEqual([]);
      const proc = (name: string, pid = keeper?.pid) => `/proc/${pid}/${name}`;
      const words = (name: string, pid?: number) =>
        readFileSync(proc(name, pid), "utf8").split("\0").filter(Boolean);
      expect(words("cmdline")).toEqual(["aws-role-refresh"]);
      expect(row("command line")).toContain("| `aws-role-refresh`:");
      expect(readlinkSync(proc("exe"))).toBe(readlinkSync("/proc/self/exe"));
      const environmentOf = (pid?: number) => words("environ", pid).map((line) => line.split("=")[0] ?? "");
      // Node's own, for the channel that main closes.
      const own = environmentOf().filter((name) => !name.startsWith("NODE_CHANNEL_"));
      expect(own.filter((name) => !KNOWN.test(name) && !row("environment").includes(`\`${name}\``))).toEqual(
        [],
      );

      const children = () =>
        readFileSync(proc(`task/${keeper?.pid}/children`), "utf8")
          .trim()
          .split(" ")
          .filter(Boolean);
      // Between fork and exec a child still has the keeper's name.
      const started = () => children().some((child) => words("cmdline", Number(child))[0] === "/bin/sh");
      await waitFor("the keeper's shell", 30_000, started);
      expect(children()).toHaveLength(1);
      const shell = Number(children()[0]);
      expect(words("cmdline", shell).slice(0, 2)).toEqual(["/bin/sh", "-c"]);
      expect(words("cmdline", shell)[2]).toMatch(/^: aws-role-refresh, brings back its keeper\n/);
      expect(row("command line")).toContain("`/bin/sh -c ': aws-role-refresh, brings back its keeper …'`");
      expect(environmentOf(shell).filter((name) => !own.includes(name))).toEqual(["KEEPER_COMMAND"]);
      expect(words("environ", shell).find((line) => line.startsWith("KEEPER_COMMAND="))).toMatch(
        /\/dist\/keeper\/index\.js'? again$/,
      );

      const directory = readlinkSync(proc("cwd"));
      expect(path.relative(stage.runner.temp, directory)).toMatch(/^aws-role-refresh\/tokens\/\w+$/);
      for (const fd of ["0", "1", "2"]) expect(readlinkSync(proc(`fd/${fd}`))).toBe("/dev/null");
      // Every file of the job directory is in the table of files.
      const table = NETWORK.slice(NETWORK.indexOf("## Files"));
      const unknown = readdirSync(stage.root).filter((name) => !new RegExp(`[\`/]${name}[/.\`]`).test(table));
      expect(unknown.map((name) => printable(name))).toEqual([]);
    } finally {
      await job.finish();
      await stage.close();
    }
    expect(keepersOf(stage.runner)).toEqual([]);
  });
});
