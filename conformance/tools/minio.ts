/**
 * MinIO as STS and S3: a server that nobody here wrote. It reads the discovery document and the keys of the
 * GitHub on loopback, checks ID tokens itself, and serves S3 with the sessions that it issues for them.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { listen } from "../../harness/clouds/listening.ts";

/** The audiences that MinIO accepts. Each has a role, which may do what MinIO's policy of that name allows. */
export const AUDIENCES = { "sts.amazonaws.com": "readwrite", "read.example": "readonly" } as const;
export const BUCKET = "bucket";
const START_LIMIT_MS = 60_000;

export interface Minio {
  /** Of STS and of S3. */
  url: string;
  close(): Promise<void>;
}

/**
 * The ARN of the role of an audience: MinIO makes it of the client ID
 * (internal/config/identity/openid/openid.go).
 */
export function roleOf(audience: keyof typeof AUDIENCES): string {
  return `arn:minio:iam:::role/${createHash("sha1").update(audience).digest("base64url")}`;
}

/**
 * Starts the server with an empty bucket. Throws with its log if it does not become ready.
 * @param domains in which a bucket may be the first part of the host name
 * @param audit URL that gets the audit log, with a POST for each entry
 */
export async function startMinio(
  program: string,
  issuer: string,
  { domains = [], audit }: { domains?: string[]; audit?: string } = {},
): Promise<Minio> {
  const directory = await mkdtemp(path.join(os.tmpdir(), "minio-"));
  // On one drive, a bucket is a folder.
  await mkdir(path.join(directory, "data", BUCKET), { recursive: true });
  const port = await freePort();
  const providers = Object.entries(AUDIENCES).flatMap(([audience, policy], index) => {
    const suffix = index === 0 ? "" : `_P${index}`;
    return [
      [`MINIO_IDENTITY_OPENID_CONFIG_URL${suffix}`, `${issuer}/.well-known/openid-configuration`],
      [`MINIO_IDENTITY_OPENID_CLIENT_ID${suffix}`, audience],
      [`MINIO_IDENTITY_OPENID_ROLE_POLICY${suffix}`, policy],
      [`MINIO_IDENTITY_OPENID_SCOPES${suffix}`, "openid"],
    ];
  });
  const child = spawn(
    program,
    ["server", "--quiet", "--address", `127.0.0.1:${port}`, path.join(directory, "data")],
    {
      cwd: directory,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: process.env.PATH,
        HOME: directory,
        MINIO_ROOT_USER: randomBytes(10).toString("hex"),
        MINIO_ROOT_PASSWORD: randomBytes(20).toString("hex"),
        MINIO_BROWSER: "off",
        MINIO_UPDATE: "off",
        ...(domains.length > 0 && { MINIO_DOMAIN: domains.join(",") }),
        ...(audit !== undefined && {
          MINIO_AUDIT_WEBHOOK_ENABLE: "on",
          MINIO_AUDIT_WEBHOOK_ENDPOINT: audit,
        }),
        ...Object.fromEntries(providers),
      },
    },
  );
  const log: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => log.push(text));
  const close = async () => {
    await end(child);
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await ready(`http://127.0.0.1:${port}`, child);
  } catch (error) {
    await close();
    throw new Error(`MinIO did not start: ${(error as Error).message}\n${log.join("").slice(-2000)}`);
  }
  return { url: `http://127.0.0.1:${port}`, close };
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Ready is when it has read its users and providers: before that, STS refuses. */
async function ready(url: string, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + START_LIMIT_MS;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    const answer = await fetch(`${url}/minio/health/ready`).catch(() => undefined);
    if (answer?.ok && !(await isInitializing(url))) return;
    await sleep(100);
  }
  throw new Error(`it was not ready within ${START_LIMIT_MS} ms`);
}

/** Whether STS still answers that its users are not read. */
async function isInitializing(url: string): Promise<boolean> {
  const body = new URLSearchParams({
    Action: "AssumeRoleWithWebIdentity",
    Version: "2011-06-15",
    WebIdentityToken: "none",
  });
  const text = await fetch(url, { method: "POST", body }).then((answer) => answer.text());
  return /NotInitialized/.test(text);
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}
