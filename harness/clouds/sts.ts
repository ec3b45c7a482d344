import { randomBytes, randomInt, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  compactVerify,
  createLocalJWKSet,
  decodeJwt,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
} from "jose";
import type { Authority } from "./certificates.ts";
import {
  type Answer,
  afterDelay,
  deliver,
  type ErrorFault,
  type StsFault,
  type TransportFault,
} from "./faults.ts";
import { Cloud, CloudServer, type Exchange, type RequestRecord, readBody } from "./server.ts";
import { parseAuthorization, type SignedRequest, verifySignature } from "./sigv4.ts";
import { type Elements, errorAnswer, resultAnswer, StsError } from "./sts-errors.ts";
import { checkTrustPolicy, GITHUB_PROVIDER, isTrusted, type TrustPolicy } from "./trust.ts";

export type { TrustPolicy } from "./trust.ts";

/** A request to STS. */
export interface StsRequest extends RequestRecord {
  action: string;
  role: string | undefined;
  sessionName: string | undefined;
  /** What the session was asked to be; undefined where the request did not say. */
  durationSeconds: number | undefined;
  policy: string | undefined;
  policyArns: string[];
  /** ARN that signed the request, or the subject of its web identity token; undefined before it is proved. */
  caller: string | undefined;
  /** Error code sent. */
  error: string | undefined;
  /** When the session issued expires, milliseconds since the epoch. */
  sessionExpires: number | undefined;
}

export interface StsOptions {
  /**
   * Lifetime of every session, seconds, whatever was asked for. Undefined: as STS does, what was asked for or
   * else 3600.
   */
  sessionSeconds: number | undefined;
  /** Wait before each answer, milliseconds. */
  latencyMs: number;
  /** Undefined: plain HTTP only. */
  authority: Authority | undefined;
}

export interface RoleOptions {
  arn: string;
  trust: TrustPolicy;
  /** MaxSessionDuration, seconds; IAM's default is 3600. */
  maxSessionSeconds?: number;
}

/** An OIDC provider as an account has registered it. */
export interface Provider {
  /** `iss` of its tokens. */
  issuer: string;
  /** What trust policies call it, in the provider's ARN and in condition keys. */
  name: string;
  /** Audiences registered. */
  clientIds: string[];
}

/** An issuer whose keys STS can fetch. */
export interface Issuer {
  issuer: string;
  jwks: JSONWebKeySet;
}

interface Role {
  arn: string;
  partition: string;
  account: string;
  name: string;
  id: string;
  trust: TrustPolicy;
  maxSessionSeconds: number;
}

interface Principal {
  arn: string;
  account: string;
  userId: string;
  /** Of a session: the role it is of. */
  roleArn: string | undefined;
}

interface Key {
  secret: string;
  /** Session token and expiry (milliseconds since the epoch) of temporary keys. */
  session: { token: string; expires: number } | undefined;
  principal: Principal;
}

/** A role session and its keys. */
export interface Session {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  /** Milliseconds since the epoch. */
  expires: number;
  arn: string;
  userId: string;
}

/** How far the clock of a signing client may be off. */
const SKEW_SECONDS = 15 * 60;
const DEFAULT_SESSION_SECONDS = 3600;
const CHAINED_MAX_SECONDS = 3600;

/**
 * AWS's part: STS with the three actions that a web identity needs, over roles and users made at run time.
 * Permission policies are not modelled: the trust policy alone decides who may assume a role.
 */
export class StsCloud extends Cloud {
  readonly requests: StsRequest[] = [];
  /** By account id. `addRole` registers GitHub's for the role's account; a test may change or delete it. */
  readonly providers = new Map<string, Provider>();
  sessionSeconds: number | undefined;
  latencyMs: number;
  skewSeconds = SKEW_SECONDS;
  /** Asked before each answer; what it returns goes wrong. */
  fault: ((request: StsRequest) => StsFault | undefined) | undefined;
  #issuer: Issuer;
  #keySet: JWTVerifyGetKey;
  #roles = new Map<string, Role>();
  #keys = new Map<string, Key>();

  private constructor(server: CloudServer, issuer: Issuer, options: StsOptions) {
    super(server);
    this.sessionSeconds = options.sessionSeconds;
    this.latencyMs = options.latencyMs;
    this.#issuer = issuer;
    this.#keySet = createLocalJWKSet(issuer.jwks);
    server.handler = (exchange) => this.#handle(exchange);
  }

