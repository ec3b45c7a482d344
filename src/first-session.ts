import { pathToFileURL } from "node:url";
import * as core from "@actions/core";
import { home } from "./aws/user-files.ts";
import { bundlePath } from "./base/bundles.ts";
import type { IdToken } from "./base/id-token.ts";
import { findProxy } from "./base/proxy.ts";
import type { Session } from "./exchange.ts";
import { explainStsFailure } from "./explain/sts.ts";
import type { Inputs } from "./inputs.ts";
import type { Plan } from "./plan.ts";

export type Exchange = typeof import("./exchange.ts");

/** The AWS SDK is in a separate bundle, loaded only where it is needed. */
export function loadExchange(): Promise<Exchange> {
  return import(/* webpackIgnore: true */ pathToFileURL(bundlePath("exchange")).href);
}

/** Tries the role once. Throws a UserError that explains why STS gave no session. */
export async function firstSession(
  { exchange }: Exchange,
  { inputs, job }: Plan,
  first: IdToken,
  env: NodeJS.ProcessEnv,
): Promise<Session> {
  const { role, profile, sessionName, region, stsEndpoint, audience, trustPolicy } = inputs;
  // The endpoint that later steps find, and not that of the profile in use before.
  Object.assign(env, {
    AWS_CONFIG_FILE: job.config,
    AWS_SHARED_CREDENTIALS_FILE: job.credentials,
    AWS_PROFILE: profile,
  });
  // The SDK asks for the home folder and fails without one.
  env.HOME ??= home();
  const result = await exchange(
    { roleArn: role.arn, sessionName, token: first.token, region, endpoint: stsEndpoint },
    (text) => core.info(`No session yet: ${text}. Trying again.`),
  );
  if ("session" in result) return result.session;
  const { attempts, endpointUrl, ...failure } = result.failure;
  throw explainStsFailure(failure, {
    roleArn: role.arn,
    region,
    stsEndpoint,
    endpointHost: new URL(endpointUrl).host,
    proxy: findProxy(env, endpointUrl),
    audience,
    claims: first.claims,
    clockSkewSeconds: first.clockOffsetMs === undefined ? undefined : Math.round(-first.clockOffsetMs / 1000),
    trustPolicy,
    accountIsMasked: inputs.maskAccountId,
    attempts,
  });
}

/** What the session will be, where no exchange is tried. */
export function plannedSession({ role, sessionName }: Inputs): Session {
  const { partition, accountId, name } = role;
  if (accountId === undefined) return { accountId, assumedRoleArn: undefined };
  return {
    accountId,
    assumedRoleArn: `arn:${partition}:sts::${accountId}:assumed-role/${name}/${sessionName}`,
  };
}
