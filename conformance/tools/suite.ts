/** The lane of tools: the action in front of programs and servers that nobody here wrote. `--help` lists the options. */
import { startClouds } from "../../harness/clouds/clouds.ts";
import {
  asJson,
  type Cleanup,
  readFlags,
  runScript,
  ScriptError,
  UsageError,
  wholeNumber,
  writeResult,
} from "../../scripts/script.ts";
import { chainsUnderAct } from "./act.ts";
import { type Installation, install, type RecipeName } from "./install.ts";
import { startMinio } from "./minio.ts";
import { isInside, runInside, S3_DOMAINS, serveNames, whyNotInside } from "./names.ts";
import { NEIGHBOUR_ROWS } from "./neighbour-rows.ts";
import { runNeighbour } from "./neighbours.ts";
import { writeResults } from "./page.ts";
import { type Pace, QUICK, REAL_TIME, runReal, type World } from "./real.ts";
import { prepare, REAL_ROWS } from "./real-rows.ts";
import type { RowResult } from "./results.ts";
import { runTool, type ToolRow } from "./tool-rows.ts";
import { type Mode, TOOLS, type Tool } from "./tools.ts";

/** Jobs at once: most of the time they sleep between two turns. */
const JOBS_AT_ONCE = 8;

const USAGE = `usage: npm run tools -- [--only PART,PART] [--row TEXT,TEXT] [--peer DIR] [--seconds N] [--real-time] [--short] [--json FILE] [--write]

  --only PARTS   minio: the action against MinIO as STS and S3
                 act: a workflow that chains twice, under nektos/act
                 tools: programs that people run, under AWS's own names (takes root on Linux)
                 neighbours: other actions and other surroundings in one job
  --peer DIR     a checkout of configure-aws-credentials, for the rows of neighbours that have it in the same job
  --seconds N    how long the loops against MinIO last (default and least ${QUICK.seconds})
  --real-time    against MinIO, ID tokens live ${REAL_TIME.idTokenSeconds} s, as GitHub's, and not ${QUICK.idTokenSeconds} s; the loops last ${REAL_TIME.seconds} s or longer
  --row TEXTS    only rows whose id contains one of these, separated by commas
  --short        the parts that need no build and no network namespace: neighbours
  --json FILE    write what was found to FILE
  --write        write conformance/tools/results.json, and from it the table and the log in docs/tools.md and docs/opentofu.svg: the rows of tools that ran

Installs what it needs into .cache/tools (TOOLS_CACHE names another folder). What cannot be installed or run is skipped, and reported.
Exit code: 1 if a row is not as it should be, or if nothing ran; without --short, also if something was skipped.
`;

interface Part {
  needs: RecipeName[];
  /** Rows of what is missing among these are left out. */
  wants?(wanted: Context["wanted"]): RecipeName[];
  /** Why it cannot run on this machine. */
  why?(): Promise<string | undefined>;
  run(context: Context): Promise<RowResult[]>;
}

interface Context {
  folder(name: RecipeName): string;
  has(name: RecipeName): boolean;
  wanted: (id: string) => boolean;
  report(row: RowResult): void;
  cleanup: Cleanup;
  /** A checkout of configure-aws-credentials. */
  peer: string | undefined;
  /** Of the loops against MinIO. */
  pace: Pace;
}

const PARTS: Record<string, Part> = {
  minio: { needs: ["minio", "python", "js", "go", "rclone"], run: runMinio },
  act: { needs: ["act", "python", "js"], run: runAct },
  neighbours: { needs: ["python", "js"], run: runNeighbours },
  tools: {
    needs: ["minio"],
    wants: (wanted) => rowsOf(wanted).map(({ tool }) => tool.recipe),
    why: async () => (isInside() ? undefined : whyNotInside()),
    run: runTools,
  },
};

async function runNeighbours({ folder, wanted, report, peer }: Context): Promise<RowResult[]> {
  const tools = { python: folder("python"), js: folder("js"), peer };
  const can = process.getuid?.() === 0;
  const rows = NEIGHBOUR_ROWS.filter(
    ({ id, needsPeer, needsRoot }) => wanted(id) && (!needsPeer || peer !== undefined) && (!needsRoot || can),
  );
  return inTurns(rows, async (row) => {
    const result = await runNeighbour(row, tools);
    report(result);
    return result;
  });
}

function rowsOf(wanted: Context["wanted"]): { tool: Tool; mode: Mode }[] {
  return TOOLS.flatMap((tool) =>
    (Object.keys(tool.expected) as Mode[]).map((mode) => ({ tool, mode })),
  ).filter(({ tool, mode }) => wanted(`${tool.name}-${mode}`));
}

async function runTools(context: Context): Promise<RowResult[]> {
  const { folder, has, wanted, report, cleanup } = context;
  const clouds = await startClouds({ idTokenSeconds: QUICK.idTokenSeconds });
  cleanup(() => clouds.close());
  const minio = await startMinio(`${folder("minio")}/minio`, clouds.github.issuer, {
    domains: S3_DOMAINS,
  });
  cleanup(() => minio.close());
  const names = await serveNames(minio.url);
  cleanup(() => names.close());
  const rows = rowsOf(wanted).filter(({ tool }) => has(tool.recipe));
  return inTurns(rows, async ({ tool, mode }) => {
    const row = await runTool(tool, mode, { clouds, names, folder: folder(tool.recipe) });
    report(row);
    return row;
  });
}

