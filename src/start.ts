import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import * as core from "@actions/core";
import { deleteCachedSessions, isSessionOf } from "./aws/cli-cache.ts";
import { type EnvironmentPlan, planEnvironment } from "./aws/environment.ts";
import { renderProfile } from "./aws/profile.ts";
import { bundlePath } from "./base/bundles.ts";
import { errorText, UserError } from "./base/errors.ts";
import { readJson } from "./base/files.ts";
import { cliCache, home } from "./base/home.ts";
import { type Endpoint, type IdToken, IdTokenError, requestIdToken } from "./base/id-token.ts";
import { type Claims, decodeClaims, timeClaim } from "./base/jwt.ts";
import { type Failure, type FailureKind, kindOfCode } from "./base/network.ts";
import { findWorker } from "./base/process.ts";
import { checkProxies, findProxy, proxyWarning } from "./base/proxy.ts";
import { quoted } from "./base/text.ts";
import { type TokenDirectory, tokenDirectory, tokenId } from "./base/token-directory.ts";
import { explainIdTokenFailure, explainNoPermission } from "./explain/id-token.ts";
import { explainStsFailure } from "./explain/sts.ts";
import { parseTrustPolicy } from "./explain/trust-policy.ts";
import { checkAccount, type Inputs, loadInputs } from "./inputs.ts";
import { jobDirectory, jobDirectoryPath } from "./job/job-directory.ts";
import { beginUse, endUse, locked } from "./job/uses.ts";
import { type LaunchedKeeper, launchKeeper } from "./keeper/launch.ts";
import type { KeeperStatus } from "./keeper/status.ts";
import { hasKeeper } from "./keeper/stop.ts";
import { saveUse } from "./state.ts";
import type { Session, StsError } from "./trial.ts";

/** One use of the action, before anything of it exists outside of this process. */
interface Plan {
  id: string;
  inputs: Inputs;
  endpoint: Endpoint;
  /** When the request token expires, in milliseconds since 1970; undefined if it does not say. */
  endsAt: number | undefined;
  /** The job directory's path, and the token's in it. */
  root: string;
  directory: TokenDirectory;
  section: string;
  environment: EnvironmentPlan;
}

/**
 * The main step: from inputs to a profile whose token file stays fresh. Whatever can be refused is refused
 * before anything is touched, and nothing is exported before everything works; what fails is undone at once.
 * Throws a UserError for all that a user can do something about.
 */
export async function start(env: NodeJS.ProcessEnv): Promise<void> {
  const plan = makePlan(env);
  saveUse({ root: plan.root, id: plan.id, summary: plan.inputs.summary });
  let keeper: LaunchedKeeper | undefined;
  try {
    // Before the network; and under the lock, since another use's post may be removing it.
    await locked(plan.root, async () => {});
    // GitHub's answer, the SDK and the keeper's process take their time: all at once.
    const answer = firstToken(plan.endpoint, plan.inputs.audience, env);
    if (!hasKeeper(plan.directory)) keeper = launchKeeper();
    const [first, trial] = await Promise.all([answer, plan.inputs.trial ? loadTrial() : undefined]);
    core.setSecret(first.token);
    await enter(plan, first, env);
    const session = trial ? await tryExchange(trial, plan, first, env) : plannedSession(plan.inputs);
    if (plan.inputs.maskAccountId && session.accountId !== "") core.setSecret(session.accountId);
    checkAccount(plan.inputs, session.accountId);
    await handOver(plan, first, keeper);
    publish(plan, first, session);
  } catch (error) {
    await endUse(plan.root, plan.id, "failed").catch((failure: unknown) =>
      core.debug(`Could not clean up: ${errorText(failure)}`),
    );
    throw error;
  } finally {
    await keeper?.abandon();
  }
}

function makePlan(env: NodeJS.ProcessEnv): Plan {
  const run = { id: env.GITHUB_RUN_ID ?? "", attempt: env.GITHUB_RUN_ATTEMPT ?? "" };
  const inputs = loadInputs((name) => core.getInput(name), run);
  const { role, sessionName, profile, region, stsEndpoint, audience } = inputs;
  if (inputs.maskAccountId && role.accountId !== "") core.setSecret(role.accountId);
  if (role.accountId !== "") checkAccount(inputs, role.accountId);
  const root = jobDirectoryPath(env.RUNNER_TEMP);
  const endpoint = readEndpoint(env);
  const job = jobDirectory(root);
  const directory = tokenDirectory(`${job.tokens}/${tokenId(audience)}`);
  const environment = planEnvironment(env, {
    profile,
    configFile: job.config,
    credentialsFile: job.credentials,
    region,
    roleArn: role.arn,
    tokenFile: directory.token,
    sessionName,
    stsEndpoint,
    mirror: inputs.mirror,
  });
  checkProxies(env);
  const warning = proxyWarning(env, endpoint.url);
  if (warning) environment.warnings.push(warning);
  return {
    id: randomBytes(8).toString("hex"),
    inputs,
    endpoint,
    endsAt: timeClaim(decodeClaims(endpoint.requestToken), "exp"),
    root,
    directory,
    section: renderProfile({
      name: profile,
      roleArn: role.arn,
      tokenFile: directory.token,
      sessionName,
      region,
      stsEndpoint,
    }),
    environment,
  };
}