  static async start(issuer: Issuer, options: StsOptions): Promise<StsCloud> {
    const { authority } = options;
    return new StsCloud(
      await CloudServer.start(authority && { authority, name: "sts.amazonaws.com" }),
      issuer,
      options,
    );
  }

  /**
   * Makes a role; its account gets GitHub's OIDC provider if it has none. Throws on a malformed ARN or trust
   * policy.
   */
  addRole({ arn, trust, maxSessionSeconds = DEFAULT_SESSION_SECONDS }: RoleOptions): void {
    const { partition, account, name } = parseRoleArn(arn) ?? {};
    if (partition === undefined || account === undefined || name === undefined)
      throw new Error(`not a role ARN: ${arn}`);
    checkTrustPolicy(trust);
    this.#roles.set(arn, { arn, partition, account, name, id: uniqueId("AROA"), trust, maxSessionSeconds });
    if (!this.providers.has(account)) {
      const audience = partition === "aws-cn" ? "sts.amazonaws.com.cn" : "sts.amazonaws.com";
      const { issuer } = this.#issuer;
      this.providers.set(account, { issuer, name: GITHUB_PROVIDER, clientIds: [audience] });
    }
  }

  /** Makes a user with static keys. */
  addUser({ arn = "arn:aws:iam::111122223333:user/somebody" }: { arn?: string } = {}): {
    arn: string;
    accessKeyId: string;
    secretAccessKey: string;
  } {
    const account = arn.split(":")[4] ?? "";
    const accessKeyId = uniqueId("AKIA");
    const secret = randomBytes(30).toString("base64");
    this.#keys.set(accessKeyId, {
      secret,
      session: undefined,
      principal: { arn, account, userId: uniqueId("AIDA"), roleArn: undefined },
    });
    return { arn, accessKeyId, secretAccessKey: secret };
  }

  /** A session of a role, which nobody had to ask for. */
  addSession(roleArn: string, sessionName: string): Session {
    const role = this.#roles.get(roleArn);
    if (role === undefined) throw new Error(`no role ${roleArn}`);
    return this.#issueSession(role, sessionName, this.sessionSeconds ?? DEFAULT_SESSION_SECONDS);
  }

  /** Names the keys issued so far, users' too, whose secret or session token stands in `text`. */
  findIssued(text: string): string[] {
    return [...this.#keys]
      .filter(([, key]) => text.includes(key.secret) || text.includes(key.session?.token ?? key.secret))
      .map(([id]) => id);
  }

  async #handle(exchange: Exchange): Promise<void> {
    const { request, record, closing } = exchange;
    const body = await readBody(request);
    const query = (request.url ?? "").slice(record.path.length + 1);
    const parameters = new URLSearchParams(record.method === "POST" ? body.toString() : query);
    const entry: StsRequest = {
      ...record,
      action: parameters.get("Action") ?? "",
      role: parameters.get("RoleArn") ?? undefined,
      sessionName: parameters.get("RoleSessionName") ?? undefined,
      durationSeconds: Number(parameters.get("DurationSeconds") ?? Number.NaN) || undefined,
      policy: parameters.get("Policy") ?? undefined,
      policyArns: [...parameters].flatMap(([name, arn]) =>
        /^PolicyArns\.member\.\d+\.arn$/.test(name) ? arn : [],
      ),
      caller: undefined,
      error: undefined,
      sessionExpires: undefined,
    };
    this.requests.push(entry);

    if (this.latencyMs > 0) await sleep(this.latencyMs, undefined, { signal: closing });
    const fault = await afterDelay<TransportFault | ErrorFault>(this.fault?.(entry), closing);
    const signed = { method: entry.method, url: request.url ?? "/", headers: request.headers, body };
    const answer = () => this.#answer(entry, parameters, signed, isErrorFault(fault) ? fault : undefined);
    entry.status = await deliver(exchange, answer, isErrorFault(fault) ? undefined : fault);
    entry.answeredAt = Date.now();
  }

  async #answer(
    entry: StsRequest,
    parameters: URLSearchParams,
    signed: SignedRequest,
    fault: ErrorFault | undefined,
  ): Promise<Answer> {
    const requestId = randomUUID();
    try {
      if (fault !== undefined) throw new StsError(fault.error, fault.message, fault.status);
      return resultAnswer(entry.action, await this.#act(entry, parameters, signed), requestId);
    } catch (error) {
      if (!(error instanceof StsError)) throw error;
      entry.error = error.code;
      return errorAnswer(error, requestId);
    }
  }

  async #act(entry: StsRequest, parameters: URLSearchParams, signed: SignedRequest): Promise<Elements> {
    const version = parameters.get("Version");
    if (entry.action === "") throw new StsError("MissingAction");
    const known = ["AssumeRoleWithWebIdentity", "AssumeRole", "GetCallerIdentity"].includes(entry.action);
    if (!known || version !== "2011-06-15") {
      throw new StsError(
        "InvalidAction",
        `Could not find operation ${entry.action} for version ${version ?? "NO_VERSION_SPECIFIED"}`,
      );
    }
    if (entry.action === "AssumeRoleWithWebIdentity")
      return this.#assumeRoleWithWebIdentity(entry, parameters);

    const caller = this.#authenticate(signed);
    entry.caller = caller.arn;
    if (entry.action === "AssumeRole") return this.#assumeRole(entry, parameters, caller);
    return { Arn: caller.arn, UserId: caller.userId, Account: caller.account };
  }

  /** Who signed the request. */
  #authenticate(signed: SignedRequest): Principal {
    const authorization = parseAuthorization(signed.headers.authorization);
    const key = this.#keys.get(authorization.accessKeyId);
    if (key === undefined || signed.headers["x-amz-security-token"] !== key.session?.token)
      throw new StsError("InvalidClientTokenId");
    verifySignature(signed, authorization, key.secret, this.skewSeconds);
    if (key.session !== undefined && Date.now() >= key.session.expires) throw new StsError("ExpiredToken");
    return key.principal;
  }

  async #assumeRoleWithWebIdentity(entry: StsRequest, parameters: URLSearchParams): Promise<Elements> {
    const token = parameters.get("WebIdentityToken");
    const { roleArn, sessionName, account } = validate(parameters, [
      length("webIdentityToken", token, 4, 20_000, "hidden"),
      length("providerId", parameters.get("ProviderId") ?? "none", 4, 2048),
    ]);
    const { provider, claims } = await this.#verifyIdToken(token ?? "", account);
    entry.caller = claims.sub;

    const role = this.#roles.get(roleArn);
    const providerArn = `arn:${role?.partition}:iam::${account}:oidc-provider/${provider.name}`;
    const trusted =
      role !== undefined &&
      isTrusted(role.trust, {
        action: "sts:AssumeRoleWithWebIdentity",
        kind: "Federated",
        names: [providerArn],
        context: { ...claimKeys(provider.name, claims), "sts:RoleSessionName": sessionName },
      });
    // Whether the role exists is not for strangers to learn: the same words for both.
    if (!trusted)
      throw new StsError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");

    const session = this.#issueSession(role, sessionName, this.#sessionSeconds(parameters, role));
    return {
      Audience: [claims.aud].flat()[0],
      Provider: providerArn,
      SubjectFromWebIdentityToken: claims.sub,
      ...sessionElements(entry, session),
    };
  }

  #assumeRole(entry: StsRequest, parameters: URLSearchParams, caller: Principal): Elements {
    const externalId = parameters.get("ExternalId") ?? undefined;
    const { roleArn, sessionName } = validate(parameters, [
      externalId === undefined ? undefined : length("externalId", externalId, 2, 1224),
      externalId === undefined
        ? undefined
        : pattern("externalId", externalId, /^[\w+=,.@:/-]*$/, "[\\w+=,.@:\\/-]*"),
    ]);
    const role = this.#roles.get(roleArn);
    const partition = caller.arn.split(":")[1];
    const trusted =
      role !== undefined &&
      isTrusted(role.trust, {
        action: "sts:AssumeRole",
        kind: "AWS",
        names: [
          caller.arn,
          caller.roleArn ?? caller.arn,
          caller.account,
          `arn:${partition}:iam::${caller.account}:root`,
        ],
        context: {
          "aws:PrincipalArn": caller.roleArn ?? caller.arn,
          "aws:PrincipalAccount": caller.account,
          "aws:userid": caller.userId,
          "sts:RoleSessionName": sessionName,
          ...(externalId === undefined ? {} : { "sts:ExternalId": externalId }),
        },
      });
    if (!trusted) {
      throw new StsError(
        "AccessDenied",
        `User: ${caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${roleArn}`,
      );
    }
    const seconds = this.#sessionSeconds(parameters, role);
    if (caller.roleArn !== undefined && Number(parameters.get("DurationSeconds")) > CHAINED_MAX_SECONDS) {
      throw new StsError(
        "ValidationError",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
      );
    }
    return sessionElements(entry, this.#issueSession(role, sessionName, seconds));
  }

  /**
   * The provider that the account has for the token's issuer, and the token's claims. Throws STS's error for a
   * bad token.
   */
  async #verifyIdToken(
    token: string,
    account: string,
  ): Promise<{ provider: Provider; claims: JWTPayload & { sub: string; aud: string | string[] } }> {
    const invalid = (message?: string) => new StsError("InvalidIdentityToken", message);
    let claims: JWTPayload;
    try {
      claims = decodeJwt(token);
    } catch {
      throw invalid(
        "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
      );
    }
    const { iss = "", sub, aud, exp, nbf } = claims;
    const provider = this.providers.get(account);
    if (provider === undefined || provider.issuer !== iss) {
      throw invalid(`No OpenIDConnect provider found in your account for ${iss}`);
    }
    const missing = (claim: string) => invalid(`Missing a required claim: ${claim}`);
    if (aud === undefined) throw missing("aud");
    if (typeof sub !== "string") throw missing("sub");
    if (typeof claims.iat !== "number") throw missing("iat");
    if (typeof exp !== "number") throw missing("exp");
    try {
      if (iss !== this.#issuer.issuer) throw new errors.JWKSNoMatchingKey();
      await compactVerify(token, this.#keySet, { algorithms: ["RS256"] });
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) throw invalid("Invalid token signature");
      throw invalid();
    }
    const now = Date.now() / 1000;
    if (now >= exp) {
      const text = `Token expired: current date/time ${Math.floor(now)} must be before the expiration date/time${exp}`;
      throw new StsError("ExpiredTokenException", text);
    }
    if (nbf !== undefined && now < nbf) {
      const text = `current date/time ${Math.floor(now)} must be after the not-before date/time ${nbf}`;
      throw invalid(`Token not yet valid: ${text}`);
    }
    if (![aud].flat().some((audience) => provider.clientIds.includes(audience)))
      throw invalid("Incorrect token audience");
    return { provider, claims: { ...claims, sub, aud } };
  }

  #sessionSeconds(parameters: URLSearchParams, role: Role): number {
    const asked = parameters.get("DurationSeconds");
    if (asked !== null && Number(asked) > role.maxSessionSeconds) {
      throw new StsError(
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
      );
    }
    return this.sessionSeconds ?? Number(asked ?? DEFAULT_SESSION_SECONDS);
  }

  #issueSession(role: Role, sessionName: string, seconds: number): Session {
    const arn = `arn:${role.partition}:sts::${role.account}:assumed-role/${role.name}/${sessionName}`;
    const accessKeyId = uniqueId("ASIA");
    const secret = randomBytes(30).toString("base64");
    const token = randomBytes(256).toString("base64");
    // Whole seconds, as in the answer: the key expires at the very second that its owner read.
    const expires = Math.floor(Date.now() / 1000 + seconds) * 1000;
    const userId = `${role.id}:${sessionName}`;
    const principal = { arn, account: role.account, userId, roleArn: role.arn };
    this.#keys.set(accessKeyId, { secret, session: { token, expires }, principal });
    return { accessKeyId, secretAccessKey: secret, sessionToken: token, expires, arn, userId };
  }
}

