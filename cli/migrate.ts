// aws-role-refresh migrate: moves workflows over from aws-actions/configure-aws-credentials.
import { parseArgs } from "node:util";
import { printable } from "../src/base/text.ts";
import { findFiles, readText, replaceFile } from "./migrate/files.ts";
import { type Finding, mayUse, type Outcome, planFile } from "./migrate/plan.ts";
import { survey } from "./migrate/survey.ts";

const USAGE = `Usage: aws-role-refresh migrate [--write] [--ref REF] [--no-move] [--json] PATH…

Replaces steps of aws-actions/configure-aws-credentials by org/aws-role-refresh in workflows and composite actions.
Give it the root of a repository, or of several. Without --write it changes nothing and reports what it would do.

  --write     write the changed files
  --ref REF   what to write behind the @, "v1" if not given; for a hash: --ref 'HASH # v1.2.3'
  --no-move   leave steps where they are; else they go to the front of their job where that is safe
  --json      report as JSON, a list of files

Exit code: 0 nothing is left to do; 1 something is left: see the lines with "left", or run it with --write;
2 wrong usage, or a file could not be read or written.`;

interface Report extends Outcome {
  file: string;
  /** Why the file could not be read or written. */
  error: string | undefined;
  written: boolean;
}

/** Runs the subcommand: prints to stdout and resolves to the exit code. */
export async function run(args: string[]): Promise<number> {
  let options: ReturnType<typeof readOptions>;
  try {
    options = readOptions(args);
    if (options.help) {
      console.log(USAGE);
      return 0;
    }
    const reports = migrate(findFiles(options.paths), options);
    console.log(options.json ? asJson(reports) : asText(reports, options.write));
    return exitCode(reports);
  } catch (error) {
    console.error(`${printable((error as Error).message)}\n\n${USAGE}`);
    return 2;
  }
}

function readOptions(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      write: { type: "boolean", default: false },
      ref: { type: "string", default: "v1" },
      "no-move": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const [, ref, comment] = /^([\w][\w./-]*)(?: +# *(\S[\w. -]*))?$/.exec(values.ref) ?? [];
  if (ref === undefined) throw new Error("--ref: a tag, branch or hash, such as v1 or 'HASH # v1.2.3'");
  if (positionals.length === 0 && !values.help) throw new Error("Give at least one PATH.");
  return {
    ...values,
    paths: positionals,
    move: !values["no-move"],
    replacement: { uses: `org/aws-role-refresh@${ref}`, comment },
  };
}

function migrate(files: readonly string[], options: ReturnType<typeof readOptions>): Report[] {
  const texts = new Map<string, string>();
  const reports = new Map<string, Report>();
  for (const file of files) {
    const report: Report = {
      file,
      findings: [],
      text: undefined,
      unnamed: 0,
      error: undefined,
      written: false,
    };
    reports.set(file, report);
    try {
      texts.set(file, readText(file));
    } catch (error) {
      report.error = (error as Error).message;
    }
  }
  const known = survey(texts, mayUse);
  // All is planned before anything is written: the plan of a file depends on what the others say.
  for (const [file, text] of texts) {
    if (!mayUse(text)) continue;
    const { replacement, move } = options;
    const outcome = planFile(
      text,
      { replacement, move, outside: (scope) => known.outside(scope) },
      known.source(file),
    );
    Object.assign(reports.get(file) as Report, outcome);
  }
  for (const report of options.write ? reports.values() : []) {
    if (report.text === undefined) continue;
    try {
      replaceFile(report.file, texts.get(report.file) ?? "", report.text);
      report.written = true;
    } catch (error) {
      report.error = (error as Error).message;
    }
  }
  return [...reports.values()];
}

function exitCode(reports: readonly Report[]): number {
  if (reports.some(({ error }) => error !== undefined)) return 2;
  const left = reports.some(
    ({ findings, text, written }) =>
      findings.some(({ verdict }) => verdict === "left") || (text !== undefined && !written),
  );
  return left ? 1 : 0;
}

/** One line for each finding, as compilers print them, so that editors and grep find the place. */
function asText(reports: readonly Report[], write: boolean): string {
  const lines = reports.flatMap(({ file, findings, error }) => [
    ...(error === undefined ? [] : [printable(`${file}: error: ${error}`)]),
    ...findings.flatMap(({ line, verdict, text, instead }) => [
      printable(`${file}:${line}: ${verdict}: ${text}`),
      ...instead.map((each) => printable(`    ${each}`)),
    ]),
  ]);
  const all = reports.flatMap(({ findings }) => findings);
  const count = (verdict: Finding["verdict"]): number =>
    all.filter((each) => each.verdict === verdict).length;
  const changed = reports.filter(({ text }) => text !== undefined).length;
  lines.push(
    `Steps changed: ${count("changed")}, left: ${count("left")}. Files changed: ${changed} of ${reports.length}.`,
  );
  const unnamed = reports.reduce((sum, report) => sum + report.unnamed, 0);
  if (unnamed > 0)
    lines.push(`Sessions that are no longer called GitHubActions: ${unnamed}. See docs/migration.md.`);
  if (changed > 0 && !write) lines.push("Nothing has been written: add --write.");
  return lines.join("\n");
}

function asJson(reports: readonly Report[]): string {
  const found = reports.filter(({ findings, error }) => findings.length > 0 || error !== undefined);
  return JSON.stringify(
    found.map(({ file, findings, error, written }) => ({ file, written, ...(error && { error }), findings })),
    undefined,
    2,
  );
}
