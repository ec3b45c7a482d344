import { randomBytes } from "node:crypto";
import { homedir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import * as core from "@actions/core";
import { deleteCachedSessions, parseRole } from "./cli-cache.ts";
import { planEnvironment } from "./environment.ts";
import { UserError } from "./errors.ts";
import { type Endpoint, type IdToken, IdTokenError, requestIdToken } from "./id-token.ts";
import { type Inputs, loadInputs } from "./inputs.ts";
import { jobDirectory, jobDirectoryPath } from "./job-directory.ts";
import { decodeClaims, timeClaim } from "./jwt.ts";
import { hasKeeper, startKeeper } from "./keeper-process.ts";
import { findWorker } from "./process.ts";
import { renderProfile } from "./profile.ts";
import { saveUse } from "./state.ts";
import { tokenDirectory, tokenId } from "./token-directory.ts";
import type { Session } from "./trial.ts";
import { beginUse, endUse, locked } from "./uses.ts";

/**
 * The main step: from inputs to a profile whose token file stays fresh. Whatever can be refused is refused before the network is
 * touched, and nothing is exported before everything works.
 */
export async function start(env: NodeJS.ProcessEnv): Promise<void> {
  const inputs = loadInputs((name) => core.getInput(name), {
    id: env.GITHUB_RUN_ID ?? "",
    attempt: env.GITHUB_RUN_ATTEMPT ?? "",
  });
  const root = jobDirectoryPath(env.RUNNER_TEMP);
  const endpoint = readEndpoint(env);
  const job = jobDirectory(root);
  const id = randomBytes(8).toString("hex");
  const directory = tokenDirectory(`${job.tokens}/${tokenId(inputs.audience)}`);
  const { role, sessionName, profile, region, stsEndpoint, audience } = inputs;
  const plan = planEnvironment(env, {
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
  const section = renderProfile({ name: profile, roleArn: role.arn, tokenFile: directory.token, sessionName, region, stsEndpoint });
  if (inputs.maskAccountId && role.accountId !== "") core.setSecret(role.accountId);

  saveUse({ root, id });
  try {
    // The SDK takes longer to load than GitHub to answer: both at once.
    const answer = firstToken(endpoint, audience);
    const [first, trial] = await Promise.all([answer, inputs.trial ? import("./trial.ts") : undefined]);
    const receivedAt = performance.now();
    core.setSecret(first.token);
    await beginUse(
      root,
      {
        id,
        startedAt: Date.now(),
        profile,
        roleArn: role.arn,
        sessionName,
        audience,
        tokenId: tokenId(audience),
        section,
        exported: plan.exports,
      },
      { requestToken: endpoint.requestToken, token: first.token },
      env,
      homedir(),
    );
    // The AWS CLI would go on with a session of the same name that a crashed job left on disk.
    const wanted = parseRole(role.arn);
    deleteCachedSessions(`${homedir()}/.aws/cli/cache`, (arn) => {
      const cached = parseRole(arn);
      return cached?.role === wanted?.role && cached?.session === sessionName;
    });

    const session = trial
      ? await trial.exchange({ roleArn: role.arn, sessionName, token: first.token, region, endpoint: stsEndpoint })
      : { accountId: role.accountId, assumedRoleArn: assumedRoleArn(inputs) };
    checkAccount(inputs, session);

    const requestTokenExpires = timeClaim(decodeClaims(endpoint.requestToken), "exp");
    await locked(root, async () => {
      if (hasKeeper(directory)) return;
      await startKeeper({
        endpoint,
        audience,
        directory: directory.path,
        lifetimeMs: first.lifetimeMs,
        remainingMs: first.remainingMs,
        ageMs: performance.now() - receivedAt,
        endsInMs: requestTokenExpires === undefined ? LONGEST_JOB_MS : requestTokenExpires - (Date.now() + first.clockOffsetMs),
        worker: findWorker(),
      });
    });

    const refreshableUntil =
      requestTokenExpires === undefined ? "" : new Date(requestTokenExpires).toISOString().replace(".000Z", "Z");
    if (inputs.maskAccountId && session.accountId !== "") core.setSecret(session.accountId);
    core.setOutput("aws-account-id", session.accountId);
    core.setOutput("assumed-role-arn", session.assumedRoleArn);
    core.setOutput("profile", profile);
    core.setOutput("config-file", job.config);
    core.setOutput("credentials-file", job.credentials);
    core.setOutput("web-identity-token-file", directory.token);
    core.setOutput("role-session-name", sessionName);
    core.setOutput("refreshable-until", refreshableUntil);
    for (const [name, value] of Object.entries(plan.exports)) core.exportVariable(name, value);
    for (const warning of plan.warnings) core.warning(warning);
    core.info(
      `${role.arn} as ${sessionName}, ${profile === "default" ? "for all later steps" : `for profile ${profile}`}` +
        `${refreshableUntil === "" ? "" : `, refreshed until ${refreshableUntil}`}`,
    );
  } catch (error) {
    await endUse(root, id);
    throw error;
  }
}

/** A self-hosted job may take 5 days: https://docs.github.com/en/actions/reference/limits */
const LONGEST_JOB_MS = 5 * 24 * 60 * 60 * 1000;

/** Set for a job that may have ID tokens (actions/runner, src/Runner.Worker/Handlers/NodeScriptActionHandler.cs). */
function readEndpoint(env: NodeJS.ProcessEnv): Endpoint {
  const url = env.ACTIONS_ID_TOKEN_REQUEST_URL ?? "";
  const requestToken = env.ACTIONS_ID_TOKEN_REQUEST_TOKEN ?? "";
  if (url === "" || requestToken === "") {
    throw new UserError(
      "id-token-permission",
      "This job may not ask for an ID token. Add to the job (for a reusable workflow also to the job that calls it):\n\n    permissions:\n      id-token: write\n      contents: read\n\n" +
        "GitHub never grants it to workflows that a pull request from a fork or Dependabot starts.",
    );
  }
  if (!/^https?:\/\//.test(url) || !URL.canParse(url) || !/^[\x21-\x7e]+$/.test(requestToken)) {
    throw new UserError(
      "id-token-endpoint",
      "ACTIONS_ID_TOKEN_REQUEST_URL or ACTIONS_ID_TOKEN_REQUEST_TOKEN does not hold what the runner puts there. Does the workflow set them?",
    );
  }
  return { url, requestToken };
}

const REQUEST_TIMEOUT_MS = 10_000;

/** How long a failure of the first request may pass of itself. A job counts as "in progress" within about a second of its start. */
const PATIENCE_MS = { unreachable: 30_000, status: 30_000, answer: 3_000 };
const REFUSAL_PATIENCE_MS = 10_000;

async function firstToken(endpoint: Endpoint, audience: string): Promise<IdToken> {
  const began = performance.now();
  for (let tries = 1; ; tries++) {
    try {
      return await requestIdToken(endpoint, audience, REQUEST_TIMEOUT_MS);
    } catch (error) {
      if (!(error instanceof IdTokenError)) throw error;
      const refused = error.status !== undefined && error.status < 500 && error.status !== 429;
      const patience = refused ? REFUSAL_PATIENCE_MS : PATIENCE_MS[error.kind];
      const wait = Math.max(
        Math.min(3_000, 200 * 2 ** (tries - 1)) * (0.5 + Math.random() / 2),
        Math.min(error.retryAfterMs ?? 0, 10_000),
      );
      if (performance.now() - began + wait > patience) throw error;
      core.debug(`ID token, try ${tries}: ${error.message}`);
      await sleep(wait);
    }
  }
}

/** What the session's ARN will be, where no exchange tells it. */
function assumedRoleArn(inputs: Inputs): string {
  const { partition, accountId, name } = inputs.role;
  return accountId === "" ? "" : `arn:${partition}:sts::${accountId}:assumed-role/${name}/${inputs.sessionName}`;
}

function checkAccount(inputs: Inputs, session: Session): void {
  if (inputs.allowedAccountIds.length === 0 || inputs.allowedAccountIds.includes(session.accountId)) return;
  throw new UserError(
    "account-not-allowed",
    `STS answered with a session in account ${session.accountId || "(none)"}, which allowed-account-ids does not list.`,
  );
}
