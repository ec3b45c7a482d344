/** The committed results of the tools, and the table in docs/tools.md that shows them. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { repository } from "../../harness/repository.ts";
import { asJson } from "../../scripts/script.ts";
import type { ToolRow } from "./tool-rows.ts";
import { MODES, type Mode, TOOLS, type Verdict } from "./tools.ts";

export const RESULTS_FILE = path.join(repository(), "conformance", "tools", "results.json");
export const PAGE_FILE = path.join(repository(), "docs", "tools.md");

/** By the id of the row: what the last run of it found. */
export type Results = Record<string, { verdict: Verdict; version: string; date: string }>;

const WORDS: Record<Verdict, string> = {
  right: "works",
  hangs: "works, then hangs at exit",
  fails: "does not work",
  dies: "stops working",
  aborts: "aborts",
};
const [BEGIN, END] = ["<!-- table: npm run tools -- --write -->", "<!-- end of table -->"];

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

/** The page with this table in it. */
export function withTable(page: string, table: string): string {
  const [before = "", rest = ""] = page.split(BEGIN);
  const [, after = ""] = rest.split(END);
  return `${before}${BEGIN}\n${table}\n${END}${after}`;
}

export async function readResults(): Promise<Results> {
  return JSON.parse(await readFile(RESULTS_FILE, "utf8").catch(() => "{}")) as Results;
}

/** Adds what a run found, and writes both files. */
export async function writeResults(rows: ToolRow[], date: string): Promise<void> {
  const results = await readResults();
  for (const { id, verdict, version } of rows) results[id] = { verdict, version, date };
  const known = new Set(
    TOOLS.flatMap(({ name, expected }) => Object.keys(expected).map((mode) => `${name}-${mode}`)),
  );
  const kept = Object.entries(results).filter(([id]) => known.has(id));
  const sorted: Results = Object.fromEntries(kept.toSorted(([one], [other]) => (one < other ? -1 : 1)));
  await writeFile(RESULTS_FILE, asJson(sorted));
  await writeFile(PAGE_FILE, withTable(await readFile(PAGE_FILE, "utf8"), renderTable(sorted)));
}
