import * as core from "@actions/core";
import { deleteCachedSessions } from "./aws/cli-cache.ts";
import { cliCache, home } from "./aws/user-files.ts";
import { errorText } from "./base/errors.ts";
import type { IdToken } from "./base/id-token.ts";
import { firstSession, loadExchange, plannedSession } from "./first-session.ts";
import { firstToken } from "./first-token.ts";
import { checkAccount, loadInputs } from "./inputs.ts";
import { locked } from "./job/lock.ts";
import type { PublishedUse } from "./job/records.ts";
import { replaceKeeper } from "./job/replace-keeper.ts";
import { beginUse, endUse } from "./job/uses.ts";
import { healthOf } from "./keeper/health.ts";
import type { LaunchedKeeper } from "./keeper/launch.ts";
import { readStatus } from "./keeper/record.ts";
import { makePlan, type Plan } from "./plan.ts";
import { publish } from "./publish.ts";
import { replacedWarning } from "./report/health.ts";
import { type SavedUse, saveUse } from "./state.ts";

/**
 * The main step: from inputs to a profile whose token file stays fresh. It makes every refusal before it
 * changes anything, and exports nothing before everything works. If a part fails, it undoes the others at
 * once. Throws a UserError for everything that a user can do something about.
 * @param keeper a process that waits for instructions
 */
export async function start(env: NodeJS.ProcessEnv, keeper: LaunchedKeeper): Promise<void> {
  const run = { id: env.GITHUB_RUN_ID ?? "", attempt: env.GITHUB_RUN_ATTEMPT ?? "" };
  const inputs = loadInputs((name) => core.getInput(name), run);
  const plan = makePlan(inputs, env);
  for (const secret of plan.masks) core.setSecret(secret);
  if (inputs.role.accountId !== undefined) checkAccount(inputs, inputs.role.accountId);

  // Without verified certificates, a server that poses as STS could use the ID token.
  delete env.NODE_TLS_REJECT_UNAUTHORIZED;
  const state = { root: plan.job.path, id: plan.id, summary: inputs.summary };
  saveUse(state);
  try {
    await openJobDirectory(plan);
    // The keeper asks: this proves that it can also request all later tokens.
    const [first, exchange] = await Promise.all([
      firstToken(keeper, { endpoint: plan.endpoint, audience: inputs.audience }, env),
      inputs.trial ? loadExchange() : undefined,
    ]);
    core.setSecret(first.token);
    const use = await enter(plan, first, env);
    const session = exchange ? await firstSession(exchange, plan, first, env) : plannedSession(inputs);
    if (inputs.maskAccountId && session.accountId !== undefined) core.setSecret(session.accountId);
    checkAccount(inputs, session.accountId);
    await handOver(plan, keeper, first);
    saveUse({ ...state, use, ...keeperOf(plan) });
    publish(plan, first, session);
  } catch (error) {
    await undo(plan);
    throw error;
  }
}

/** Before the network; and under the lock, since another use's post may be removing it. */
async function openJobDirectory({ job }: Plan): Promise<void> {
  await locked(job, async () => {});
}

/** Token file and profile. Deletes sessions of this name that a crashed job left in the AWS CLI's cache. */
async function enter(plan: Plan, first: IdToken, env: NodeJS.ProcessEnv): Promise<PublishedUse> {
  const { id, inputs, section, exports, endpoint } = plan;
  const { profile, role, sessionName, audience, stsEndpoint } = inputs;
  const use = { id, startedAt: Date.now(), profile, roleArn: role.arn, sessionName, audience, stsEndpoint };
  const published = await beginUse(
    plan.job,
    { ...use, section, exported: exports },
    { requestToken: endpoint.requestToken, token: first.token },
    env,
    home(),
  );
  deleteCachedSessions(cliCache(), role.arn, sessionName);
  return published;
}

/**
 * Lets the keeper watch over the token for the rest of the job, unless another use's healthy keeper does so
 * already.
 */
async function handOver({ job, directory }: Plan, keeper: LaunchedKeeper, first: IdToken): Promise<void> {
  await locked(job, async () => {
    const health = healthOf(directory);
    if (health.trouble === undefined) return;
    await replaceKeeper(directory, keeper, first);
    if (health.status) core.warning(replacedWarning(health));
  });
}

function keeperOf({ directory }: Plan): Pick<SavedUse, "keeper"> {
  const { pid, started } = readStatus(directory) ?? {};
  return pid === undefined ? {} : { keeper: { pid, ...(started !== undefined && { started }) } };
}

/** Post would do the same; but the job may go on after this step, if it has continue-on-error. */
async function undo({ job, id, endpoint }: Plan): Promise<void> {
  try {
    await endUse(job, id, { requestToken: endpoint.requestToken, outcome: "failed" });
  } catch (error) {
    core.debug(`Could not clean up: ${errorText(error)}`);
  }
}
