import { existsSync } from "node:fs";
import * as core from "@actions/core";
import { deleteCachedSessions, isSessionOf, parseRole } from "./aws/cli-cache.ts";
import { planRestore } from "./aws/environment.ts";
import { errorText } from "./base/errors.ts";
import { cliCache, home } from "./base/home.ts";
import type { Summary } from "./inputs.ts";
import { type Ended, endUse } from "./job/uses.ts";
import { makeReport } from "./report/report.ts";
import { loadUse } from "./state.ts";

/**
 * The post step: everything that main wrote goes, and the environment back to what it was. Warns, never fails
 * the job.
 */
export async function finish(env: NodeJS.ProcessEnv): Promise<void> {
  const saved = await attempt("read the state", loadUse);
  if (!saved) {
    core.info("Nothing to clean up: main had not begun.");
    return;
  }
  const ended = await attempt("remove the profile and the token", () => endUse(saved.root, saved.id));
  if (!ended) {
    await attempt("restore the environment", () => leaveFiles(saved.root, env));
    core.info("Nothing to clean up.");
    return;
  }
  for (const damage of ended.damage) core.warning(`Could not put everything back as it was: ${damage}`);
  await attempt("delete sessions that the AWS CLI keeps on disk", () => forgetSessions(ended));
  await attempt("restore the environment", () => restoreEnvironment(ended, env));
  if (ended.others.length === 0) await attempt("write the report", () => report(ended, saved.summary));
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
  // Roles that a profile of the user's reaches through ours: their sessions have names that only the CLI
  // knows.
  const chained = new Set(roleArns.flatMap((arn) => parseRole(arn)?.role ?? []));
  const isChained = (arn: string) => chained.has(parseRole(arn)?.role ?? "");
  const deleted = deleteCachedSessions(
    cliCache(),
    (arn, writtenAt) =>
      isSessionOf(arn, use.roleArn, use.sessionName) || (isChained(arn) && writtenAt >= use.startedAt),
  );
  if (deleted > 0) core.debug(`deleted ${deleted} cached session(s) of the AWS CLI`);
}

function restoreEnvironment({ use, others }: Ended, env: NodeJS.ProcessEnv): void {
  const previous: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(use.previous)) previous[name] = value ?? undefined;
  // A use that is not over comes before what was there before any: they may have begun side by side.
  for (const other of others) Object.assign(previous, other.exported);
  const restore = planRestore(env, use.exported, previous, defaultFiles());
  for (const [name, value] of Object.entries(restore)) core.exportVariable(name, value);
  core.info(`${use.roleArn}: profile ${use.profile} removed`);
}

/**
 * Nothing is known of what was there before: later post steps must at least not look for files that are gone.
 */
function leaveFiles(root: string, env: NodeJS.ProcessEnv): void {
  for (const [name, path] of Object.entries(defaultFiles())) {
    const now = env[name];
    if (now?.startsWith(`${root}/`) && !existsSync(now)) core.exportVariable(name, path);
  }
}

/** Where SDKs look without these variables. */
function defaultFiles(): Record<string, string> {
  return {
    AWS_CONFIG_FILE: `${home()}/.aws/config`,
    AWS_SHARED_CREDENTIALS_FILE: `${home()}/.aws/credentials`,
  };
}

async function report({ finished }: Ended, summary: Summary): Promise<void> {
  const { warnings, markdown, eventful } = makeReport(finished);
  for (const warning of warnings) core.warning(warning);
  if (summary === "always" || (summary === "auto" && eventful))
    await core.summary.addRaw(markdown, true).write();
}
