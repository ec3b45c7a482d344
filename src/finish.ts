import { homedir } from "node:os";
import * as core from "@actions/core";
import { deleteCachedSessions, parseRole } from "./cli-cache.ts";
import { planRestore } from "./environment.ts";
import { errorText } from "./errors.ts";
import { loadUse } from "./state.ts";
import { type Ended, endUse } from "./uses.ts";

/** The post step: everything that main wrote goes, and the environment back to what it was. Warns, never fails the job. */
export async function finish(env: NodeJS.ProcessEnv): Promise<void> {
  const saved = loadUse();
  if (!saved) {
    core.info("Nothing to clean up: main had not begun.");
    return;
  }
  const ended = await attempt("remove the profile and the token", () => endUse(saved.root, saved.id));
  if (!ended) {
    core.info("Nothing to clean up.");
    return;
  }
  await attempt("delete sessions that the AWS CLI keeps on disk", () => forgetSessions(ended));
  await attempt("restore the environment", () => restoreEnvironment(ended, env));
  await attempt("report", () => report(ended));
}

/** One part of the cleanup: a failure is said and does not stop the others. */
async function attempt<T>(what: string, action: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    core.warning(`Could not ${what}: ${errorText(error)}`);
    return undefined;
  }
}

function forgetSessions({ use, roleArns }: Ended): void {
  const own = parseRole(use.roleArn)?.role;
  // Roles that a profile of the user's reaches through ours: their sessions have names that only the CLI knows.
  const chained = new Set(roleArns.map((arn) => parseRole(arn)?.role));
  const deleted = deleteCachedSessions(`${homedir()}/.aws/cli/cache`, (arn, writtenAt) => {
    const cached = parseRole(arn);
    if (!cached) return false;
    return (cached.role === own && cached.session === use.sessionName) || (chained.has(cached.role) && writtenAt >= use.startedAt);
  });
  if (deleted > 0) core.debug(`deleted ${deleted} cached session(s) of the AWS CLI`);
}

function restoreEnvironment({ use, last }: Ended, env: NodeJS.ProcessEnv): void {
  const previous: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(use.previous)) previous[name] = value ?? undefined;
  const exported = { ...use.exported };
  if (!last) {
    // Other uses of this job still need the two files.
    delete exported.AWS_CONFIG_FILE;
    delete exported.AWS_SHARED_CREDENTIALS_FILE;
  }
  const defaults = { configFile: `${homedir()}/.aws/config`, credentialsFile: `${homedir()}/.aws/credentials` };
  for (const [name, value] of Object.entries(planRestore(env, exported, previous, defaults))) core.exportVariable(name, value);
}

function report({ use, last, finished }: Ended): void {
  core.info(`${use.roleArn}: profile ${use.profile} removed.`);
  if (!last) return;
  for (const { keeper } of finished) {
    if (!keeper) continue;
    for (const { from, to } of keeper.stale) {
      core.warning(`The ID token was stale from ${time(from)} to ${time(to)}: calls to AWS that had to refresh then have failed.`);
    }
  }
}

function time(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}
