/** The conformance suite: the action in front of other people's software. `--help` lists the options. */
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { repository } from "../harness/repository.ts";
import { copyAction } from "../harness/runner/surroundings.ts";
import { type Cleanup, readFlags, runScript, ScriptError, UsageError } from "../scripts/script.ts";
import { adviceFor, exceptions, type Where } from "./advice.ts";
import { Turns } from "./calls.ts";
import { CLIENTS } from "./clients.ts";
import { CACHE_DIRECTORY, install } from "./install.ts";
import { regressions } from "./judge.ts";
import { RESULTS_FILE, renderPages } from "./report.ts";
import { type Results, type RowResult, type Scenario, stable, withOthers } from "./results.ts";
import { afterRows, formRows, hostileRows, type Run, refreshRows, staleRows } from "./rows.ts";
import { AFTER_ROWS, HOSTILE_ROWS, MODES, type Row, SESSION_ROWS, shortRows } from "./scenarios.ts";
import { sessionRows } from "./sessions.ts";

/** Clients at once: some wait for the network, most for one of two cores. */
const CLIENTS_AT_ONCE = 3;

const SCENARIOS: Record<Scenario, string> = {
  1: "refresh over several sessions",
  2: "a token that is written once, as proof of 1",
  3: "hostile environments",
  4: "what post leaves behind",
  5: "config files of Windows and macOS",
  6: "shared sessions and chains over several sessions",
  7: "hostile environments of shared sessions and chains",
};

const USAGE = `usage: npm run conformance -- [--only NAME,NAME] [--scenario N,N] [--row TEXT] [--short] [--json FILE] [--write] [--render]
       npm run conformance -- --tools [OPTIONS OF npm run tools]

  --only NAMES     these clients: ${CLIENTS.map(({ name }) => name).join(", ")}
  --scenario NS    these scenarios: ${Object.entries(SCENARIOS)
    .map(([number, title]) => `${number} (${title})`)
    .join(", ")}
  --row TEXT       of scenarios 3, 4, 6 and 7, the rows whose id contains TEXT
  --short          few clients and rows
  --json FILE      write the results to FILE
  --write          write conformance/results.json, conformance/RESULTS.md and docs/compatibility.md; only with every client and row.
                   With --scenario, the others' results stay as they are
  --tools          run the suite of tools instead, the same as npm run tools; --tools --help lists its options
  --render         write the two pages anew from conformance/results.json, and run nothing

Exit code: 1 if a cell is not right that was right in conformance/results.json, if one that is not right has no advice, or if nothing ran.
`;

function readOptions() {
  const flags = readFlags({
    only: { type: "string" },
    scenario: { type: "string" },
    row: { type: "string" },
    short: { type: "boolean", default: false },
    json: { type: "string" },
    write: { type: "boolean", default: false },
    render: { type: "boolean", default: false },
  });
  const isWhole = flags.only === undefined && flags.row === undefined && !flags.short;
  if (flags.write && !isWhole) throw new UsageError("--write: only every client and row can be written");
  const known = CLIENTS.map(({ name }) => name);
  const names =
    flags.only?.split(",") ?? CLIENTS.filter(({ short }) => short || !flags.short).map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new UsageError(`--only: there is no client ${unknown}`);
  const wanted =
    flags.scenario?.split(",") ??
    Object.keys(SCENARIOS).filter((one) => !flags.short || !["5", "7"].includes(one));
  const none = wanted.find((one) => !(one in SCENARIOS));
  if (none !== undefined) throw new ScriptError(`nothing ran: there is no scenario ${none}`);
  const chosen = (rows: Row[]): Row[] =>
    (flags.short ? shortRows(rows) : rows).filter(({ id }) => id.includes(flags.row ?? ""));
  const scenarios = wanted.map(Number) as Scenario[];
  const [hostile, after, sessions] = [chosen(HOSTILE_ROWS), chosen(AFTER_ROWS), chosen(SESSION_ROWS)];
  const modes = MODES.filter(({ id }) => id.includes(flags.row ?? ""));
  if (hostile.length + after.length + sessions.length + modes.length === 0)
    throw new ScriptError(`nothing ran: no row of scenarios 3, 4, 6 and 7 has ${flags.row} in its id`);
  return { ...flags, names, scenarios, hostile, after, sessions, modes };
}

