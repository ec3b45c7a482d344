import { generateKeyPair, type KeyObject, randomInt, randomUUID, sign } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { exportJWK, type JSONWebKeySet, type JWTPayload, jwtVerify } from "jose";
import type { Authority } from "./certificates.ts";
import { type JobClaims, jobClaims, type SubjectFormat } from "./claims.ts";
import {
  type Answer,
  afterDelay,
  deliver,
  type GitHubFault,
  TOKEN_FAULTS,
  type TokenFault,
  type TransportFault,
} from "./faults.ts";
import { Cloud, CloudServer, type Exchange, type RequestRecord } from "./server.ts";
import { GITHUB_PROVIDER } from "./trust.ts";

export type { JobClaims } from "./claims.ts";

/** A request to the ID token endpoint, or to a path that does not exist (then without a job). */
export interface IdTokenRequest extends RequestRecord {
  job: CloudJob | undefined;
  /** As asked for; undefined when the request named none. */
  audience: string | undefined;
  /** How many requests this job has made, this one included. */
  count: number;
  /** The good token that was issued, times in seconds since the epoch. */
  issued: { jti: string; iat: number; exp: number } | undefined;
}

export interface GitHubOptions {
  /** exp - iat of ID tokens, seconds; GitHub's are 300 (actions/toolkit#2048). */
  idTokenSeconds: number;
  /** How long a job's request token lives from the job's start, seconds; GitHub's live 6 h 10 min. */
  requestTokenSeconds: number;
  /** Wait before each answer, milliseconds. */
  latencyMs: number;
  /** Undefined: plain HTTP only. */
  authority: Authority | undefined;
}

/** GitHub's nbf lies before iat, and a request token's before the start of its job, by ten minutes each. */
const NBF_MARGIN_SECONDS = 600;

/**
 * Where jobs get ID tokens when the cloud also serves TLS: a name like the real ones. Their issuer has its
 * real name then.
 */
export const ID_TOKEN_HOST = "run-actions-1-azure-eastus.actions.githubusercontent.com";

interface Signer {
  kid: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

/** One job: the environment its steps get, and whether the server considers it in progress. */
export class CloudJob {
  readonly environment: { ACTIONS_ID_TOKEN_REQUEST_URL: string; ACTIONS_ID_TOKEN_REQUEST_TOKEN: string };
  /** The claims of every ID token from now on; a test may change them. */
  readonly claims: JobClaims;
  /** exp of the request token, seconds since the epoch. */
  readonly requestTokenExpires: number;
  /** Requests made so far. */
  requestCount = 0;
  #finished = false;
  #startsAt = 0;
  #refusals = 0;

  constructor(environment: CloudJob["environment"], claims: JobClaims, requestTokenExpires: number) {
    this.environment = environment;
    this.claims = claims;
    this.requestTokenExpires = requestTokenExpires;
  }

  /**
   * The server refuses ID tokens as for a job "not in progress" yet, for so many milliseconds from now and
   * for so many requests.
   */
  delayStart(until: { ms?: number; requests?: number }): void {
    this.#startsAt = Date.now() + (until.ms ?? 0);
    this.#refusals = until.requests ?? 0;
  }

  /** The job is over: no more ID tokens. */
  finish(): void {
    this.#finished = true;
  }

  /** Whether an ID token may be issued; each call counts as one of `delayStart`'s requests. */
  takeInProgress(): boolean {
    if (this.#refusals > 0) {
      this.#refusals--;
      return false;
    }
    return !this.#finished && Date.now() >= this.#startsAt;
  }
}

/** GitHub's part: the ID token endpoint of jobs, and the issuer's key set and discovery document. */
export class GitHubCloud extends Cloud {
  /** `iss` of ID tokens. */
  readonly issuer: string;
  /** The issuer's public keys, as `/.well-known/jwks` serves them. */
  readonly jwks: JSONWebKeySet;
  /** Every request but those for the issuer's two documents. */
  readonly requests: IdTokenRequest[] = [];
  idTokenSeconds: number;
  requestTokenSeconds: number;
  latencyMs: number;
  /** Asked before each answer to the ID token endpoint; what it returns goes wrong. */
  fault: ((request: IdTokenRequest) => GitHubFault | undefined) | undefined;
  #endpoint: string;
  #jobs = new Map<string, CloudJob>();
  /** Signature to the name of what it signed: every token issued. */
  #signatures = new Map<string, string>();
  #idTokenSigner: Signer;
  #requestTokenSigner: Signer;

