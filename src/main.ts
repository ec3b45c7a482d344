import * as core from "@actions/core";
import { errorText, UserError } from "./errors.ts";
import { start } from "./start.ts";
import { troubleshootingLink } from "./troubleshooting.ts";

try {
  await start(process.env);
} catch (error) {
  if (error instanceof UserError) {
    if (error.details !== undefined) core.info(error.details);
    core.setFailed(`${error.message}\nMore: ${troubleshootingLink(error.anchor)}`);
  } else {
    core.debug(error instanceof Error ? (error.stack ?? error.message) : String(error));
    core.setFailed(errorText(error));
  }
}
