/** A role that a job was refused, and what its texts are read by. */
import type { UserError } from "../../src/base/errors.ts";
import type { Failure } from "../../src/base/network.ts";
import type { StsSituation } from "../../src/explain/asked.ts";
import { explainStsFailure } from "../../src/explain/sts.ts";

export const HOST = "token.actions.githubusercontent.com";
export const ARN = `arn:aws:iam::111122223333:oidc-provider/${HOST}`;
export const claims: Record<string, unknown> = {
  iss: `https://${HOST}`,
  sub: "repo:octo/app:ref:refs/heads/main",
  aud: "sts.amazonaws.com",
  repository: "octo/app",
  repository_id: "456",
  repository_owner_id: "123",
  ref: "refs/heads/main",
  event_name: "push",
  workflow_ref: "octo/app/.github/workflows/deploy.yml@refs/heads/main",
  job_workflow_ref: "octo/app/.github/workflows/deploy.yml@refs/heads/main",
  iat: 1_000,
  exp: 1_300,
};
export const situation: StsSituation = {
  roleArn: "arn:aws:iam::111122223333:role/deploy",
  region: "eu-west-1",
  stsEndpoint: undefined,
  endpointHost: "sts.eu-west-1.amazonaws.com",
  proxy: undefined,
  audience: "sts.amazonaws.com",
  claims,
  clockSkewSeconds: undefined,
  trustPolicy: undefined,
  accountIsMasked: false,
  durationSeconds: undefined,
  attempts: 1,
};
export const denied: Failure = {
  kind: "denied",
  code: "AccessDenied",
  message: "Not authorized to perform sts:AssumeRoleWithWebIdentity",
  httpStatus: 403,
};

/** What a user sees: the annotation, the entry that it links to, and the log. */
export interface Read {
  title: string;
  anchor: string;
  text: string;
}

export function read({ message, anchor, details }: UserError): Read {
  return { title: message, anchor, text: details ?? "" };
}

export function explainSts(failure: Failure, more: Partial<StsSituation> = {}): Read {
  return read(explainStsFailure(failure, { ...situation, ...more }));
}

/** A refusal of a token whose claims differ so. */
export function refused(changes: Record<string, unknown> = {}, more: Partial<StsSituation> = {}): Read {
  return explainSts(denied, { ...more, claims: { ...claims, ...changes } });
}

/** The JSON in a text: from the line that opens it to the one that closes it. */
export function jsonIn(text: string): unknown {
  const lines = text.split("\n");
  return JSON.parse(lines.slice(lines.indexOf("{"), lines.indexOf("}") + 1).join("\n"));
}
