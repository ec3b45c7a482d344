import { troubleshootingLink } from "../base/troubleshooting.ts";
import { CONTAINER, type Environment, KEYS, list, PROFILES, WEB_IDENTITY } from "./environment.ts";

/**
 * What post exports so that later post steps find the environment as it was before main. A variable that a
 * later step changed stays. One that had no value keeps ours, since GitHub cannot unset it and "" would break
 * SDKs; the two files go back to their default paths.
 * @param defaults what SDKs use without a variable, where a value can express it
 */
export function planRestore(
  now: Environment,
  exported: Environment,
  previous: Environment,
  defaults: Environment,
): Record<string, string> {
  const restore: Record<string, string> = {};
  for (const [name, ours] of Object.entries(exported)) {
    const value = previous[name] || defaults[name];
    if (value && value !== ours && now[name] === ours) restore[name] = value;
  }
  return restore;
}

/** What post needs of a use to check the environment. */
export interface ExportedUse {
  profile: string;
  roleArn: string;
  /** What main exported, and what was there before: null for a variable that did not exist. */
  exported: Environment;
  previous: Readonly<Record<string, string | null>>;
}

/**
 * They decide which identity a step has at AWS. `previous` has all of them, to show that a step set and
 * emptied one.
 */
export const IDENTITY_VARIABLES = [KEYS, CONTAINER, WEB_IDENTITY, PROFILES].flat();

/**
 * A warning, with the fix, if a later step set variables that override the profile. It has their names and no
 * value. `now` is the environment before post restores it.
 */
export function overrideWarning(now: Environment, use: ExportedUse): string | undefined {
  const names = IDENTITY_VARIABLES.filter((name) => counts(name, now, use) && isForeign(name, now, use));
  if (names.length === 0) return undefined;
  return (
    `${list(names)} changed after this action set up ${use.roleArn}, so later steps may have run as another identity. ` +
    "Remove the step that sets them, usually a later configure-aws-credentials, or move it to another job. " +
    `More: ${troubleshootingLink("a-later-step-replaced-the-role")}`
  );
}

function isForeign(name: string, now: Environment, { exported, previous }: ExportedUse): boolean {
  const value = now[name];
  // The previous value is there again if the env of the action's own step sets it.
  if (value === undefined || value === exported[name] || value === previous[name]) return false;
  if (value !== "") return true;
  // The post step of configure-aws-credentials, which runs before ours, empties its keys and the region.
  return now.AWS_REGION === "" && previous[name] === null;
}

function counts(name: string, now: Environment, { profile, exported }: ExportedUse): boolean {
  // With a named profile, the steps choose.
  if (name.endsWith("_PROFILE")) return profile === "default";
  if (!WEB_IDENTITY.includes(name)) return true;
  // Another use of this action may have exported its own.
  const job = exported.AWS_CONFIG_FILE?.replace(/[^/]*$/, "");
  return job === undefined || !now.AWS_WEB_IDENTITY_TOKEN_FILE?.startsWith(job);
}
