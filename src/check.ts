import * as core from "@actions/core";
import { errorText, UserError } from "./base/errors.ts";
import { troubleshootingLink } from "./base/troubleshooting.ts";
import { checkUses } from "./check-uses.ts";

// The step org/aws-role-refresh/check. One line in the log, in a form that alarms can search for.
try {
  const { healthy, details } = await checkUses(process.env);
  core.setOutput("healthy", healthy);
  core.setOutput("details", details);
  if (healthy) core.info(`aws-role-refresh: healthy; ${details}`);
  else
    core.setFailed(
      `aws-role-refresh: unhealthy; ${details}. More: ${troubleshootingLink("keeper-was-replaced")}`,
    );
} catch (error) {
  const more = error instanceof UserError ? ` More: ${troubleshootingLink(error.anchor)}` : "";
  core.setOutput("healthy", false);
  core.setOutput("details", errorText(error));
  core.setFailed(`${errorText(error)}${more}`);
}
