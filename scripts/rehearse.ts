/**
 * The rehearsal: three jobs side by side that all live longer than their ID token and their role session, on
 * two clouds on loopback, or with MinIO. `npm run rehearse -- --help` lists the options.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { repository } from "../harness/repository.ts";
import { createRunner, type JobResult, type Runner } from "../harness/runner/runner.ts";
import type { CallLine } from "./rehearsal/clients/call-loop.ts";
import { renderSvg } from "./rehearsal/picture.ts";
import { type Progress, Reporter, type Way } from "./rehearsal/progress.ts";
import { type Running, SERVERS, type Server } from "./rehearsal/servers.ts";
import { brokenPromises, renderTable, type Timeline } from "./rehearsal/timeline.ts";
import {
  asJson,
  type Cleanup,
  readFlags,
  runScript,
  UsageError,
  wholeNumber,
  writeResult,
} from "./script.ts";

/**
 * On our own clouds, the token written once is refused after 6 s, and the session begun just before that lives
 * 15 s more. On MinIO both end after 20 s. Below this nothing can be seen.
 */
const LEAST_SECONDS = 30;
/** How long the jobs may take beyond the rehearsal itself: to be set up, and to end. */
const MARGIN_MS = 60_000;
const REGION = "eu-west-1";

const USAGE = `usage: npm run rehearse -- [--seconds N] [--server NAME] [--json FILE] [--svg FILE] [--with boto3,aws]

  --seconds N   how long the jobs last (default 60, at least ${LEAST_SECONDS})
  --server NAME clouds (default): GitHub and AWS STS on loopback, which need nothing but Node
                minio: MinIO as STS and S3, and each call writes and reads an object. The first run builds it with Go
  --json FILE   write every token, session and call to FILE
  --svg FILE    where to write the picture (default out/rehearsal.svg)
  --with LIST   further clients, separated by commas: boto3, aws (the AWS CLI)

Exit code: 0 if this action showed no failure and the other two failed as they do in reality, else 1.
`;

function renewals({ sessionSeconds }: Server): string {
  const life = sessionSeconds === undefined ? "no longer than its ID token" : `${sessionSeconds} s`;
  return `Why so many session refreshes: the AWS SDK for JavaScript asks for a new session when less than 5 minutes of the old
one are left. A session lives ${life} here, so the SDK renews it at nearly every call. It renews a session of an hour once in 55 minutes.`;
}

const root = repository();

interface Client {
  name: string;
  command: string[];
  intervalMs: number;
}

interface Options {
  seconds: number;
  server: Server;
  json: string | undefined;
  svg: string;
  further: string[];
}

function readOptions(): Options {
  const flags = readFlags({
    seconds: { type: "string" },
    server: { type: "string", default: "clouds" },
    json: { type: "string" },
    svg: { type: "string" },
    with: { type: "string" },
  });
  const seconds = wholeNumber("--seconds", flags.seconds ?? 60, LEAST_SECONDS);
  const server = SERVERS[flags.server];
  if (server === undefined)
    throw new UsageError(
      `--server: ${Object.keys(SERVERS).join(" and ")} are supported, not ${flags.server}`,
    );
  const further = (flags.with ?? "").split(",").filter((name) => name !== "");
  const unknown = further.find((name) => name !== "boto3" && name !== "aws");
  if (unknown !== undefined) throw new UsageError(`--with: boto3 and aws are supported, not ${unknown}`);
  const svg = flags.svg ?? path.join(root, "out", "rehearsal.svg");
  return { seconds, server, json: flags.json, svg, further };
}

const run = promisify(execFile);

const compiled = (name: string): string => path.join(root, "lib", "scripts", "rehearsal", "clients", name);

/**
 * The version, if it is at least `least`; both as "major.minor...". Throws otherwise: older ones do not read
 * AWS_ENDPOINT_URL_STS.
 */
function requireVersion(name: string, version: string, least: [number, number][]): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const enough = least.some(([leastMajor, leastMinor]) => major === leastMajor && minor >= leastMinor);
  if (!enough) throw new UsageError(`--with: ${name} ${version} does not support AWS_ENDPOINT_URL_STS`);
}

