// One reader for each input. It checks the text and returns the value, or throws a UserError that shows the
// text, what is allowed and what to do.
import { randomBytes } from "node:crypto";
import type { Mirror } from "./aws/environment.ts";
import { isLoopback } from "./aws/sts-endpoint.ts";
import { errorText, UserError } from "./base/errors.ts";
import { quoted } from "./base/text.ts";
import { parseTrustPolicy, type TrustPolicy } from "./explain/trust-policy.ts";

/** Returns the text of an input, trimmed, or "" if the input is not given (getInput of @actions/core). */
export type Reader = (name: string) => string;

/** When the post step writes a job summary. "auto": only if there was an outage or another problem. */
export type Summary = "auto" | "always" | "never";

export interface Role {
  arn: string;
  partition: string;
  /** undefined: `sts-endpoint` allows an ARN without an account. */
  accountId: string | undefined;
  /** The last part of the role's path. The ARN of an assumed role repeats only this part. */
  name: string;
}

/** The default session name contains these: GITHUB_RUN_ID and GITHUB_RUN_ATTEMPT. */
export interface Run {
  id: string;
  attempt: string;
}

/** What each input may be, but for those that have no wrong text. */
const ALLOWED = {
  "role-to-assume": "the ARN of a role, such as arn:aws:iam::111122223333:role/deploy",
  "aws-region": "a region in lower case, such as eu-west-1",
  profile: "1 to 64 of the characters A-Z a-z 0-9 _ . -",
  "role-session-name": "2 to 64 of the characters A-Z a-z 0-9 _ + = , . @ -",
  audience: "1 to 255 ASCII characters without a space",
  "allowed-account-ids": "account ids of 12 digits, separated by commas",
  "sts-endpoint": "an https URL without user, query and fragment, or http to 127.0.0.1, [::1] or localhost",
  "mask-aws-account-id": "true or false",
  trial: "true or false",
  "mirror-environment": "auto, true or false",
  summary: "auto, always or never",
  "shared-session": "auto, true or false",
  "role-duration-seconds": "a whole number of seconds from 900 to 43200",
  "inline-session-policy": "an IAM policy as JSON",
  "managed-session-policies": "ARNs of managed policies, at most 10, one on each line",
  "outlive-id-tokens": "true or false",
  "source-profile": "1 to 64 of the characters A-Z a-z 0-9 _ . -",
  "role-chaining": "true or false",
  "credential-source": "Ec2InstanceMetadata, EcsContainer or Environment",
  "role-external-id": "2 to 1224 of the characters A-Z a-z 0-9 _ + = , . @ : / -",
  "output-credentials": "true or false",
  "http-proxy": "http://HOST:PORT or https://HOST:PORT",
};
export type Name = keyof typeof ALLOWED;

// Names and paths of roles: https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html
const ROLE_ARN = /^arn:(aws[a-z-]*):iam::(\d{12}):role\/((?:[\w+=,.@-]+\/)*)([\w+=,.@-]{1,64})$/;
// Other servers with an STS API have their own form of role ARNs (MinIO: "arn:minio:iam:::role/…").
const ANY_ARN = /^arn:([\w-]+):[\w-]*:[\w-]*:([\w-]*):(?:[\w+=,.@/:-]*[/:])?([\w+=,.@-]+)$/;

/** Names of profiles that every SDK reads in the same way, without quotes. */
export const PROFILE = /^[A-Za-z0-9_.-]{1,64}$/;

export function readRole(read: Reader, anyArn: boolean): Role {
  const arn = required(read, "role-to-assume");
  const aws = arn.length <= 2048 ? ROLE_ARN.exec(arn) : null;
  if (aws) return { arn, partition: aws[1] ?? "", accountId: aws[2], name: aws[4] ?? "" };
  const any = anyArn && arn.length <= 2048 ? ANY_ARN.exec(arn) : null;
  if (any) return { arn, partition: any[1] ?? "", accountId: any[2] || undefined, name: any[3] ?? "" };
  const hint = /^arn:aws[a-z-]*:sts::\d{12}:assumed-role\//.test(arn)
    ? "That is the ARN of a session. Give the ARN of the role itself."
    : /^[\w+=,.@/-]+$/.test(arn)
      ? "A name alone does not identify the account."
      : "Copy it from the role's page in IAM.";
  throw refused("role-to-assume", arn, hint);
}

export function readRegion(read: Reader): string {
  const region = required(read, "aws-region");
  if (/^[a-z]{2}(?:-[a-z]+)+-\d+[a-z]$/.test(region))
    throw refused("aws-region", region, `That is an Availability Zone of the region ${region.slice(0, -1)}.`);
  // The region becomes part of host names, so it must be one DNS label.
  if (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(region)) return region;
  throw refused("aws-region", region, "AWS lists them under Regions and Zones.");
}

