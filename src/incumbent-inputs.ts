import { UserError } from "./base/errors.ts";
import { parseBoolean, type Reader } from "./input-readers.ts";

// The inputs of aws-actions/configure-aws-credentials that this action does not share. The runner hands main
// every input of a step, also those that action.yml does not declare: none is dropped in silence.

/** Has no effect: why. In action.yml, so that the runner does not warn about it. */
export const WITHOUT_EFFECT: Record<string, string> = {
  "role-skip-session-tagging": "this action sends no session tags",
  "special-characters-workaround": "later steps get no keys in which characters could be special",
  "unset-current-credentials": "keys that are set in the environment are emptied anyway",
  "overwrite-aws-profile": "a profile of the same name is replaced for this job, and restored afterwards",
  "output-env-credentials": "no keys are exported",
  "disable-retry": "what may be temporary is repeated for up to 30 s",
  "retry-max-attempts": "what may be temporary is repeated for up to 30 s",
  "action-timeout-s": "each request is bounded; timeout-minutes bounds the step",
  "force-skip-oidc": "another source has to be named: source-profile, role-chaining or credential-source",
  "use-existing-credentials": "the role is always assumed",
};

const CHAIN = "source-profile, role-chaining or credential-source";
const KEYS =
  "This action takes no static keys: they are long-lived, and later steps could not renew them. Let the role trust GitHub's ID tokens; " +
  "or keep the keys in the step's env and write credential-source: Environment.";
const TAGS =
  "A session for an ID token has the tags that GitHub puts into the token, and no others (sts:TagSession). For a role that needs more, reach " +
  "it with a profile of your own.";

interface Refusal {
  /** Only with this value. */
  value?: boolean;
  why: string;
}

export const REFUSED: Record<string, Refusal> = {
  "aws-access-key-id": { why: KEYS },
  "aws-secret-access-key": { why: KEYS },
  "aws-session-token": { why: KEYS },
  "output-env-credentials": {
    value: true,
    why: "Keys in the environment expire in the middle of the job, and every process can read them. Remove it: later steps find the profile. For one tool that reads nothing else, write output-credentials: true.",
  },
  "use-existing-credentials": {
    value: true,
    why: "Which role the steps then have would depend on the runner. Remove it; or reach the role from those credentials with credential-source.",
  },
  "web-identity-token-file": {
    why: "Write a profile with web_identity_token_file and role_arn into your AWS config file, and name it in source-profile.",
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
      `${name}${value === undefined ? "" : `: ${value}`} cannot be honoured. ${why}`,
    );
  }
  const hasSource = ["source-profile", "role-chaining", "credential-source"].some(
    (name) => !["", "false"].includes(read(name)),
  );
  if (parseBoolean(read("force-skip-oidc")) && !hasSource) {
    throw new UserError(
      "input-refused",
      `force-skip-oidc: true leaves no way to reach the role. Say where it is reached from: ${CHAIN}; or remove it.`,
    );
  }
  return Object.entries(WITHOUT_EFFECT)
    .filter(([name]) => read(name) !== "")
    .map(([name, why]) => `${name}: ${why}`);
}
