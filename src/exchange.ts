import type * as https from "node:https";
import {
  AssumeRoleCommand,
  type AssumeRoleCommandOutput,
  AssumeRoleWithWebIdentityCommand,
} from "@aws-sdk/client-sts";
import { fromIni } from "@aws-sdk/credential-provider-ini";
import { withDeadline } from "./base/deadline.ts";
import { errorText } from "./base/errors.ts";
import { RequestError } from "./base/network.ts";
import { findProxy } from "./base/proxy.ts";
import { retrying } from "./base/retry.ts";
import type { ExchangeFailure, Keys, Session, SessionRequest, SessionSource } from "./base/session.ts";
import { EarlyAgent } from "./early-agent.ts";
import { type Client, failureOf, makeClient, regionalEndpoint } from "./sts-client.ts";

// The bundle with the AWS SDK. Plain data goes in and comes out: classes do not survive the border between
// bundles.

export type ExchangeResult = { session: Session } | { failure: ExchangeFailure };

/** One attempt, from the connection to the last byte. A chain makes a request for each of its roles. */
const ATTEMPT_TIMEOUT_MS = 15_000;
/** Of a session, at AWS and at servers with an STS API. */
const ARN = /^arn:[\w-]+:[\w-]*:[\w-]*:[\w-]*:[\w+=,.@/:-]{1,1024}$/;

/**
 * Runs the client up to where a request would leave, since its first call is slow, and opens the connection
 * that it will most likely use, except through a proxy. No failure of this matters.
 */
export async function prepare(request: SessionRequest): Promise<EarlyAgent> {
  const agent = new EarlyAgent({ keepAlive: false, proxyEnv: process.env } as https.AgentOptions);
  const endpoint = request.endpoint ?? likelyEndpoint(request.region, process.env);
  const { sts } = makeClient({ ...request, endpoint }, { isDry: true });
  const input = { RoleArn: request.roleArn, RoleSessionName: request.sessionName, WebIdentityToken: "none" };
  await sts.send(new AssumeRoleWithWebIdentityCommand(input)).catch(() => {});
  sts.destroy();
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url?.protocol === "https:" && !findProxy(process.env, url.href)) agent.open(url);
  return agent;
}

/** What the SDK would ask without a setting in a file. */
function likelyEndpoint(region: string, env: NodeJS.ProcessEnv): string {
  const configured = env.AWS_ENDPOINT_URL_STS || env.AWS_ENDPOINT_URL;
  const isIgnored = /^true$/i.test(env.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS ?? "");
  return configured && !isIgnored ? configured : regionalEndpoint(region);
}

/**
 * One session of a role, for an ID token, from a profile, or for another session of the role. No message
 * holds a token or a key.
 * @param onRetry is called with a line for the log before each repetition; without it there is none
 */
export async function exchange(
  request: SessionRequest,
  source: SessionSource,
  onRetry?: (text: string) => void,
  agent?: EarlyAgent,
): Promise<ExchangeResult> {
  const progress: Progress = {
    agent,
    client: undefined,
    roleArn: undefined,
    callerArn: undefined,
    sent: undefined,
  };
  const url = () => progress.client?.askedUrl() ?? request.endpoint ?? regionalEndpoint(request.region);
  let attempts = 0;
  const attempt = async () => {
    attempts++;
    Object.assign(progress, { roleArn: undefined, callerArn: undefined });
    try {
      return await withDeadline(
        () => new URL(url()).host,
        ATTEMPT_TIMEOUT_MS,
        (signal) => sessionFrom(request, source, progress, signal),
      );
    } catch (error) {
      throw error instanceof RequestError
        ? error
        : new RequestError(failureOf(error, progress.sent), { cause: error });
    } finally {
      progress.client?.sts.destroy();
    }
  };
  try {
    if (!onRetry) return { session: await attempt() };
    return { session: await retrying(attempt, ({ message }) => onRetry(`${url()}: ${message}`)) };
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    const { roleArn, callerArn } = progress;
    return { failure: { ...error.failure, attempts, endpointUrl: url(), roleArn, callerArn } };
  }
}

/** How far an attempt has come, for the message if it fails. */
interface Progress {
  agent: EarlyAgent | undefined;
  client: Client | undefined;
  /** The role that STS is asked for; undefined before the first request. */
  roleArn: string | undefined;
  callerArn: string | undefined;
  /** What signed the last request. */
  sent: Partial<Keys> | undefined;
}

