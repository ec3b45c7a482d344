import { createHash } from "node:crypto";

// $RUNNER_TEMP/aws-role-refresh/
//   config              the AWS config file of this job
//   credentials         the AWS credentials file of this job
//   job.json            the claim: whose directory this is, and what the two files were seeded from
//   tokens/<id>/        one per audience: token, status.json, and stop once post has asked the keeper to end
//   sessions/<id>/      one per use with a shared session: the same, with session instead of token
//   uses/<id>.json      one per use that is not over: what it wrote, so that any post can undo it
//   finished/<id>.json  one per use that is over, for the summary
//   lock.*              see job/lock.ts
export const JOB_DIRECTORY = "aws-role-refresh";

export interface JobDirectory {
  path: string;
  config: string;
  credentials: string;
  claim: string;
  tokens: string;
  sessions: string;
  uses: string;
  finished: string;
}

/** What one keeper works in: the directory of a token or of a session. */
export interface KeeperDirectory {
  path: string;
  /**
   * The file that it keeps fresh. In `tokens`: the ID token and nothing else, without a newline. In
   * `sessions`: a role session, as credential_process prints it.
   */
  secret: string;
  /** KeeperStatus as JSON. */
  status: string;
  /** Post makes this file to end the keeper. */
  stop: string;
}

/** The path of a keeper's directory in the job directory: tokens/<id> or sessions/<id>. */
export type KeeperId = `${"tokens" | "sessions"}/${string}`;

/** The paths of the job directory, with forward slashes, which every SDK accepts on every system. */
export function jobDirectory(path: string): JobDirectory {
  return {
    path,
    config: `${path}/config`,
    credentials: `${path}/credentials`,
    claim: `${path}/job.json`,
    tokens: `${path}/tokens`,
    sessions: `${path}/sessions`,
    uses: `${path}/uses`,
    finished: `${path}/finished`,
  };
}

/** The keeper of an audience: uses with the same audience share one token. */
export function tokenKeeper(audience: string): KeeperId {
  return `tokens/${tokenId(audience)}`;
}

/** The keeper of a use's shared session. */
export function sessionKeeper(useId: string): KeeperId {
  return `sessions/${useId}`;
}

export function keeperDirectory(job: JobDirectory, id: KeeperId): KeeperDirectory {
  return keeperDirectoryAt(`${job.path}/${id}`, kindOf(id));
}

/** The token directory of an audience. */
export function tokenDirectory(job: JobDirectory, audience: string): KeeperDirectory {
  return keeperDirectory(job, tokenKeeper(audience));
}

export function keeperDirectoryAt(path: string, kind: "token" | "session" = "token"): KeeperDirectory {
  return { path, secret: `${path}/${kind}`, status: `${path}/status.json`, stop: `${path}/stop` };
}

/** What a keeper keeps fresh. */
export function kindOf(id: KeeperId): "token" | "session" {
  return id.startsWith("tokens/") ? "token" : "session";
}

/** The name of the token directory of an audience. */
export function tokenId(audience: string): string {
  return createHash("sha256").update(audience).digest("hex").slice(0, 16);
}
