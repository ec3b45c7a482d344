import type * as https from "node:https";
import { Readable } from "node:stream";
import { STSClient } from "@aws-sdk/client-sts";
import { errorCode, errorText } from "./base/errors.ts";
import { type Failure, type FailureKind, kindOfCode, RequestError } from "./base/network.ts";
import type { Keys, SessionRequest } from "./base/session.ts";

/** An answer of STS is about 2 kB. */
const MAX_ANSWER_BYTES = 256 * 1024;

/** An STS client that makes one attempt. */
export interface Client {
  sts: STSClient;
  /** The URL that it asks: the environment or a config file may name another. */
  askedUrl(): string;
  /** The Date of the last answer, in milliseconds since 1970. */
  serverTime(): number | undefined;
}

export interface ClientOptions {
  /** To sign with; the exchange of an ID token is not signed. */
  keys?: Omit<Keys, "expiresAt"> | undefined;
  httpsAgent?: https.Agent | undefined;
  /**
   * Throw where a request would leave: the client has then done most of its work once. It reads no file, so it
   * needs an endpoint.
   */
  isDry?: boolean;
}

/** Every setting that the SDK would look for in the AWS files, where a step may have put a pipe. */
const NOTHING_TO_READ = {
  authSchemePreference: [],
  sigv4aSigningRegionSet: [],
  useDualstackEndpoint: false,
  useFipsEndpoint: false,
  userAgentAppId: "",
};

export function makeClient({ region, endpoint }: SessionRequest, options: ClientOptions = {}): Client {
  const { keys, isDry = false } = options;
  const agent = { keepAlive: false, proxyEnv: process.env };
  const sts = new STSClient({
    region,
    ...(endpoint !== undefined && { endpoint }),
    ...(keys && { credentials: keys }),
    ...(isDry && NOTHING_TO_READ),
    maxAttempts: 1,
    retryMode: "standard",
    defaultsMode: "standard",
    requestHandler: {
      connectionTimeout: 5_000,
      requestTimeout: 10_000,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: options.httpsAgent ?? agent,
    },
  });
  let asked = endpoint ?? regionalEndpoint(region);
  let date: string | undefined;
  sts.middlewareStack.add(
    (next) => (args) => {
      const server = args.request as { protocol: string; hostname: string; port?: number };
      asked = `${server.protocol}//${server.hostname}${server.port === undefined ? "" : `:${server.port}`}`;
      if (isDry) throw new Error("a dry run");
      return next(args);
    },
    { step: "finalizeRequest" },
  );
  // Nearest to the network: the SDK would collect an answer of any size in memory.
  sts.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const response = result.response as { body: Readable; headers: Record<string, string | undefined> };
      date = response.headers.date;
      response.body = Readable.from(bounded(response.body));
      return result;
    },
    { step: "deserialize", priority: "low" },
  );
  return { sts, askedUrl: () => asked, serverTime: () => Date.parse(date ?? "") || undefined };
}

export function regionalEndpoint(region: string): string {
  return `https://sts.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
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

/**
 * What an error of the SDK says, as plain data.
 * @param sent what signed the request: a server or a proxy may repeat it in its answer
 */
export function failureOf(error: unknown, sent: Partial<Keys> = {}): Failure {
  const code = (errorCode(error) ?? (error instanceof Error ? error.name : "Error")).replace(
    /Exception$/,
    "",
  );
  const status = (error as { $metadata?: { httpStatusCode?: unknown } } | null)?.$metadata?.httpStatusCode;
  const httpStatus = typeof status === "number" ? status : undefined;
  const { accessKeyId, secretAccessKey, sessionToken } = sent;
  const message = errorText(
    [sessionToken, secretAccessKey, accessKeyId].reduce<string>(
      (text, key) => (key ? text.replaceAll(key, "(key)") : text),
      error instanceof Error ? error.message || error.name : String(error),
    ),
  );
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
