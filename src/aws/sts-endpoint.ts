import { UserError } from "../base/errors.ts";
import { quoted } from "../base/text.ts";
import { stsEndpointIn } from "./profile.ts";

/** What decides where the SDKs of later steps send a use's ID token. */
export interface EndpointUse {
  profile: string;
  /** The section of the config file. */
  section: string;
  /** The environment that main exports. */
  exported: Readonly<Record<string, string>>;
}

const VARIABLE = "AWS_ENDPOINT_URL_STS";

/**
 * Refuses a use if its ID token, or that of another use, would go to the wrong server, or over plain http.
 * @param others the uses of the job that are not over
 * @param config the job's config file with this use's section
 */
export function checkEndpoints(
  use: EndpointUse,
  others: readonly EndpointUse[],
  config: string,
  ambient: NodeJS.ProcessEnv,
): void {
  for (const other of others) refuseRival(use, other);
  // The environment's endpoints, which planEnvironment checks, override those in a config file.
  if (use.exported[VARIABLE] || ambient[VARIABLE] || ambient.AWS_ENDPOINT_URL) return;
  refusePlainHttp(stsEndpointIn(config, use.profile), `endpoint_url of profile ${quoted(use.profile)}`);
}

/** An ambient use with sts-endpoint exports its endpoint, which overrides AWS and those of all profiles. */
function refuseRival(use: EndpointUse, other: EndpointUse): void {
  if (loses(use, other))
    throw refusal("An earlier use of this action exported", "this use's ID token", other, "the earlier use");
  // An earlier use of the same profile is shadowed by this one.
  if (other.profile !== use.profile && loses(other, use))
    throw refusal(
      "This use would export",
      `the ID token of profile ${quoted(other.profile)}`,
      use,
      "this use",
    );
}

/** Whether what `other` exports overrides the endpoint of `use`. */
function loses(use: EndpointUse, other: EndpointUse): boolean {
  const exported = other.exported[VARIABLE];
  if (exported === undefined || use.exported[VARIABLE] !== undefined) return false;
  return stsEndpointIn(use.section, use.profile) !== exported;
}

function refusal(what: string, token: string, { exported }: EndpointUse, which: string): UserError {
  return new UserError(
    "sts-endpoint-of-another-use",
    `${what} ${VARIABLE}, so later steps would send ${token} to ${quoted(exported[VARIABLE] ?? "")}. Give ${which} a name (profile: NAME), so that only the steps that choose it use that server.`,
  );
}

/** Refuses an endpoint over plain http to another machine, as the input sts-endpoint is refused. */
export function refusePlainHttp(endpoint: string | undefined, where: string): void {
  if (endpoint === undefined || !URL.canParse(endpoint)) return;
  const { protocol, hostname } = new URL(endpoint);
  if (protocol !== "http:" || isLoopback(hostname)) return;
  throw new UserError(
    "sts-endpoint-over-http",
    `${where} is ${quoted(endpoint)}: later steps would send the ID token there over plain http, where anyone on the network path could use it. ` +
      "Use https, or set the endpoint of the service that needs it, such as AWS_ENDPOINT_URL_S3.",
  );
}

/** Whether a URL's host is this machine itself. */
export function isLoopback(hostname: string): boolean {
  return /^(?:localhost|\[::1\]|127\.\d{1,3}\.\d{1,3}\.\d{1,3})$/.test(hostname);
}

/** Whether the input sts-endpoint names another server (MinIO, Ceph, LocalStack). A VPC endpoint is AWS. */
export function isOtherSts(stsEndpoint: string | undefined): boolean {
  if (stsEndpoint === undefined) return false;
  const host = URL.canParse(stsEndpoint) ? new URL(stsEndpoint).hostname : "";
  return !/\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|api\.aws)$/.test(host);
}
