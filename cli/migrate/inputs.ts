// What becomes of each input of aws-actions/configure-aws-credentials (its action.yml of v6.2). The action itself
// treats them alike (src/incumbent-inputs.ts), and docs/migration.md has the table for users.

export type Fate =
  /** This action has it under the same name, with the same meaning. */
  | "kept"
  /** AWS takes it only where a role is assumed with another one. Else the old action drops it, and its line goes. */
  | "kept with role-chaining"
  /** It does nothing here. Its line goes. */
  | "dropped"
  /** Only `false`, or nothing, can go; the text is for anything else. */
  | { unlessFalse: string }
  /** The step stays, with this reason. */
  | { refused: string };

const KEYS =
  "static keys do not refresh; let the role trust GitHub's identity provider, and give role-to-assume alone";
const TAGS =
  "a session of a web identity takes its tags from the ID token only; if policies need these tags, keep the step";

export const INPUTS: Readonly<Record<string, Fate>> = {
  "role-to-assume": "kept",
  "aws-region": "kept",
  "role-session-name": "kept",
  "role-duration-seconds": "kept",
  "role-external-id": "kept with role-chaining",
  "role-chaining": "kept",
  audience: "kept",
  "allowed-account-ids": "kept",
  "mask-aws-account-id": "kept",
  "inline-session-policy": "kept",
  "managed-session-policies": "kept",
  "http-proxy": "kept",
  "no-proxy": "kept",
  "output-credentials": "kept",
  "aws-profile": "kept",
  "sts-endpoint": "kept",
  "role-skip-session-tagging": "dropped",
  "special-characters-workaround": "dropped",
  "unset-current-credentials": "dropped",
  "overwrite-aws-profile": "dropped",
  "disable-retry": "dropped",
  "retry-max-attempts": "dropped",
  "action-timeout-s": "dropped",
  "output-env-credentials": {
    unlessFalse:
      "no keys are exported here; later steps use the profile, so remove it and what needs the keys",
  },
  "use-existing-credentials": {
    unlessFalse:
      "which role a step gets must not depend on what an earlier one left; remove it, or give the step an if",
  },
  "force-skip-oidc": {
    unlessFalse:
      "this action needs GitHub's ID token; on runners that have their own identity in AWS, use credential-source",
  },
  "aws-access-key-id": { refused: KEYS },
  "aws-secret-access-key": { refused: KEYS },
  "aws-session-token": { refused: KEYS },
  "web-identity-token-file": {
    refused:
      "the token of a pod or another provider is not GitHub's; write a profile for it, and use source-profile",
  },
  "transitive-tag-keys": { refused: TAGS },
  "custom-tags": { refused: TAGS },
};
