import { shellWord } from "../base/text.ts";
import { type EnvironmentPlan, PROFILES } from "./environment.ts";

/**
 * What `docker run` needs so that a container has a use's profile: one line, which means the same words to every POSIX
 * shell. Empty on Windows, where a Linux container cannot have the job directory's path.
 *
 * The whole directory is mounted: files in it are replaced by others of the same name, which the mount of a single file
 * would not show, and a chain reads more than one folder. Variables are passed by name, so a step's `env` still decides.
 * Not passed is what only neutralises a variable of the job, because a container inherits none. No key is ever passed.
 */
export function dockerArgs(
  directory: string,
  profile: string,
  exports: EnvironmentPlan["exports"],
  platform: string = process.platform,
): string {
  if (platform === "win32") return "";
  const names = Object.keys(exports).filter((name) => exports[name] !== "" && !PROFILES.includes(name));
  const variables = profile === "default" ? names : [...names, `AWS_PROFILE=${profile}`];
  const words = ["-v", `${directory}:${directory}:ro`, ...variables.flatMap((variable) => ["-e", variable])];
  return words.map(shellWord).join(" ");
}
