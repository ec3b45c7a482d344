/** The committed results of the tools, and what shows them: docs/tools.md and the picture of OpenTofu in it. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { repository } from "../../harness/repository.ts";
import { asJson } from "../../scripts/script.ts";
import { renderTerminals, type Terminal } from "./picture.ts";
import type { ToolRow } from "./tool-rows.ts";
import { MODES, type Mode, TOOLS, type Verdict } from "./tools.ts";

export const RESULTS_FILE = path.join(repository(), "conformance", "tools", "results.json");
export const PAGE_FILE = path.join(repository(), "docs", "tools.md");
export const PICTURE_FILE = path.join(repository(), "docs", "opentofu.svg");

/** By the id of the row: what the last run of it found. */
export type Results = Record<string, { verdict: Verdict; version: string; date: string; log?: string[] }>;

const WORDS: Record<Verdict, string> = {
  right: "works",
  hangs: "works, then hangs at exit",
  fails: "does not work",
  dies: "stops working",
  aborts: "aborts",
};
/** What --write replaces in the page, each between two comments. */
const MARKS = {
  table: ["<!-- table: npm run tools -- --write -->", "<!-- end of table -->"],
  log: ["<!-- log: npm run tools -- --write -->", "<!-- end of log -->"],
} as const;

/** The table between its two comments: a line for each tool, a column for each way to use the action. */
export function renderTable(results: Results): string {
  const modes = Object.keys(MODES) as Mode[];
  const lines = TOOLS.map(({ name, title, version }) => {
    const cells = modes.map((mode) => {
      const found = results[`${name}-${mode}`];
      return found === undefined ? "not run" : WORDS[found.verdict];
    });
    return `| ${[title, version, ...cells].join(" | ")} |`;
  });
  const head = ["Tool", "Version", ...modes.map((mode) => MODES[mode].heading)];
  return [`| ${head.join(" | ")} |`, `| ${head.map(() => "---").join(" | ")} |`, ...lines].join("\n");
}

/** What OpenTofu printed, with keys exported once and with this action. */
function terminals(results: Results): Terminal[] {
  return (["keys", "default"] as const).map((mode) => ({
    heading: mode === "keys" ? "Keys exported once" : "This action",
    isRight: mode !== "keys",
    lines: results[`tofu-${mode}`]?.log ?? [],
  }));
}

export function renderLog(results: Results): string {
  const blocks = terminals(results).map(({ heading, lines }) =>
    [`${heading}:`, "", "```text", ...lines, "```"].join("\n"),
  );
  return blocks.join("\n\n");
}

export function renderPicture(results: Results): string {
  return renderTerminals(
    "OpenTofu: an apply that takes longer than its session",
    "An apply of 80 s with a session of 40 s, the state in S3 with a lock file, and then the plan of the next job.",
    terminals(results),
  );
}

/** The page with what the results are rendered to in it. */
export function withResults(page: string, results: Results): string {
  const parts = { table: renderTable(results), log: renderLog(results) };
  return (["table", "log"] as const).reduce((text, part) => {
    const [begin, end] = MARKS[part];
    const [before = "", rest = ""] = text.split(begin);
    const [, after = ""] = rest.split(end);
    return `${before}${begin}\n${parts[part]}\n${end}${after}`;
  }, page);
}

export async function readResults(): Promise<Results> {
  return JSON.parse(await readFile(RESULTS_FILE, "utf8").catch(() => "{}")) as Results;
}

/** Adds what a run found, and writes the three files. */
export async function writeResults(rows: ToolRow[], date: string): Promise<void> {
  const results = await readResults();
  for (const { id, verdict, version, log } of rows)
    results[id] = { verdict, version, date, ...(log && { log }) };
  const known = new Set(
    TOOLS.flatMap(({ name, expected }) => Object.keys(expected).map((mode) => `${name}-${mode}`)),
  );
  const kept = Object.entries(results).filter(([id]) => known.has(id));
  const sorted: Results = Object.fromEntries(kept.toSorted(([one], [other]) => (one < other ? -1 : 1)));
  await writeFile(RESULTS_FILE, asJson(sorted));
  await writeFile(PAGE_FILE, withResults(await readFile(PAGE_FILE, "utf8"), sorted));
  await writeFile(PICTURE_FILE, renderPicture(sorted));
}