/**
 * The clients, and what the environment of their steps needs beyond the job's and the server's. Throws
 * UsageError for one that is not there.
 */
async function findClients(
  further: string[],
  env: Record<string, string>,
): Promise<{ clients: Client[]; environment: Record<string, string> }> {
  const clients: Client[] = [
    { name: "AWS SDK for JS", command: [process.execPath, compiled("sdk-js.js")], intervalMs: 500 },
  ];
  const environment = { ...env };
  if (further.includes("boto3")) {
    // The steps have their own HOME, where Python would not find the packages installed for the user.
    const script =
      "import sys, site, boto3; print(sys.executable, site.getuserbase(), boto3.__version__, sep='\\n')";
    const { stdout } = await run("python3", ["-c", script], { env: { ...process.env, ...env } }).catch(() => {
      throw new UsageError("--with: python3 with boto3 is not on this machine");
    });
    const [python = "", userBase = "", version = ""] = stdout.trim().split("\n");
    requireVersion("boto3", version, [[1, 28]]);
    environment.PYTHONUSERBASE = userBase;
    clients.push({
      name: "boto3",
      command: [python, path.join(root, "scripts", "rehearsal", "clients", "sdk_boto3.py")],
      intervalMs: 500,
    });
  }
  if (further.includes("aws")) {
    const { stdout } = await run("aws", ["--version"], { env: { ...process.env, ...env } }).catch(() => {
      throw new UsageError("--with: the AWS CLI is not on this machine");
    });
    requireVersion("the AWS CLI", /aws-cli\/([\d.]+)/.exec(stdout)?.[1] ?? "", [
      [1, 29],
      [2, 13],
    ]);
    // Half a second is about what one start of the CLI takes.
    clients.push({ name: "AWS CLI", command: [process.execPath, compiled("aws-cli.js")], intervalMs: 3000 });
  }
  return { clients, environment };
}

function ways(stsUrl: string): Way[] {
  // The same for every client; this action needs none, since it writes the endpoint into the profile.
  const env = { AWS_ENDPOINT_URL_STS: stsUrl, AWS_REGION: REGION };
  const exportCloud = `printf 'AWS_ENDPOINT_URL_STS=%s\\nAWS_REGION=${REGION}\\nAWS_DEFAULT_REGION=${REGION}\\n' '${stsUrl}' >> "$GITHUB_ENV"`;
  const once = (name: string, script: string, note: string): Way => ({
    name,
    note,
    mustHold: false,
    prepare: async (job, role) => {
      await job.run(exportCloud);
      return job.run([process.execPath, compiled(script), role], { env });
    },
  });
  return [
    once(
      "keys exported once",
      "export-keys-once.js",
      "as configure-aws-credentials does: the keys of one session, as environment variables",
    ),
    once(
      "token written once",
      "write-token-once.js",
      "as every action with a web identity token file does: SDKs refresh, until the ID token has expired",
    ),
    {
      name: "aws-role-refresh",
      note: "this action, run from dist/: a token file that is valid at every moment of the job",
      mustHold: true,
      prepare: (job, role) =>
        job.use(root, { with: { "role-to-assume": role, "aws-region": REGION, "sts-endpoint": stsUrl } }),
    },
  ];
}

/** Runs one job to its end. What went wrong besides the calls is added to `progress.problems`. */
async function runJob(runner: Runner, progress: Progress, clients: Client[], end: number): Promise<void> {
  const { way, role, cloudJob, problems } = progress;
  const job = await runner.startJob({ name: way.name, environment: cloudJob.environment });
  const prepared = await way.prepare(job, role);
  if (prepared.outcome !== "success") problems.push(`${way.name}: the first step failed\n${prepared.log}`);
  else {
    const steps = clients.map(({ command, intervalMs }, index) =>
      job.background.run([...command, String(end), String(intervalMs)], {
        timeoutMs: end - Date.now() + MARGIN_MS,
        onLine: (line) => {
          if (!line.startsWith("{")) return;
          const { at, error } = JSON.parse(line) as CallLine;
          progress.clients[index]?.calls.push({ at, ...(error === undefined ? {} : { error }) });
        },
      }),
    );
    for (const { result } of steps) {
      const { outcome, name, log } = await result;
      if (outcome !== "success") problems.push(`${way.name}: ${name}: ${outcome}\n${log}`);
    }
  }
  const finished = await job.finish();
  cloudJob.finish();
  if (way.mustHold) problems.push(...leftovers(finished));
}

