import type { CredentialSource } from "./aws/section.ts";
import { errorText, UserError } from "./base/errors.ts";
import { type Name, PROFILE, type Reader, readAuto, readBoolean, refused } from "./input-readers.ts";
import type { SourceName } from "./job/chain.ts";

/** The inputs that decide where the session of a role comes from, and what it may do. */
export interface SessionInputs {
  /** What is exchanged for it. */
  source: "id-token" | RoleSource;
  externalId: string | undefined;
  /** Whether a keeper holds the session, so that steps do not exchange anything. */
  sharedSession: boolean;
  /** undefined: an hour, as STS gives it. */
  durationSeconds: number | undefined;
  policy: string | undefined;
  policyArns: string[] | undefined;
  outlivesIdTokens: boolean;
}

/** What steps before this one use, a profile by its name, or the runner's own identity. */
export type RoleSource = SourceName | { credentials: CredentialSource };

/** Throws a UserError for what cannot be, alone or together. Adds to `notes` what has no effect. */
export function readSessionInputs(read: Reader, notes: string[]): SessionInputs {
  const source = readSource(read);
  const durationSeconds = readDuration(read);
  const policy = readPolicy(read);
  const policyArns = readPolicyArns(read);
  const outlivesIdTokens = readBoolean(read, "outlive-id-tokens", false);
  const isChain = source !== "id-token";
  // A web identity profile cannot express any of these, and a chained profile only the duration. Later steps do not
  // have the keys of this step's environment.
  const needs: [Name, boolean][] = [
    ["inline-session-policy", policy !== undefined],
    ["managed-session-policies", policyArns !== undefined],
    ["role-duration-seconds", !isChain && durationSeconds !== undefined && durationSeconds < 3600],
    ["outlive-id-tokens", outlivesIdTokens],
    ["credential-source", isChain && "credentials" in source && source.credentials === "Environment"],
  ];
  const sharedSession = readShared(
    read,
    needs.filter(([, isNeeded]) => isNeeded).map(([name]) => name),
  );
  const isUseless = durationSeconds !== undefined && durationSeconds >= 3600 && !sharedSession;
  if (isUseless)
    notes.push(
      "role-duration-seconds: SDKs in later steps renew their sessions, so no session needs to be longer than an hour",
    );
  return {
    source,
    externalId: readExternalId(read, isChain),
    sharedSession,
    durationSeconds: isUseless ? undefined : durationSeconds,
    policy,
    policyArns,
    outlivesIdTokens,
  };
}

function readShared(read: Reader, needs: Name[]): boolean {
  const [need] = needs;
  const value = readAuto(read, "shared-session");
  if (value === false && need !== undefined) {
    const why = `${need} works only with a shared session, because later steps cannot do it by themselves.`;
    throw refused(
      "shared-session",
      read("shared-session"),
      `${why} Remove shared-session, or remove ${need}.`,
    );
  }
  return value === "auto" ? need !== undefined : value;
}

function readSource(read: Reader): "id-token" | RoleSource {
  const profile = read("source-profile");
  const isChaining = readBoolean(read, "role-chaining", false);
  const credentials = read("credential-source");
  const given = [
    profile && "source-profile",
    isChaining && "role-chaining",
    credentials && "credential-source",
  ];
  const [first, second] = given.filter((name) => name !== "" && name !== false);
  if (first && second) {
    throw new UserError(
      "input-refused",
      `${first} and ${second} are both given, but a role can be reached from only one source. Remove one of them.`,
    );
  }
  if (isChaining) return { sameProfile: true };
  if (profile !== "") {
    if (PROFILE.test(profile)) return { profile };
    throw refused(
      "source-profile",
      profile,
      "SDKs do not agree on how to read other names. Rename the profile.",
    );
  }
  if (credentials === "") return "id-token";
  if (isCredentialSource(credentials)) return { credentials };
  throw refused("credential-source", credentials, "Remove it to use the job's ID token.");
}

function isCredentialSource(text: string): text is CredentialSource {
  return ["Ec2InstanceMetadata", "EcsContainer", "Environment"].includes(text);
}

function readDuration(read: Reader): number | undefined {
  const given = read("role-duration-seconds");
  if (given === "") return undefined;
  const seconds = /^\d{1,6}$/.test(given) ? Number(given) : Number.NaN;
  if (seconds >= 900 && seconds <= 43_200) return seconds;
  throw refused(
    "role-duration-seconds",
    given,
    "Remove it to get an hour; SDKs and the keeper renew sessions.",
  );
}

function readExternalId(read: Reader, isChain: boolean): string | undefined {
  const given = read("role-external-id");
  if (given === "") return undefined;
  if (!/^[\w+=,.@:/-]{2,1224}$/.test(given))
    throw refused(
      "role-external-id",
      given,
      "It must be the value of sts:ExternalId in the role's trust policy.",
    );
  if (isChain) return given;
  throw new UserError(
    "input-refused",
    "role-external-id is given, but AWS has no external ID for a role that is assumed with an ID token. Remove it; or reach the role from " +
      "another source: role-chaining, source-profile or credential-source.",
  );
}

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html: 2048 characters without white space. */
const MAX_POLICY = 2048;

function readPolicy(read: Reader): string | undefined {
  const given = read("inline-session-policy");
  if (given === "") return undefined;
  let policy: unknown;
  try {
    policy = JSON.parse(given);
  } catch (error) {
    throw new UserError("input-refused", `inline-session-policy is not JSON: ${errorText(error)}`);
  }
  if (typeof policy !== "object" || policy === null || !("Statement" in policy))
    throw refused("inline-session-policy", given, "This has no Statement.");
  const text = JSON.stringify(policy);
  if (text.length <= MAX_POLICY) return text;
  throw new UserError(
    "session-policy",
    `inline-session-policy has ${text.length} characters without white space, and STS allows ${MAX_POLICY}. Combine statements, use wildcards, or make it a managed policy and name that in managed-session-policies.`,
  );
}

function readPolicyArns(read: Reader): string[] | undefined {
  const arns = read("managed-session-policies").match(/[^\s,]+/g) ?? [];
  if (arns.length === 0) return undefined;
  const wrong = arns.find(
    (arn) => !/^arn:aws[a-z-]*:iam::(?:\d{12}|aws):policy\/[\w+=,.@/-]{1,512}$/.test(arn),
  );
  if (wrong !== undefined)
    throw refused("managed-session-policies", wrong, "Copy it from the policy's page in IAM.");
  if (arns.length <= 10) return arns;
  throw refused("managed-session-policies", `${arns.length} ARNs`, "STS does not accept more.");
}