/**
 * Set for a job that may have ID tokens (actions/runner,
 * src/Runner.Worker/Handlers/NodeScriptActionHandler.cs).
 */
function readEndpoint(env: NodeJS.ProcessEnv): Endpoint {
  const url = env.ACTIONS_ID_TOKEN_REQUEST_URL ?? "";
  const requestToken = env.ACTIONS_ID_TOKEN_REQUEST_TOKEN ?? "";
  if (url === "" || requestToken === "") {
    throw explainNoPermission({ eventName: env.GITHUB_EVENT_NAME, actor: env.GITHUB_ACTOR });
  }
  if (!/^https?:\/\/[\x21-\x7e]+$/.test(url) || !URL.canParse(url) || !/^[\x21-\x7e]+$/.test(requestToken)) {
    throw new UserError(
      "id-token-endpoint",
      "ACTIONS_ID_TOKEN_REQUEST_URL or ACTIONS_ID_TOKEN_REQUEST_TOKEN does not hold what the runner puts there: a URL and a token. " +
        "Remove them from the workflow's env.",
    );
  }
  return { url, requestToken };
}

/** The SDK is a bundle of its own, loaded only where it is needed. */
function loadTrial(): Promise<typeof import("./trial.ts")> {
  return import(/* webpackIgnore: true */ pathToFileURL(bundlePath("trial")).href);
}

const REQUEST_TIMEOUT_MS = 10_000;

/** For how long a failure of the first request may pass of itself, in milliseconds. */
function patienceFor({ kind, status, code }: IdTokenError): number {
  // A certificate does not become right by waiting, and a name that DNS does not know or a refusal by the
  // proxy hardly ever.
  if (/CERT|SELF_SIGNED|UNABLE_TO_|^ERR_(?:TLS|SSL)/.test(code ?? "")) return 0;
  if (kind === "answer" || code === "ENOTFOUND" || code === "ERR_PROXY_TUNNEL") return 3_000;
  // The server refuses a job that does not count as "in progress" yet, which takes about a second from its
  // start (actions/runner, src/Runner.Worker/JobRunner.cs).
  if (status !== undefined && status < 500 && status !== 429) return 10_000;
  return 30_000;
}

async function firstToken(endpoint: Endpoint, audience: string, env: NodeJS.ProcessEnv): Promise<IdToken> {
  const began = performance.now();
  for (let tries = 1; ; tries++) {
    try {
      return await requestIdToken(endpoint, audience, REQUEST_TIMEOUT_MS);
    } catch (error) {
      if (!(error instanceof IdTokenError)) throw error;
      const patience = patienceFor(error);
      const backoff = Math.min(3_000, 200 * 2 ** (tries - 1)) * (0.5 + Math.random() / 2);
      const wait = Math.max(backoff, Math.min(error.retryAfterMs ?? 0, 10_000));
      if (performance.now() - began + wait > patience) {
        const endpointHost = new URL(endpoint.url).host;
        const proxy = findProxy(env, endpoint.url);
        throw explainIdTokenFailure(failureOf(error), { audience, endpointHost, proxy });
      }
      core.debug(`ID token, try ${tries}: ${error.message}`);
      await sleep(wait);
    }
  }
}

/** Token file and profile; sessions of this name that a crashed job left with the AWS CLI go. */
async function enter(plan: Plan, first: IdToken, env: NodeJS.ProcessEnv): Promise<void> {
  const { id, inputs, section, environment, endpoint } = plan;
  const { profile, role, sessionName, audience } = inputs;
  const use = { id, startedAt: Date.now(), profile, roleArn: role.arn, sessionName, audience };
  await beginUse(
    plan.root,
    { ...use, tokenId: tokenId(audience), section, exported: environment.exports },
    { requestToken: endpoint.requestToken, token: first.token },
    env,
    home(),
  );
  deleteCachedSessions(cliCache(), (arn) => isSessionOf(arn, role.arn, sessionName));
}

async function tryExchange(
  trial: typeof import("./trial.ts"),
  plan: Plan,
  first: IdToken,
  env: NodeJS.ProcessEnv,
): Promise<Session> {
  const { role, sessionName, region, stsEndpoint, audience, trustPolicy } = plan.inputs;
  const request = { roleArn: role.arn, sessionName, token: first.token, region, endpoint: stsEndpoint };
  // The SDK asks for the home folder and fails without one.
  env.HOME ??= home();
  try {
    return await trial.exchange(request);
  } catch (error) {
    // By name: the class in the bundle of the trial is not the one here.
    if (!(error instanceof Error) || error.name !== "StsError") throw error;
    const { code, message, httpStatus, attempts, endpointUrl } = error as StsError;
    const situation = {
      roleArn: role.arn,
      region,
      endpointHost: new URL(endpointUrl).host,
      proxy: findProxy(env, endpointUrl),
      audience,
      claims: first.claims,
      clockSkewSeconds:
        first.clockOffsetMs === undefined ? undefined : Math.round(-first.clockOffsetMs / 1000),
      trustPolicy: trustPolicy === undefined ? undefined : parseTrustPolicy(trustPolicy),
      accountIsMasked: plan.inputs.maskAccountId,
      attempts,
    };
    throw explainStsFailure(
      { kind: stsKind(code, message, httpStatus), code, message, httpStatus },
      situation,
    );
  }
}

