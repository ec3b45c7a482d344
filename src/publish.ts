import * as core from "@actions/core";
import { dockerArgs } from "./aws/docker-args.ts";
import { keeperDirectory, kindOf } from "./base/layout.ts";
import { quoted } from "./base/text.ts";
import { sourceText } from "./first-session.ts";
import { lastRenewal } from "./keeper/schedule.ts";
import type { Plan } from "./plan.ts";
import type { Reached } from "./reach.ts";

/** Outputs, environment and log: last, once everything works. */
export function publish(plan: Plan, reached: Reached): void {
  const { inputs, job, keeper } = plan;
  const { session } = reached;
  const until = refreshableUntil(plan, reached);
  core.setOutput("aws-account-id", session.accountId ?? "");
  core.setOutput("assumed-role-arn", session.assumedRoleArn ?? "");
  core.setOutput("authenticated-arn", session.assumedRoleArn ?? "");
  core.setOutput("profile", inputs.profile);
  core.setOutput("config-file", job.config);
  core.setOutput("credentials-file", job.credentials);
  core.setOutput(
    "web-identity-token-file",
    keeper && kindOf(keeper) === "token" ? keeperDirectory(job, keeper).secret : "",
  );
  core.setOutput("docker-args", dockerArgs(job.path, inputs.profile, plan.exports));
  core.setOutput("role-session-name", inputs.sessionName);
  core.setOutput("refreshable-until", until ?? "");
  if (inputs.outputCredentials) outputKeys(reached);
  for (const [name, value] of Object.entries(plan.exports)) core.exportVariable(name, value);
  log(plan, reached, until);
  for (const warning of plan.warnings) core.warning(warning);
}

/** For tools that take nothing else. They are masked already. */
function outputKeys({ session: { keys } }: Reached): void {
  if (keys === undefined) return;
  const expiration = time(keys.expiresAt);
  core.setOutput("aws-access-key-id", keys.accessKeyId);
  core.setOutput("aws-secret-access-key", keys.secretAccessKey);
  core.setOutput("aws-session-token", keys.sessionToken);
  core.setOutput("aws-expiration", expiration);
  core.notice(
    `output-credentials: the keys in the outputs expire at ${expiration} and do not renew themselves. Steps that use the profile are not affected.`,
  );
}

/**
 * GitHub issues no more ID tokens then. The last session before that lives on; with outlive-id-tokens there
 * is no such time.
 */
function refreshableUntil({ inputs, endsAt }: Plan, { use, session }: Reached): string | undefined {
  if (endsAt === undefined || !use.endsWithIdTokens) return undefined;
  if (!inputs.sharedSession) return time(endsAt);
  return time(lastRenewal(Date.now(), endsAt) + (session.lifetimeMs ?? 0));
}

function time(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

function log(
  { inputs, job, keeper, exports }: Plan,
  { session, idToken }: Reached,
  until: string | undefined,
): void {
  const { profile, role, sessionName, notes } = inputs;
  const where =
    profile === "default" ? "every later step (profile default)" : `steps that choose profile ${profile}`;
  const period = until === undefined ? "for as long as the job runs" : `until ${until}`;
  const fresh = inputs.sharedSession
    ? `one session that is renewed every ${Math.round((session.lifetimeMs ?? 0) / 120_000)} minutes`
    : inputs.source === "id-token"
      ? "fresh ID tokens"
      : `reached from ${sourceText(inputs)}`;
  core.info(`Role ${role.arn} for ${where}, session ${sessionName}; ${fresh} ${period}`);
  for (const note of notes) core.info(`No effect: ${note}`);
  core.startGroup("Details");
  if (idToken !== undefined) {
    const { sub, aud } = idToken.claims;
    const lifetime = Math.round(idToken.lifetimeMs / 1000);
    // What a trust policy has to match.
    core.info(`ID token: sub ${quoted(String(sub))}, aud ${quoted(String(aud))}, valid for ${lifetime} s`);
  }
  if (keeper !== undefined)
    core.info(
      `${kindOf(keeper) === "token" ? "Token" : "Session"} file: ${keeperDirectory(job, keeper).secret}`,
    );
  if (session.assumedRoleArn !== undefined) core.info(`Calls run as ${session.assumedRoleArn}`);
  core.info(`Exported: ${Object.keys(exports).join(", ")}`);
  core.endGroup();
}
