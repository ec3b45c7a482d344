// Node.js itself uses the proxies (https://nodejs.org/api/http.html#built-in-proxy-support): agents with
// `proxyEnv`, since Node.js 24.5. This file only explains to the user which proxy that is.
import * as http from "node:http";
import * as https from "node:https";
import { UserError } from "./errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether a version of Node has agents with `proxyEnv`. */
export function knowsProxies(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 24 || (major === 24 && minor >= 5);
}

/** The proxy that the environment names: its URL without user and password, or why Node.js cannot use it. */
export type ProxySetting = { url: string } | { unusable: string };

/** Undefined where the environment names no proxy, or exempts the URL. */
export function findProxy(env: Environment, url: string): ProxySetting | undefined {
  const name = new URL(url).protocol === "http:" ? "http_proxy" : "https_proxy";
  const proxy = env[name] || env[name.toUpperCase()];
  if (!proxy || isExempt(env, new URL(url))) return undefined;
  return /^https?:\/\//.test(proxy) && URL.canParse(proxy)
    ? { url: new URL(proxy).origin }
    : { unusable: "its URL does not begin with http:// or https://" };
}

function isExempt(env: Environment, url: URL): boolean {
  const entries = (env.no_proxy || env.NO_PROXY || "").match(/[^\s,]+/g) ?? [];
  return entries.some(
    (entry) =>
      ["*", url.host, url.hostname].includes(entry) ||
      url.hostname.endsWith(`.${entry.replace(/^\*?\./, "")}`),
  );
}

/**
 * Throws a UserError where Node.js cannot parse a proxy of the environment: since 24.5 each agent would throw
 * for it (parseProxyUrl, lib/internal/http.js in nodejs/node), the SDK's agents where nothing catches it. The
 * value may hold a password and is not shown.
 */
export function checkProxies(env: Environment): void {
  for (const { Agent } of [http, https]) {
    const name = Agent === http.Agent ? "http_proxy" : "https_proxy";
    try {
      new Agent({ keepAlive: false, proxyEnv: env } as https.AgentOptions);
    } catch {
      throw new UserError(
        "proxy-cannot-be-used",
        `${env[name] ? name : name.toUpperCase()} does not hold a URL that Node.js can parse. Write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, ` +
          "and percent-encode special characters in user and password (%40 for @); or remove the variable.",
      );
    }
  }
}

/** The warning where a proxy is set that this Node.js cannot use. */
export function proxyWarning(
  env: Environment,
  url: string,
  version: string = process.versions.node,
): string | undefined {
  const proxy = findProxy(env, url);
  if (proxy === undefined) return undefined;
  if ("unusable" in proxy)
    return `Node.js cannot use the proxy that is set in the environment, because ${proxy.unusable}, so requests bypass it. Write it as http://HOST:PORT.`;
  if (knowsProxies(version)) return undefined;
  return `Node.js ${version} cannot use the proxy ${proxy.url}, so requests bypass it. Use a runner whose Node.js is 24.5 or newer.`;
}
