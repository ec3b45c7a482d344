import { expect, test } from "@jest/globals";
import type { Failure } from "../../src/base/network.ts";
import { explainIdTokenFailure, explainNoPermission, type Trigger } from "../../src/explain/id-token.ts";
import { read } from "./read.ts";

const PERMISSION_CASES: [trigger: Partial<Trigger>, has: string[], hasNot: string[]][] = [
  [
    { eventName: "push" },
    [
      "ACTIONS_ID_TOKEN_REQUEST_URL is not set.\nFix: ",
      "\npermissions:\n  id-token: write\n",
      "reusable workflow, the job that calls it",
    ],
    ["fork", "Dependabot"],
  ],
  [{ eventName: "pull_request" }, ["comes from a fork"], ["Dependabot"]],
  [{ eventName: "pull_request_target" }, [], ["comes from a fork"]],
  [{ eventName: "push", actor: "dependabot[bot]" }, ["runs for Dependabot"], ["comes from a fork"]],
];

test.each(PERMISSION_CASES)("explainNoPermission %j", (trigger, has, hasNot) => {
  const explanation = read(explainNoPermission({ eventName: undefined, actor: undefined, ...trigger }));
  expect(explanation.anchor).toBe("id-token-permission");
  expect(explanation.title).toBe(
    "This job is not allowed to request an ID token: it lacks the permission id-token: write",
  );
  for (const part of has) expect(explanation.text).toContain(part);
  for (const part of hasNot) expect(explanation.text).not.toContain(part);
});

const CASES: [
  failure: Omit<Failure, "message"> & { message?: string },
  anchor: string,
  has: string[],
  hasNot: string[],
][] = [
  [
    { kind: "server-error", httpStatus: 500, message: "actions.example.com answered 500" },
    "id-token-refused",
    ["actions.example.com answered 500", "githubstatus"],
    [],
  ],
  [{ kind: "throttled", httpStatus: 429 }, "id-token-refused", ["githubstatus"], []],
  [{ kind: "refused", httpStatus: 401 }, "id-token-refused", ["request token"], ["githubstatus"]],
  [
    { kind: "refused", httpStatus: 404 },
    "id-token-refused",
    ["ACTIONS_ID_TOKEN_REQUEST_URL"],
    ["githubstatus"],
  ],
  [
    { kind: "malformed", message: "the answer is not JSON" },
    "id-token-malformed",
    ["the answer is not JSON", '"sts.amazonaws.com"'],
    [],
  ],
  [
    { kind: "unreachable", code: "ECONNREFUSED" },
    "id-token-unreachable",
    ["let the runner reach actions.example.com"],
    ["misspelled"],
  ],
  [{ kind: "unreachable" }, "id-token-unreachable", ["nothing answered"], []],
  [
    { kind: "unknown-name", code: "ENOTFOUND", message: "getaddrinfo ENOTFOUND proxy.example.com" },
    "id-token-host-not-found",
    ["Fix: correct the runner's DNS", "without a proxy", "nslookup proxy.example.com"],
    ["aws-region", "the input"],
  ],
  [
    { kind: "dns", code: "EAI_AGAIN", message: "getaddrinfo EAI_AGAIN actions.example.com" },
    "id-token-host-not-found",
    ["the DNS server of this runner did not answer", "nslookup actions.example.com"],
    ["misspelled"],
  ],
  [
    { kind: "proxy", code: "ERR_PROXY_TUNNEL" },
    "proxy-refused",
    ["allow actions.example.com:443 in the proxy"],
    ["nothing answered"],
  ],
  [
    { kind: "certificate", code: "CERT_HAS_EXPIRED" },
    "id-token-tls",
    ["-connect actions.example.com:443 -servername actions.example.com "],
    [],
  ],
  [{ kind: "not-tls", code: "EPROTO" }, "not-tls", ["not with TLS"], ["NODE_EXTRA_CA_CERTS", "sts-endpoint"]],
];

test.each(CASES)("explainIdTokenFailure %j", (some, anchor, has, hasNot) => {
  const failure: Failure = { message: "x", ...some };
  const situation = { audience: "sts.amazonaws.com", endpointHost: "actions.example.com", proxy: undefined };
  const error = explainIdTokenFailure(failure, situation);
  const explanation = read(error);
  expect(explanation.anchor).toBe(anchor);
  expect(error.cause).toBe(failure);
  for (const part of has) expect(explanation.text).toContain(part);
  for (const part of hasNot) expect(explanation.text).not.toContain(part);
});