async function conformance(cleanup: Cleanup): Promise<number> {
  const options = readOptions();
  const committed = await readFile(RESULTS_FILE, "utf8").then((text) => JSON.parse(text) as Results);
  if (options.render) {
    await writePages(committed);
    return 0;
  }
  const started = Date.now();
  const progress = (line: string): void =>
    console.log(`${String(Math.round((Date.now() - started) / 1000)).padStart(4)} s  ${line}`);

  const installation = await install(options.names, CACHE_DIRECTORY, progress);
  for (const [name, reason] of installation.refused) progress(`${name} does not run: ${reason}`);
  const clients = CLIENTS.filter(({ name }) => installation.installed.has(name));
  if (clients.length === 0)
    throw new ScriptError("nothing ran: no client could be installed (is there a network?)");
  // A copy: one run is of one build, whatever becomes of dist/ meanwhile.
  const scratch = await mkdtemp(path.join(os.tmpdir(), "conformance-"));
  cleanup(() => rm(scratch, { recursive: true }));
  const action = { action: path.join(scratch, "aws-role-refresh"), node24: installation.node24 };
  const run: Run = { clients, installation, action, turns: new Turns(CLIENTS_AT_ONCE), progress };
  await copyAction(repository(), action.action);
  const rows = await runScenarios(run, options);

  const results: Results = {
    dates: Object.fromEntries(
      options.scenarios.map((one) => [one, new Date(started).toISOString().slice(0, 10)]),
    ),
    system: `${os.type()} ${os.arch()}`,
    node: execFileSync(installation.node24 ?? process.execPath, ["--version"], { encoding: "utf8" }).trim(),
    versions: Object.fromEntries([...installation.installed].map(([name, { version }]) => [name, version])),
    refused: Object.fromEntries([...installation.refused].map(([name, reason]) => [name, stable(reason)])),
    rows,
  };
  const others = exceptions(rows);
  for (const where of others) console.log(describe(where));
  const verdicts = rows.flatMap(({ steps }) => steps.flatMap(({ cells }) => Object.values(cells)));
  const unadvised = others.filter((where) => adviceFor(where) === undefined);
  const faults = [
    ...regressions(rows, committed.rows).map((cell) => `worse than in conformance/results.json: ${cell}`),
    ...unadvised.map((where) => `no advice: ${describe(where)}`),
    ...(verdicts.length > 0 ? [] : ["nothing ran: the chosen scenarios have no such row"]),
  ];
  for (const fault of faults) console.log(fault);
  const counts = {
    passed: verdicts.filter(({ verdict }) => verdict === "right").length,
    failed: faults.length,
    skipped: installation.refused.size,
  };
  progress(
    `${rows.length} rows, ${verdicts.length} cells: ${counts.passed} right, ${others.length} not, ${faults.length} of these unexplained or new`,
  );
  if (options.json !== undefined)
    await writeFile(options.json, `${JSON.stringify({ ...counts, ...results }, undefined, 1)}\n`);
  if (options.write) {
    const whole = withOthers(results, committed);
    await writeFile(RESULTS_FILE, `${JSON.stringify(whole, undefined, 1)}\n`);
    await writePages(whole);
  }
  return faults.length > 0 ? 1 : 0;
}

async function runScenarios(run: Run, options: ReturnType<typeof readOptions>): Promise<RowResult[]> {
  const parts: Record<Scenario, () => Promise<RowResult[]>> = {
    1: () => refreshRows(run),
    2: () => staleRows(run),
    3: () => hostileRows(run, options.hostile),
    4: () => afterRows(run, options.after),
    5: () => formRows(run),
    6: () => sessionRows(run, options.modes, options.short),
    7: () => hostileRows(run, options.sessions, 7),
  };
  const rows: RowResult[] = [];
  for (const scenario of options.scenarios.toSorted()) rows.push(...(await parts[scenario]()));
  return rows;
}

async function writePages(results: Results): Promise<void> {
  for (const [file, text] of Object.entries(renderPages(results))) {
    await writeFile(path.join(repository(), file), text);
    console.log(`wrote ${file}`);
  }
}

function describe({ row, step, client, cell }: Where): string {
  return `scenario ${row.scenario}, ${row.id}, ${step.id}, ${client}: ${cell.verdict}: ${cell.text ?? row.refusal ?? ""}`;
}

const [node = "", , ...args] = process.argv;
if (args.includes("--tools")) {
  const suite = path.join(import.meta.dirname, "tools", "suite.js");
  process.argv = [node, suite, ...args.filter((each) => each !== "--tools")];
  await import("./tools/suite.ts");
} else await runScript(USAGE, conformance);
