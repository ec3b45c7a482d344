/**
 * The entries of docs/troubleshooting.md that errors and reports link to. A wrong anchor does not compile; a
 * test compares this list with the headings.
 */
export const ANCHORS = [
  "id-token-permission",
  "id-token-endpoint",
  "id-token-refused",
  "id-token-malformed",
  "id-token-host-not-found",
  "id-token-unreachable",
  "id-token-tls",
  "not-tls",
  "proxy-refused",
  "proxy-cannot-be-used",
  "input-missing",
  "input-refused",
  "account-not-allowed",
  "chain-without-source",
  "chain-refused",
  "role-cannot-assume-itself",
  "named-profile-loses",
  "mirror-refused",
  "sts-endpoint-loses",
  "sts-endpoint-of-another-use",
  "sts-endpoint-over-http",
  "runner-temp",
  "job-directory",
  "job-directory-locked",
  "keeper-did-not-start",
  "keeper-was-replaced",
  "check-found-no-use",
  "runner-files",
  "aws-files",
  "access-denied",
  "no-identity-provider",
  "audience-not-registered",
  "verification-key",
  "provider-thumbprint",
  "id-token-rejected",
  "id-token-expired",
  "provider-not-reached",
  "region-disabled",
  "session-policy",
  "session-duration",
  "sts-validation",
  "sts-malformed",
  "sts-throttled",
  "sts-unavailable",
  "sts-host-not-found",
  "sts-unreachable",
  "sts-tls",
  "sts-other",
  "token-was-stale",
  "keeper-was-gone",
  "job-outlived-its-id-tokens",
  "a-later-step-replaced-the-role",
] as const;

export type Anchor = (typeof ANCHORS)[number];

/** At the tag of the major version: the page fits the version that runs, also after the next major one. */
const PAGE = "https://github.com/org/aws-role-refresh/blob/v1/docs/troubleshooting.md";

/** Where the entry of an anchor in docs/troubleshooting.md is on the web. */
export function troubleshootingLink(anchor: Anchor): string {
  return `${PAGE}#${anchor}`;
}
