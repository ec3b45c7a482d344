// docs/organizations.md, docs/network-and-processes.md and examples/aws/README.md: their blocks parse, their links lead somewhere,
// and what they say about the keeper is what a real one does.
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import path from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { runTool } from "../../harness/examples/tools.ts";
import { keepersOf, Stage } from "../../harness/machine/stage.ts";
import { repository } from "../../harness/repository.ts";
import { printable } from "../../src/base/text.ts";
import { refreshDelay, requestTimeout, retryDelay } from "../../src/keeper/schedule.ts";

// Each starts several programs, which take ten times as long on a busy machine.
jest.setTimeout(240_000);

const PAGES = ["docs/organizations.md", "docs/network-and-processes.md", "examples/aws/README.md"];
const read = (file: string) => readFileSync(path.join(repository(), file), "utf8");
const NETWORK = read("docs/network-and-processes.md");

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
      const proc = (name: string) => `/proc/${keeper?.pid}/${name}`;
      const args = readFileSync(proc("cmdline"), "utf8").split("\0").slice(1, -1);
      const documented = /`node (--v8-pool-size=1) \[(--disable-sigusr1)\] …/.exec(NETWORK)?.slice(1);
      expect(args.slice(0, -1).filter((arg) => !documented?.includes(arg))).toEqual([]);
      expect(args.at(-1)).toMatch(/\/dist\/keeper\/index\.js$/);

      const names = readFileSync(proc("environ"), "utf8")
        .split("\0")
        .map((line) => line.split("=")[0] ?? "");
      const row = /^\| environment \|.*$/m.exec(NETWORK)?.[0] ?? "";
      // Node's own, for the channel that main closes.
      const own = names.filter((name) => name !== "" && !name.startsWith("NODE_CHANNEL_"));
      const known =
        /^(?:TMPDIR|TEMP|TMP|https?_proxy|no_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+|NODE_USE_SYSTEM_CA)$/i;
      expect(own.filter((name) => !known.test(name) && !row.includes(`\`${name}\``))).toEqual([]);

      const directory = readlinkSync(proc("cwd"));
      expect(path.relative(stage.runner.temp, directory)).toMatch(/^aws-role-refresh\/tokens\/\w+$/);
      for (const fd of ["0", "1", "2"]) expect(readlinkSync(proc(`fd/${fd}`))).toBe("/dev/null");
      const children = readFileSync(proc(`task/${keeper?.pid}/children`), "utf8").trim();
      expect(children).toBe("");
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
