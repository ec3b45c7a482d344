// Proxies are Node's own affair (https://nodejs.org/api/http.html#built-in-proxy-support): agents with
// `proxyEnv`, from Node 24.5 on. What stands here only tells the user about them.
import * as http from "node:http";
import * as https from "node:https";
import { UserError } from "./errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether a version of Node has agents with `proxyEnv`. */
export function knowsProxies(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 24 || (major === 24 && minor >= 5);
}

/** The proxy that the environment names for a URL, or undefined. Without its user and password. */
export function findProxy(env: Environment, url: string): string | undefined {
  const name = new URL(url).protocol === "http:" ? "http_proxy" : "https_proxy";
  const proxy = env[name] || env[name.toUpperCase()];
  if (!proxy || isExempt(env, new URL(url))) return undefined;
  return isUsable(proxy) ? new URL(proxy).origin : UNUSABLE;
}

const UNUSABLE = "one that Node cannot use, since its URL does not begin with http:// or https://";

function isUsable(proxy: string): boolean {
  return /^https?:\/\//.test(proxy) && URL.canParse(proxy);
}

function isExempt(env: Environment, url: URL): boolean {
  const entries = (env.no_proxy || env.NO_PROXY || "").split(/[\s,]+/).filter((entry) => entry !== "");
  return entries.some(
    (entry) =>
      entry === "*" ||
      url.host === entry ||
      url.hostname === entry ||
      url.hostname.endsWith(`.${entry.replace(/^\*?\./, "")}`),
  );
}

/**
 * Throws a UserError where Node cannot read a proxy of the environment: from 24.5 on each agent would throw
 * for it (parseProxyUrl, lib/internal/http.js in nodejs/node), the SDK's where nothing catches it. The value
 * may hold a password and is not shown.
 */
export function checkProxies(env: Environment): void {
  for (const [{ Agent }, name] of [
    [http, "http_proxy"],
    [https, "https_proxy"],
  ] as const) {
    try {
      new Agent({ keepAlive: false, proxyEnv: env } as https.AgentOptions);
    } catch {
      throw new UserError(
        "proxy-cannot-be-used",
        `${env[name] ? name : name.toUpperCase()} does not hold a URL that Node.js can read. Give it as http://HOST:PORT or ` +
          "http://USER:PASSWORD@HOST:PORT, with what is not a letter or digit in user and password escaped (%40 for @), or remove it.",
      );
    }
  }
}

/** What to say where a proxy is set that this Node cannot use. */
export function proxyWarning(
  env: Environment,
  url: string,
  version: string = process.versions.node,
): string | undefined {
  const proxy = findProxy(env, url);
  if (proxy === UNUSABLE)
    return `The proxy of the environment is ${UNUSABLE}: requests go to GitHub and AWS directly.`;
  if (proxy === undefined || knowsProxies(version)) return undefined;
  return `${proxy} is set as proxy, but Node ${version} cannot use it: requests go to GitHub and AWS directly. Use a runner whose Node is 24.5 or newer.`;
}
