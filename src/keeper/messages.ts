import type { Endpoint, IdToken } from "../base/id-token.ts";
import type { Failure } from "../base/network.ts";
import type { ProcessIdentity } from "../base/process.ts";
import type { Session, SessionRequest } from "../base/session.ts";
import type { KeeperStatus } from "./status.ts";

// What main and the keeper send each other over IPC, and only there: tokens must not be in argv, the
// environment or in more files than the one token file. In this order: Ask, any number of { retrying },
// { first } or { failure }, Watch, { ready: true }. A keeper of a session gets its WatchSession at once: main
// has made the first exchange, with the same program in the same environment.

/** From main: ask for the first ID token. This proves that the process that refreshes can do so. */
export interface Ask {
  endpoint: Endpoint;
  audience: string;
}

/** Everything that a session takes, for as long as the job lasts. */
export interface Renewal {
  /** For the ID token that is exchanged; undefined where another source is. */
  ask: Ask | undefined;
  request: SessionRequest;
  /** The profile that reaches the role, where no ID token is exchanged. */
  profile: string | undefined;
  /** The AWS variables for the SDK: where its files are, which endpoints it asks. */
  environment: Record<string, string>;
  /** When GitHub stops issuing the ID tokens that it depends on, in milliseconds since 1970; undefined: never. */
  idTokensEnd: number | undefined;
  /** From then on the role assumes itself. */
  outlivesIdTokens: boolean;
}

/** From main: keep the token file of this directory fresh. The first token is in it. */
export interface Watch {
  directory: string;
  /** The process whose end is the end of the job, where one is known. */
  worker: ProcessIdentity | undefined;
  /** The last status of the keeper before this one. */
  dead: KeeperStatus | undefined;
}

/** From main: keep the session file of this directory fresh. The first session is in it. */
export interface WatchSession extends Watch {
  renewal: Renewal;
  first: Session;
}

/** From the keeper. */
export type Reply = { retrying: string } | { first: IdToken } | { failure: Failure } | { ready: true };