async function runMinio({ pace, folder, wanted, report, cleanup }: Context): Promise<RowResult[]> {
  const clouds = await startClouds({ idTokenSeconds: pace.idTokenSeconds });
  cleanup(() => clouds.close());
  const minio = await startMinio(`${folder("minio")}/minio`, clouds.github.issuer);
  cleanup(() => minio.close());
  const world: World = {
    clouds,
    minio,
    python: folder("python"),
    js: folder("js"),
    go: folder("go"),
    rclone: folder("rclone"),
    pace,
  };
  const first = await prepare(world);
  report(first);
  const queue = REAL_ROWS.filter(({ id }) => wanted(id));
  const rows = await inTurns(queue, async (row) => {
    const result = await runReal(row, world);
    report(result);
    return result;
  });
  return [first, ...rows];
}

async function runAct({ folder, wanted, report }: Context): Promise<RowResult[]> {
  const tools = { act: `${folder("act")}/act`, python: folder("python"), js: folder("js") };
  const rows: RowResult[] = [];
  for (const shared of [false, true].filter((each) => wanted(each ? "chain-shared" : "chain"))) {
    rows.push(await chainsUnderAct(tools, shared));
    for (const row of rows.slice(-1)) report(row);
  }
  return rows;
}

/** A few at once. One that throws ends the part. */
async function inTurns<T, R>(items: T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const queue = [...items];
  const results: R[] = [];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) results.push(await work(next));
  };
  await Promise.all(Array.from({ length: JOBS_AT_ONCE }, worker));
  return results;
}

async function main(cleanup: Cleanup): Promise<number> {
  const flags = readFlags({
    only: { type: "string" },
    row: { type: "string" },
    peer: { type: "string" },
    seconds: { type: "string" },
    json: { type: "string" },
    "real-time": { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    short: { type: "boolean", default: false },
  });
  const names = flags.only?.split(",") ?? (flags.short ? ["neighbours"] : Object.keys(PARTS));
  const unknown = names.find((name) => !(name in PARTS));
  if (unknown !== undefined) throw new UsageError(`--only: there is no part ${unknown}`);
  const base = flags["real-time"] ? REAL_TIME : QUICK;
  const pace = { ...base, seconds: wholeNumber("--seconds", flags.seconds ?? base.seconds, base.seconds) };
  const started = Date.now();
  const progress = (line: string): void =>
    console.log(`${String(Math.round((Date.now() - started) / 1000)).padStart(5)} s  ${line}`);
  const report = ({ id, title, facts, faults }: RowResult): void => {
    progress(`${faults.length === 0 ? "right" : "WRONG"}  ${id}: ${title}`);
    for (const fact of facts) console.log(`           ${fact}`);
    for (const fault of faults) console.log(`           NOT AS IT SHOULD BE: ${fault}`);
  };

  const parts = names.flatMap((name) => PARTS[name] ?? []);
  const texts = (flags.row ?? "").split(",");
  const wanted = (id: string): boolean => texts.some((text) => id.includes(text));
  const recipes = new Set(parts.flatMap(({ needs, wants }) => [...needs, ...(wants?.(wanted) ?? [])]));
  // Inside there is no network: what can be installed is there by then.
  const installation = await install([...recipes], progress, !isInside());
  if (names.includes("tools") && !isInside() && (await whyNotInside()) === undefined)
    return runInside(process.argv.slice(2), cleanup);
  const rows: RowResult[] = [];
  const skipped = [...installation.refused].map(([name, reason]) => `SKIPPED ${name}: ${reason}`);
  for (const name of names) {
    const part = PARTS[name];
    if (part === undefined || part.needs.some((each) => installation.refused.has(each))) continue;
    const why = await part.why?.();
    if (why !== undefined) {
      skipped.push(`SKIPPED ${name}: ${why}`);
      continue;
    }
    const has = (each: RecipeName): boolean => installation.installed.has(each);
    rows.push(
      ...(await part.run({
        folder: folderIn(installation),
        has,
        wanted,
        report,
        cleanup,
        peer: flags.peer,
        pace,
      })),
    );
  }
  for (const line of skipped) progress(line);
  const failed = rows.filter(({ faults }) => faults.length > 0).length;
  const counts = { passed: rows.length - failed, failed, skipped: skipped.length };
  if (flags.json !== undefined) await writeResult(flags.json, asJson({ ...counts, rows, skipped }));
  if (rows.length === 0 && !(flags.short && skipped.length > 0))
    throw new ScriptError(["nothing ran", ...skipped].join("\n"));
  const ofTools = rows.filter((row): row is ToolRow => "verdict" in row);
  if (flags.write) await writeResults(ofTools, new Date(started).toISOString().slice(0, 10));
  progress(`${rows.length - failed} rows right, ${failed} not, ${skipped.length} skipped`);
  return failed > 0 || (skipped.length > 0 && !flags.short) ? 1 : 0;
}

function folderIn({ installed }: Installation): (name: RecipeName) => string {
  return (name) => {
    const folder = installed.get(name);
    if (folder === undefined) throw new ScriptError(`${name} is not installed`);
    return folder;
  };
}

await runScript(USAGE, main);
