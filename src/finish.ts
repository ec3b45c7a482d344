import { existsSync } from "node:fs";
import * as core from "@actions/core";
import { deleteCachedSessions, parseRole } from "./aws/cli-cache.ts";
import { planRestore } from "./aws/restore.ts";
import { cliCache, defaultFiles } from "./aws/user-files.ts";
import { errorText } from "./base/errors.ts";
import { type JobDirectory, jobDirectory } from "./base/layout.ts";
import type { Summary } from "./inputs.ts";
import { type Ended, endUse } from "./job/uses.ts";
import { makeReport } from "./report/report.ts";
import { loadUse } from "./state.ts";

/**
 * The post step: removes everything that main wrote, and gives the environment back. Warns, but never fails the job.
 */
export async function finish(env: NodeJS.ProcessEnv): Promise<void> {
  const saved = await attempt("read the state", loadUse);
  if (!saved) {
    core.info("Nothing to clean up: the main step stopped before it wrote anything.");
    return;
  }
  const job = jobDirectory(saved.root);
  const ended = await attempt("remove the profile and the token", () => endUse(job, saved.id));
  if (!ended) {
    await attempt("restore the environment", () => leaveFiles(job, env));
    core.info("Nothing to clean up.");
    return;
  }
  for (const damage of ended.damage) core.warning(`Could not restore everything: ${damage}`);
  await attempt("delete the AWS CLI's cached sessions", () => forgetSessions(ended));
  await attempt("restore the environment", () => restoreEnvironment(ended, env));
  if (ended.others.length === 0) await attempt("write the report", () => report(ended, saved.summary));
}

/** One part of the cleanup: logs a failure, which does not stop the other parts. */
async function attempt<T>(what: string, action: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    core.warning(`Could not ${what}: ${errorText(error)}`);
    return undefined;
  }
}

function forgetSessions({ use, roleArns }: Ended): void {
  // The user's profiles may reach other roles through ours. The CLI chooses the names of those sessions.
  const chained = new Set(roleArns.flatMap((arn) => parseRole(arn)?.role ?? []));
  const isChained = (arn: string) => chained.has(parseRole(arn)?.role ?? "");
  const deleted = deleteCachedSessions(
    cliCache(),
    use.roleArn,
    use.sessionName,
    (arn, writtenAt) => isChained(arn) && writtenAt >= use.startedAt,
  );
  if (deleted > 0) core.debug(`deleted ${deleted} cached session(s) of the AWS CLI`);
}

function restoreEnvironment({ use, others }: Ended, env: NodeJS.ProcessEnv): void {
  const previous: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(use.previous)) previous[name] = value ?? undefined;
  // The values of a use that is not over come before the values of before any use: they may have begun in parallel.
  for (const other of others) Object.assign(previous, other.exported);
  const restore = planRestore(env, use.exported, previous, defaultFiles());
  for (const [name, value] of Object.entries(restore)) core.exportVariable(name, value);
  core.info(`${use.roleArn}: profile ${use.profile} removed`);
}

/** Without a record of the previous values, later post steps must at least not look for files that are gone. */
function leaveFiles(job: JobDirectory, env: NodeJS.ProcessEnv): void {
  for (const [name, path] of Object.entries(defaultFiles())) {
    const now = env[name];
    if (now?.startsWith(`${job.path}/`) && !existsSync(now)) core.exportVariable(name, path);
  }
}

async function report({ finished }: Ended, summary: Summary): Promise<void> {
  const { warnings, markdown, eventful } = makeReport(finished);
  for (const warning of warnings) core.warning(warning);
  if (summary === "always" || (summary === "auto" && eventful))
    await core.summary.addRaw(markdown, true).write();
}
