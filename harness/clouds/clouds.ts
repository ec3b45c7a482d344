import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeAuthority } from "./certificates.ts";
import { GitHubCloud, ID_TOKEN_HOST } from "./github.ts";
import { type ProxyRecord, startProxy } from "./proxy.ts";
import { regionOfHost } from "./sigv4.ts";
import { StsCloud } from "./sts.ts";
import { GITHUB_PROVIDER } from "./trust.ts";

export interface CloudsOptions {
  /** exp - iat of ID tokens, seconds. Default 300, as GitHub's. */
  idTokenSeconds?: number;
  /**
   * Lifetime of every role session, seconds, whatever was asked for. Default: what was asked for, or else
   * 3600, as STS does.
   */
  sessionSeconds?: number;
  /** Wait before each answer, milliseconds. Default 0. */
  latencyMs?: number;
  /**
   * Lifetime of a job's request token from the job's start, seconds. Default 22,200 (6 h 10 min), as observed
   * (Azure/azure-cli#28778).
   */
  requestTokenSeconds?: number;
  /**
   * Serve TLS under the real host names as well, through a proxy; jobs then get an https address for their ID
   * tokens. Default false.
   */
  tls?: boolean;
  /** Whether that proxy wants a name and a password. Default false. */
  proxyPassword?: boolean;
}

/** Two clouds on loopback: GitHub's ID tokens and AWS's STS, which trusts them. */
export interface Clouds {
  github: GitHubCloud;
  sts: StsCloud;
  /** How clients reach the real host names; undefined without the option. */
  tls: CloudsTls | undefined;
  /** Ends at once, whatever is in flight. */
  close(): Promise<void>;
}

export interface CloudsTls {
  /** PEM file with the certificate of the run's own authority. */
  caFile: string;
  /** The one way to the real host names; every other host is refused with 403. */
  proxyUrl: string;
  /** What the proxy was asked for. */
  proxyRequests: ProxyRecord[];
}

export async function startClouds(options: CloudsOptions = {}): Promise<Clouds> {
  const { idTokenSeconds = 300, sessionSeconds, latencyMs = 0, requestTokenSeconds = 22_200 } = options;
  const authority = options.tls ? makeAuthority() : undefined;
  const github = await GitHubCloud.start({ idTokenSeconds, requestTokenSeconds, latencyMs, authority });
  const sts = await StsCloud.start(github, { sessionSeconds, latencyMs, authority });
  const clouds = [github, sts];
  const closeClouds = async () => {
    await Promise.all(clouds.map((cloud) => cloud.close()));
  };
  if (authority === undefined) return { github, sts, tls: undefined, close: closeClouds };

  const directory = await mkdtemp(join(tmpdir(), "clouds-"));
  const caFile = join(directory, "ca.pem");
  await writeFile(caFile, authority.certificate);
  const route = (host: string, port: number): number | undefined => {
    // A client that knows no exceptions sends loopback through its proxy too.
    if (host === "127.0.0.1") return clouds.find(({ ports }) => ports.plain === port)?.ports.plain;
    const cloud =
      regionOfHost(host) !== undefined
        ? sts
        : host === GITHUB_PROVIDER || host === ID_TOKEN_HOST
          ? github
          : undefined;
    return port === 443 ? cloud?.ports.tls : port === 80 ? cloud?.ports.plain : undefined;
  };
  const user = { name: "runner", password: randomBytes(12).toString("base64url") };
  const proxy = await startProxy(options.proxyPassword ? { route, user } : { route });
  return {
    github,
    sts,
    tls: { caFile, proxyUrl: proxy.url, proxyRequests: proxy.requests },
    close: async () => {
      await Promise.all([closeClouds(), proxy.close()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
