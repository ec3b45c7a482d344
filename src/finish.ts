import { existsSync } from "node:fs";
import * as core from "@actions/core";
import { deleteCachedSessions, parseRole } from "./aws/cli-cache.ts";
import { overrideWarning, planRestore } from "./aws/restore.ts";
import { cliCache, defaultFiles } from "./aws/user-files.ts";
import { errorText } from "./base/errors.ts";
import { type JobDirectory, jobDirectory } from "./base/layout.ts";
import { findJobSecret, unseal } from "./base/seal.ts";
import { troubleshootingLink } from "./base/troubleshooting.ts";
import type { Summary } from "./inputs.ts";
import { finishedUses, type PublishedUse, previousVariables, type Use } from "./job/records.ts";
import { type Ended, endUse } from "./job/uses.ts";
import { stopMovedKeeper } from "./keeper/stop.ts";
import { makeReport } from "./report/report.ts";
import { loadUse, type SavedUse } from "./state.ts";

/**
 * The post step: removes everything that main wrote, and restores the environment. Warns, but never fails the
 * job.
 */
export async function finish(env: NodeJS.ProcessEnv): Promise<void> {
  const state = await attempt("read the state", () => ({ saved: loadUse(env) }));
  if (state === undefined) return;
  const { saved } = state;
  if (saved === undefined) {
    core.info("Nothing to clean up: the main step stopped before it wrote anything.");
    return;
  }
  const job = jobDirectory(saved.root);
  let [isDone, isRestored] = [false, false];
  const restore = (use: PublishedUse, others: Use[]) => {
    isRestored = true;
    restoreEnvironment(use, others, env);
  };
  const ended = await attempt("remove the profile and the token", async () => {
    const result = await endUse(job, saved.id, { jobSecret: findJobSecret(env), restore });
    isDone = true;
    return result;
  });
  const { keeper } = saved;
  if (keeper && (!isDone || !existsSync(job.path)))
    await attempt("end the keeper", () => stopMovedKeeper(keeper));
  for (const damage of ended?.damage ?? []) core.warning(`Could not ${damage}`);
  const use = ended?.use ?? saved.use;
  const others = ended?.others ?? [];
  if (isDone && !ended) reportAbsence(job, saved, env);
  if (use)
    await attempt("delete the AWS CLI's cached sessions", () => forgetSessions(use, ended?.roleArns ?? []));
  await attempt("restore the environment", () => {
    try {
      if (use && !isRestored) restore(use, others);
    } finally {
      leaveFiles(job, env);
    }
  });
  if (ended?.use) core.info(`${ended.use.roleArn}: profile ${ended.use.profile} removed`);
  if (ended && others.length > 0)
    core.info(`The keeper keeps running for ${count(others.length)} of this action.`);
  if (ended?.use && others.length === 0)
    await attempt("write the report", () => report(ended, saved.summary));
}

function count(others: number): string {
  return others === 1 ? "another use" : `${others} other uses`;
}

/**
 * Nothing is left of a use. That is as it should be if main failed, or if post ran before, which has then
 * restored the environment.
 */
function reportAbsence(job: JobDirectory, { id, use }: SavedUse, env: NodeJS.ProcessEnv): void {
  const isOver = finishedUses(job).some((finished) => finished.id === id);
  if (!use || isOver || env.AWS_CONFIG_FILE !== job.config) {
    core.info("Nothing to clean up.");
    return;
  }
  core.warning(
    `${job.path}, or what main recorded in it, is gone: a step removed it before the job was over, and the ID token with it. ` +
      `Calls to AWS that needed a new session then failed. More: ${troubleshootingLink("keeper-was-gone")}`,
  );
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

function forgetSessions(use: PublishedUse, roleArns: string[]): void {
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

function restoreEnvironment(use: PublishedUse, others: Use[], env: NodeJS.ProcessEnv): void {
  const values = previousVariables(JSON.parse(unseal(use.previous, findJobSecret(env))));
  const overridden = overrideWarning(env, { ...use, previous: values });
  if (overridden !== undefined) core.warning(overridden);
  const previous: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(values)) previous[name] = value ?? undefined;
  // The values of a use that is not over come before the values of before any use: they may have begun in
  // parallel.
  for (const other of others) Object.assign(previous, other.exported);
  for (const [name, value] of Object.entries(planRestore(env, use.exported, previous, defaultFiles()))) {
    core.exportVariable(name, value);
  }
}

/** Even if post found no record of the use: later post steps must not look for files that are gone. */
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
