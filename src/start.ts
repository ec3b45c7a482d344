import * as core from "@actions/core";
import { deleteCachedSessions } from "./aws/cli-cache.ts";
import { cliCache, home } from "./aws/user-files.ts";
import { errorText } from "./base/errors.ts";
import { keeperDirectory } from "./base/layout.ts";
import { checkAccount, loadInputs } from "./inputs.ts";
import { locked } from "./job/lock.ts";
import type { PublishedUse } from "./job/records.ts";
import { beginUse, endUse } from "./job/uses.ts";
import { findWorker } from "./job/worker.ts";
import type { LaunchedKeeper } from "./keeper/launch.ts";
import { readStatus } from "./keeper/record.ts";
import { makePlan, type Plan } from "./plan.ts";
import { publish } from "./publish.ts";
import { byProfile, bySession, byTokenFile } from "./reach.ts";
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
    const enter = (token?: string) => enterUse(plan, token, env);
    const reached = inputs.sharedSession
      ? await bySession(plan, keeper, enter, env)
      : inputs.source === "id-token"
        ? await byTokenFile(plan, keeper, enter, env)
        : await byProfile(plan, enter, env);
    saveUse({ ...state, use: reached.use, ...keeperOf(plan) });
    publish(plan, reached);
  } catch (error) {
    await undo(plan);
    throw error;
  }
}

/** Before the network; and under the lock, since another use's post may be removing it. */
async function openJobDirectory({ job }: Plan): Promise<void> {
  await locked(job, async () => {});
}

/** Profile and token file. Deletes sessions of this name that a crashed job left in the AWS CLI's cache. */
async function enterUse(
  plan: Plan,
  token: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<PublishedUse> {
  const { id, inputs, keeper, visible, hidden, exports } = plan;
  const { profile, role, sessionName, source, stsEndpoint } = inputs;
  const use = {
    ...{ id, startedAt: Date.now(), profile, roleArn: role.arn, sessionName, stsEndpoint },
    audience: source === "id-token" ? inputs.audience : undefined,
    keepers: keeper === undefined ? [] : [keeper],
    outlives: inputs.outlivesIdTokens,
    exported: exports,
    ...{ visible, hidden, token },
    source: source === "id-token" || "credentials" in source ? undefined : source,
  };
  const published = await beginUse(plan.job, use, plan.jobSecret, env, home(), findWorker());
  deleteCachedSessions(cliCache(), role.arn, sessionName);
  return published;
}

function keeperOf({ job, keeper }: Plan): Pick<SavedUse, "keeper"> {
  const { pid, started } = (keeper && readStatus(keeperDirectory(job, keeper))) ?? {};
  return pid === undefined ? {} : { keeper: { pid, ...(started !== undefined && { started }) } };
}

/** Post would do the same; but the job may go on after this step, if it has continue-on-error. */
async function undo({ job, id, jobSecret }: Plan): Promise<void> {
  try {
    await endUse(job, id, { jobSecret, outcome: "failed" });
  } catch (error) {
    core.debug(`Could not clean up: ${errorText(error)}`);
  }
}
