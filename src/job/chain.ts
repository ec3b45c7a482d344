import { hasProfile, profileNames } from "../aws/profile.ts";
import { type Profile, renamed } from "../aws/section.ts";
import { UserError } from "../base/errors.ts";
import type { JobDirectory, KeeperId } from "../base/layout.ts";
import { quoted } from "../base/text.ts";
import { readText } from "./aws-files.ts";
import type { Use } from "./records.ts";

// A role that is reached from another profile. Where that is an earlier use's, the chain has a copy of its
// section under a name of its own, and depends on its keepers: so uses can shadow each other and end in any
// order.

/** `role-chaining`: what the steps before this one use. `source-profile`: a profile by its name. */
export type SourceName = { sameProfile: true } | { profile: string };

/** Where a chain begins. */
export interface Source {
  /** The profile that source_profile names. */
  profile: string;
  /** The section of an earlier use under that name; "" where the profile is the user's own. */
  copy: string;
  keepers: KeeperId[];
  endsWithIdTokens: boolean;
}

/** The names of the profiles that this action adds for itself. */
const PREFIX = "aws-role-refresh-";
export const targetProfile = (useId: string): string => `${PREFIX}${useId}`;
const sourceProfile = (useId: string): string => `${PREFIX}${useId}-source`;

/** Throws a UserError if there is no such profile. */
export function findSource(
  job: JobDirectory,
  use: Pick<Use, "id" | "profile">,
  source: SourceName,
  uses: Use[],
): Source {
  const name = "profile" in source ? source.profile : use.profile;
  const earlier = uses.findLast(({ profile }) => profile === name);
  if (earlier) {
    const profile = sourceProfile(use.id);
    const { keepers, endsWithIdTokens } = earlier;
    return { profile, copy: renamed(earlier.section, name, profile), keepers, endsWithIdTokens };
  }
  if ("sameProfile" in source) {
    throw new UserError(
      "chain-without-source",
      `role-chaining is true, but no earlier step of this job uses this action with profile ${quoted(name)}. Add a step before ` +
        "this one that uses it for the first role, with the same profile; or say where the role is reached from: source-profile (a profile in your own " +
        "AWS files) or credential-source (keys in the environment, or the runner's own role).",
    );
  }
  const [config, credentials] = [readText(job.config), readText(job.credentials)];
  if (name !== use.profile && hasProfile(config, credentials, name))
    return { profile: name, copy: "", keepers: [], endsWithIdTokens: false };
  const names = profileNames(config, credentials).filter(
    (one) => one !== use.profile && !one.startsWith(PREFIX),
  );
  throw new UserError(
    "chain-without-source",
    name === use.profile
      ? `source-profile is ${quoted(name)}, which is the profile that this use itself writes. Give this use another profile.`
      : `source-profile is ${quoted(name)}, but there is no such profile. ${names.length === 0 ? "There are no others" : `There are: ${names.slice(0, 10).join(", ")}`}. ` +
          "It may be the profile of an earlier use of this action in this job, or one of your own AWS files (AWS_CONFIG_FILE).",
  );
}

/** A profile with the name of its source in it. */
export function reachedFrom(profile: Profile, source: Source | undefined): Profile {
  const { identity } = profile;
  if (source === undefined || !("source" in identity)) return profile;
  return { ...profile, identity: { ...identity, source: { profile: source.profile } } };
}

/** A use in the place of a user's profile would change where an earlier chain begins. */
export function refuseSourceOfAnother(profile: string, uses: Pick<Use, "section" | "roleArn">[]): void {
  const line = `\nsource_profile = ${profile}\n`;
  const chain = uses.find(({ section }) => section.includes(line));
  if (chain === undefined) return;
  throw new UserError(
    "chain-without-source",
    `Profile ${quoted(profile)} is the source of ${quoted(chain.roleArn)}, which an earlier use of this action reaches from it. Give this use another profile.`,
  );
}
