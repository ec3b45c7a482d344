import type { Mirror } from "./aws/environment.ts";
import { UserError } from "./base/errors.ts";
import type { TrustPolicy } from "./explain/trust-policy.ts";
import { checkIdTokenIsWanted, checkIncumbentInputs } from "./incumbent-inputs.ts";
import type { Reader, Role, Run, Summary } from "./input-readers.ts";
import * as input from "./input-readers.ts";
import { readSessionInputs, type SessionInputs } from "./session-inputs.ts";

export type { Summary } from "./input-readers.ts";

/** Every input of the action, checked. */
export interface Inputs extends SessionInputs {
  role: Role;
  region: string;
  profile: string;
  sessionName: string;
  audience: string;
  /** Empty: any account. */
  allowedAccountIds: string[];
  maskAccountId: boolean;
  /** Without a slash at the end. Undefined: the STS of the region. */
  stsEndpoint: string | undefined;
  /** Whether main makes the trial exchange. */
  trial: boolean;
  mirror: Mirror;
  /** The role's trust policy, to explain a refusal. */
  trustPolicy: TrustPolicy | undefined;
  summary: Summary;
  /** Whether the first session also goes into outputs. */
  outputCredentials: boolean;
  /** Inputs that have no effect, and why: for the log. */
  notes: string[];
}

/**
 * Reads and checks every input of the action. Throws a UserError that names the input, the given text and
 * what is allowed.
 */
export function loadInputs(read: Reader, run: Run): Inputs {
  const stsEndpoint = input.readStsEndpoint(read);
  const role = input.readRole(read, stsEndpoint !== undefined);
  const notes = checkIncumbentInputs(read);
  input.readProxy(read);
  const session = readSessionInputs(read, notes);
  if (session.source === "id-token") checkIdTokenIsWanted(read);
  else
    for (const name of ["audience", "explain-trust-policy"].filter((one) => read(one) !== ""))
      notes.push(`${name}: the role is not assumed with an ID token`);
  return {
    role,
    region: input.readRegion(read),
    profile: input.readProfile(read),
    sessionName: input.readSessionName(read, run),
    audience: input.readAudience(read, role.partition),
    allowedAccountIds: input.readAccountIds(read),
    maskAccountId: input.readBoolean(read, "mask-aws-account-id", false),
    stsEndpoint,
    trial: input.readBoolean(read, "trial", true),
    mirror: input.readMirror(read),
    trustPolicy: input.readTrustPolicy(read),
    summary: input.readSummary(read),
    outputCredentials: input.readBoolean(read, "output-credentials", false),
    notes,
    ...session,
  };
}

/** Throws a UserError if an account is not one of those that `allowed-account-ids` lists. */
export function checkAccount({ allowedAccountIds, role }: Inputs, accountId: string | undefined): void {
  if (allowedAccountIds.length === 0) return;
  if (accountId !== undefined && allowedAccountIds.includes(accountId)) return;
  throw new UserError(
    "account-not-allowed",
    `The role ${role.arn} is in account ${accountId ?? "(none)"}, which allowed-account-ids (${allowedAccountIds.join(", ")}) does not list. ` +
      "Correct the ARN or the list.",
  );
}
