import * as core from "@actions/core";
import { errorText, UserError } from "./base/errors.ts";
import type { IdToken } from "./base/id-token.ts";
import { keeperDirectory, sessionKeeper } from "./base/layout.ts";
import { RequestError } from "./base/network.ts";
import { findProxy } from "./base/proxy.ts";
import type { Session } from "./base/session.ts";
import { explainIdTokenFailure } from "./explain/id-token.ts";
import {
  explainFailure,
  firstSession,
  type KnownSession,
  loadExchange,
  logRetry,
  plannedSession,
  prepareExchange,
  sdkEnvironment,
  sessionRequest,
} from "./first-session.ts";
import { firstToken } from "./first-token.ts";
import { checkAccount } from "./inputs.ts";
import { targetProfile } from "./job/chain.ts";
import { locked } from "./job/lock.ts";
import type { PublishedUse } from "./job/records.ts";
import { replaceKeeper } from "./job/replace-keeper.ts";
import { healthOf } from "./keeper/health.ts";
import { type LaunchedKeeper, surroundings } from "./keeper/launch.ts";
import type { Renewal } from "./keeper/messages.ts";
import { type IdTokenFacts, RenewalError, type RenewalJob, renew } from "./keeper/renewal.ts";
import type { Plan } from "./plan.ts";
import { replacedWarning } from "./report/health.ts";

// The three ways to a role: a token file that a keeper renews, a session that a keeper renews, and a profile
// that SDKs follow to another one. Each is tried before anything is exported.

export interface Reached {
  use: PublishedUse;
  session: KnownSession;
  /** undefined: none was exchanged. */
  idToken: IdTokenFacts | undefined;
}

/** Enters the use into the job directory. */
export type Enter = (token?: string) => Promise<PublishedUse>;

/** The keeper asks for the first token: this proves that it can also request all later ones. */
export async function byTokenFile(
  plan: Plan,
  keeper: LaunchedKeeper,
  enter: Enter,
  env: NodeJS.ProcessEnv,
): Promise<Reached> {
  const { inputs, endpoint } = plan;
  if (!endpoint) throw new Error("planned without an endpoint");
  const isTried = inputs.trial || inputs.outputCredentials;
  const preparing = isTried ? prepareExchange(plan) : undefined;
  preparing?.catch(() => {}); // the failure shows where it is awaited
  try {
    const first = await firstToken(keeper, { endpoint, audience: inputs.audience }, env);
    core.setSecret(first.token);
    const use = await enter(first.token);
    const exchange = await preparing;
    const session = exchange
      ? await firstSession(exchange, plan, { idToken: first.token }, first, env)
      : plannedSession(inputs);
    accept(plan, session);
    await handOverToken(plan, keeper, first);
    return { use, session, idToken: first };
  } finally {
    (await preparing?.catch(() => undefined))?.agent?.close();
  }
}

/** Another use's healthy keeper may watch over the same token already. */
async function handOverToken(
  { job, keeper: id }: Plan,
  keeper: LaunchedKeeper,
  first: IdToken,
): Promise<void> {
  if (id === undefined) return;
  await locked(job, async () => {
    const directory = keeperDirectory(job, id);
    const health = healthOf(directory);
    if (health.trouble === undefined) return;
    await replaceKeeper(directory, keeper, first);
    if (health.status) core.warning(replacedWarning(health));
  });
}

/** The first exchange is made by the program, and in the environment, that will make all later ones. */
export async function bySession(
  plan: Plan,
  keeper: LaunchedKeeper,
  enter: Enter,
  env: NodeJS.ProcessEnv,
): Promise<Reached> {
  const use = await enter();
  const { inputs, endpoint } = plan;
  const { audience, source, outlivesIdTokens } = inputs;
  const renewal: Renewal = {
    ask: source === "id-token" && endpoint ? { endpoint, audience } : undefined,
    request: sessionRequest(plan),
    profile: targetProfile(plan.id),
    environment: sdkEnvironment(plan, env),
    idTokensEnd: use.endsWithIdTokens || outlivesIdTokens ? plan.endsAt : undefined,
    outlivesIdTokens,
  };
  const { session, idToken } = await firstShared(plan, renewal, env);
  accept(plan, session);
  await locked(plan.job, () =>
    replaceKeeper(keeperDirectory(plan.job, sessionKeeper(plan.id)), keeper, { renewal, first: session }),
  );
  return { use, session, idToken };
}

/** The program repeats each of its requests for up to 30 s (base/retry.ts). */
const FIRST_SESSION_TIMEOUT_MS = 120_000;

async function firstShared(plan: Plan, renewal: Renewal, env: NodeJS.ProcessEnv) {
  const { ask, profile = "", request, environment, outlivesIdTokens } = renewal;
  const source = ask ? { ask } : { profile };
  const job: RenewalJob = { source, request, environment, isFirst: true, provesSelf: outlivesIdTokens };
  const how = { ...surroundings(), timeoutMs: FIRST_SESSION_TIMEOUT_MS, onRetry: logRetry };
  try {
    return await renew(job, how);
  } catch (error) {
    if (error instanceof RequestError && !(error instanceof RenewalError)) {
      const why = `The process that makes the session failed: ${errorText(error)}. Run the job again.`;
      throw new UserError("keeper-did-not-start", why, { cause: error });
    }
    if (!(error instanceof RenewalError)) throw error;
    const { reply } = error;
    if ("exchangeFailure" in reply)
      throw explainFailure(reply.exchangeFailure, plan, reply.idToken, env, reply.isSelf);
    const { url = "", audience = "" } = { ...ask?.endpoint, audience: ask?.audience };
    const endpointHost = new URL(url).host;
    throw explainIdTokenFailure(reply.idTokenFailure, { audience, endpointHost, proxy: findProxy(env, url) });
  }
}

/** SDKs follow the profile to its source by themselves: there is nothing to keep. */
export async function byProfile(plan: Plan, enter: Enter, env: NodeJS.ProcessEnv): Promise<Reached> {
  const { inputs } = plan;
  const use = await enter();
  const session =
    inputs.trial || inputs.outputCredentials
      ? await firstSession(await loadExchange(), plan, { profile: inputs.profile }, undefined, env)
      : plannedSession(inputs);
  accept(plan, session);
  return { use, session, idToken: undefined };
}

/** Before anything is exported. */
function accept({ inputs }: Plan, session: KnownSession): void {
  if (inputs.maskAccountId && session.accountId !== undefined) core.setSecret(session.accountId);
  if (inputs.sharedSession || inputs.outputCredentials) maskKeys(session.keys);
  checkAccount(inputs, session.accountId);
}

/** Those that steps can read. */
function maskKeys(keys: Session["keys"] | undefined): void {
  if (keys === undefined) return;
  for (const secret of [keys.accessKeyId, keys.secretAccessKey, keys.sessionToken]) core.setSecret(secret);
}