function failureOf({ kind, message, code, status }: IdTokenError): Failure {
  const ofStatus = (of = 0) => (of === 429 ? "throttled" : of >= 500 ? "server-error" : "refused");
  const name = kind === "answer" ? "malformed" : kind === "status" ? ofStatus(status) : kindOfCode(code);
  return { kind: name, message, code, httpStatus: status };
}

function stsKind(code: string, message: string, httpStatus: number | undefined): FailureKind {
  if (/^Thrott|^TooManyRequests|^RequestLimit|^SlowDown/.test(code) || httpStatus === 429) return "throttled";
  if (httpStatus === undefined) return kindOfCode(code);
  if (httpStatus >= 500) return "server-error";
  if (/^(?:Unknown|UnknownError|Error|UnexpectedAnswer)$/.test(code)) return "malformed";
  return code === "IDPCommunicationError" || /verification key/i.test(message) ? "provider" : "denied";
}

/** What the session will be, where no exchange tells it. */
function plannedSession({ role, sessionName }: Inputs): Session {
  const { partition, accountId, name } = role;
  return {
    accountId,
    assumedRoleArn:
      accountId === "" ? "" : `arn:${partition}:sts::${accountId}:assumed-role/${name}/${sessionName}`,
  };
}

/** A self-hosted job may take 5 days: https://docs.github.com/en/actions/reference/limits */
const LONGEST_JOB_MS = 5 * 24 * 60 * 60 * 1000;

/** Lets a keeper watch over the token from here on, unless one does already. */
async function handOver(plan: Plan, first: IdToken, launched: LaunchedKeeper | undefined): Promise<void> {
  const clockOffsetMs = first.clockOffsetMs ?? 0;
  await locked(plan.root, async () => {
    if (hasKeeper(plan.directory)) return;
    const dead = readJson<KeeperStatus>(plan.directory.status);
    const keeper = launched ?? launchKeeper();
    await keeper.watch({
      endpoint: plan.endpoint,
      audience: plan.inputs.audience,
      directory: plan.directory.path,
      lifetimeMs: first.lifetimeMs,
      remainingMs: first.remainingMs,
      ageMs: performance.now() - first.receivedAt,
      clockOffsetMs,
      endsInMs: plan.endsAt === undefined ? LONGEST_JOB_MS : plan.endsAt - (Date.now() + clockOffsetMs),
      worker: findWorker(),
      dead,
    });
  });
}

/** Outputs, environment and log: the last thing, when all of it is true. */
function publish(
  { inputs, root, directory, endsAt, environment }: Plan,
  first: IdToken,
  session: Session,
): void {
  const { profile, role, sessionName } = inputs;
  const job = jobDirectory(root);
  const refreshableUntil = endsAt === undefined ? "" : new Date(endsAt).toISOString().replace(".000Z", "Z");
  core.setOutput("aws-account-id", session.accountId);
  core.setOutput("assumed-role-arn", session.assumedRoleArn);
  core.setOutput("profile", profile);
  core.setOutput("config-file", job.config);
  core.setOutput("credentials-file", job.credentials);
  core.setOutput("web-identity-token-file", directory.token);
  core.setOutput("role-session-name", sessionName);
  core.setOutput("refreshable-until", refreshableUntil);
  for (const [name, value] of Object.entries(environment.exports)) core.exportVariable(name, value);
  const where =
    profile === "default" ? "every later step (profile default)" : `steps that choose profile ${profile}`;
  const until = refreshableUntil === "" ? "as long as the job lives" : `until ${refreshableUntil}`;
  core.info(`Role ${role.arn} for ${where}, session ${sessionName}; fresh ID tokens ${until}`);
  core.startGroup("Details");
  core.info(`ID token: ${describeClaims(first.claims)}, good for ${Math.round(first.lifetimeMs / 1000)} s`);
  core.info(`Token file: ${directory.token}`);
  if (session.assumedRoleArn !== "") core.info(`Calls run as ${session.assumedRoleArn}`);
  core.info(`Exported: ${Object.keys(environment.exports).join(", ")}`);
  core.endGroup();
  for (const warning of environment.warnings) core.warning(warning);
}

/** What a trust policy has to match. */
function describeClaims({ sub, aud }: Claims): string {
  return `sub ${quoted(String(sub))}, aud ${quoted(String(aud))}`;
}
