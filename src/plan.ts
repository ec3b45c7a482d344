import { randomBytes } from "node:crypto";
import { type EnvironmentPlan, planEnvironment } from "./aws/environment.ts";
import type { Profile } from "./aws/section.ts";
import { isOtherSts } from "./aws/sts-endpoint.ts";
import { UserError } from "./base/errors.ts";
import type { Endpoint } from "./base/id-token.ts";
import { decodeClaims, timeClaim } from "./base/jwt.ts";
import {
  type JobDirectory,
  jobDirectory,
  type KeeperId,
  keeperDirectory,
  sessionKeeper,
  tokenKeeper,
} from "./base/layout.ts";
import { checkProxies, proxyWarning } from "./base/proxy.ts";
import { jobDirectoryPath } from "./base/runner-temp.ts";
import { readJobSecret } from "./base/seal.ts";
import { explainNoPermission } from "./explain/id-token.ts";
import type { Inputs } from "./inputs.ts";
import { targetProfile } from "./job/chain.ts";

/** One use of the action, before anything of it exists outside of this process. */
export interface Plan {
  id: string;
  inputs: Inputs;
  /** undefined: this job may not have ID tokens, and this use needs none. */
  endpoint: Endpoint | undefined;
  /** When the request token expires, in milliseconds since 1970; undefined if it cannot be read. */
  endsAt: number | undefined;
  /** What every step of this job has, and no other job. */
  jobSecret: string;
  job: JobDirectory;
  /** Of this use's own keeper. */
  keeper: KeeperId | undefined;
  /** What steps find under the use's profile. */
  visible: Profile;
  /** The role itself, where a keeper reaches it from another profile. */
  hidden: Profile | undefined;
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
  const { role, sessionName, region, stsEndpoint, mirror } = inputs;
  const id = randomBytes(8).toString("hex");
  const job = jobDirectory(jobDirectoryPath(env.RUNNER_TEMP));
  const endpoint = inputs.source === "id-token" || hasEndpoint(env) ? readEndpoint(env) : undefined;
  const { keeper, visible, hidden } = profilesOf(inputs, id, job);
  const files = { configFile: job.config, credentialsFile: job.credentials };
  const keysAreSource = needsKeys(inputs);
  const use = { ...visible, ...files, sessionName, mirror, keysAreSource };
  const { exports, warnings } = planEnvironment(env, use);
  checkProxies(env);
  const asked = endpoint?.url ?? stsEndpoint ?? `https://sts.${region}.amazonaws.com`;
  warnings.push(
    ...[proxyWarning(env, asked), tlsWarning(env), policyWarning(inputs)].filter(
      (text) => text !== undefined,
    ),
  );
  return {
    id,
    inputs,
    endpoint,
    endsAt: endpoint && timeClaim(decodeClaims(endpoint.requestToken), "exp"),
    jobSecret: readJobSecret(env),
    job,
    keeper,
    visible,
    hidden,
    exports,
    warnings,
    masks: inputs.maskAccountId && role.accountId !== undefined ? [role.accountId] : [],
  };
}

/** Whether the role is assumed with keys in the environment. */
export function needsKeys({ source }: Inputs): boolean {
  return source !== "id-token" && "credentials" in source && source.credentials === "Environment";
}

/** The profile that steps find, the one that only the keeper reads, and which keeper that is. */
function profilesOf(
  inputs: Inputs,
  id: string,
  job: JobDirectory,
): Pick<Plan, "keeper" | "visible" | "hidden"> {
  const { profile, region, stsEndpoint, sessionName, source, externalId, audience } = inputs;
  const roleArn = inputs.role.arn;
  const about = { profile, region, stsEndpoint };
  let hidden: Profile | undefined;
  if (source !== "id-token") {
    // The name of a profile is known once the job's other uses are: job/chain.ts.
    const from = "credentials" in source ? source : { profile: "" };
    const durationSeconds = inputs.sharedSession ? undefined : inputs.durationSeconds;
    const identity = { roleArn, sessionName, externalId, durationSeconds, source: from };
    if (!inputs.sharedSession) return { keeper: undefined, visible: { ...about, identity }, hidden };
    hidden = { ...about, profile: targetProfile(id), identity };
  }
  const keeper = inputs.sharedSession ? sessionKeeper(id) : tokenKeeper(audience);
  const { secret } = keeperDirectory(job, keeper);
  const identity = inputs.sharedSession
    ? { sessionFile: secret }
    : { roleArn, sessionName, tokenFile: secret };
  return { keeper, visible: { ...about, identity }, hidden };
}

/** MinIO ignores them, and says nothing. */
function policyWarning({ policyArns, stsEndpoint }: Inputs): string | undefined {
  if (policyArns === undefined || !isOtherSts(stsEndpoint)) return undefined;
  return "managed-session-policies is given with an sts-endpoint that is not AWS. Some servers, such as MinIO, ignore it without an error, and later steps can then do everything that the role may do. Check what they can do, or use inline-session-policy.";
}

/** main and keeper still verify certificates: start.ts. */
function tlsWarning(env: NodeJS.ProcessEnv): string | undefined {
  if (env.NODE_TLS_REJECT_UNAUTHORIZED !== "0") return undefined;
  return (
    "NODE_TLS_REJECT_UNAUTHORIZED is 0 in this job: Node.js programs in it accept any certificate, and anyone on the " +
    "network path can read what they send. This action ignores it. Remove it, and name additional certificate authorities in NODE_EXTRA_CA_CERTS."
  );
}

function hasEndpoint(env: NodeJS.ProcessEnv): boolean {
  return Boolean(env.ACTIONS_ID_TOKEN_REQUEST_URL && env.ACTIONS_ID_TOKEN_REQUEST_TOKEN);
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