/** What STS answers about a session. */
function sessionElements(entry: StsRequest, session: Session): Elements {
  entry.sessionExpires = session.expires;
  return {
    AssumedRoleUser: { AssumedRoleId: session.userId, Arn: session.arn },
    Credentials: {
      AccessKeyId: session.accessKeyId,
      SecretAccessKey: session.secretAccessKey,
      SessionToken: session.sessionToken,
      Expiration: new Date(session.expires).toISOString().replace(".000Z", "Z"),
    },
  };
}

/** Condition keys of a web identity: every claim that is text, under the provider's name. */
function claimKeys(provider: string, claims: JWTPayload): Record<string, string | string[]> {
  const entries = Object.entries(claims).filter(
    (entry): entry is [string, string | string[]] => typeof entry[1] !== "number",
  );
  return Object.fromEntries(entries.map(([claim, value]) => [`${provider}:${claim}`, value]));
}

/**
 * Checks what AssumeRole and AssumeRoleWithWebIdentity have in common, then the further constraints, and
 * names every violation at once.
 */
function validate(
  parameters: URLSearchParams,
  further: (string | undefined)[],
): { roleArn: string; sessionName: string; account: string } {
  const roleArn = parameters.get("RoleArn");
  const sessionName = parameters.get("RoleSessionName");
  const duration = parameters.get("DurationSeconds");
  const violations = [
    length("roleArn", roleArn, 20, 2048),
    length("roleSessionName", sessionName, 2, 64),
    pattern("roleSessionName", sessionName ?? "", /^[\w+=,.@-]*$/, "[\\w+=,.@-]*"),
    duration === null ? undefined : range("durationSeconds", duration, 900, 43_200),
    ...further,
  ].filter((violation) => violation !== undefined);
  if (violations.length > 0) {
    const count = violations.length === 1 ? "1 validation error" : `${violations.length} validation errors`;
    throw new StsError("ValidationError", `${count} detected: ${violations.join("; ")}`);
  }
  const policy = parameters.get("Policy");
  if (policy !== null) checkPolicy(policy);
  checkPackedSize(parameters);
  const arn = parseRoleArn(roleArn ?? "");
  if (arn === undefined) throw new StsError("ValidationError", "Request ARN is invalid");
  return { roleArn: roleArn ?? "", sessionName: sessionName ?? "", account: arn.account };
}

