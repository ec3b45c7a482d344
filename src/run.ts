import * as core from "@actions/core";
import { errorCode, errorText, UserError } from "./base/errors.ts";
import { printable } from "./base/text.ts";
import { troubleshootingLink } from "./base/troubleshooting.ts";
import type { LaunchedKeeper } from "./keeper/launch.ts";
import { start } from "./start.ts";

/**
 * Runs the main step, and fails it with what a user can do about it. Ends a keeper that has not taken over.
 */
export async function run(keeper: LaunchedKeeper): Promise<void> {
  try {
    await start(process.env, keeper);
  } catch (error) {
    if (error instanceof UserError) {
      core.setFailed(`${error.message}\nMore: ${troubleshootingLink(error.anchor)}`);
      if (error.details !== undefined) core.info(error.details);
    } else {
      core.debug(printable(error instanceof Error ? (error.stack ?? error.message) : String(error)));
      const more = errorCode(error) === undefined ? "" : `\nMore: ${troubleshootingLink("runner-files")}`;
      core.setFailed(`${errorText(error)}${more}`);
    }
  } finally {
    await keeper.abandon();
  }
}