/** The second half of the promise: after the post step nothing is left on the machine. */
function leftovers({ posts, orphans, tempLeft }: JobResult): string[] {
  return [
    ...posts.filter(({ outcome }) => outcome !== "success").map(({ name, log }) => `${name} failed\n${log}`),
    ...orphans.map(({ command }) => `left running: ${command}`),
    ...tempLeft.before.map((file) => `left behind: ${file}`),
  ];
}

function timelineOf(
  { idTokenSeconds, sessionSeconds, calls }: Server,
  { github, sessionsOf }: Running,
  jobs: Progress[],
  start: number,
  seconds: number,
): Timeline {
  const since = (at: number): number => (at - start) / 1000;
  return {
    seconds,
    idTokenSeconds,
    sessionSeconds,
    calls,
    jobs: jobs.map(({ way, role, cloudJob, clients }) => ({
      name: way.name,
      note: way.note,
      mustHold: way.mustHold,
      tokens: github.requests
        .filter((request) => request.job === cloudJob)
        .flatMap(({ at, issued }) =>
          issued === undefined ? [] : { from: since(at), to: since(issued.exp * 1000) },
        ),
      sessions: sessionsOf({ role, cloudJob }).map(({ from, to }) => ({ from: since(from), to: since(to) })),
      clients: clients.map(({ name, calls: made }) => ({
        name,
        calls: made.map((call) => ({ ...call, at: since(call.at) })),
      })),
    })),
  };
}

/** Rehearses and reports; returns the exit code. Whatever is started is handed to `cleanup`. */
async function rehearse(options: Options, cleanup: Cleanup): Promise<number> {
  if (!existsSync(path.join(root, "dist", "main", "index.js")))
    throw new UsageError("dist/ is missing: npm run build");
  const { server } = options;
  const running = await server.start(options.further, cleanup);
  const { clients, environment } = await findClients(options.further, running.environment);
  const jobs = ways(running.stsUrl).map((way): Progress => {
    const cloudJob = running.github.startJob({ repository: "org/repository" });
    const role = running.addRole(way.name);
    return { way, role, cloudJob, clients: clients.map(({ name }) => ({ name, calls: [] })), problems: [] };
  });

  const start = Date.now();
  const end = start + options.seconds * 1000;
  const reporter = new Reporter(jobs, start, options.seconds);
  const ticking = new AbortController();
  const ticks = (async () => {
    while (!ticking.signal.aborted) {
      reporter.update();
      await sleep(250, undefined, { signal: ticking.signal }).catch(() => {});
    }
  })();
  try {
    await Promise.all(
      jobs.map(async (progress) => {
        const runner = await createRunner({ environment });
        cleanup(() => runner.close());
        await runJob(runner, progress, clients, end);
      }),
    );
  } finally {
    ticking.abort();
    await ticks;
  }
  reporter.update();

  const timeline = timelineOf(server, running, jobs, start, options.seconds);
  const problems = [...jobs.flatMap((job) => job.problems), ...brokenPromises(timeline)];
  await writeResult(options.svg, renderSvg(timeline));
  if (options.json !== undefined) {
    await writeResult(options.json, asJson({ node: process.version, ...timeline, problems }));
  }
  console.log(
    `\n${renderTable(timeline)}\n\n${renewals(server)}\n\npicture: ${path.relative(process.cwd(), options.svg)}`,
  );
  for (const problem of problems) console.error(`not as promised: ${problem}`);
  return problems.length === 0 ? 0 : 1;
}

await runScript(USAGE, (cleanup) => rehearse(readOptions(), cleanup));
