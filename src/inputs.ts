import { randomBytes } from "node:crypto";
import type { Mirror } from "./aws/environment.ts";
import { errorText, UserError } from "./base/errors.ts";
import { parseTrustPolicy } from "./explain/trust-policy.ts";

/** When post writes a job summary: auto only where something happened that is worth reading. */
export type Summary = "auto" | "always" | "never";

export interface Role {
  arn: string;
  partition: string;
  /** Empty where `sts-endpoint` allows an ARN without an account. */
  accountId: string;
  /** The last part of the role's path: what an assumed role's ARN repeats. */
  name: string;
}

/** Every input of the action, checked. */
export interface Inputs {
  role: Role;
  region: string;
  profile: string;
  sessionName: string;
  audience: string;
  /** Empty: any account. */
  allowedAccountIds: string[];
  maskAccountId: boolean;
  /** Without a slash at the end; undefined: the STS of the region. */
  stsEndpoint: string | undefined;
  trial: boolean;
  mirror: Mirror;
  /** JSON of the role's trust policy, for the explanation of a refusal. */
  trustPolicy: string | undefined;
  summary: Summary;
}

/** What the default session name is made of: GITHUB_RUN_ID and GITHUB_RUN_ATTEMPT. */
export interface Run {
  id: string;
  attempt: string;
}

type Reader = (name: string) => string;

/**
 * Reads and checks every input of the action. Throws a UserError that names the input, what was given and
 * what is allowed.
 * @param read gives an input's text, trimmed, or "" where it was not given (getInput of @actions/core)
 */
export function loadInputs(read: Reader, run: Run): Inputs {
  const stsEndpoint = readStsEndpoint(read);
  const role = readRole(read, stsEndpoint !== undefined);
  return {
    role,
    region: readRegion(read),
    profile: readProfile(read),
    sessionName: readSessionName(read, run),
    audience: readAudience(read, role.partition),
    allowedAccountIds: readAccountIds(read),
    maskAccountId: readBoolean(read, "mask-aws-account-id", false),
    stsEndpoint,
    trial: readBoolean(read, "trial", true),
    mirror: readMirror(read),
    trustPolicy: readTrustPolicy(read),
    summary: readSummary(read),
  };
}

/** Throws a UserError if an account is not one of those that `allowed-account-ids` lists. */
export function checkAccount({ allowedAccountIds, role }: Inputs, accountId: string): void {
  if (allowedAccountIds.length === 0 || allowedAccountIds.includes(accountId)) return;
  throw new UserError(
    "account-not-allowed",
    `The role ${role.arn} is in account ${accountId || "(none)"}, which allowed-account-ids (${allowedAccountIds.join(", ")}) does not list. ` +
      "Correct the ARN or the list.",
  );
}

// Names and paths of roles: https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html
const ROLE_ARN = /^arn:(aws[a-z-]*):iam::(\d{12}):role\/((?:[\w+=,.@-]+\/)*)([\w+=,.@-]{1,64})$/;
// Servers that speak STS without being AWS give roles ARNs of their own (MinIO: "arn:minio:iam:::role/…").
const ANY_ARN = /^arn:([\w-]+):[\w-]*:[\w-]*:([\w-]*):(?:[\w+=,.@/:-]*[/:])?([\w+=,.@-]+)$/;

function readRole(read: Reader, anyArn: boolean): Role {
  const arn = required(
    read,
    "role-to-assume",
    "the ARN of the role, such as arn:aws:iam::111122223333:role/deploy",
  );
  const aws = arn.length <= 2048 ? ROLE_ARN.exec(arn) : null;
  if (aws) return { arn, partition: aws[1] ?? "", accountId: aws[2] ?? "", name: aws[4] ?? "" };
  const any = anyArn && arn.length <= 2048 ? ANY_ARN.exec(arn) : null;
  if (any) return { arn, partition: any[1] ?? "", accountId: any[2] ?? "", name: any[3] ?? "" };
  const hint = /^arn:aws[a-z-]*:sts::\d{12}:assumed-role\//.test(arn)
    ? "That is the ARN of a session; give the ARN of the role itself."
    : /^[\w+=,.@/-]+$/.test(arn)
      ? "A name alone does not say which account."
      : "Copy it from the role's page in IAM.";
  throw refused("role-to-assume", arn, "a role ARN, such as arn:aws:iam::111122223333:role/deploy", hint);
}

function readRegion(read: Reader): string {
  const region = required(read, "aws-region", "a region, such as eu-west-1");
  if (/^[a-z]{2}(?:-[a-z]+)+-\d+[a-z]$/.test(region)) {
    throw refused(
      "aws-region",
      region,
      "a region, such as eu-west-1",
      `That is a zone of the region ${region.slice(0, -1)}.`,
    );
  }
  // The region becomes a part of host names: one DNS label, nothing else.
  if (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(region)) return region;
  throw refused(
    "aws-region",
    region,
    "a region's name in lower case, such as eu-west-1",
    "AWS lists them under Regions and Zones.",
  );
}

