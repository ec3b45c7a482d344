import * as core from "@actions/core";
import { errorText, UserError } from "./base/errors.ts";
import { type JobDirectory, jobDirectory, keeperDirectory, kindOf, tokenKeeper } from "./base/layout.ts";
import { jobDirectoryPath } from "./base/runner-temp.ts";
import { readJobSecret } from "./base/seal.ts";
import { printable } from "./base/text.ts";
import { firstToken } from "./first-token.ts";
import { isClaimedBy } from "./job/claim.ts";
import { locked } from "./job/lock.ts";
import { activeUses, type Use } from "./job/records.ts";
import { replaceKeeper } from "./job/replace-keeper.ts";
import { healthOf } from "./keeper/health.ts";
import { launchKeeper } from "./keeper/launch.ts";
import type { Ask } from "./keeper/messages.ts";
import { readEndpoint } from "./plan.ts";
import { describeHealth } from "./report/health.ts";

export interface Checked {
  healthy: boolean;
  /** One line. */
  details: string;
}

/**
 * Checks the ID token and the keeper of each use of this job that is not over, and repairs what it can.
 * Throws a UserError if there is no use to check.
 */
export async function checkUses(env: NodeJS.ProcessEnv): Promise<Checked> {
  const job = jobDirectory(jobDirectoryPath(env.RUNNER_TEMP));
  const uses = isClaimedBy(job, readJobSecret(env)) ? await locked(job, () => activeUses(job)) : [];
  if (uses.length === 0) throw noUse(job, env);

  let healthy = true;
  const details: string[] = [];
  for (const id of new Set(uses.flatMap(({ keepers }) => keepers))) {
    const health = await locked(job, () => healthOf(keeperDirectory(job, id)));
    const dependent = uses.filter(({ keepers }) => keepers.includes(id));
    details.push(`${profilesOf(dependent)}, ${describeHealth(health, kindOf(id))}`);
    if (health.trouble === undefined) continue;
    healthy = false;
    const audience = dependent.find((use) => use.audience && tokenKeeper(use.audience) === id)?.audience;
    details.push(
      audience === undefined
        ? "not repaired: use the action once more with the same inputs"
        : await repair(job, { endpoint: readEndpoint(env), audience }, env),
    );
  }
  if (details.length === 0) details.push(`${profilesOf(uses)}, reached from another profile or the runner`);
  return { healthy, details: printable(details.join("; ")) };
}

function profilesOf(uses: Use[]): string {
  const names = [...new Set(uses.map(({ profile }) => profile))];
  return `${names.length > 1 ? "profiles" : "profile"} ${names.join(" and ")}`;
}

/**
 * Puts a fresh token into the file, with a new keeper to watch over it, as main does. Returns how that went.
 */
async function repair(job: JobDirectory, ask: Ask, env: NodeJS.ProcessEnv): Promise<string> {
  const keeper = launchKeeper();
  try {
    const first = await firstToken(keeper, ask, env, core.debug);
    core.setSecret(first.token);
    await locked(job, async () => {
      // A post step may have ended the last use meanwhile, and another step may have repaired the keeper.
      const id = tokenKeeper(ask.audience);
      if (!activeUses(job).some(({ keepers }) => keepers.includes(id))) return;
      const directory = keeperDirectory(job, id);
      if (healthOf(directory).trouble !== undefined) await replaceKeeper(directory, keeper, first);
    });
    return "repaired";
  } catch (error) {
    return `not repaired: ${errorText(error)}`;
  } finally {
    await keeper.abandon();
  }
}

/** Why there is nothing to check: nothing in the job directory that this job has made. */
export function noUse(job: JobDirectory, env: NodeJS.ProcessEnv): UserError {
  if (env.AWS_CONFIG_FILE === job.config) {
    return new UserError(
      "check-found-no-use",
      `aws-role-refresh: unhealthy; a step removed ${job.path}, or what main recorded in it. Use the action once more in this job.`,
    );
  }
  return new UserError(
    "check-found-no-use",
    "No use of aws-role-refresh is active in this job, so there is nothing to check. Put this step after the step that " +
      "uses the action, in the same job.",
  );
}