function sessionFrom(
  request: SessionRequest,
  source: SessionSource,
  progress: Progress,
  signal: AbortSignal,
): Promise<Session> {
  const limits = limitsOf(request);
  const names = { RoleArn: request.roleArn, RoleSessionName: request.sessionName };
  if ("profile" in source) return fromProfile(request, source.profile, progress, signal);
  if ("session" in source) return ask(request, progress, { ...names, ...limits }, signal, source.session);
  return ask(request, progress, { ...names, ...limits, WebIdentityToken: source.idToken }, signal);
}

function limitsOf({ durationSeconds, policy, policyArns }: SessionRequest): Partial<Input> {
  return {
    ...(durationSeconds !== undefined && { DurationSeconds: durationSeconds }),
    ...(policy !== undefined && { Policy: policy }),
    ...(policyArns !== undefined && { PolicyArns: policyArns.map((arn) => ({ arn })) }),
  };
}

/**
 * Lets the SDK walk the profile's chain, as the SDKs of later steps do. The requests on the way are made
 * here; the last of them is the session.
 */
async function fromProfile(
  request: SessionRequest,
  profile: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<Session> {
  let last: Session | undefined;
  const assume = async (input: Input, keys?: Omit<Keys, "expiresAt">) => {
    const isTarget = input.RoleArn === request.roleArn && input.RoleSessionName === request.sessionName;
    progress.callerArn = last?.assumedRoleArn;
    last = await ask(request, progress, { ...input, ...(isTarget && limitsOf(request)) }, signal, keys);
    return { ...last.keys, expiration: new Date(last.keys.expiresAt) };
  };
  const provider = fromIni({
    profile,
    ignoreCache: true,
    roleAssumer: ({ accessKeyId, secretAccessKey, sessionToken = "" }, input) =>
      assume(input as Input, { accessKeyId, secretAccessKey, sessionToken }),
    roleAssumerWithWebIdentity: (input) => assume(input as Input),
  });
  try {
    await provider();
  } catch (error) {
    if (error instanceof RequestError || progress.roleArn !== undefined) throw error;
    throw new RequestError({ kind: "denied", code: "NoSource", message: errorText(error) });
  }
  if (!last) throw new Error(`profile ${profile} assumes no role`);
  return last;
}

interface Input {
  RoleArn: string;
  RoleSessionName: string;
  DurationSeconds?: number;
  ExternalId?: string;
  WebIdentityToken?: string;
  Policy?: string;
  PolicyArns?: { arn: string }[];
}

/** One request to STS. */
async function ask(
  request: SessionRequest,
  progress: Progress,
  input: Input,
  abortSignal: AbortSignal,
  keys?: Omit<Keys, "expiresAt">,
): Promise<Session> {
  progress.client?.sts.destroy();
  const client = makeClient(request, { keys, httpsAgent: progress.agent });
  progress.client = client;
  progress.roleArn = input.RoleArn;
  progress.sent = keys;
  const { WebIdentityToken, ...assume } = input;
  const answer: AssumeRoleCommandOutput =
    WebIdentityToken === undefined
      ? await client.sts.send(new AssumeRoleCommand(assume), { abortSignal })
      : await client.sts.send(new AssumeRoleWithWebIdentityCommand({ ...assume, WebIdentityToken }), {
          abortSignal,
        });
  return read(answer, client.serverTime());
}

function read(
  { Credentials, AssumedRoleUser }: AssumeRoleCommandOutput,
  serverTime: number | undefined,
): Session {
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = Credentials ?? {};
  // The page of a proxy, for example, which the SDK reads as an empty answer.
  if (!AccessKeyId || !SecretAccessKey || !SessionToken || !Expiration) {
    throw new RequestError({ kind: "malformed", httpStatus: 200, message: "HTTP 200 without a session" });
  }
  const assumedRoleArn = AssumedRoleUser?.Arn || undefined;
  // It goes into outputs and the log.
  if (assumedRoleArn !== undefined && !ARN.test(assumedRoleArn)) {
    throw new RequestError({
      kind: "malformed",
      httpStatus: 200,
      message: "AssumedRoleUser.Arn is not an ARN",
    });
  }
  const expiresAt = Expiration.getTime();
  return {
    assumedRoleArn,
    accountId: assumedRoleArn?.split(":")[4] || undefined,
    keys: {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
      expiresAt,
    },
    lifetimeMs: expiresAt - (serverTime ?? Date.now()),
    clockOffsetMs: serverTime === undefined ? undefined : serverTime - Date.now(),
  };
}
