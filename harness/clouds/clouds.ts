import { GitHubCloud } from "./github.ts";
import { StsCloud } from "./sts.ts";

export interface CloudsOptions {
  /** exp - iat of ID tokens, seconds. Default 300, as GitHub's. */
  idTokenSeconds?: number;
  /** Lifetime of every role session, seconds, whatever was asked for. Default: what was asked for, or else 3600, as STS does. */
  sessionSeconds?: number;
  /** Wait before each answer, milliseconds. Default 0. */
  latencyMs?: number;
  /** Lifetime of a job's request token from the job's start, seconds. Default 22,200 (6 h 10 min), as observed (facts/runner.md 1). */
  requestTokenSeconds?: number;
}

/** Two clouds on loopback: GitHub's ID tokens and AWS's STS, which trusts them. */
export interface Clouds {
  github: GitHubCloud;
  sts: StsCloud;
  /** Ends at once, whatever is in flight. */
  close(): Promise<void>;
}

export async function startClouds(options: CloudsOptions = {}): Promise<Clouds> {
  const { idTokenSeconds = 300, sessionSeconds, latencyMs = 0, requestTokenSeconds = 22_200 } = options;
  const github = await GitHubCloud.start({ idTokenSeconds, requestTokenSeconds, latencyMs });
  const sts = await StsCloud.start(github, { sessionSeconds, latencyMs });
  return {
    github,
    sts,
    close: async () => {
      await Promise.all([github.close(), sts.close()]);
    },
  };
}
