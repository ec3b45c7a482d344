import { UserError } from "../base/errors.ts";
import { quoted } from "../base/text.ts";
import type { Profile } from "./section.ts";
import { refusePlainHttp } from "./sts-endpoint.ts";

/** Whether the profile is also exported as AWS_ROLE_ARN and its companions: `mirror-environment`. */
export type Mirror = "auto" | "always" | "never";

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the plan needs of a use. */
export interface PlannedUse extends Profile {
  sessionName: string;
  /** Whether the role is assumed with the keys in the environment, which later steps then do not need. */
  keysAreSource?: boolean;
  configFile: string;
  credentialsFile: string;
  mirror: Mirror;
}

export interface EnvironmentPlan {
  /** What to export, in this order. */
  exports: Record<string, string>;
  /** For the user, one line each: which ambient settings later steps will not see, or what to watch for. */
  warnings: string[];
}

export const KEYS = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
export const CONTAINER = ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];
export const WEB_IDENTITY = ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"];
export const PROFILES = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"];
const SESSION_NAME = "AWS_ROLE_SESSION_NAME";

type Rule = (ambient: Environment, use: PlannedUse) => Partial<EnvironmentPlan>;

/** In the order of the table in docs/how-it-works.md, "The environment". */
const RULES: Rule[] = [staticKeys, containerCredentials, webIdentity, chosenProfile, files, stsEndpoint];

/**
 * Plans the environment of later steps so that every SDK uses the profile. GitHub cannot unset a variable,
 * and nearly every one of them breaks some SDK when it is empty: only static keys (those that are set) and
 * the container URIs are set to "". Throws a UserError where a variable could silently override a named
 * profile.
 */
export function planEnvironment(ambient: Environment, use: PlannedUse): EnvironmentPlan {
  const parts = RULES.map((rule) => rule(ambient, use));
  return {
    exports: Object.assign({}, ...parts.map((part) => part.exports)),
    warnings: parts.flatMap((part) => part.warnings ?? []),
  };
}

function staticKeys(ambient: Environment, { keysAreSource }: PlannedUse): Partial<EnvironmentPlan> {
  const set = nonEmpty(ambient, KEYS);
  if (keysAreSource) return { exports: all(set, "") };
  // No others: an empty AWS_SESSION_TOKEN beside keys that post restores would break Ruby and PHP.
  return emptied(set, set, "nearly every SDK", " Use static keys and a role in separate jobs.");
}

function containerCredentials(ambient: Environment, { identity }: PlannedUse): Partial<EnvironmentPlan> {
  const set = nonEmpty(ambient, CONTAINER);
  const source = "source" in identity && "credentials" in identity.source ? identity.source.credentials : "";
  if (source !== "EcsContainer") return emptied(set, CONTAINER, "some SDKs");
  if (set.length === 0) return {};
  return {
    warnings: [
      `${are(set)} the source of this role. Steps with the AWS SDK for JavaScript v2 would use ${them(set)} instead of the profile. For them, set shared-session: true.`,
    ],
  };
}

function emptied(set: string[], names: string[], where: string, advice = ""): Partial<EnvironmentPlan> {
  if (set.length === 0) return {};
  const warning = `${are(set)} set and would override the profile in ${where}; later steps will see ${them(set)} empty.`;
  return { exports: all(names, ""), warnings: [warning + advice] };
}

/**
 * AWS_ROLE_ARN and its companions override the profile in most tools, or are mixed with it one by one, and
 * empty ones break botocore. Where some are set, only this use's own values of all three give its role.
 */
function webIdentity(ambient: Environment, use: PlannedUse): Partial<EnvironmentPlan> {
  const found = existing(ambient, [...WEB_IDENTITY, SESSION_NAME]);
  if (!isAmbient(use)) return namedWebIdentity(found, use);
  if (found.length === 0 && use.mirror !== "always") return {};
  if (use.mirror === "never") {
    throw mirrorRefused(
      `false while ${are(found)} set in this job: later steps would run as another role or fail`,
    );
  }
  const { identity } = use;
  if (!("tokenFile" in identity)) return withoutTokenFile(found, use);
  const { roleArn: AWS_ROLE_ARN, tokenFile: AWS_WEB_IDENTITY_TOKEN_FILE } = identity;
  const exports = { AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE, [SESSION_NAME]: use.sessionName };
  const others =
    "Steps that choose another profile with AWS_PROFILE still get this role in most SDKs; use --profile instead.";
  if (found.length === 0)
    return { exports, warnings: [`mirror-environment is true: this job has one role. ${others}`] };
  return {
    exports,
    warnings: [
      `${are(found)} set and would override the profile or be mixed with it; later steps will see this role's values in all three web identity variables. ${others}`,
    ],
  };
}

/** A session or a chain cannot be expressed in the three variables. */
function withoutTokenFile(found: string[], use: PlannedUse): Partial<EnvironmentPlan> {
  if (use.mirror === "always")
    throw mirrorRefused("true with a shared session or a chain, which have no token file of their own");
  const rivals = found.filter((name) => name !== SESSION_NAME);
  if (rivals.length > 0) {
    throw new UserError(
      "named-profile-loses",
      `${are(rivals)} set in this job, and most AWS SDKs prefer ${them(rivals)} to any profile: later steps would silently run as another role. ` +
        `Remove ${them(rivals)} from the job or the runner: a role of a shared session or a chain cannot be given in these variables.`,
    );
  }
  return { exports: all(found, use.sessionName) };
}