  private constructor(
    server: CloudServer,
    idTokens: Signer,
    requestTokens: Signer,
    jwks: JSONWebKeySet,
    options: GitHubOptions,
  ) {
    super(server);
    this.#endpoint = server.tlsPort === undefined ? server.url : `https://${ID_TOKEN_HOST}`;
    this.issuer = server.tlsPort === undefined ? server.url : `https://${GITHUB_PROVIDER}`;
    this.jwks = jwks;
    this.idTokenSeconds = options.idTokenSeconds;
    this.requestTokenSeconds = options.requestTokenSeconds;
    this.latencyMs = options.latencyMs;
    this.#idTokenSigner = idTokens;
    this.#requestTokenSigner = requestTokens;
    server.handler = (exchange) => this.#handle(exchange);
  }

  static async start(options: GitHubOptions): Promise<GitHubCloud> {
    signers ??= Promise.all([makeSigner(), makeSigner()]);
    const [idTokens, requestTokens] = await signers;
    const jwks = {
      keys: [{ ...(await exportJWK(idTokens.publicKey)), kid: idTokens.kid, alg: "RS256", use: "sig" }],
    };
    const server = await CloudServer.start(
      options.authority && { authority: options.authority, name: GITHUB_PROVIDER },
    );
    return new GitHubCloud(server, idTokens, requestTokens, jwks, options);
  }

  /**
   * Starts a job. Claims not given are made to agree with those that are; an explicit `sub` stands for a
   * customised template.
   */
  startJob(claims: Partial<JobClaims> = {}, format: SubjectFormat = "classic"): CloudJob {
    const now = Math.floor(Date.now() / 1000);
    const expires = now + this.requestTokenSeconds;
    // The shape of the real address: a pool number, an empty segment, and a query to add to.
    const path = `/${randomInt(1, 100)}//idtoken/${randomUUID()}/${randomUUID()}`;
    const requestToken = signJwt(this.#requestTokenSigner, {
      nameid: randomUUID(),
      scp: `Actions.Results:${randomUUID()}:${randomUUID()} Actions.GenericRead:${randomUUID()}`,
      IdentityTypeClaim: "System:ServiceIdentity",
      idtoken: path,
      nbf: now - NBF_MARGIN_SECONDS,
      exp: expires,
      iss: `https://${GITHUB_PROVIDER}`,
      aud: `https://${GITHUB_PROVIDER}`,
    });
    const job = new CloudJob(
      {
        ACTIONS_ID_TOKEN_REQUEST_URL: `${this.#endpoint}${path}?api-version=2.0`,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: requestToken,
      },
      jobClaims(claims, format),
      expires,
    );
    this.#jobs.set(path, job);
    this.#remember(requestToken, `request token of job ${path}`);
    return job;
  }

  /** Names every token issued so far whose signature, without which it is worth nothing, stands in `text`. */
  findIssued(text: string): string[] {
    return [...this.#signatures].filter(([signature]) => text.includes(signature)).map(([, name]) => name);
  }

  #remember(token: string, name: string): void {
    const signature = token.split(".")[2];
    if (signature) this.#signatures.set(signature, name);
  }

  async #handle(exchange: Exchange): Promise<void> {
    const { request, record, closing } = exchange;
    if (record.path.startsWith("/.well-known/")) {
      await deliver(exchange, async () => this.#document(record.path));
      return;
    }
    const job = this.#jobs.get(record.path);
    const audience = new URLSearchParams(request.url?.slice(record.path.length)).get("audience") ?? undefined;
    if (job !== undefined) job.requestCount++;
    const entry: IdTokenRequest = {
      ...record,
      job,
      audience,
      count: job?.requestCount ?? 0,
      issued: undefined,
    };
    this.requests.push(entry);

    if (this.latencyMs > 0) await sleep(this.latencyMs, undefined, { signal: closing });
    const fault = await afterDelay<TransportFault | TokenFault>(this.fault?.(entry), closing);
    const answer = () =>
      this.#idToken(entry, request.headers.authorization, isTokenFault(fault) ? fault : undefined);
    entry.status = await deliver(exchange, answer, isTokenFault(fault) ? undefined : fault);
    entry.answeredAt = Date.now();
  }

