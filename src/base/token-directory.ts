import { createHash } from "node:crypto";

/** What lies in the directory of a token: one per audience, shared by the uses that ask for it. */
export interface TokenDirectory {
  path: string;
  /** The ID token and nothing else, without a newline. */
  token: string;
  /** KeeperStatus as JSON. */
  status: string;
  /** Made by post to end the keeper. */
  stop: string;
}

export function tokenDirectory(path: string): TokenDirectory {
  return { path, token: `${path}/token`, status: `${path}/status.json`, stop: `${path}/stop` };
}

/** The name of the directory for an audience. */
export function tokenId(audience: string): string {
  return createHash("sha256").update(audience).digest("hex").slice(0, 16);
}