function namedWebIdentity(found: string[], use: PlannedUse): Partial<EnvironmentPlan> {
  if (use.mirror === "always") {
    throw mirrorRefused(
      "true with a named profile: the variables would override AWS_PROFILE and give every step this role",
    );
  }
  const rivals = found.filter((name) => name !== SESSION_NAME);
  if (rivals.length > 0) {
    throw new UserError(
      "named-profile-loses",
      `${are(rivals)} set in this job. Most AWS SDKs prefer ${them(rivals)} to a profile chosen with AWS_PROFILE, so steps that choose ` +
        `profile ${quoted(use.profile)} would silently run as another role. Remove ${them(rivals)} from the job or the runner, make all uses named ` +
        "if an earlier use of this action set mirror-environment, or leave out profile to make this role ambient.",
    );
  }
  // A session name alone changes no role; an empty one would let the AWS CLI's disk cache mix up jobs.
  return { exports: all(found, use.sessionName) };
}

function mirrorRefused(why: string): UserError {
  return new UserError("mirror-refused", `mirror-environment cannot be ${why}. Leave it at auto.`);
}

/** Which profile later steps use when they choose none, and its region. Named uses leave both alone. */
function chosenProfile(ambient: Environment, use: PlannedUse): Partial<EnvironmentPlan> {
  if (!isAmbient(use)) {
    const rival = ambient.AWS_DEFAULT_PROFILE;
    if (!rival || rival === use.profile) return {};
    return {
      warnings: [
        `AWS_DEFAULT_PROFILE is set, and boto3 and the AWS CLI v1 prefer it to AWS_PROFILE: steps that choose profile ${quoted(use.profile)} with AWS_PROFILE would ` +
          `run as ${quoted(rival)} there. Choose it with --profile, or set AWS_DEFAULT_PROFILE in the same step.`,
      ],
    };
  }
  // Both, where they exist: tools differ in which they prefer, and several read "" as a profile's name.
  const others = existing(ambient, PROFILES).filter((name) => ambient[name] !== "default");
  return {
    exports: { AWS_REGION: use.region, AWS_DEFAULT_REGION: use.region, ...all(others, "default") },
    warnings: nonEmpty(ambient, others).map(
      (name) =>
        `${name} was ${quoted(ambient[name] ?? "")}; later steps will see "default" instead, so that they use this role.`,
    ),
  };
}

/** Where the profile is. The copies leave out what the user's own files hold for the same profile. */
function files(_ambient: Environment, use: PlannedUse): Partial<EnvironmentPlan> {
  return {
    exports: {
      AWS_CONFIG_FILE: use.configFile,
      AWS_SHARED_CREDENTIALS_FILE: use.credentialsFile,
      // Without these two, Go v1 and JavaScript v2 do not read the config file, and ask the global STS.
      AWS_SDK_LOAD_CONFIG: "1",
      AWS_STS_REGIONAL_ENDPOINTS: "regional",
    },
  };
}

/**
 * The environment's endpoints override those in a config file:
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 */
function stsEndpoint(ambient: Environment, use: PlannedUse): Partial<EnvironmentPlan> {
  const endpoint = use.stsEndpoint;
  const ignores = /^true$/i.test(ambient.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS ?? "");
  const found = nonEmpty(ambient, ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"]);
  if (endpoint === undefined) {
    const [name] = found;
    if (name !== undefined && !ignores) refusePlainHttp(ambient[name], name);
    return {};
  }
  const isOther = (name: string) => ambient[name]?.replace(/\/+$/, "") !== endpoint;
  const rivals = isAmbient(use) ? [] : found.filter(isOther);
  if (ignores) rivals.push("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
  if (rivals.length > 0) {
    throw new UserError(
      "sts-endpoint-loses",
      `${are(rivals)} set in this job and would override sts-endpoint: later steps would send the ID token to another server. ` +
        `Remove ${them(rivals)} from the job${isAmbient(use) ? "" : ", or leave out profile to make this role ambient"}.`,
    );
  }
  return isAmbient(use) ? { exports: { AWS_ENDPOINT_URL_STS: endpoint } } : {};
}

function isAmbient({ profile }: PlannedUse): boolean {
  return profile === "default";
}

function existing(ambient: Environment, names: string[]): string[] {
  return names.filter((name) => ambient[name] !== undefined);
}

function nonEmpty(ambient: Environment, names: string[]): string[] {
  return names.filter((name) => ambient[name]);
}

function all(names: string[], value: string): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, value]));
}

/** "A is", "A and B are". */
function are(names: string[]): string {
  return `${list(names)} ${names.length < 2 ? "is" : "are"}`;
}

/** "A", "A and B", "A, B and C". */
export function list(names: string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

function them(names: string[]): string {
  return names.length < 2 ? "it" : "them";
}
