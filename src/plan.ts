import { randomBytes } from "node:crypto";
import { type EnvironmentPlan, planEnvironment } from "./aws/environment.ts";
import { renderProfile } from "./aws/profile.ts";
import { UserError } from "./base/errors.ts";
import type { Endpoint } from "./base/id-token.ts";
import { decodeClaims, timeClaim } from "./base/jwt.ts";
import { type JobDirectory, jobDirectory, type TokenDirectory, tokenDirectory } from "./base/layout.ts";
import { checkProxies, proxyWarning } from "./base/proxy.ts";
import { jobDirectoryPath } from "./base/runner-temp.ts";
import { explainNoPermission } from "./explain/id-token.ts";
import type { Inputs } from "./inputs.ts";

/** One use of the action, before anything of it exists outside of this process. */
export interface Plan {
  id: string;
  inputs: Inputs;
  endpoint: Endpoint;
  /** When the request token expires, in milliseconds since 1970; undefined if it cannot be read. */
  endsAt: number | undefined;
  job: JobDirectory;
  directory: TokenDirectory;
  /** The section of the AWS config file. */
  section: string;
  exports: EnvironmentPlan["exports"];
  /** For the log, once everything works. */
  warnings: string[];
  /** What the log must not show. */
  masks: string[];
}

/**
 * Decides everything that can be decided without touching anything. Throws a UserError for what has to be
 * refused.
 */
export function makePlan(inputs: Inputs, env: NodeJS.ProcessEnv): Plan {
  const { role, sessionName, profile, region, stsEndpoint, mirror } = inputs;
  const job = jobDirectory(jobDirectoryPath(env.RUNNER_TEMP));
  const endpoint = readEndpoint(env);
  const directory = tokenDirectory(job, inputs.audience);
  const use = { profile, roleArn: role.arn, tokenFile: directory.token, sessionName, region, stsEndpoint };
  const files = { configFile: job.config, credentialsFile: job.credentials };
  const { exports, warnings } = planEnvironment(env, { ...use, ...files, mirror });
  checkProxies(env);
  warnings.push(...[proxyWarning(env, endpoint.url), tlsWarning(env)].filter((text) => text !== undefined));
  return {
    id: randomBytes(8).toString("hex"),
    inputs,
    endpoint,
    endsAt: timeClaim(decodeClaims(endpoint.requestToken), "exp"),
    job,
    directory,
    section: renderProfile(use),
    exports,
    warnings,
    masks: inputs.maskAccountId && role.accountId !== undefined ? [role.accountId] : [],
  };
}

/** main and keeper still verify certificates: start.ts. */
function tlsWarning(env: NodeJS.ProcessEnv): string | undefined {
  if (env.NODE_TLS_REJECT_UNAUTHORIZED !== "0") return undefined;
  return (
    "NODE_TLS_REJECT_UNAUTHORIZED is 0 in this job: Node.js programs in it accept any certificate, and anyone on the " +
    "network path can read what they send. This action ignores it. Remove it, and name additional certificate authorities in NODE_EXTRA_CA_CERTS."
  );
}

/**
 * Set for a job that may have ID tokens (actions/runner,
 * src/Runner.Worker/Handlers/NodeScriptActionHandler.cs).
 */
export function readEndpoint(env: NodeJS.ProcessEnv): Endpoint {
  const url = env.ACTIONS_ID_TOKEN_REQUEST_URL ?? "";
  const requestToken = env.ACTIONS_ID_TOKEN_REQUEST_TOKEN ?? "";
  if (url === "" || requestToken === "") {
    throw explainNoPermission({ eventName: env.GITHUB_EVENT_NAME, actor: env.GITHUB_ACTOR });
  }
  if (!/^https?:\/\/[\x21-\x7e]+$/.test(url) || !URL.canParse(url) || !/^[\x21-\x7e]+$/.test(requestToken)) {
    throw new UserError(
      "id-token-endpoint",
      "ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN must hold the URL and the token that the runner " +
        "sets. Remove them from the workflow's env.",
    );
  }
  return { url, requestToken };
}
