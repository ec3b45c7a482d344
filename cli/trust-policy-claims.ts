/** The claims of an ID token, from the arguments of trust-policy. The forms of sub: https://docs.github.com/en/actions/reference/security/oidc */
import { isObject } from "../src/base/jwt.ts";
import { quoted } from "../src/base/text.ts";

export type Claims = Record<string, unknown>;

/** What the arguments say about the job. */
export interface Job {
  repository?: string | undefined;
  environment?: string | undefined;
  branch?: string | undefined;
  tag?: string | undefined;
  "pull-request"?: boolean | undefined;
  "repository-id"?: string | undefined;
  "owner-id"?: string | undefined;
}

/** An argument that is missing or wrong. */
export class UsageError extends Error {}

/** The values of sub that GitHub gives such a job: the classic format, and the immutable one if both IDs are known. */
export function subjectsOf(job: Job): string[] {
  const { repository = "", "repository-id": id, "owner-id": ownerId } = job;
  const [, owner, name] = /^([\w.-]+)\/([\w.-]+)$/.exec(repository) ?? [];
  if (owner === undefined) throw new UsageError(`--repository is ${quoted(repository)}, not OWNER/NAME`);
  for (const [option, value] of Object.entries({ "--repository-id": id, "--owner-id": ownerId })) {
    if (value !== undefined && !/^\d+$/.test(value))
      throw new UsageError(`${option} is ${quoted(value)}, not a number`);
  }
  const suffix = suffixOf(job);
  const immutable =
    id !== undefined && ownerId !== undefined ? [`repo:${owner}@${ownerId}/${name}@${id}:${suffix}`] : [];
  return [`repo:${repository}:${suffix}`, ...immutable];
}

function suffixOf(job: Job): string {
  const { environment, branch, tag } = job;
  const suffixes = [
    // GitHub escapes a colon in the name of an environment.
    ...(environment === undefined ? [] : [`environment:${environment.replaceAll(":", "%3A")}`]),
    ...(branch === undefined ? [] : [`ref:refs/heads/${branch}`]),
    ...(tag === undefined ? [] : [`ref:refs/tags/${tag}`]),
    ...(job["pull-request"] ? ["pull_request"] : []),
  ];
  const [suffix] = suffixes;
  if (suffix === undefined || suffixes.length > 1)
    throw new UsageError("give one of --environment, --branch, --tag and --pull-request");
  return suffix;
}

/** What a sub of GitHub's default form says about the other claims. */
export function claimsIn(sub: string): Claims {
  const [, owner, ownerId, name, id, rest = ""] =
    /^repo:([^/:@]+)(?:@(\d+))?\/([^/:@]+)(?:@(\d+))?:(.+)$/.exec(sub) ?? [];
  const [, kind, value = ""] = /^(environment|ref):(.*)$/.exec(rest) ?? [];
  return {
    sub,
    ...(owner !== undefined && { repository: `${owner}/${name}` }),
    ...(id !== undefined && { repository_id: id }),
    ...(ownerId !== undefined && { repository_owner_id: ownerId }),
    ...(kind !== undefined && { [kind]: value.replaceAll("%3A", ":") }),
  };
}

/** The claims in a JSON object, or in lines of the log of a refused run: `  sub   "repo:…"`. Throws a UsageError. */
export function readClaims(text: string): Claims {
  if (text.trimStart().startsWith("{")) {
    try {
      const claims: unknown = JSON.parse(text);
      if (isObject(claims)) return claims;
    } catch {
      // Said below.
    }
    throw new UsageError("--claims is not a JSON object");
  }
  // The log begins each line with the time.
  const lines = [...text.matchAll(/^(?:\S+Z)?[ \t]*(\w+)[ \t]+("(?:[^"\\\n]|\\.)*")[ \t]*\r?$/gm)];
  if (lines.length === 0) throw new UsageError('--claims has no line such as: sub "repo:OWNER/NAME:…"');
  return Object.fromEntries(lines.map(([, name = "", value = '""']) => [name, JSON.parse(value) as string]));
}
