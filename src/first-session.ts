import { pathToFileURL } from "node:url";
import * as core from "@actions/core";
import { KEYS } from "./aws/environment.ts";
import { home } from "./aws/user-files.ts";
import { bundlePath } from "./base/bundles.ts";
import { findProxy } from "./base/proxy.ts";
import type { ExchangeFailure, Session, SessionRequest, SessionSource } from "./base/session.ts";
import type { EarlyAgent } from "./early-agent.ts";
import { explainChainFailure } from "./explain/chain.ts";
import { explainStsFailure } from "./explain/sts.ts";
import type { Inputs } from "./inputs.ts";
import type { IdTokenFacts } from "./keeper/renewal.ts";
import { needsKeys, type Plan } from "./plan.ts";

type Exchange = typeof import("./exchange.ts");

/** What main knows of a session: no keys and no lifetime where it did not try one. */
export type KnownSession = Pick<Session, "accountId" | "assumedRoleArn"> & Partial<Session>;

/** The AWS SDK is in a separate bundle, loaded only where it is needed. */
export function loadExchange(): Promise<Exchange> {
  return import(/* webpackIgnore: true */ pathToFileURL(bundlePath("exchange")).href);
}

export function sessionRequest({ inputs }: Plan): SessionRequest {
  const { role, sessionName, region, stsEndpoint, durationSeconds, policy, policyArns } = inputs;
  return {
    roleArn: role.arn,
    sessionName,
    region,
    endpoint: stsEndpoint,
    durationSeconds,
    policy,
    policyArns,
  };
}

/**
 * The AWS variables for the SDK: the endpoint that later steps find, and not that of the profile in use
 * before; and the job's keys only where they are the source.
 */
export function sdkEnvironment({ inputs, job }: Plan, env: NodeJS.ProcessEnv): Record<string, string> {
  const ambient = Object.entries(env).filter(
    ([name, value]) => name.startsWith("AWS_") && value && (needsKeys(inputs) || !KEYS.includes(name)),
  );
  return {
    ...(Object.fromEntries(ambient) as Record<string, string>),
    AWS_CONFIG_FILE: job.config,
    AWS_SHARED_CREDENTIALS_FILE: job.credentials,
    AWS_PROFILE: inputs.profile,
  };
}

/** The exchange, with its connection open as soon as it is loaded. */
export async function prepareExchange(plan: Plan): Promise<PreparedExchange> {
  const bundle = await loadExchange();
  return { ...bundle, agent: await bundle.prepare(sessionRequest(plan)) };
}

export type PreparedExchange = Exchange & { agent?: EarlyAgent };

/** Tries the role once. Throws a UserError that explains why STS gave no session. */
export async function firstSession(
  { exchange, agent }: PreparedExchange,
  plan: Plan,
  source: SessionSource,
  idToken: IdTokenFacts | undefined,
  env: NodeJS.ProcessEnv,
): Promise<Session> {
  Object.assign(env, sdkEnvironment(plan, env));
  // The SDK asks for the home folder and fails without one.
  env.HOME ??= home();
  const result = await exchange(sessionRequest(plan), source, logRetry, agent);
  if ("session" in result) return result.session;
  throw explainFailure(result.failure, plan, idToken, env);
}

export function logRetry(text: string): void {
  core.info(`No session yet: ${text}. Trying again.`);
}

/** @param isSelf whether it was the role itself that asked for its role */
export function explainFailure(
  { endpointUrl, ...answer }: ExchangeFailure,
  { inputs }: Plan,
  idToken: IdTokenFacts | undefined,
  env: NodeJS.ProcessEnv,
  isSelf = false,
): Error {
  const { role, region, stsEndpoint, audience, trustPolicy, durationSeconds } = inputs;
  const endpointHost = new URL(endpointUrl).host;
  const proxy = findProxy(env, endpointUrl);
  const about = { roleArn: role.arn, region, stsEndpoint, endpointHost, proxy, durationSeconds };
  if (idToken === undefined || isSelf)
    return explainChainFailure({ endpointUrl, ...answer }, { ...about, source: sourceText(inputs), isSelf });
  const { attempts, roleArn: _, callerArn: __, ...failure } = answer;
  const { claims, clockOffsetMs } = idToken;
  return explainStsFailure(failure, {
    ...about,
    audience,
    claims,
    clockSkewSeconds: clockOffsetMs === undefined ? undefined : Math.round(-clockOffsetMs / 1000),
    trustPolicy,
    accountIsMasked: inputs.maskAccountId,
    attempts,
  });
}

/** Where a role is reached from, in the words of the inputs. */
export function sourceText({ source, profile }: Inputs): string {
  if (source === "id-token") return "the job's ID token";
  if ("sameProfile" in source) return `the earlier role of profile ${profile} (role-chaining)`;
  if ("profile" in source) return `profile ${source.profile} (source-profile)`;
  return `${source.credentials} (credential-source)`;
}

/** What the session will be, where no exchange is tried. */
export function plannedSession({ role, sessionName }: Inputs): KnownSession {
  const { partition, accountId, name } = role;
  if (accountId === undefined) return { accountId, assumedRoleArn: undefined };
  return {
    accountId,
    assumedRoleArn: `arn:${partition}:sts::${accountId}:assumed-role/${name}/${sessionName}`,
  };
}