function readProfile(read: Reader): string {
  const profile = read("profile") || "default";
  // The names that every SDK reads the same way, unquoted.
  if (/^[A-Za-z0-9_.-]{1,64}$/.test(profile)) return profile;
  throw refused(
    "profile",
    profile,
    "1 to 64 of the characters A-Z a-z 0-9 _ . -",
    "Leave it out to make the role ambient.",
  );
}

function readSessionName(read: Reader, run: Run): string {
  const given = read("role-session-name");
  if (given === "") {
    // Unique: the AWS CLI keeps sessions on disk by role and session name, and would hand this job's to the
    // next one.
    return `GitHubActions-${digits(run.id)}-${digits(run.attempt)}-${randomBytes(4).toString("hex")}`;
  }
  if (/^[\w+=,.@-]{2,64}$/.test(given)) return given;
  throw refused(
    "role-session-name",
    given,
    "2 to 64 of the characters A-Z a-z 0-9 _ + = , . @ -",
    "Leave it out to get a name unique to the run.",
  );
}

function readAudience(read: Reader, partition: string): string {
  const audience =
    read("audience") || (partition === "aws-cn" ? "sts.amazonaws.com.cn" : "sts.amazonaws.com");
  if (/^[\x21-\x7e]{1,255}$/.test(audience)) return audience;
  throw refused(
    "audience",
    audience,
    "1 to 255 ASCII characters without a space",
    "It must be an audience of the identity provider in IAM.",
  );
}

function readAccountIds(read: Reader): string[] {
  const ids = read("allowed-account-ids")
    .split(/[\s,]+/)
    .filter((id) => id !== "");
  for (const id of ids) {
    if (!/^\d{12}$/.test(id)) {
      throw refused(
        "allowed-account-ids",
        id,
        "account ids of 12 digits, separated by commas",
        "Quote ids that begin with 0 in YAML.",
      );
    }
  }
  return ids;
}

function readStsEndpoint(read: Reader): string | undefined {
  const given = read("sts-endpoint");
  if (given === "") return undefined;
  const allowed = "an https URL without user, query and fragment, or http to 127.0.0.1, [::1] or localhost";
  // The characters are those that every reader of the config file takes as they are.
  const url = /^https?:\/\/[\w.:/[\]~-]+$/.test(given) && URL.canParse(given) ? new URL(given) : undefined;
  if (url?.username !== "" || url.password !== "") {
    throw refused("sts-endpoint", given, allowed, "Leave it out for AWS.");
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    throw refused(
      "sts-endpoint",
      given,
      allowed,
      "Over plain http anyone on the way could use the ID token.",
    );
  }
  return url.href.replace(/\/+$/, "");
}

/** Whether a URL's host is this machine itself. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === "localhost" || hostname === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname)
  );
}

function readMirror(read: Reader): Mirror {
  const given = read("mirror-environment") || "auto";
  if (given === "auto") return "auto";
  const value = parseBoolean(given);
  if (value === undefined)
    throw refused("mirror-environment", given, "auto, true or false", "auto is right for most jobs.");
  return value ? "always" : "never";
}

function readTrustPolicy(read: Reader): string | undefined {
  const given = read("explain-trust-policy");
  if (given === "") return undefined;
  try {
    parseTrustPolicy(given);
  } catch (error) {
    throw new UserError("input-refused", `explain-trust-policy cannot be read: ${errorText(error)}`);
  }
  return given;
}

function readSummary(read: Reader): Summary {
  const given = read("summary") || "auto";
  if (given === "auto" || given === "always" || given === "never") return given;
  throw refused(
    "summary",
    given,
    "auto, always or never",
    "auto writes one only where something happened that is worth reading.",
  );
}

function readBoolean(read: Reader, name: string, otherwise: boolean): boolean {
  const given = read(name);
  if (given === "") return otherwise;
  const value = parseBoolean(given);
  if (value === undefined)
    throw refused(name, given, "true or false", "Quote it in YAML if it comes from an expression.");
  return value;
}

// The spellings of getBooleanInput in @actions/core (YAML 1.2, core schema).
function parseBoolean(text: string): boolean | undefined {
  if (["true", "True", "TRUE"].includes(text)) return true;
  if (["false", "False", "FALSE"].includes(text)) return false;
  return undefined;
}

function required(read: Reader, name: string, what: string): string {
  const given = read(name);
  if (given !== "") return given;
  throw new UserError(
    "input-missing",
    `${name} is missing or empty. Give ${what} under "with:". An expression is empty if its secret or variable does not exist here ` +
      "(misspelt, another environment, a fork).",
  );
}

function refused(name: string, given: string, allowed: string, hint: string): UserError {
  // JSON shows a newline or another control character for what it is, and keeps the text on one line.
  const shown = JSON.stringify(given.length > 100 ? `${given.slice(0, 100)}…` : given);
  return new UserError("input-refused", `${name} is ${shown}. Allowed: ${allowed}. ${hint}`);
}

function digits(text: string): string {
  return /^\d{1,19}$/.test(text) ? text : "0";
}
