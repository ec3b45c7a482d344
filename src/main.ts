import * as core from "@actions/core";
import { errorCode, errorText, UserError } from "./base/errors.ts";
import { printable } from "./base/text.ts";
import { troubleshootingLink } from "./base/troubleshooting.ts";
import { start } from "./start.ts";

try {
  await start(process.env);
} catch (error) {
  if (error instanceof UserError) {
    core.setFailed(`${error.message}\nMore: ${troubleshootingLink(error.anchor)}`);
    if (error.details !== undefined) core.info(error.details);
  } else {
    core.debug(printable(error instanceof Error ? (error.stack ?? error.message) : String(error)));
    const more = errorCode(error) === undefined ? "" : `\nMore: ${troubleshootingLink("runner-files")}`;
    core.setFailed(`${errorText(error)}${more}`);
  }
}
