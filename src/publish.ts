import * as core from "@actions/core";
import type { IdToken } from "./base/id-token.ts";
import { quoted } from "./base/text.ts";
import type { Session } from "./exchange.ts";
import type { Plan } from "./plan.ts";

/** Outputs, environment and log: last, once everything works. */
export function publish(plan: Plan, first: IdToken, session: Session): void {
  const { inputs, job, directory, endsAt } = plan;
  const { profile, sessionName } = inputs;
  const refreshableUntil =
    endsAt === undefined ? undefined : new Date(endsAt).toISOString().replace(".000Z", "Z");
  core.setOutput("aws-account-id", session.accountId ?? "");
  core.setOutput("assumed-role-arn", session.assumedRoleArn ?? "");
  core.setOutput("profile", profile);
  core.setOutput("config-file", job.config);
  core.setOutput("credentials-file", job.credentials);
  core.setOutput("web-identity-token-file", directory.token);
  core.setOutput("role-session-name", sessionName);
  core.setOutput("refreshable-until", refreshableUntil ?? "");
  for (const [name, value] of Object.entries(plan.exports)) core.exportVariable(name, value);
  log(plan, first, session, refreshableUntil);
  for (const warning of plan.warnings) core.warning(warning);
}

function log(
  { inputs, directory, exports }: Plan,
  first: IdToken,
  session: Session,
  until: string | undefined,
): void {
  const { profile, role, sessionName } = inputs;
  const where =
    profile === "default" ? "every later step (profile default)" : `steps that choose profile ${profile}`;
  const period = until === undefined ? "for as long as the job runs" : `until ${until}`;
  core.info(`Role ${role.arn} for ${where}, session ${sessionName}; fresh ID tokens ${period}`);
  core.startGroup("Details");
  const { sub, aud } = first.claims;
  const lifetime = Math.round(first.lifetimeMs / 1000);
  // What a trust policy has to match.
  core.info(`ID token: sub ${quoted(String(sub))}, aud ${quoted(String(aud))}, valid for ${lifetime} s`);
  core.info(`Token file: ${directory.token}`);
  if (session.assumedRoleArn !== undefined) core.info(`Calls run as ${session.assumedRoleArn}`);
  core.info(`Exported: ${Object.keys(exports).join(", ")}`);
  core.endGroup();
}
