/**
 * Runs the action in front of other people's software and writes down what became of each call.
 *   npm run conformance -- [--only NAME,NAME] [--scenario N,N] [--row TEXT] [--short] [--json FILE]
 * A whole run writes conformance/results.json and docs/compatibility.md; a partial one only prints, and
 * writes FILE. Fails where a cell is not right that was right in conformance/results.json, and where there is
 * no advice for one.
 */
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { repository } from "../harness/repository.ts";
import { copyAction } from "../harness/runner/surroundings.ts";
import { adviceFor, exceptions, type Where } from "./advice.ts";
import { Turns } from "./calls.ts";
import { CLIENTS } from "./clients.ts";
import { CACHE_DIRECTORY, install } from "./install.ts";
import { regressions } from "./judge.ts";
import { DOCUMENT_FILE, RESULTS_FILE, renderCompatibility } from "./report.ts";
import { type Results, type RowResult, type Scenario, stable } from "./results.ts";
import { afterRows, formRows, hostileRows, type Run, refreshRows, staleRows } from "./rows.ts";
import { AFTER_ROWS, HOSTILE_ROWS, type Row, shortRows } from "./scenarios.ts";

/** Clients at once: some wait for the network, most for one of two cores. */
const CLIENTS_AT_ONCE = 3;

const SCENARIOS: Scenario[] = [1, 2, 3, 4, 5];

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      scenario: { type: "string" },
      row: { type: "string" },
      short: { type: "boolean", default: false },
      json: { type: "string" },
    },
  });
  const started = Date.now();
  const progress = (line: string): void =>
    console.log(`${String(Math.round((Date.now() - started) / 1000)).padStart(4)} s  ${line}`);
  const names =
    values.only?.split(",") ?? CLIENTS.filter(({ short }) => short || !values.short).map(({ name }) => name);
  const scenarios = (values.scenario?.split(",").map(Number) ??
    (values.short ? [1, 2, 3, 4] : SCENARIOS)) as Scenario[];
  const chosen = (rows: Row[]): Row[] =>
    (values.short ? shortRows(rows) : rows).filter(
      ({ id }) => values.row === undefined || id.includes(values.row),
    );
  const isWhole =
    values.only === undefined && values.scenario === undefined && values.row === undefined && !values.short;

  const installation = await install(names, CACHE_DIRECTORY, progress);
  for (const [name, reason] of installation.refused) progress(`${name} does not run: ${reason}`);
  const clients = CLIENTS.filter(({ name }) => installation.installed.has(name));
  // A copy: one run is of one build, whatever becomes of dist/ meanwhile.
  const scratch = await mkdtemp(path.join(os.tmpdir(), "conformance-"));
  const action = { action: path.join(scratch, "aws-role-refresh"), node24: installation.node24 };
  const run: Run = { clients, installation, action, turns: new Turns(CLIENTS_AT_ONCE), progress };
  const rows: RowResult[] = [];
  try {
    await copyAction(repository(), action.action);
    if (scenarios.includes(1)) rows.push(...(await refreshRows(run)));
    if (scenarios.includes(2)) rows.push(...(await staleRows(run)));
    if (scenarios.includes(3)) rows.push(...(await hostileRows(run, chosen(HOSTILE_ROWS))));
    if (scenarios.includes(4)) rows.push(...(await afterRows(run, chosen(AFTER_ROWS))));
    if (scenarios.includes(5)) rows.push(...(await formRows(run)));
  } finally {
    await rm(scratch, { recursive: true });
  }

  const results: Results = {
    date: new Date(started).toISOString().slice(0, 10),
    system: `${os.type()} ${os.arch()}`,
    node:
      installation.node24 === undefined
        ? process.version
        : execFileSync(installation.node24, ["--version"], { encoding: "utf8" }).trim(),
    versions: Object.fromEntries([...installation.installed].map(([name, { version }]) => [name, version])),
    refused: Object.fromEntries([...installation.refused].map(([name, reason]) => [name, stable(reason)])),
    rows,
  };
  const committed = await readFile(RESULTS_FILE, "utf8")
    .then((text) => (JSON.parse(text) as Results).rows)
    .catch((): RowResult[] => []);
  const others = exceptions(rows);
  for (const where of others) console.log(describe(where));
  const faults = [
    ...regressions(rows, committed).map((cell) => `worse than in conformance/results.json: ${cell}`),
    ...others
      .filter((where) => adviceFor(where) === undefined)
      .map((where) => `no advice: ${describe(where)}`),
  ];
  for (const fault of faults) console.log(fault);
  const verdicts = rows.flatMap(({ steps }) => steps.flatMap(({ cells }) => Object.values(cells)));
  const counts = {
    passed: verdicts.filter(({ verdict }) => verdict === "right").length,
    failed: faults.length,
    skipped: installation.refused.size,
  };
  progress(
    `${rows.length} rows, ${verdicts.length} cells: ${counts.passed} right, ${others.length} not, ${faults.length} of these unexplained or new`,
  );
  if (values.json !== undefined)
    await writeFile(values.json, `${JSON.stringify({ ...counts, ...results }, undefined, 1)}\n`);
  if (isWhole) {
    await writeFile(RESULTS_FILE, `${JSON.stringify(results, undefined, 1)}\n`);
    await writeFile(DOCUMENT_FILE, renderCompatibility(results));
  }
  process.exitCode = faults.length > 0 ? 1 : 0;
}

function describe({ row, step, client, cell }: Where): string {
  return `scenario ${row.scenario}, ${row.id}, ${step.id}, ${client}: ${cell.verdict}: ${cell.text ?? row.refusal ?? ""}`;
}

await main();
