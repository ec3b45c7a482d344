/** What the jobs of a rehearsal talk to: our own STS on loopback, or MinIO as STS and S3. */
import { createServer } from "node:http";
import path from "node:path";
import { install, type RecipeName } from "../../conformance/tools/install.ts";
import { BUCKET, roleOf, startMinio } from "../../conformance/tools/minio.ts";
import { startClouds } from "../../harness/clouds/clouds.ts";
import type { CloudJob, GitHubCloud } from "../../harness/clouds/github.ts";
import { Connections, listen, stop } from "../../harness/clouds/listening.ts";
import { readBody } from "../../harness/clouds/server.ts";
import { trustGitHub } from "../../harness/clouds/trust.ts";
import { type Cleanup, ScriptError } from "../script.ts";
import type { Span } from "./timeline.ts";

export interface Server {
  idTokenSeconds: number;
  /** Undefined: a session ends with the ID token that it was made of. */
  sessionSeconds: number | undefined;
  /** What the clients call, for the picture. */
  calls: string;
  /** @param further clients beside the AWS SDK for JavaScript */
  start(further: string[], cleanup: Cleanup): Promise<Running>;
}

export interface Running {
  github: GitHubCloud;
  stsUrl: string;
  /** What steps need beyond the job's environment. With BUCKET, a call is an object that is written and read. */
  environment: Record<string, string>;
  /** The role for a job of that name. */
  addRole(name: string): string;
  /** Lives of the sessions that a job got, in milliseconds since the epoch. */
  sessionsOf(job: { role: string; cloudJob: CloudJob }): Span[];
}

const ACCOUNT = "111122223333";

const clouds: Server = {
  idTokenSeconds: 6,
  sessionSeconds: 15,
  calls: "AWS call",
  async start(_, cleanup) {
    const { idTokenSeconds, sessionSeconds } = clouds;
    const { github, sts, close } = await startClouds({
      idTokenSeconds,
      ...(sessionSeconds !== undefined && { sessionSeconds }),
    });
    cleanup(close);
    return {
      github,
      stsUrl: sts.url,
      environment: { PATH: process.env.PATH ?? "" },
      addRole: (name) => {
        const arn = `arn:aws:iam::${ACCOUNT}:role/${name.replaceAll(" ", "-")}`;
        sts.addRole({ arn, trust: trustGitHub(ACCOUNT, "repo:org/repository:*") });
        return arn;
      },
      sessionsOf: ({ role }) =>
        sts.requests
          .filter((request) => request.role === role)
          .flatMap(({ at, sessionExpires }) =>
            sessionExpires === undefined ? [] : { from: at, to: sessionExpires },
          ),
    };
  },
};

const minio: Server = {
  idTokenSeconds: 20,
  sessionSeconds: undefined,
  calls: "S3 call",
  async start(further, cleanup) {
    const program = `${await installed("minio")}/minio`;
    const js = await installed("js");
    const bin = further.length > 0 ? [path.join(await installed("python"), "venv", "bin")] : [];
    const { github, close } = await startClouds({ idTokenSeconds: minio.idTokenSeconds });
    cleanup(close);
    const audit = await startAudit();
    cleanup(audit.close);
    const server = await startMinio(program, github.issuer, { audit: audit.url });
    cleanup(server.close);
    return {
      github,
      stsUrl: server.url,
      environment: {
        PATH: [...bin, process.env.PATH].join(path.delimiter),
        AWS_ENDPOINT_URL_S3: server.url,
        BUCKET,
        TOOLS_JS: js,
      },
      // MinIO has one role for an audience.
      addRole: () => roleOf("sts.amazonaws.com"),
      sessionsOf: ({ cloudJob }) => audit.sessions.get(cloudJob.claims.run_id) ?? [],
    };
  },
};

export const SERVERS: Record<string, Server> = { clouds, minio };

/** What is installed for MinIO, and what that takes. */
const NEEDS = { minio: "Go, to build it", js: "npm", python: "Python" } as const satisfies Partial<
  Record<RecipeName, string>
>;

/** Resolves with the folder. */
async function installed(name: keyof typeof NEEDS): Promise<string> {
  const installation = await install([name], console.log);
  const folder = installation.installed.get(name);
  if (folder !== undefined) return folder;
  const reason = installation.refused.get(name);
  throw new ScriptError(`--server minio: ${name} is not installed, and needs ${NEEDS[name]}: ${reason}`);
}

/** Of an entry in MinIO's audit log, what is read here. The rest is dropped: it has session tokens in it. */
interface AuditEntry {
  time: string;
  api: { name: string; statusCode: number };
  /** Of a session: the claims of the ID token, with the `exp` of the session. */
  requestClaims?: { run_id?: string; exp?: number };
}

/** MinIO's name for AssumeRoleWithWebIdentity. */
const EXCHANGE = "AssumeRoleSSOCommon";

/** Takes MinIO's audit log: which sessions it issued, by the run_id of the job. */
async function startAudit(): Promise<{
  url: string;
  sessions: Map<string, Span[]>;
  close(): Promise<void>;
}> {
  const sessions = new Map<string, Span[]>();
  const server = createServer(async (request, response) => {
    const { time, api, requestClaims } = JSON.parse((await readBody(request)).toString()) as AuditEntry;
    const { run_id, exp } = requestClaims ?? {};
    if (api.name === EXCHANGE && api.statusCode === 200 && run_id && exp !== undefined)
      sessions.set(run_id, [...(sessions.get(run_id) ?? []), { from: Date.parse(time), to: exp * 1000 }]);
    response.end();
  });
  const connections = new Connections();
  connections.watch(server);
  const port = await listen(server);
  return { url: `http://127.0.0.1:${port}/`, sessions, close: () => stop([server], connections) };
}
