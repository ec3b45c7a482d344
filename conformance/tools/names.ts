/**
 * AWS's own names on this machine: in a private namespace of mounts and of the network, sts and s3 lead to a TLS
 * server that hands over to MinIO. So a tool that takes no endpoint is run as it is, and nothing leaves the machine.
 */
import { spawn } from "node:child_process";
import { appendFile, cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer } from "node:https";
import os from "node:os";
import path from "node:path";
import { createSecureContext, type SecureContext } from "node:tls";
import { makeAuthority } from "../../harness/clouds/certificates.ts";
import { Connections, stop } from "../../harness/clouds/listening.ts";
import { readBody } from "../../harness/clouds/server.ts";
import { BUCKET, roleOf } from "./minio.ts";

export const REGION = "us-east-1";
/** MinIO finds the bucket in the host name if it knows the rest of the name. */
export const S3_DOMAINS = [
  `s3.${REGION}.amazonaws.com`,
  "s3.amazonaws.com",
  `s3.dualstack.${REGION}.amazonaws.com`,
];
const STS_NAMES = [`sts.${REGION}.amazonaws.com`, "sts.amazonaws.com"];
/** Where the programs of Debian, and what was built on it, look for certificates. */
const BUNDLE = "/etc/ssl/certs/ca-certificates.crt";
/** In the process inside: the folder with the /etc that it has. */
const FOLDER_VARIABLE = "TOOLS_NAMES";

const ENTER = 'ip link set lo up && mount --bind "$1/etc" /etc && shift && exec "$@"';

export const isInside = (): boolean => process.env[FOLDER_VARIABLE] !== undefined;

/** Why this machine cannot have the namespace; undefined if it can. */
export async function whyNotInside(): Promise<string | undefined> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "it takes root on Linux";
  const probe = spawn("unshare", ["--mount", "--net", "ip", "link", "set", "lo", "up"], { stdio: "ignore" });
  const code = await new Promise((resolve) => {
    probe.once("error", ({ message }) => resolve(message));
    probe.once("exit", resolve);
  });
  return code === 0 ? undefined : `unshare --mount --net fails (${code})`;
}

/** Runs this script once more, inside. Resolves to its exit code. */
export async function runInside(
  args: string[],
  cleanup: (end: () => Promise<void>) => void,
): Promise<number> {
  const folder = await mkdtemp(path.join(os.tmpdir(), "tools-names-"));
  cleanup(() => rm(folder, { recursive: true, force: true }));
  const names = [...STS_NAMES, ...S3_DOMAINS, ...S3_DOMAINS.map((domain) => `${BUCKET}.${domain}`)];
  // A copy: what a recipe changes in /etc stays inside as well.
  await cp("/etc", path.join(folder, "etc"), { recursive: true, verbatimSymlinks: true });
  const hosts = `127.0.0.1 localhost ${os.hostname()}\n127.0.0.1 ${names.join(" ")}\n`;
  await writeFile(path.join(folder, "etc", "hosts"), hosts);
  const program = [process.execPath, process.argv[1] ?? "", ...args];
  const enter = ["--mount", "--net", "--propagation", "private", "sh", "-c", ENTER, "sh", folder, ...program];
  const child = spawn("unshare", enter, {
    stdio: "inherit",
    env: { ...process.env, [FOLDER_VARIABLE]: folder },
  });
  cleanup(async () => {
    child.kill("SIGTERM");
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

/** An exchange at STS, as the TLS server saw it. */
export interface StsCall {
  /** Milliseconds since the epoch. */
  at: number;
  host: string;
  userAgent: string;
  /** run_id of the ID token: which job it is of. */
  runId: string;
  status: number;
}

export interface Names {
  /** The certificate authority, and the bundle that contains it. */
  authority: string;
  bundle: string;
  stsCalls: StsCall[];
  close(): Promise<void>;
}

/** Serves AWS's names, inside. */
export async function serveNames(minioUrl: string): Promise<Names> {
  const folder = process.env[FOLDER_VARIABLE] ?? "";
  const { certificate, issue } = makeAuthority();
  const authority = path.join(folder, "authority.pem");
  await writeFile(authority, certificate);
  await appendFile(BUNDLE, certificate);
  const contexts = new Map<string, SecureContext>();
  const contextOf = (host: string): SecureContext => {
    const made = contexts.get(host) ?? createSecureContext(issue(host));
    contexts.set(host, made);
    return made;
  };
  const stsCalls: StsCall[] = [];
  const server = createServer(
    { ...issue(STS_NAMES[0] ?? ""), SNICallback: (host, done) => done(null, contextOf(host)) },
    (request, response) => {
      const handle = STS_NAMES.includes(request.headers.host ?? "") ? answerSts : pass;
      handle(request, response, new URL(minioUrl), stsCalls).catch(() => response.destroy());
    },
  );
  const connections = new Connections();
  connections.watch(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(443, "127.0.0.1", resolve);
  });
  return { authority, bundle: BUNDLE, stsCalls, close: () => stop([server], connections) };
}

/** S3: byte for byte, the signed Host header included. */
async function pass(request: IncomingMessage, response: ServerResponse, to: URL): Promise<void> {
  const onward = forward({
    host: to.hostname,
    port: to.port,
    method: request.method,
    path: request.url,
    headers: request.headers,
    agent: false,
  });
  onward.on("response", (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
    answer.on("error", () => response.destroy());
  });
  onward.on("error", () => response.destroy());
  response.on("close", () => onward.destroy());
  request.pipe(onward);
}

/**
 * STS. MinIO has one role, for which AWS's ARN stands. It would let a session for which a duration is asked outlive its ID
 * token, so the duration is left out: sessions stay short. And the ARN of the session, which MinIO leaves empty, is filled in.
 */
async function answerSts(
  request: IncomingMessage,
  response: ServerResponse,
  to: URL,
  calls: StsCall[],
): Promise<void> {
  const form = new URLSearchParams((await readBody(request)).toString() || (request.url ?? "").split("?")[1]);
  const sessionName = form.get("RoleSessionName") ?? "";
  const arn = `arn:aws:sts::111122223333:assumed-role/deploy/${sessionName}`;
  form.set("RoleArn", roleOf("sts.amazonaws.com"));
  form.delete("DurationSeconds");
  const answer = await fetch(to, { method: "POST", body: form });
  const text = (await answer.text())
    .replace(/<AssumedRoleUser>.*?<\/AssumedRoleUser>/s, "")
    .replace(
      "<Credentials>",
      `<AssumedRoleUser><Arn>${arn}</Arn><AssumedRoleId>AROA:x</AssumedRoleId></AssumedRoleUser><Credentials>`,
    );
  const { host = "", "user-agent": userAgent = "" } = request.headers;
  calls.push({ at: Date.now(), host, userAgent, runId: runIdOf(form), status: answer.status });
  response.writeHead(answer.status, { "content-type": "text/xml" }).end(text);
}

function runIdOf(form: URLSearchParams): string {
  const [, payload = ""] = (form.get("WebIdentityToken") ?? "").split(".");
  const { run_id } = JSON.parse(Buffer.from(payload, "base64url").toString() || "{}") as { run_id?: string };
  return run_id ?? "";
}