/** STS's message about a parameter; `shown` is its value, in quotes. */
function violation(name: string, shown: string, must: string): string {
  return `Value ${shown}at '${name}' failed to satisfy constraint: Member must ${must}`;
}

function length(
  name: string,
  value: string | null,
  min: number,
  max: number,
  hidden?: "hidden",
): string | undefined {
  if (value === null) return violation(name, "null ", "not be null");
  const shown = hidden ? "" : `'${value}' `;
  if (value.length < min) return violation(name, shown, `have length greater than or equal to ${min}`);
  if (value.length > max) return violation(name, shown, `have length less than or equal to ${max}`);
  return undefined;
}

function pattern(name: string, value: string, grammar: RegExp, written: string): string | undefined {
  if (grammar.test(value)) return undefined;
  return violation(name, `'${value}' `, `satisfy regular expression pattern: ${written}`);
}

function range(name: string, value: string, min: number, max: number): string | undefined {
  if (/^\d+$/.test(value) && Number(value) >= min && Number(value) <= max) return undefined;
  const bound = Number(value) > max ? `less than or equal to ${max}` : `greater than or equal to ${min}`;
  return violation(name, `'${value}' `, `have value ${bound}`);
}

/** Of the grammar of policies, only that there are statements. */
function checkPolicy(policy: string): void {
  try {
    const { Statement } = JSON.parse(policy) as { Statement?: unknown };
    if (typeof Statement === "object" && Statement !== null) return;
  } catch {
    // Not JSON: refused with the same words.
  }
  throw new StsError("MalformedPolicyDocument", "Syntax errors in policy.");
}

