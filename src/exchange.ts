import { Readable } from "node:stream";
import { AssumeRoleWithWebIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { withDeadline } from "./base/deadline.ts";
import { errorCode, errorText } from "./base/errors.ts";
import { type Failure, type FailureKind, kindOfCode, RequestError } from "./base/network.ts";
import { retrying } from "./base/retry.ts";

// The bundle with the AWS SDK. Plain data goes in and comes out: classes do not survive the border between
// bundles.

/** What is exchanged for what, and where. */
interface ExchangeRequest {
  roleArn: string;
  sessionName: string;
  token: string;
  region: string;
  /** undefined: the endpoint that the SDK finds, as the SDKs of later steps will. */
  endpoint: string | undefined;
}

export interface Session {
  /** undefined: the server gave no ARN (servers other than AWS may leave it out). */
  accountId: string | undefined;
  assumedRoleArn: string | undefined;
}

interface ExchangeFailure extends Failure {
  attempts: number;
  /** The server that was asked. */
  endpointUrl: string;
}

type ExchangeResult = { session: Session } | { failure: ExchangeFailure };

/** One attempt, from the connection to the last byte. */
const ATTEMPT_TIMEOUT_MS = 15_000;
/** Of a session, at AWS and at servers with an STS API. */
const ARN = /^arn:[\w-]+:[\w-]*:[\w-]*:[\w-]*:[\w+=,.@/:-]{1,1024}$/;
/** An answer of STS is about 2 kB. */
const MAX_ANSWER_BYTES = 256 * 1024;

/**
 * The one AssumeRoleWithWebIdentity of main, repeated while a failure may be temporary (retry.ts). The
 * session's keys are dropped here, and no message holds the token.
 * @param onRetry is called with a line for the log before each repetition
 */
export async function exchange(
  request: ExchangeRequest,
  onRetry: (text: string) => void,
): Promise<ExchangeResult> {
  const { client, askedUrl } = makeClient(request);
  const host = () => new URL(askedUrl()).host;
  let attempts = 0;
  const attempt = async () => {
    attempts++;
    try {
      return await withDeadline(host, ATTEMPT_TIMEOUT_MS, (signal) => send(client, request, signal));
    } catch (error) {
      throw error instanceof RequestError ? error : new RequestError(failureOf(error), { cause: error });
    }
  };
  try {
    return { session: await retrying(attempt, (failure) => onRetry(`${askedUrl()}: ${failure.message}`)) };
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return { failure: { ...error.failure, attempts, endpointUrl: askedUrl() } };
  } finally {
    client.destroy();
  }
}

async function send(client: STSClient, request: ExchangeRequest, abortSignal: AbortSignal): Promise<Session> {
  const { roleArn: RoleArn, sessionName: RoleSessionName, token: WebIdentityToken } = request;
  const command = new AssumeRoleWithWebIdentityCommand({ RoleArn, RoleSessionName, WebIdentityToken });
  const answer = await client.send(command, { abortSignal });
  // The page of a proxy, for example, which the SDK reads as an empty answer.
  if (!answer.Credentials?.AccessKeyId) {
    throw new RequestError({ kind: "malformed", httpStatus: 200, message: "HTTP 200 without a session" });
  }
  const assumedRoleArn = answer.AssumedRoleUser?.Arn || undefined;
  // It goes into outputs and the log.
  if (assumedRoleArn !== undefined && !ARN.test(assumedRoleArn)) {
    throw new RequestError({
      kind: "malformed",
      httpStatus: 200,
      message: "AssumedRoleUser.Arn is not an ARN",
    });
  }
  return { assumedRoleArn, accountId: assumedRoleArn?.split(":")[4] || undefined };
}

/**
 * A client that makes one attempt, and the URL that it asks: the environment or a config file may name
 * another.
 */
function makeClient({ region, endpoint }: ExchangeRequest): { client: STSClient; askedUrl: () => string } {
  const agent = { keepAlive: false, proxyEnv: process.env };
  const client = new STSClient({
    region,
    ...(endpoint !== undefined && { endpoint }),
    maxAttempts: 1,
    retryMode: "standard",
    defaultsMode: "standard",
    requestHandler: {
      connectionTimeout: 5_000,
      requestTimeout: 10_000,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
  });
  let asked = endpoint ?? `https://sts.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
  client.middlewareStack.add(
    (next) => (args) => {
      const server = args.request as { protocol: string; hostname: string; port?: number };
      asked = `${server.protocol}//${server.hostname}${server.port === undefined ? "" : `:${server.port}`}`;
      return next(args);
    },
    { step: "finalizeRequest" },
  );
  // Nearest to the network: the SDK would collect an answer of any size in memory.
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const response = result.response as { body: Readable };
      response.body = Readable.from(bounded(response.body));
      return result;
    },
    { step: "deserialize", priority: "low" },
  );
  return { client, askedUrl: () => asked };
}

async function* bounded(body: Readable): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) {
      const message = `the answer is larger than ${MAX_ANSWER_BYTES} bytes`;
      throw new RequestError({ kind: "malformed", message });
    }
    yield chunk;
  }
}

function failureOf(error: unknown): Failure {
  const code = (errorCode(error) ?? (error instanceof Error ? error.name : "Error")).replace(
    /Exception$/,
    "",
  );
  const status = (error as { $metadata?: { httpStatusCode?: unknown } } | null)?.$metadata?.httpStatusCode;
  const httpStatus = typeof status === "number" ? status : undefined;
  const message = errorText(error);
  return { kind: kindOf(code, httpStatus, message), code, httpStatus, message };
}

// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html, and the other services' names for
// the same.
const THROTTLED = new Set(["Throttling", "Throttled", "RequestLimitExceeded", "TooManyRequests", "SlowDown"]);
/** What the SDK calls an answer without an error code of STS. */
const NO_CODE = new Set(["Unknown", "UnknownError", "Error"]);

function kindOf(code: string, httpStatus: number | undefined, message: string): FailureKind {
  if (THROTTLED.has(code) || httpStatus === 429) return "throttled";
  if (code === "IDPCommunicationError") return "provider";
  // STS's answer where a provider exists but its keys could not be fetched in time.
  if (code === "InvalidIdentityToken" && /retrieve verification key/i.test(message)) return "provider";
  if (httpStatus === undefined) return kindOfCode(code);
  if (httpStatus >= 500) return "server-error";
  return NO_CODE.has(code) ? "malformed" : "denied";
}
