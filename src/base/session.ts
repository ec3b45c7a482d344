import { readJson } from "./files.ts";
import type { Failure } from "./network.ts";
import { object, text } from "./schema.ts";

// Role sessions as plain data, which crosses the borders between bundles and processes.

/** The keys of a session. */
export interface Keys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  /** By the server's clock, in milliseconds since 1970. */
  expiresAt: number;
}

export interface Session {
  /** undefined: the server gave no ARN (servers other than AWS may leave it out). */
  accountId: string | undefined;
  assumedRoleArn: string | undefined;
  keys: Keys;
  /** From the answer to the session's end, in milliseconds. */
  lifetimeMs: number;
  /** The server's clock less this machine's, in milliseconds; undefined where the answer had no Date. */
  clockOffsetMs: number | undefined;
}

/** Which session is asked for, and where. */
export interface SessionRequest {
  roleArn: string;
  sessionName: string;
  region: string;
  /** undefined: the endpoint that the SDK finds, as the SDKs of later steps will. */
  endpoint: string | undefined;
  /** undefined: an hour, as STS gives it. */
  durationSeconds?: number | undefined;
  /** The session policy as JSON, and the ARNs of managed ones. */
  policy?: string | undefined;
  policyArns?: string[] | undefined;
}

/** What is exchanged for the session. */
export type SessionSource =
  | { idToken: string }
  /** A profile of the AWS config file that reaches the role from another profile or from a credential source. */
  | { profile: string }
  /** A session of the same role, which assumes the role again. */
  | { session: Keys };

export interface ExchangeFailure extends Failure {
  attempts: number;
  /** The server that was asked. */
  endpointUrl: string;
  /** The role that could not be assumed; undefined: its source had no credentials. */
  roleArn: string | undefined;
  /** Who asked for it, in a chain: the ARN of the session of the role before. */
  callerArn?: string | undefined;
}

/** AWS limits a session that a role got through another role, or through itself, to an hour. */
const LONGEST_CHAINED_SECONDS = 3600;

/** The request for a session of the same role by its own session. */
export function chained(request: SessionRequest): SessionRequest {
  const { durationSeconds = LONGEST_CHAINED_SECONDS } = request;
  return { ...request, durationSeconds: Math.min(durationSeconds, LONGEST_CHAINED_SECONDS) };
}

/**
 * What SDKs read from a credential process:
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
 */
export function credentialProcessOutput({ expiresAt, ...keys }: Keys): string {
  return `${JSON.stringify({
    Version: 1,
    AccessKeyId: keys.accessKeyId,
    SecretAccessKey: keys.secretAccessKey,
    SessionToken: keys.sessionToken,
    Expiration: new Date(expiresAt).toISOString().replace(/\.\d+Z$/, "Z"),
  })}\n`;
}

const KEY = text(/^[\x21-\x7e]{1,16384}$/);
const output = object({
  AccessKeyId: KEY,
  SecretAccessKey: KEY,
  SessionToken: KEY,
  Expiration: text(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
});

/** The keys in a file of that form; undefined if there are none. A step may have put anything there. */
export function readKeys(file: string): Keys | undefined {
  try {
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = output(readJson(file));
    const expiresAt = Date.parse(Expiration);
    return {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
      expiresAt,
    };
  } catch {
    return undefined;
  }
}
