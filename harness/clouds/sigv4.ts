import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { StsError } from "./sts-errors.ts";

/** What was signed. */
export interface SignedRequest {
  method: string;
  /** Path and query as they came, undecoded. */
  url: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** The parts of an Authorization header of AWS Signature Version 4. */
export interface Authorization {
  accessKeyId: string;
  date: string;
  region: string;
  service: string;
  terminator: string;
  signedHeaders: string[];
  signature: string;
}

const ALGORITHM = "AWS4-HMAC-SHA256";

/** Reads the Authorization header. Throws MissingAuthenticationToken or IncompleteSignature. */
export function parseAuthorization(header: string | undefined): Authorization {
  if (header === undefined) throw new StsError("MissingAuthenticationToken");
  const [algorithm, ...rest] = header.trim().split(/\s+/);
  if (algorithm !== ALGORITHM)
    throw new StsError("IncompleteSignature", `Unsupported AWS 'algorithm': '${algorithm}'.`);
  const parts = new Map<string, string>();
  for (const part of rest.join("").split(",")) {
    const equals = part.indexOf("=");
    if (equals < 0) {
      throw new StsError(
        "IncompleteSignature",
        `'${part}' not a valid key=value pair (missing equal-sign) in Authorization header.`,
      );
    }
    parts.set(part.slice(0, equals), part.slice(equals + 1));
  }
  const required = (name: string): string => {
    const value = parts.get(name);
    if (!value)
      throw new StsError("IncompleteSignature", `Authorization header requires '${name}' parameter.`);
    return value;
  };
  const scope = required("Credential").split("/");
  if (scope.length !== 5) {
    throw new StsError(
      "IncompleteSignature",
      "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.",
    );
  }
  const [accessKeyId = "", date = "", region = "", service = "", terminator = ""] = scope;
  const signedHeaders = required("SignedHeaders").split(";");
  const signature = required("Signature");
  return { accessKeyId, date, region, service, terminator, signedHeaders, signature };
}

/**
 * The region that a name of STS stands for; undefined for a name without one, such as a loopback
 * address.
 */
export function regionOfHost(host: string): string | undefined {
  if (/^sts\.amazonaws\.com(:\d+)?$/.test(host)) return "us-east-1";
  return /^sts\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?(:\d+)?$/.exec(host)?.[1];
}

/**
 * Checks scope, date and signature of a request as STS does; throws SignatureDoesNotMatch, or
 * IncompleteSignature without a date. `skewSeconds` is how far the client's clock may be off (the service
 * allows 15 minutes).
 */
export function verifySignature(
  request: SignedRequest,
  authorization: Authorization,
  secret: string,
  skewSeconds: number,
): void {
  const { headers } = request;
  const mismatch = (message?: string) => new StsError("SignatureDoesNotMatch", message);

  const stamp = dateStamp(headers);
  const { date, region, service, terminator, signedHeaders } = authorization;
  if (terminator !== "aws4_request") {
    throw mismatch(
      `Credential should be scoped with a valid terminator: 'aws4_request', not '${terminator}'.`,
    );
  }
  if (service !== "sts") throw mismatch(`Credential should be scoped to correct service: 'sts'.`);
  const hostRegion = regionOfHost(headers.host ?? "");
  if (hostRegion === undefined ? !/^[a-z]{2,}(-[a-z]+)+-\d+$/.test(region) : region !== hostRegion) {
    throw mismatch(`Credential should be scoped to a valid region, not '${region}'. `);
  }
  if (date !== stamp.slice(0, 8)) {
    throw mismatch(
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${date}' != '${stamp.slice(0, 8)}', from '${stamp}'.`,
    );
  }
  checkSkew(stamp, skewSeconds);
  if (!signedHeaders.includes("host"))
    throw mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");

  const scope = `${date}/${region}/${service}/${terminator}`;
  const toSign = `${ALGORITHM}\n${stamp}\n${scope}\n${sha256(canonicalRequest(request, signedHeaders))}`;
  const key = [region, service, terminator].reduce(
    (parent: Buffer, part) => hmac(parent, part),
    hmac(`AWS4${secret}`, date),
  );
  const expected = hmac(key, toSign);
  const given = Buffer.from(authorization.signature, "hex");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw mismatch();
}

/** The time of the request in ISO 8601 basic format, from X-Amz-Date or else Date. */
function dateStamp(headers: IncomingHttpHeaders): string {
  const stamp = headers["x-amz-date"];
  if (typeof stamp === "string" && /^\d{8}T\d{6}Z$/.test(stamp)) return stamp;
  const date = Date.parse(headers.date ?? "");
  if (stamp === undefined && !Number.isNaN(date)) return basicFormat(date);
  throw new StsError(
    "IncompleteSignature",
    "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
  );
}

function checkSkew(stamp: string, skewSeconds: number): void {
  const signed = Date.parse(stamp.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  const now = Date.now();
  const skew = skewSeconds * 1000;
  const minutes = skewSeconds / 60;
  if (signed < now - skew) {
    throw new StsError(
      "SignatureDoesNotMatch",
      `Signature expired: ${stamp} is now earlier than ${basicFormat(now - skew)} (${basicFormat(now)} - ${minutes} min.)`,
    );
  }
  if (signed > now + skew) {
    throw new StsError(
      "SignatureDoesNotMatch",
      `Signature not yet current: ${stamp} is still later than ${basicFormat(now + skew)} (${basicFormat(now)} + ${minutes} min.)`,
    );
  }
}

function canonicalRequest(request: SignedRequest, signedHeaders: string[]): string {
  const question = request.url.indexOf("?");
  const path = question < 0 ? request.url : request.url.slice(0, question);
  const query = question < 0 ? "" : request.url.slice(question + 1);
  const headers = signedHeaders.map((name) => `${name}:${headerValue(request.headers[name])}\n`).join("");
  return [
    request.method,
    path,
    canonicalQuery(query),
    headers,
    signedHeaders.join(";"),
    sha256(request.body),
  ].join("\n");
}

function headerValue(value: string | string[] | undefined): string {
  return [value ?? ""].flat().join(",").trim().replace(/ +/g, " ");
}

function canonicalQuery(query: string): string {
  return query
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const [name = "", value = ""] = pair.replaceAll("+", " ").split(/=(.*)/s).map(decode);
      return `${encode(name)}=${encode(value)}`;
    })
    .sort()
    .join("&");
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new StsError("MalformedQueryString");
  }
}

/** Everything but RFC 3986's unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function basicFormat(time: number): string {
  return new Date(time).toISOString().replace(/\.\d+|[-:]/g, "");
}

function sha256(data: string | Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac("sha256", key).update(data).digest();
}