  #document(path: string): Answer {
    if (path === "/.well-known/jwks") return json(200, this.jwks);
    if (path === "/.well-known/openid-configuration") {
      return json(200, {
        issuer: this.issuer,
        jwks_uri: `${this.issuer}/.well-known/jwks`,
        subject_types_supported: ["public", "pairwise"],
        response_types_supported: ["id_token"],
        claims_supported: [
          "aud",
          "exp",
          "iat",
          "iss",
          "jti",
          "nbf",
          ...Object.keys(jobClaims({}, "classic")),
        ],
        id_token_signing_alg_values_supported: ["RS256"],
        scopes_supported: ["openid"],
      });
    }
    return refusal(404, "not found");
  }

  async #idToken(
    entry: IdTokenRequest,
    authorization: string | undefined,
    fault: TokenFault | undefined,
  ): Promise<Answer> {
    const { job, path } = entry;
    if (job === undefined) return refusal(404, "not found");
    if (entry.method !== "GET") return refusal(405, "method not allowed");
    try {
      const bearer = /^bearer +(\S+)$/i.exec(authorization ?? "")?.[1] ?? "";
      const { payload } = await jwtVerify(bearer, this.#requestTokenSigner.publicKey, {
        algorithms: ["RS256"],
      });
      if (payload.idtoken !== path) return refusal(401, "token is for another job");
    } catch {
      return refusal(
        401,
        Date.now() / 1000 >= job.requestTokenExpires ? "token is expired" : "token is invalid",
      );
    }
    // The runner's source knows this refusal (actions/runner, src/Runner.Worker/JobRunner.cs); its status and
    // words are not documented anywhere.
    if (!job.takeInProgress()) return refusal(403, "Can't issue ID_TOKEN for non-inprogress job");

    const { value, payload } = this.issue(job, entry.audience, fault);
    if (fault === undefined) entry.issued = payload;
    return json(200, { count: value.length, value });
  }

  /** An ID token of the job, as the endpoint would answer with now. */
  issue(
    job: CloudJob,
    audience = `https://github.com/${job.claims.repository_owner}`,
    fault?: TokenFault,
  ): { value: string; payload: { jti: string; iat: number; exp: number } } {
    const now = Math.floor(Date.now() / 1000);
    const { sub, ...claims } = job.claims;
    const times = { nbf: now - NBF_MARGIN_SECONDS, exp: now + this.idTokenSeconds, iat: now };
    const payload = { jti: randomUUID(), sub, aud: audience, ...claims, iss: this.issuer, ...times };
    const value = this.#token(payload, fault);
    this.#remember(value, `ID token ${payload.jti}`);
    return { value, payload: { jti: payload.jti, iat: now, exp: times.exp } };
  }

  #token(payload: JWTPayload, fault: TokenFault | undefined): string {
    const now = Math.floor(Date.now() / 1000);
    const signed = (changes: Record<string, unknown>) =>
      signJwt(this.#idTokenSigner, { ...payload, ...changes });
    if (typeof fault === "object") return "value" in fault ? fault.value : signed(fault.claims);
    const past = now - 60 - this.idTokenSeconds;
    switch (fault) {
      case undefined:
        return signed({});
      case "empty-value":
        return "";
      case "not-a-jwt":
        return "this is not a token";
      case "expired-token":
        return signed({ iat: past, nbf: past, exp: now - 60 });
      case "future-token":
        return signed({ iat: now + 3600, nbf: now + 3600, exp: now + 3600 + this.idTokenSeconds });
      case "other-audience":
        return signed({ aud: "https://somebody.example" });
      case "no-exp":
        return signed({ exp: undefined });
      case "bad-signature":
        return signJwt({ ...this.#requestTokenSigner, kid: this.#idTokenSigner.kid }, payload);
    }
  }
}

function isTokenFault(fault: TransportFault | TokenFault | undefined): fault is TokenFault {
  return typeof fault === "object"
    ? "claims" in fault || "value" in fault
    : TOKEN_FAULTS.some((name) => name === fault);
}

/**
 * Made once per process: two RSA keys cost a few hundred milliseconds, which every start of the clouds would
 * pay.
 */
let signers: Promise<[Signer, Signer]> | undefined;

async function makeSigner(): Promise<Signer> {
  const pair = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  return { kid: randomUUID(), ...pair };
}

function signJwt(signer: Signer, payload: JWTPayload): string {
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const signed = `${encode({ typ: "JWT", alg: "RS256", kid: signer.kid })}.${encode(payload)}`;
  return `${signed}.${sign("sha256", Buffer.from(signed), signer.privateKey).toString("base64url")}`;
}

function json(status: number, value: unknown): Answer {
  const headers = { "content-type": "application/json; charset=utf-8" };
  return { status, headers, body: JSON.stringify(value) };
}

function refusal(status: number, errorMessage: string): Answer {
  return json(status, { source: "actions-run-service", statusCode: status, errorMessage });
}
