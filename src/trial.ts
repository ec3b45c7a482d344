import { setTimeout as sleep } from "node:timers/promises";
import { AssumeRoleWithWebIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { errorCode, errorText } from "./base/errors.ts";

/** What is exchanged for what, and where. */
export interface Exchange {
  roleArn: string;
  sessionName: string;
  token: string;
  region: string;
  /** undefined: what the SDK finds for itself, as the SDKs of later steps will. */
  endpoint: string | undefined;
}

export interface Session {
  accountId: string;
  assumedRoleArn: string;
}

/** STS's refusal, or why it could not be asked. The message never holds the token. */
export class StsError extends Error {
  override readonly name = "StsError";
  /** STS's error code (AccessDenied, ...) or the system's (ECONNREFUSED, ...). */
  readonly code: string;
  readonly httpStatus: number | undefined;
  readonly attempts: number;
  /** Where STS was looked for. */
  readonly endpointUrl: string;

  constructor(
    code: string,
    message: string,
    httpStatus: number | undefined,
    attempts: number,
    endpointUrl: string,
    options: ErrorOptions,
  ) {
    super(message, options);
    this.code = code;
    this.httpStatus = httpStatus;
    this.attempts = attempts;
    this.endpointUrl = endpointUrl;
  }
}

const RETRY_WITHIN_MS = 30_000;

/**
 * The one AssumeRoleWithWebIdentity of main. What may pass (throttling, 5xx, a provider that STS could not
 * reach, no connection) is tried again within 30 s; a refusal is final at once. The session's keys are
 * dropped here. Throws an StsError.
 */
export async function exchange(request: Exchange): Promise<Session> {
  const client = new STSClient({
    region: request.region,
    ...(request.endpoint !== undefined && { endpoint: request.endpoint }),
    maxAttempts: 1,
    retryMode: "standard",
    defaultsMode: "standard",
    requestHandler: {
      connectionTimeout: 5_000,
      requestTimeout: 10_000,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: false, proxyEnv: process.env },
      httpsAgent: { keepAlive: false, proxyEnv: process.env },
    },
  });
  const command = new AssumeRoleWithWebIdentityCommand({
    RoleArn: request.roleArn,
    RoleSessionName: request.sessionName,
    WebIdentityToken: request.token,
  });
  // The environment or a config file may name another endpoint: an error has to name the server that was
  // really asked.
  let asked =
    request.endpoint ??
    `https://sts.${request.region}.amazonaws.com${request.region.startsWith("cn-") ? ".cn" : ""}`;
  client.middlewareStack.add(
    (next) => (args) => {
      const { protocol, hostname, port } = args.request as {
        protocol: string;
        hostname: string;
        port?: number;
      };
      asked = `${protocol}//${hostname}${port === undefined ? "" : `:${port}`}`;
      return next(args);
    },
    { step: "finalizeRequest" },
  );
  const deadline = performance.now() + RETRY_WITHIN_MS;
  for (let attempts = 1; ; attempts++) {
    try {
      const answer = await client.send(command);
      const assumedRoleArn = answer.AssumedRoleUser?.Arn ?? "";
      // A page of a proxy's, say, which the SDK takes for an empty answer. (Other servers than AWS may leave
      // out the ARN.)
      if (!answer.Credentials?.AccessKeyId) {
        throw new StsError("UnexpectedAnswer", "HTTP 200 without a session", 200, attempts, asked, {});
      }
      return { assumedRoleArn, accountId: assumedRoleArn.split(":")[4] ?? "" };
    } catch (error) {
      if (error instanceof StsError) throw error;
      const wait = Math.min(5_000, 500 * 2 ** (attempts - 1)) * (0.5 + Math.random() / 2);
      if (!mayPass(error) || performance.now() + wait > deadline) {
        throw new StsError(codeOf(error), errorText(error), statusOf(error), attempts, asked, {
          cause: error,
        });
      }
      await sleep(wait);
    }
  }
}

// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html and
// API_AssumeRoleWithWebIdentity.html
const PASSING_CODES =
  /^(?:Throttling|ThrottlingException|ThrottledException|RequestLimitExceeded|TooManyRequestsException|SlowDown|IDPCommunicationError|IDPCommunicationErrorException|ServiceUnavailable|InternalFailure|TimeoutError|ECONNRESET|ECONNREFUSED|EPIPE|ETIMEDOUT|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;

function mayPass(error: unknown): boolean {
  if (PASSING_CODES.test(codeOf(error)) || (statusOf(error) ?? 0) >= 500) return true;
  // Said of a provider that is there, too, when STS could not fetch its keys in time.
  return codeOf(error) === "InvalidIdentityToken" && /retrieve verification key/i.test(errorText(error));
}

function codeOf(error: unknown): string {
  const code = errorCode(error) ?? (error instanceof Error ? error.name : "Error");
  return code.replace(/Exception$/, "");
}

function statusOf(error: unknown): number | undefined {
  const status = (
    error as { $response?: { statusCode?: unknown }; $metadata?: { httpStatusCode?: unknown } } | null
  )?.$metadata?.httpStatusCode;
  return typeof status === "number" ? status : undefined;
}
