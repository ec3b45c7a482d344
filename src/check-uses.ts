import * as core from "@actions/core";
import { errorText, UserError } from "./base/errors.ts";
import { type JobDirectory, jobDirectory, tokenDirectory } from "./base/layout.ts";
import { jobDirectoryPath } from "./base/runner-temp.ts";
import { printable } from "./base/text.ts";
import { firstToken } from "./first-token.ts";
import { isClaimedBy } from "./job/claim.ts";
import { locked } from "./job/lock.ts";
import { activeUses } from "./job/records.ts";
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
  const endpoint = readEndpoint(env);
  const profiles = await profilesByAudience(job, endpoint.requestToken);
  if (profiles.size === 0) throw noUse(job, env);

  let healthy = true;
  const details: string[] = [];
  for (const [audience, names] of profiles) {
    const health = await locked(job, () => healthOf(tokenDirectory(job, audience)));
    const found = [
      `${names.length > 1 ? "profiles" : "profile"} ${names.join(" and ")}`,
      describeHealth(health),
    ];
    details.push(found.join(", "));
    if (health.trouble === undefined) continue;
    healthy = false;
    details.push(await repair(job, { endpoint, audience }, env));
  }
  return { healthy, details: printable(details.join("; ")) };
}

/** The profiles of this job that read each token. A directory that is not this job's has none. */
async function profilesByAudience(job: JobDirectory, requestToken: string): Promise<Map<string, string[]>> {
  const profiles = new Map<string, string[]>();
  if (!isClaimedBy(job, requestToken)) return profiles;
  for (const { audience, profile } of await locked(job, () => activeUses(job))) {
    const names = profiles.get(audience) ?? [];
    if (!names.includes(profile)) names.push(profile);
    profiles.set(audience, names);
  }
  return profiles;
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
      if (!activeUses(job).some(({ audience }) => audience === ask.audience)) return;
      const directory = tokenDirectory(job, ask.audience);
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
