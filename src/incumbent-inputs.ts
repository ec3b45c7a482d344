import { UserError } from "./base/errors.ts";
import { parseBoolean, type Reader } from "./input-readers.ts";

// The inputs of aws-actions/configure-aws-credentials that this action does not honour. The runner hands main
// every input of a step, also those that action.yml does not declare, so none is dropped silently.
// docs/migration.md has the same table for users; a test compares the two.

/** Inputs without effect, and why. They are in action.yml, so that the runner does not warn about them. */
export const WITHOUT_EFFECT: Record<string, string> = {
  "role-skip-session-tagging": "this action never sends session tags",
  "special-characters-workaround": "later steps get no keys, so no key can contain a special character",
  "unset-current-credentials": "keys in the environment are always emptied for later steps",
  "overwrite-aws-profile": "a profile of the same name is always replaced, for this job only",
  "output-env-credentials": "keys are never exported",
  "disable-retry": "requests that fail for a temporary reason are retried for up to 30 s",
  "retry-max-attempts": "requests that fail for a temporary reason are retried for up to 30 s",
  "action-timeout-s": "every request has a deadline; timeout-minutes limits the step",
  "force-skip-oidc":
    "the role is assumed with an ID token only if role-chaining, source-profile and credential-source are not given",
  "use-existing-credentials": "the role is always assumed",
};

const CHAIN = "role-chaining, source-profile or credential-source";
const KEYS =
  "This action has no inputs for static keys, because they are long-lived secrets. Let the role trust GitHub's ID tokens; or put the keys into " +
  "the step's env (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and write credential-source: Environment.";
const TAGS =
  "A session for an ID token takes its tags from the token, and GitHub's ID tokens contain none. Give the job a role of its own where a policy " +
  "asks for tags, or keep configure-aws-credentials for this role.";

interface Refusal {
  /** Refused only with this value; undefined: with any. */
  value?: boolean;
  why: string;
}

export const REFUSED: Record<string, Refusal> = {
  "aws-access-key-id": { why: KEYS },
  "aws-secret-access-key": { why: KEYS },
  "aws-session-token": { why: KEYS },
  "output-env-credentials": {
    value: true,
    why: "Keys in the environment expire in the middle of the job. Remove it, and let later steps use the profile. For a tool that reads nothing else, use output-credentials: true.",
  },
  "use-existing-credentials": {
    value: true,
    why: "Which role later steps have would depend on the runner. Remove it; or reach the role from those credentials with credential-source.",
  },
  "web-identity-token-file": {
    why: "Write a profile with web_identity_token_file and role_arn into your AWS config file. SDKs use it without this action. To reach another role from it, name it in source-profile.",
  },
  "custom-tags": { why: TAGS },
  "transitive-tag-keys": { why: TAGS },
};

/** Notes for the log about inputs without effect. Throws a UserError for one that this action refuses. */
export function checkIncumbentInputs(read: Reader): string[] {
  for (const [name, { value, why }] of Object.entries(REFUSED)) {
    const given = read(name);
    if (given === "" || (value !== undefined && parseBoolean(given) !== value)) continue;
    // Not the value: it may be a key.
    throw new UserError(
      "input-refused",
      `${name}${value === undefined ? "" : `: ${value}`} is not supported. ${why}`,
    );
  }
  return Object.entries(WITHOUT_EFFECT)
    .filter(([name]) => read(name) !== "")
    .map(([name, why]) => `${name}: ${why}`);
}

/** Throws a UserError if the ID token, which the role is assumed with, must not be used. */
export function checkIdTokenIsWanted(read: Reader): void {
  if (!parseBoolean(read("force-skip-oidc"))) return;
  throw new UserError(
    "input-refused",
    `force-skip-oidc: true is not supported without ${CHAIN}, because nothing else can assume the role. Give one of them, or remove force-skip-oidc.`,
  );
}
