import type { Failure, FailureKind } from "../base/network.ts";
import type { ProxySetting } from "../base/proxy.ts";
import { shellWord } from "../base/text.ts";
import { type Text, text, via } from "./explained.ts";

/** The server that a request was for. */
interface Server {
  /** Also the first word of its anchors. */
  of: "id-token" | "sts";
  /** With the port, where it is not 443. */
  host: string;
  proxy: ProxySetting | undefined;
  /** The input, where the server is the one that it names. */
  stsEndpoint?: string | undefined;
}

type NetworkText = (failure: Failure, server: Server) => Text;
type NetworkKind = keyof typeof TEXTS;

const TEXTS = {
  certificate: ({ code }, { of, host, proxy }) =>
    text(
      `${of}-tls`,
      `The certificate of ${host} cannot be verified${code === undefined ? "" : `: ${code}`}`,
      `Cause: Node.js does not trust the certificate that it received. Usually a proxy or firewall intercepts TLS${via(proxy)} and presents its own CA's certificate; or the runner's clock is wrong.`,
      "Fix: put that CA's certificate (PEM) on the runner and name the file in the job's env: NODE_EXTRA_CA_CERTS for actions, AWS_CA_BUNDLE for later AWS steps.",
      `Check: openssl s_client -connect ${shellWord(withPort(host))} -servername ${shellWord(nameOf(host))} </dev/null | openssl x509 -noout -issuer -dates`,
    ),
  "not-tls": ({ code }, { stsEndpoint, host, proxy }) =>
    text(
      "not-tls",
      `${host} did not answer with TLS${code === undefined ? "" : `: ${code}`}`,
      `Cause: something answered at this address${via(proxy)}, but not with TLS, or only with a TLS version that Node.js refuses. Usually an https URL names a port for plain http, or a proxy answers without TLS.`,
      `Fix: ${stsEndpoint === undefined ? "" : "correct the port in sts-endpoint, or give that server a certificate; or "}correct HTTPS_PROXY, or exempt the host with NO_PROXY. A certificate is not the problem.`,
      `Check on the runner: curl -v ${shellWord(`https://${host}/`)}`,
    ),
  "unknown-name": (failure, { of, host, proxy, stsEndpoint }) =>
    text(
      `${of}-host-not-found`,
      `The name ${askedName(failure, host)} cannot be resolved: ${failure.code ?? "unknown name"}`,
      `Cause: ${of === "id-token" ? "" : `${stsEndpoint === undefined ? "aws-region" : "sts-endpoint"} is misspelled, or `}this runner's DNS does not have the name. The request was for ${host}${via(proxy) || " without a proxy"}.`,
      `Fix: correct ${of === "sts" ? "the input, " : ""}the runner's DNS, or HTTPS_PROXY and NO_PROXY. Check on the runner: nslookup ${shellWord(askedName(failure, host))}`,
    ),
  dns: (failure, { of, host, proxy }) =>
    text(
      `${of}-host-not-found`,
      `DNS did not answer for the name ${askedName(failure, host)}${failure.code === undefined ? "" : `: ${failure.code}`}`,
      `Cause: the DNS server of this runner did not answer, or the runner has no network. The request was for ${host}${via(proxy) || " without a proxy"}.`,
      `Fix: run the job again. If it fails again, correct the runner's network or DNS. Check on the runner: nslookup ${shellWord(askedName(failure, host))}`,
    ),
  proxy: (_, { host, proxy }) =>
    text(
      "proxy-refused",
      `The proxy refused to connect this runner to ${host}`,
      `Fix: allow ${shellWord(withPort(host))} in the proxy${via(proxy)}, or exempt it with NO_PROXY. If the proxy answered 407, put a valid user and password in the URL in HTTPS_PROXY.`,
      `Check on the runner: curl -v ${shellWord(`https://${host}/`)}`,
    ),
  unreachable: ({ code }, { of, host, proxy, stsEndpoint }) => ({
    anchor: `${of}-unreachable`,
    title: `${host} cannot be reached: ${code ?? "no answer"}`,
    lines:
      stsEndpoint === undefined
        ? [
            `Cause: nothing answered${via(proxy) || " (no proxy was used)"}. A firewall or a proxy blocks the connection or, in a private network, a route or VPC endpoint is missing.`,
            `Fix: let the runner reach ${host} over HTTPS, or set HTTPS_PROXY (and NO_PROXY) on the runner. Check on the runner: curl -v ${shellWord(`https://${host}/`)}`,
          ]
        : [
            `Cause: nothing answered${via(proxy) || " (no proxy was used)"}. The server in sts-endpoint is not running or listens on another port, or a firewall or a proxy blocks the connection.`,
            `Fix: start that server before this step, or correct sts-endpoint. Check on the runner: curl -v ${shellWord(stsEndpoint)}`,
          ],
  }),
} satisfies Partial<Record<FailureKind, NetworkText>>;

/** Whether neither GitHub nor STS answered. */
export function isNetworkFailure(failure: Failure): failure is Failure & { kind: NetworkKind } {
  return Object.hasOwn(TEXTS, failure.kind);
}

export function explainNetworkFailure(failure: Failure & { kind: NetworkKind }, server: Server): Text {
  return TEXTS[failure.kind](failure, server);
}

/** The name that DNS was asked for: with a proxy, that is the proxy's. */
function askedName({ message }: Failure, host: string): string {
  return /getaddrinfo \S+ ([\w.-]+)/.exec(message)?.[1] ?? nameOf(host);
}

function nameOf(host: string): string {
  return host.replace(/:\d+$/, "");
}

function withPort(host: string): string {
  return host.includes(":") ? host : `${host}:443`;
}