/** AWS's packing is its own; here a session policy of more characters than this is too large. */
const MAX_PACKED = 1500;

function checkPackedSize(parameters: URLSearchParams): void {
  const size = [...parameters].reduce(
    (sum, [name, { length: size }]) => sum + (/^Policy/.test(name) ? size : 0),
    0,
  );
  if (size <= MAX_PACKED) return;
  const percent = Math.round((size / MAX_PACKED) * 100);
  throw new StsError(
    "PackedPolicyTooLarge",
    `Packed policy consumes ${percent}% of allotted space, please use smaller policy.`,
  );
}

function parseRoleArn(arn: string): { partition: string; account: string; name: string } | undefined {
  const match = /^arn:(aws[a-z-]*):iam::(\d{12}):role\/(?:[\x21-\x7e]+\/)?([\w+=,.@-]{1,64})$/.exec(arn);
  const [, partition, account, name] = match ?? [];
  return partition === undefined || account === undefined || name === undefined
    ? undefined
    : { partition, account, name };
}

function isErrorFault(fault: TransportFault | ErrorFault | undefined): fault is ErrorFault {
  return typeof fault === "object" && "error" in fault;
}

/** An identifier as AWS forms them: a prefix for its kind, then upper-case letters and digits. */
function uniqueId(prefix: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  return prefix + Array.from({ length: 16 }, () => alphabet[randomInt(alphabet.length)]).join("");
}
