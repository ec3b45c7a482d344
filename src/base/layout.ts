import { createHash } from "node:crypto";

// $RUNNER_TEMP/aws-role-refresh/
//   config              the AWS config file of this job
//   credentials         the AWS credentials file of this job
//   job.json            the claim: whose directory this is, and what the two files were seeded from
//   tokens/<id>/        one per audience: token, status.json, and stop once post has asked the keeper to end
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
  uses: string;
  finished: string;
}

/** What is in the directory of a token: one per audience, shared by the uses that ask for it. */
export interface TokenDirectory {
  path: string;
  /** The ID token and nothing else, without a newline. */
  token: string;
  /** KeeperStatus as JSON. */
  status: string;
  /** Post makes this file to end the keeper. */
  stop: string;
}

/** The paths of the job directory, with forward slashes, which every SDK accepts on every system. */
export function jobDirectory(path: string): JobDirectory {
  return {
    path,
    config: `${path}/config`,
    credentials: `${path}/credentials`,
    claim: `${path}/job.json`,
    tokens: `${path}/tokens`,
    uses: `${path}/uses`,
    finished: `${path}/finished`,
  };
}

/** The token directory of an audience. */
export function tokenDirectory(job: JobDirectory, audience: string): TokenDirectory {
  return tokenDirectoryAt(`${job.tokens}/${tokenId(audience)}`);
}

export function tokenDirectoryAt(path: string): TokenDirectory {
  return { path, token: `${path}/token`, status: `${path}/status.json`, stop: `${path}/stop` };
}

/** The name of the token directory of an audience. */
export function tokenId(audience: string): string {
  return createHash("sha256").update(audience).digest("hex").slice(0, 16);
}
