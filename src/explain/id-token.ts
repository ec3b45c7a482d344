import type { UserError } from "../base/errors.ts";
import type { Failure } from "../base/network.ts";
import type { ProxySetting } from "../base/proxy.ts";
import { quoted } from "../base/text.ts";
import { explained, via } from "./explained.ts";
import { explainNetworkFailure, isNetworkFailure } from "./network.ts";

/** What the job runs for: GITHUB_EVENT_NAME and GITHUB_ACTOR. */
export interface Trigger {
  eventName: string | undefined;
  actor: string | undefined;
}

export interface IdTokenSituation {
  audience: string;
  endpointHost: string;
  proxy: ProxySetting | undefined;
}

/** Explains why the runner set no ACTIONS_ID_TOKEN_REQUEST_URL. */
export function explainNoPermission({ eventName, actor }: Trigger): UserError {
  const fork = /^pull_request(?!_target)/.test(eventName ?? "")
    ? ["This job runs for a pull request. If it comes from a fork, GitHub never grants id-token to its jobs."]
    : [];
  const bot =
    actor === "dependabot[bot]"
      ? ["This job runs for Dependabot. GitHub treats its jobs like those of a fork: they get no id-token."]
      : [];
  return explained({
    anchor: "id-token-permission",
    title: "This job may not ask for an ID token: it lacks the permission id-token: write",
    lines: [
      "Cause: GitHub did not offer ID tokens to this job: ACTIONS_ID_TOKEN_REQUEST_URL is not set.",
      "Fix: add these lines to the job, or to the top of the workflow. Add the other permissions that the job needs, because those that are not listed become none:",
      "",
      "permissions:",
      "  id-token: write",
      "  contents: read",
      "",
      "In a reusable workflow, the job that calls it (uses: …/workflow.yml) needs them as well: a called workflow cannot have more permissions than its caller.",
      ...fork,
      ...bot,
      ...(fork.length + bot.length > 0
        ? ["Skip the step for these jobs (if:), or use AWS in a workflow that runs on push."]
        : []),
    ],
  });
}

/** Explains why GitHub, or what stands in for it, issued no ID token. */
export function explainIdTokenFailure(failure: Failure, situation: IdTokenSituation): UserError {
  const { audience, endpointHost, proxy } = situation;
  if (isNetworkFailure(failure))
    return explainNetworkFailure(
      failure,
      { of: "id-token", host: endpointHost, proxy },
      failure.message || endpointHost,
    );
  if (failure.kind === "malformed") {
    return explained(
      {
        anchor: "id-token-malformed",
        title: "The ID token endpoint did not return a valid ID token",
        lines: [
          failure.message,
          `Cause: something between this runner and GitHub may have answered instead${via(proxy)}, or this server (GHES, Forgejo, a test server) may not fully support ID tokens.`,
          `Fix: let the answers of ${endpointHost} pass unchanged (NO_PROXY, if a proxy changes them). The token must be a JWT for the audience ${quoted(audience)}, with exp.`,
        ],
      },
      failure,
    );
  }
  return explained(
    {
      anchor: "id-token-refused",
      title: `GitHub did not issue an ID token: HTTP ${failure.httpStatus ?? "error"}`,
      lines: [failure.message, ...refusal(failure)],
    },
    failure,
  );
}

function refusal({ kind, httpStatus }: Failure): string[] {
  if (kind === "server-error" || kind === "throttled")
    return [
      "Fix: run the job again. https://www.githubstatus.com shows whether GitHub Actions has a problem.",
    ];
  if (httpStatus === 401 || httpStatus === 403) {
    return [
      "Cause: GitHub rejected the job's request token. It has expired (after about 6 hours), the job was cancelled, or its variables come from another job.",
      "Fix: run the job again. Never set ACTIONS_ID_TOKEN_REQUEST_TOKEN or ACTIONS_ID_TOKEN_REQUEST_URL yourself.",
    ];
  }
  return [
    "Fix: run the job again. If it fails again, find what sets ACTIONS_ID_TOKEN_REQUEST_URL, or the proxy that answers instead of GitHub.",
  ];
}
