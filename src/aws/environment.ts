import { UserError } from "../base/errors.ts";
import type { Mirror } from "../inputs.ts";

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the plan needs to know of a use. */
export interface PlannedUse {
  profile: string;
  configFile: string;
  credentialsFile: string;
  region: string;
  roleArn: string;
  tokenFile: string;
  sessionName: string;
  stsEndpoint: string | undefined;
  mirror: Mirror;
}

export interface EnvironmentPlan {
  /** What to export, in this order. */
  exports: Record<string, string>;
  /** For the user, one line each: what was ambient and will not win. */
  warnings: string[];
}

const KEYS = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
const CONTAINER = ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];
const WEB_IDENTITY = ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"];

/**
 * Plans the environment of later steps, so that the profile is what every SDK uses whatever was ambient.
 * GitHub cannot unset a variable, and an empty one breaks some SDK for nearly each of them: only the static
 * keys (those that are set) and the container URIs are ever set to "". Throws a UserError where a named
 * profile could silently lose to what is ambient.
 */
export function planEnvironment(ambient: Environment, use: PlannedUse): EnvironmentPlan {
  const isAmbient = use.profile === "default";
  const isSet = (name: string) => (ambient[name] ?? "") !== "";
  const exists = (name: string) => ambient[name] !== undefined;
  const exports: Record<string, string> = {};
  const warnings: string[] = [];

  exports.AWS_CONFIG_FILE = use.configFile;
  exports.AWS_SHARED_CREDENTIALS_FILE = use.credentialsFile;
  // Go v1 and JavaScript v2 read the config file, and STS of the region instead of the global one, only when
  // told so.
  exports.AWS_SDK_LOAD_CONFIG = "1";
  exports.AWS_STS_REGIONAL_ENDPOINTS = "regional";
  if (isAmbient) {
    exports.AWS_REGION = use.region;
    exports.AWS_DEFAULT_REGION = use.region;
    if (use.stsEndpoint !== undefined) exports.AWS_ENDPOINT_URL_STS = use.stsEndpoint;
    // Both, where set: some tools prefer one and some the other. Even "" counts as the name of a profile for
    // several.
    for (const name of ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]) {
      if (!exists(name) || ambient[name] === "default") continue;
      exports[name] = "default";
      if (isSet(name))
        warnings.push(
          `${name} was ${quote(ambient[name])}; it is "default" from here on, so that the role is what later steps get.`,
        );
    }
  }

  if (!isAmbient && isSet("AWS_DEFAULT_PROFILE") && ambient.AWS_DEFAULT_PROFILE !== use.profile) {
    warnings.push(
      `AWS_DEFAULT_PROFILE is set, and boto3 and the AWS CLI v1 prefer it to AWS_PROFILE: steps that choose profile ${quote(use.profile)} with AWS_PROFILE would ` +
        `run as ${quote(ambient.AWS_DEFAULT_PROFILE)} there. Choose it with --profile, or set AWS_DEFAULT_PROFILE in the same step.`,
    );
  }

  const keys = KEYS.filter(isSet);
  if (keys.length > 0) {
    // Only those: a blank AWS_SESSION_TOKEN beside keys that post has put back would break Ruby and PHP.
    for (const name of keys) exports[name] = "";
    warnings.push(
      `${list(keys)} ${verb(keys)} set and would win over the profile in nearly every SDK; blank from here on. Use static keys and a role in separate jobs.`,
    );
  }
  const container = CONTAINER.filter(isSet);
  if (container.length > 0) {
    for (const name of CONTAINER) exports[name] = "";
    warnings.push(
      `${list(container)} ${verb(container)} set and would win over the profile in some SDKs; blank from here on.`,
    );
  }
  checkEndpoint();
  planWebIdentity();
  return { exports, warnings };

  // The environment's endpoints beat those in a config file:
  // https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
  function checkEndpoint() {
    if (use.stsEndpoint === undefined) return;
    const rivals = isAmbient
      ? []
      : ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"].filter(
          (name) => isSet(name) && !sameUrl(ambient[name], use.stsEndpoint),
        );
    if (/^true$/i.test(ambient.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS ?? ""))
      rivals.push("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    if (rivals.length === 0) return;
    throw new UserError(
      "sts-endpoint-loses",
      `${list(rivals)} ${verb(rivals)} set in this job and would win over sts-endpoint: later steps would send the ID token to another server. ` +
        `Remove ${rivals.length > 1 ? "them" : "it"} from the job${isAmbient ? "" : ", or leave out profile to make this role ambient"}.`,
    );
  }

  // AWS_ROLE_ARN and its companions beat the profile in most tools, or are mixed with it one by one, and
  // blank ones break botocore: where some are set, only our own values of all three can win.
  function planWebIdentity() {
    const found = [...WEB_IDENTITY, "AWS_ROLE_SESSION_NAME"].filter(exists);
    if (!isAmbient) {
      if (use.mirror === "always")
        throw mirrorRefused(
          "true with a named profile: the variables would win over AWS_PROFILE and give every step this role",
        );
      const role = WEB_IDENTITY.filter(exists);
      if (role.length > 0) {
        throw new UserError(
          "named-profile-loses",
          `${list(role)} ${verb(role)} set in this job. Most AWS SDKs prefer ${role.length > 1 ? "them" : "it"} to a profile chosen with AWS_PROFILE, so steps that choose ` +
            `profile ${quote(use.profile)} would silently run as another role. Remove ${role.length > 1 ? "them" : "it"} from the job or the runner, make all uses named ` +
            "if an earlier use of this action set mirror-environment, or leave out profile to make this role ambient.",
        );
      }
      // Alone it only changes the session's name; an empty one would let the AWS CLI's disk cache mix up
      // jobs.
      if (found.length > 0) exports.AWS_ROLE_SESSION_NAME = use.sessionName;
      return;
    }
    if (use.mirror === "never" && found.length > 0) {
      throw mirrorRefused(
        `false while ${list(found)} ${verb(found)} set in this job: later steps would run as another role or fail`,
      );
    }
    if (use.mirror === "always" || found.length > 0) {
      exports.AWS_ROLE_ARN = use.roleArn;
      exports.AWS_WEB_IDENTITY_TOKEN_FILE = use.tokenFile;
      exports.AWS_ROLE_SESSION_NAME = use.sessionName;
    }
    const others =
      "Steps that choose another profile with AWS_PROFILE get this role all the same in most SDKs; --profile is safe.";
    if (found.length > 0) {
      warnings.push(
        `${list(found)} ${verb(found)} set and would win over the profile or be mixed with it; all three web identity variables name this role from here on. ${others}`,
      );
    } else if (use.mirror === "always") {
      warnings.push(`mirror-environment is true: this job has one role. ${others}`);
    }
  }
}

function mirrorRefused(why: string): UserError {
  return new UserError("mirror-refused", `mirror-environment cannot be ${why}. Leave it at auto.`);
}

/**
 * What post exports so that later post steps find the environment as it was. Only what is still as main left
 * it. A variable that had no value keeps ours, since it cannot be unset and "" would break SDKs; the two
 * files go back to their default paths.
 * @param defaults what SDKs do without a variable, for those where that can be said
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

function sameUrl(one: string | undefined, other: string | undefined): boolean {
  return one?.replace(/\/+$/, "") === other;
}

function quote(text: string | undefined): string {
  return JSON.stringify((text ?? "").slice(0, 100));
}

function list(names: string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

function verb(names: string[]): string {
  return names.length > 1 ? "are" : "is";
}
