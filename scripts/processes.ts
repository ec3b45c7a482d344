/**
 * Many short processes in one job, sixteen at a time, of three SDKs in turn: how many exchanges STS counts
 * with a shared session, and beside it with a web identity profile. `npm run processes -- --help`.
 */
import { startClouds } from "../harness/clouds/clouds.ts";
import { trustGitHub } from "../harness/clouds/trust.ts";
import { createRunner } from "../harness/runner/runner.ts";
import { environmentsOf, installPrograms, type Program, runProgram, type Way } from "./clients.ts";
import { asJson, type Cleanup, readFlags, runScript, wholeNumber, writeResult } from "./script.ts";
import { formatTable } from "./table.ts";

const ROLE = "arn:aws:iam::111122223333:role/many";
const INPUTS = { "role-to-assume": ROLE, "aws-region": "eu-west-1" };
const MEASURED: Way[] = ["shared session", "web identity"];

const USAGE = `usage: npm run processes -- [--processes N] [--beside N] [--at-once N] [--session-seconds N] [--json FILE]

  --processes N        with the shared session (default 1000)
  --beside N           with the web identity profile (default as many)
  --at-once N          default 16
  --session-seconds N  life of a session (default 3600)
  --json FILE          write the figures to FILE

Exit code: 0 if every call worked and the shared session took no more than one exchange for each half of its life, else 1.
`;

interface Counted {
  way: Way;
  processes: number;
  failed: number;
  exchanges: number;
  seconds: number;
}

/** Runs `total` processes, so many at once; returns how many failed. */
async function runMany(
  programs: Program[],
  total: number,
  atOnce: number,
  env: Record<string, string>,
): Promise<number> {
  let next = 0;
  let failed = 0;
  const work = async (): Promise<void> => {
    for (let n = next++; n < total; n = next++) {
      await runProgram(programs[n % programs.length] as Program, env).catch((error: Error) => {
        failed += 1;
        if (failed <= 3) console.log(`! ${error.message}`);
      });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return failed;
}

async function processes(cleanup: Cleanup): Promise<number> {
  const flags = readFlags({
    processes: { type: "string" },
    beside: { type: "string" },
    "at-once": { type: "string" },
    "session-seconds": { type: "string" },
    json: { type: "string" },
  });
  const total = wholeNumber("--processes", flags.processes ?? 1000, 1);
  const beside = wholeNumber("--beside", flags.beside ?? total, 1);
  const atOnce = wholeNumber("--at-once", flags["at-once"] ?? 16, 1);
  const sessionSeconds = wholeNumber("--session-seconds", flags["session-seconds"] ?? 3600, 4);
  const programs = await installPrograms();

  const clouds = await startClouds({ sessionSeconds });
  cleanup(() => clouds.close());
  clouds.sts.addRole({ arn: ROLE, trust: trustGitHub("111122223333", "repo:*") });
  const runner = await createRunner({});
  cleanup(() => runner.close());
  const { environment } = clouds.github.startJob();
  const job = await runner.startJob({
    environment: { ...environment, AWS_ENDPOINT_URL_STS: clouds.sts.url, PATH: process.env.PATH ?? "" },
  });
  const begun = Date.now();
  const environments = await environmentsOf(job, clouds, INPUTS);
  /** Who holds the session: a use's session name is its own. */
  const names = new Map<Way, string | undefined>(
    MEASURED.map((way, index) => [
      way,
      clouds.sts.requests.filter(({ action }) => action === "AssumeRoleWithWebIdentity")[index]?.sessionName,
    ]),
  );

  const results: Counted[] = [];
  for (const way of MEASURED) {
    const start = performance.now();
    const processes = way === "shared session" ? total : beside;
    const failed = await runMany(programs, processes, atOnce, environments[way]);
    const seconds = (performance.now() - start) / 1000;
    results.push({ way, processes, failed, exchanges: 0, seconds });
  }
  const lastedSeconds = (Date.now() - begun) / 1000;
  for (const result of results)
    result.exchanges = clouds.sts.requests.filter(
      ({ action, sessionName }) =>
        action === "AssumeRoleWithWebIdentity" && sessionName === names.get(result.way),
    ).length;
  const { posts } = await job.finish();

  console.log(`\n${programs.map(({ title }) => title).join(", ")}, in turn; ${atOnce} at a time\n`);
  const rows = results.map(({ way, processes, failed, exchanges, seconds }) => [
    way,
    String(processes),
    String(failed),
    String(exchanges),
    seconds.toFixed(0),
  ]);
  console.log(formatTable(["profile", "processes", "failed", "exchanges (main's included)", "s"], rows));
  const halfLives = lastedSeconds / (sessionSeconds / 2);
  console.log(
    `\nThe job lasted ${lastedSeconds.toFixed(0)} s, ${halfLives.toFixed(2)} half lives of the session.`,
  );
  if (flags.json !== undefined)
    await writeResult(flags.json, asJson({ sessionSeconds, lastedSeconds, results }));

  // Renewed up to a tenth early.
  const most = 1 + Math.ceil(halfLives / 0.9);
  const [shared] = results;
  const worked =
    results.every(({ failed }) => failed === 0) && posts.every(({ outcome }) => outcome === "success");
  return worked && (shared?.exchanges ?? 0) <= most ? 0 : 1;
}

await runScript(USAGE, processes);