export function readProfile(read: Reader): string {
  const [own, incumbents] = [read("profile"), read("aws-profile")];
  if (incumbents !== "" && own !== "" && own !== "default" && own !== incumbents)
    throw refused(
      "profile",
      own,
      `aws-profile is ${quoted(incumbents)}, and it means the same. Give one of them.`,
    );
  const profile = incumbents || own || "default";
  // The SDK for JavaScript looks profiles up in an object, which inherits properties of some names.
  if (profile in {})
    throw refused("profile", profile, "The AWS SDK for JavaScript cannot read a profile of this name.");
  if (PROFILE.test(profile)) return profile;
  throw refused("profile", profile, "Leave it out to give every later step this role.");
}

export function readSessionName(read: Reader, run: Run): string {
  const given = read("role-session-name");
  if (given === "") {
    // Unique, because the AWS CLI caches sessions on disk by role and session name: with the same name, the
    // next job on this machine would get this job's session.
    return `GitHubActions-${digits(run.id)}-${digits(run.attempt)}-${randomBytes(4).toString("hex")}`;
  }
  if (/^[\w+=,.@-]{2,64}$/.test(given)) return given;
  throw refused("role-session-name", given, "Leave it out to get a unique name.");
}

export function readAudience(read: Reader, partition: string): string {
  const audience = read("audience") || `sts.amazonaws.com${partition === "aws-cn" ? ".cn" : ""}`;
  if (/^[\x21-\x7e]{1,255}$/.test(audience)) return audience;
  throw refused("audience", audience, "The identity provider in IAM must list it as an audience.");
}

export function readAccountIds(read: Reader): string[] {
  const ids = read("allowed-account-ids").match(/[^\s,]+/g) ?? [];
  const wrong = ids.find((id) => !/^\d{12}$/.test(id));
  if (wrong === undefined) return ids;
  throw refused("allowed-account-ids", wrong, "In YAML, put ids that begin with 0 in quotes.");
}

export function readStsEndpoint(read: Reader): string | undefined {
  const given = read("sts-endpoint");
  if (given === "") return undefined;
  // Every reader of the config file leaves these characters as they are.
  const url = /^https?:\/\/[\w.:/[\]~-]+$/.test(given) && URL.canParse(given) ? new URL(given) : undefined;
  if (url?.username !== "" || url.password !== "")
    throw refused("sts-endpoint", given, "Leave it out to use AWS.");
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    const hint = "Over plain http, anyone on the network path could read the ID token.";
    throw refused("sts-endpoint", given, hint);
  }
  return url.href.replace(/\/+$/, "");
}

/** main, the keeper and the exchange use it (keeper/launch.ts); later steps do not. */
export function readProxy(read: Reader): void {
  const given = read("http-proxy");
  if (given === "" || (/^https?:\/\/[\x21-\x7e]+$/.test(given) && URL.canParse(given))) return;
  // It may hold a password.
  throw new UserError(
    "input-refused",
    `http-proxy is not a URL that Node.js can use. Allowed: ${ALLOWED["http-proxy"]}.`,
  );
}

export function readMirror(read: Reader): Mirror {
  const value = readAuto(read, "mirror-environment");
  return value === "auto" ? value : value ? "always" : "never";
}

/** An input that is true, false or, if it is not given, auto. */
export function readAuto(read: Reader, name: Name): boolean | "auto" {
  const given = read(name) || "auto";
  const value = given === "auto" ? given : parseBoolean(given);
  if (value !== undefined) return value;
  throw refused(name, given, "auto is right for most jobs.");
}

export function readTrustPolicy(read: Reader): TrustPolicy | undefined {
  const given = read("explain-trust-policy");
  if (given === "") return undefined;
  try {
    return parseTrustPolicy(given);
  } catch (error) {
    throw new UserError("input-refused", `explain-trust-policy cannot be read: ${errorText(error)}`);
  }
}

export function readSummary(read: Reader): Summary {
  const given = read("summary") || "auto";
  if (given === "auto" || given === "always" || given === "never") return given;
  throw refused("summary", given, "auto writes one only if there was an outage or another problem.");
}

export function readBoolean(read: Reader, name: Name, otherwise: boolean): boolean {
  const given = read(name);
  const value = given === "" ? otherwise : parseBoolean(given);
  if (value !== undefined) return value;
  throw refused(name, given, "If it comes from an expression, check the value of the expression.");
}

/** The same spellings as getBooleanInput of @actions/core (YAML 1.2, core schema). */
export function parseBoolean(text: string): boolean | undefined {
  if (["true", "True", "TRUE"].includes(text)) return true;
  if (["false", "False", "FALSE"].includes(text)) return false;
  return undefined;
}

function required(read: Reader, name: Name): string {
  const given = read(name);
  if (given !== "") return given;
  throw new UserError(
    "input-missing",
    `${name} is missing or empty. Give ${ALLOWED[name]} under "with:". An expression is empty if its secret or variable does not ` +
      "exist for this job (misspelled, defined in another environment, or not available to forks).",
  );
}

export function refused(name: Name, given: string, hint: string): UserError {
  const shown = quoted(given, 100);
  return new UserError("input-refused", `${name} is ${shown}. Allowed: ${ALLOWED[name]}. ${hint}`);
}

function digits(text: string): string {
  return /^\d{1,19}$/.test(text) ? text : "0";
}
