import * as path from "node:path";
import { UserError } from "./errors.ts";
import { JOB_DIRECTORY } from "./layout.ts";
import { quoted } from "./text.ts";

/**
 * The path of this job's directory in RUNNER_TEMP. Throws a UserError if SDKs would read that path in
 * different ways from a config file: `#` and `;` begin a comment for some, `$` and `%` a variable, and
 * non-ASCII breaks others (docs/compatibility.md).
 */
export function jobDirectoryPath(
  runnerTemp: string | undefined,
  platform: string = process.platform,
): string {
  if (!runnerTemp) {
    throw new UserError(
      "runner-temp",
      "RUNNER_TEMP is not set. The runner sets it; this action cannot run without it.",
    );
  }
  const isWindows = platform === "win32";
  const isAbsolute = (isWindows ? path.win32 : path.posix).isAbsolute(runnerTemp);
  const root = isWindows ? runnerTemp.replaceAll("\\", "/") : runnerTemp;
  const ambiguous = [...(isWindows ? "#;$%\"'`" : "#;$\"'`\\")];
  const isPlain = /^[\x20-\x7e]+$/.test(root) && !ambiguous.some((character) => root.includes(character));
  if (!isAbsolute || !isPlain) {
    throw new UserError(
      "runner-temp",
      `RUNNER_TEMP is ${quoted(runnerTemp, 200)}. It must be an absolute path in ASCII without any of ` +
        `${ambiguous.join(" ")}, which AWS SDKs interpret differently in a config file. Change the runner's work folder.`,
    );
  }
  return `${root.replace(/\/+$/, "")}/${JOB_DIRECTORY}`;
}
