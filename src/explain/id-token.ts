import type { UserError } from "../base/errors.ts";
import type { Failure } from "../base/network.ts";
import type { ProxySetting } from "../base/proxy.ts";
import { quoted } from "../base/text.ts";
import { explained, type Text, text, via } from "./explained.ts";
import { explainNetworkFailure, isNetworkFailure } from "./network.ts";

/** What the job runs for: GITHUB_EVENT_NAME and GITHUB_ACTOR. */
export interface Trigger {
  eventName: string | undefined;
  actor: string | undefined;
}

interface IdTokenSituation {
  audience: string;
  endpointHost: string;
  proxy: ProxySetting | undefined;
}

/** Explains why the runner set no ACTIONS_ID_TOKEN_REQUEST_URL. */
export function explainNoPermission(trigger: Trigger): UserError {
  return explained(
    text(
      "id-token-permission",
      "This job is not allowed to request an ID token: it lacks the permission id-token: write",
      "Cause: GitHub did not offer ID tokens to this job: ACTIONS_ID_TOKEN_REQUEST_URL is not set.",
      "Fix: add these lines to the job, or to the top of the workflow. Add the other permissions that the job needs, because those that are not listed become none:",
      "",
      "permissions:",
      "  id-token: write",
      "  contents: read",
      "",
      "In a reusable workflow, the job that calls it (uses: …/workflow.yml) needs them as well: a called workflow cannot have more permissions than its caller.",
      ...barred(trigger),
    ),
  );
}

/** Jobs that GitHub never grants the permission. */
function* barred({ eventName, actor }: Trigger): Generator<string> {
  const isPullRequest = /^pull_request(?!_target)/.test(eventName ?? "");
  const isDependabot = actor === "dependabot[bot]";
  if (isPullRequest)
    yield "This job runs for a pull request. If it comes from a fork, GitHub never grants id-token to its jobs.";
  if (isDependabot)
    yield "This job runs for Dependabot. GitHub treats its jobs like those of a fork: they get no id-token.";
  if (isPullRequest || isDependabot)
    yield "Skip the step for these jobs (if:), or use AWS in a workflow that runs on push.";
}

/** Explains why GitHub, or what stands in for it, issued no ID token. */
export function explainIdTokenFailure(failure: Failure, situation: IdTokenSituation): UserError {
  const { endpointHost: host, proxy } = situation;
  const answer = isNetworkFailure(failure)
    ? explainNetworkFailure(failure, { of: "id-token", host, proxy })
    : textOf(failure, situation);
  return explained(answer, failure.message || host, failure);
}

function textOf({ kind, httpStatus }: Failure, { audience, endpointHost, proxy }: IdTokenSituation): Text {
  if (kind === "malformed") {
    return text(
      "id-token-malformed",
      "The ID token endpoint did not return a valid ID token",
      `Cause: something between this runner and GitHub may have answered instead${via(proxy)}, or this server (GHES, Forgejo, a test server) may not fully support ID tokens.`,
      `Fix: let the answers of ${endpointHost} pass unchanged (NO_PROXY, if a proxy changes them). The token must be a JWT for the audience ${quoted(audience)}, with exp.`,
    );
  }
  const title = `GitHub did not issue an ID token: HTTP ${httpStatus ?? "error"}`;
  if (kind === "server-error" || kind === "throttled") {
    const fix =
      "Fix: run the job again. https://www.githubstatus.com shows whether GitHub Actions has a problem.";
    return text("id-token-refused", title, fix);
  }
  if (httpStatus === 401 || httpStatus === 403) {
    return text(
      "id-token-refused",
      title,
      "Cause: GitHub rejected the job's request token. It has expired (after about 6 hours), the job was cancelled, or its variables come from another job.",
      "Fix: run the job again. Never set ACTIONS_ID_TOKEN_REQUEST_TOKEN or ACTIONS_ID_TOKEN_REQUEST_URL yourself.",
    );
  }
  const fix =
    "Fix: run the job again. If it fails again, find what sets ACTIONS_ID_TOKEN_REQUEST_URL, or the proxy that answers instead of GitHub.";
  return text("id-token-refused", title, fix);
}
