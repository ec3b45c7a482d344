// docs/troubleshooting.md has an entry for every error and warning of the action, under the anchor that the log
// links to and with words that a search of the page finds.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";
import { planEnvironment } from "../src/aws/environment.ts";
import { overrideWarning } from "../src/aws/restore.ts";
import { checkEndpoints } from "../src/aws/sts-endpoint.ts";
import { UserError } from "../src/base/errors.ts";
import { jobDirectory, tokenKeeper } from "../src/base/layout.ts";
import type { FailureKind } from "../src/base/network.ts";
import { checkProxies, knowsProxies, proxyWarning } from "../src/base/proxy.ts";
import { jobDirectoryPath } from "../src/base/runner-temp.ts";
import { ANCHORS, type Anchor, troubleshootingLink } from "../src/base/troubleshooting.ts";
import { noUse } from "../src/check-uses.ts";
import { explainChainFailure } from "../src/explain/chain.ts";
import { explainIdTokenFailure, explainNoPermission } from "../src/explain/id-token.ts";
import { explainStsFailure } from "../src/explain/sts.ts";
import { REFUSED } from "../src/incumbent-inputs.ts";
import { checkAccount, loadInputs } from "../src/inputs.ts";
import { findSource, refuseSourceOfAnother } from "../src/job/chain.ts";
import { openJobDirectory } from "../src/job/private-directory.ts";
import type { Ending, KeeperStatus } from "../src/keeper/status.ts";
import { describeHealth, replacedWarning } from "../src/report/health.ts";
import { makeReport } from "../src/report/report.ts";

const ROOT = path.join(import.meta.dirname, "..");
const ROLE = "arn:aws:iam::111122223333:role/deploy";

const PAGE = readFileSync(path.join(ROOT, "docs/troubleshooting.md"), "utf8");
const heading = (entry: string) => entry.slice(0, entry.indexOf("\n"));
// GitHub's anchors: lower case, without punctuation, spaces as hyphens.
const anchorOf = (entry: string) =>
  heading(entry)
    .toLowerCase()
    .replace(/[^\w\- ]/g, "")
    .replaceAll(" ", "-");
const sections = PAGE.split(/^## /m).slice(1);
const entriesOf = (text: string) => text.split(/^### /m).slice(1);
const entries = entriesOf(PAGE);
const byAnchor = new Map(entries.map((entry) => [anchorOf(entry), entry]));
const sources = readdirSync(path.join(ROOT, "src"), { encoding: "utf8", recursive: true })
  .filter((name) => name.endsWith(".ts") && !name.endsWith("troubleshooting.ts"))
  .map((name) => readFileSync(path.join(ROOT, "src", name), "utf8"));

/** Entries for warnings that have no link. */
const UNLINKED = ["ambient-variables-were-replaced", "a-chosen-profile-may-lose", "clean-up-failed"];

type Said = [anchor: string, text: string];

function saidOfSts(): Said[] {
  const claims = { iss: "https://token.actions.githubusercontent.com", sub: "repo:o/r:ref:refs/heads/main" };
  const situation = {
    roleArn: ROLE,
    region: "eu-west-1",
    stsEndpoint: undefined as string | undefined,
    endpointHost: "sts.eu-west-1.amazonaws.com",
    proxy: undefined,
    audience: "sts.amazonaws.com",
    claims,
    clockSkewSeconds: undefined,
    trustPolicy: undefined,
    accountIsMasked: false,
    durationSeconds: undefined,
    attempts: 1,
  };
  const failures: [kind: FailureKind, code?: string, message?: string][] = [
    ["denied", "AccessDenied"],
    [
      "denied",
      "InvalidIdentityToken",
      "No OpenIDConnect provider found in your account for https://token.actions.githubusercontent.com",
    ],
    ["denied", "InvalidIdentityToken", "Incorrect token audience"],
    ["provider", "InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider"],
    [
      "denied",
      "InvalidIdentityToken",
      "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
    ],
    ["denied", "IDPRejectedClaim"],
    ["denied", "ExpiredTokenException"],
    ["provider", "IDPCommunicationError"],
    ["denied", "RegionDisabledException"],
    ["denied", "MalformedPolicyDocument"],
    ["denied", "ValidationError"],
    ["throttled", "Throttling"],
    ["malformed", "Unknown"],
    ["server-error", "ServiceUnavailable"],
    ["denied", "NeverSeen"],
    ["unknown-name", "ENOTFOUND"],
    ["dns", "EAI_AGAIN"],
    ["unreachable", "ECONNREFUSED"],
    ["proxy", "ERR_PROXY_TUNNEL"],
    ["not-tls", "EPROTO"],
    ["certificate", "SELF_SIGNED_CERT_IN_CHAIN"],
  ];
  const minio: typeof failures = [
    ["denied", "AccessDenied"],
    [
      "denied",
      "InvalidParameterValue",
      "STS JWT Token has `azp` claim invalid, `azp` must match configured OpenID Client ID",
    ],
    ["denied", "ExpiredToken"],
    ["denied", "InvalidParameterValue", "Token used before issued"],
    ["denied", "InvalidIdentityToken"],
    ["denied", "InvalidParameterValue"],
    ["throttled", "SlowDown"],
    ["provider", "IDPCommunicationError"],
    ["server-error", "InternalError"],
    ["not-tls", "EPROTO"],
    ["unreachable", "ECONNREFUSED"],
  ];
  const host = "minio.example.com:9000";
  const there = { ...situation, stsEndpoint: `https://${host}`, endpointHost: host };
  return [...failures, ...minio].map(([kind, code, message = "x"], index) => {
    const error = explainStsFailure({ kind, code, message }, index < failures.length ? situation : there);
    return [error.anchor, error.message];
  });
}

function saidOfIdToken(): Said[] {
  const failures: [kind: FailureKind, code?: string][] = [
    ["refused"],
    ["throttled"],
    ["malformed"],
    ["unknown-name", "ENOTFOUND"],
    ["dns", "EAI_AGAIN"],
    ["unreachable", "ECONNREFUSED"],
    ["proxy", "ERR_PROXY_TUNNEL"],
    ["not-tls", "EPROTO"],
    ["certificate", "CERT_HAS_EXPIRED"],
  ];
  const situation = { audience: "a", endpointHost: "actions.example.com", proxy: undefined };
  return [
    explainNoPermission({ eventName: "push", actor: "x" }),
    ...failures.map(([kind, code]) =>
      explainIdTokenFailure({ kind, code, message: "x", httpStatus: 401 }, situation),
    ),
  ].map((error) => [error.anchor, error.message]);
}

function saidOfChains(): Said[] {
  const job = jobDirectory("/nowhere/aws-role-refresh");
  const source = (profile: string) =>
    saidBy(() => findSource(job, { id: "a", profile: "a" }, { profile }, []));
  const situation = {
    roleArn: ROLE,
    region: "eu-west-1",
    stsEndpoint: undefined,
    endpointHost: "sts.eu-west-1.amazonaws.com",
    proxy: undefined,
    source: "profile base (source-profile)",
    durationSeconds: 7200,
    isSelf: false,
  };
  const failures: [code: string, message?: string, isSelf?: boolean][] = [
    ["NoSource"],
    ["Throttling"],
    ["AccessDenied"],
    ["AccessDenied", "x", true],
    ["ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."],
    ["ValidationError", "The requested DurationSeconds exceeds the 1 hour limit for roles by role chaining"],
    ["PackedPolicyTooLarge"],
  ];
  return [
    source("a"),
    source("b"),
    saidBy(() => findSource(job, { id: "a", profile: "a" }, { sameProfile: true }, [])),
    saidBy(() => refuseSourceOfAnother("base", [{ section: "\nsource_profile = base\n", roleArn: ROLE }])),
    ...failures.map(([code, message = "x", isSelf = false]): Said => {
      const about = { attempts: 1, endpointUrl: "https://sts.eu-west-1.amazonaws.com", roleArn: ROLE };
      const failure = { kind: "denied" as const, code, message, ...about };
      const error = explainChainFailure(failure, { ...situation, isSelf });
      return [error.anchor, error.message];
    }),
  ];
}

/** What a UserError says. */
function saidBy(fail: () => unknown): Said {
  try {
    fail();
  } catch (error) {
    if (error instanceof UserError) return [error.anchor, error.message];
    throw error;
  }
  throw new Error(`did not fail: ${fail}`);
}

function saidOfInputs(): Said[] {
  const given = { "role-to-assume": ROLE, "aws-region": "eu-west-1" };
  const load = (inputs: Record<string, string>) =>
    loadInputs((name) => ({ ...given, ...inputs })[name] ?? "", { id: "1", attempt: "1" });
  const wrong = {
    "role-to-assume": "x",
    "aws-region": "eu-west-1a",
    profile: "a b",
    "role-session-name": "a b",
    audience: "a b",
    "allowed-account-ids": "1",
    "sts-endpoint": "x",
    trial: "x",
    "mask-aws-account-id": "x",
    "mirror-environment": "x",
    "explain-trust-policy": "x",
    summary: "x",
    "shared-session": "x",
    "role-duration-seconds": "x",
    "inline-session-policy": "x",
    "managed-session-policies": "x",
    "outlive-id-tokens": "x",
    "role-chaining": "x",
    "source-profile": "a b",
    "credential-source": "x",
    "role-external-id": "x",
    "output-credentials": "x",
    "http-proxy": "x",
    "force-skip-oidc": "true",
    ...Object.fromEntries(Object.entries(REFUSED).map(([name, { value = "x" }]) => [name, String(value)])),
  };
  const together = [
    { "source-profile": "a", "role-chaining": "true" },
    { "shared-session": "false", "outlive-id-tokens": "true" },
    { profile: "a", "aws-profile": "b" },
    { "inline-session-policy": JSON.stringify({ Statement: "x".repeat(2_048) }) },
  ];
  return [
    ...Object.entries(wrong).map(([name, value]) => saidBy(() => load({ [name]: value }))),
    ...together.map((inputs) => saidBy(() => load(inputs))),
    saidBy(() => load({ "role-to-assume": "" })),
    saidBy(() => checkAccount(load({ "allowed-account-ids": "444455556666" }), "111122223333")),
  ];
}

const use = {
  profile: "default",
  configFile: "/c",
  credentialsFile: "/d",
  region: "eu-west-1",
  identity: { roleArn: ROLE, sessionName: "s", tokenFile: "/t" },
  sessionName: "s",
  stsEndpoint: undefined,
  mirror: "auto" as const,
};

function saidOfEnvironment(): Said[] {
  const webIdentity = { AWS_ROLE_ARN: "x", AWS_WEB_IDENTITY_TOKEN_FILE: "/x" };
  const ambient = {
    ...webIdentity,
    AWS_ACCESS_KEY_ID: "x",
    AWS_CONTAINER_CREDENTIALS_FULL_URI: "x",
    AWS_PROFILE: "x",
  };
  const { warnings } = planEnvironment(ambient, use);
  const ecs = { roleArn: ROLE, sessionName: "s", source: { credentials: "EcsContainer" as const } };
  const losing = [
    ...planEnvironment({ AWS_DEFAULT_PROFILE: "x" }, { ...use, profile: "a" }).warnings,
    ...planEnvironment({}, { ...use, mirror: "always" }).warnings,
    ...planEnvironment({ AWS_CONTAINER_CREDENTIALS_FULL_URI: "x" }, { ...use, identity: ecs }).warnings,
  ];
  // All that the source has.
  const pushes = sources.flatMap(
    (source) =>
      source.match(
        /\bwarnings(?:\.push\(|: \[|: .*\.map\(\s*\(name\) =>)\s*`|\breturn emptied\(|\bconst warning = `/g,
      ) ?? [],
  );
  expect([warnings.length, losing.length, pushes.length]).toEqual([4, 3, 8]);
  return [
    ...warnings.map((warning): Said => ["ambient-variables-were-replaced", warning]),
    ...losing.map((warning): Said => ["a-chosen-profile-may-lose", warning]),
    [
      "proxy-cannot-be-used",
      proxyWarning({ https_proxy: "http://proxy.example.com" }, "https://x.example.com", "20.0.0") ?? "",
    ],
    ["proxy-cannot-be-used", proxyWarning({ https_proxy: "proxy:3128" }, "https://x.example.com") ?? ""],
    ...(knowsProxies(process.versions.node) ? [saidBy(() => checkProxies({ HTTPS_PROXY: "http://:" }))] : []),
    saidBy(() =>
      planEnvironment(
        { AWS_ENDPOINT_URL: "x" },
        { ...use, profile: "a", stsEndpoint: "https://x.example.com" },
      ),
    ),
    saidBy(() => planEnvironment({ AWS_ENDPOINT_URL: "http://x.example" }, use)),
    ...saidOfEndpoints(),
    saidBy(() => planEnvironment(webIdentity, { ...use, profile: "a" })),
    saidBy(() => planEnvironment({}, { ...use, profile: "a", mirror: "always" })),
    saidBy(() => planEnvironment(webIdentity, { ...use, mirror: "never" })),
    saidBy(() => planEnvironment(webIdentity, { ...use, identity: { sessionFile: "/s" } })),
    saidBy(() => planEnvironment({}, { ...use, identity: { sessionFile: "/s" }, mirror: "always" })),
    saidBy(() => jobDirectoryPath(undefined)),
    saidBy(() => jobDirectoryPath("/a#b")),
    saidBy(() => openJobDirectory(jobDirectory("/proc/nowhere/aws-role-refresh"))),
    saidBy(() => openJobDirectory(jobDirectory("/dev/null"))),
  ];
}

function saidOfEndpoints(): Said[] {
  const aws = { profile: "a", section: "[profile a]\n", exported: {} };
  const minio = { profile: "default", section: "", exported: { AWS_ENDPOINT_URL_STS: "https://x.example" } };
  return [
    saidBy(() => checkEndpoints(aws, [minio], "", {})),
    saidBy(() => checkEndpoints(minio, [aws], "", {})),
    saidBy(() => checkEndpoints(aws, [], "[profile a]\nendpoint_url = http://x.example\n", {})),
  ];
}

function saidOfReport(): Said[] {
  const keeper: KeeperStatus = {
    ...{
      pid: 1,
      started: "1",
      startedAt: 0,
      tokenReceivedAt: 0,
      tokenExpiresAt: 300_000,
      lifetimeMs: 300_000,
      silentUntil: 170_000,
      refreshes: 0,
      failures: 0,
    },
    ...{ longestAgeMs: 0, received: [0], outages: [], stale: [] },
  };
  const report = (changes: Partial<KeeperStatus>, died = false) =>
    makeReport([
      {
        ...{
          id: "1",
          startedAt: 0,
          endedAt: 600_000,
          profile: "default",
          roleArn: ROLE,
          sessionName: "s",
          audience: "a",
        },
        keepers: [tokenKeeper("a")],
        ended: [{ id: tokenKeeper("a"), status: { ...keeper, ...changes }, died }],
      },
    ]).warnings;
  const stopped = { ended: { at: 600_001, why: "stopped" as const } };
  const stale = Array.from({ length: 9 }, (_, n) => ({ from: n * 1_000, to: n * 1_000 + 500 }));
  const outages = [{ from: 0, to: 900, attempts: 3, lastError: "x" }];
  const early = (why: Ending) =>
    report({ ended: { at: 300_000, why } }).map((text): Said => ["keeper-was-gone", text]);
  return [
    [
      "a-later-step-replaced-the-role",
      overrideWarning({ AWS_ACCESS_KEY_ID: "x" }, { ...use, roleArn: ROLE, exported: {}, previous: {} }) ??
        "",
    ],
    ...report({ ...stopped, stale, outages }).map((text): Said => ["token-was-stale", text]),
    ...[...report({}), ...report({}, true)].map((text): Said => ["keeper-was-gone", text]),
    ...early("failed"),
    ...early("job over"),
    ...early("job directory gone"),
    ...report({ ended: { at: 300_000, why: "request token expired" } }).map(
      (text): Said => ["job-outlived-its-id-tokens", text],
    ),
  ];
}

function saidOfCheck(): Said[] {
  const job = jobDirectory("/t/aws-role-refresh");
  const found = { trouble: "died" as const, remainingMs: -1, status: undefined };
  return [
    ...[{}, { AWS_CONFIG_FILE: job.config }].map((env): Said => saidBy(() => raise(noUse(job, env)))),
    ["keeper-was-replaced", replacedWarning(found)],
    [
      "keeper-was-replaced",
      `aws-role-refresh: unhealthy; profile default, ${describeHealth(found, "token", Date.UTC(2026, 0, 1, 14, 3, 22, 1))}; repaired`,
    ],
  ];
}

function raise(error: Error): never {
  throw error;
}

/** The texts that an entry is found by, each up to what differs from case to case. */
function quotedIn(entry: string): string[] {
  const blocks = [...entry.matchAll(/^```text\n([\s\S]*?)\n```$/gm)].map(([, text = ""]) => text);
  return [...blocks, ...[...entry.matchAll(/^`([^`]+)`/gm)].map(([, text = ""]) => text)];
}

/** Length of the longest run of characters that both have. */
function commonRun(one: string, other: string): number {
  let longest = 0;
  for (let from = 0; from < one.length; from++) {
    while (from + longest < one.length && other.includes(one.slice(from, from + longest + 1))) longest++;
  }
  return longest;
}

describe("an entry", () => {
  test("has the error's text, its cause and its fix, and an anchor of its own", () => {
    expect(byAnchor.size).toBe(entries.length);
    const incomplete = entries.filter(
      (entry) =>
        quotedIn(entry).length === 0 ||
        !/^\*\*Cause:\*\* \S/m.test(entry) ||
        !/^\*\*Fix:\*\* \S/m.test(entry),
    );
    expect(incomplete.map(heading)).toEqual([]);
  });

  test("is there for every anchor, and an anchor for every entry about the action's own messages", () => {
    const ofSteps = sections
      .filter((section) => !section.startsWith("A later step"))
      .flatMap(entriesOf)
      .map(anchorOf)
      .filter((anchor) => !UNLINKED.includes(anchor));
    expect(new Set(ANCHORS).size).toBe(ANCHORS.length);
    expect([...ANCHORS].sort()).toEqual(ofSteps.sort());
  });

  test("is linked from the source", () => {
    const links = (anchor: Anchor) =>
      sources.some(
        (source) =>
          source.includes(`"${anchor}"`) ||
          source.includes(`\`\${of}${anchor.replace(/^id-token|^sts/, "")}\``),
      );
    expect(ANCHORS.filter((anchor) => !links(anchor))).toEqual([]);
  });

  test("is where the link leads: on the page of the major version", () => {
    const major = (
      JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as { version: string }
    ).version.split(".")[0];
    expect(troubleshootingLink("access-denied")).toBe(
      `https://github.com/org/aws-role-refresh/blob/v${major}/docs/troubleshooting.md#access-denied`,
    );
  });

  test("has links to other entries that are there", () => {
    const linked = entries.flatMap((entry) =>
      [...entry.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor = ""]) => anchor),
    );
    expect(linked.length).toBeGreaterThan(5);
    const headings = new Set([...byAnchor.keys(), ...sections.map(anchorOf)]);
    expect(linked.filter((anchor) => !headings.has(anchor))).toEqual([]);
  });
});

const SAID: Said[] = [
  ...saidOfSts(),
  ...saidOfIdToken(),
  ...saidOfInputs(),
  ...saidOfChains(),
  ...saidOfEnvironment(),
  ...saidOfReport(),
  ...saidOfCheck(),
  ...[
    "read the state",
    "remove the profile and the token",
    "delete the AWS CLI's cached sessions",
    "restore the environment",
    "write the report",
    "lock the job directory",
    "end the keeper and delete the token",
    "end the keeper and delete the session",
    "end the keeper",
    "restore the profile",
    "record the end of this use",
    "delete the job directory",
  ].map((what): Said => ["clean-up-failed", `Could not ${what}: x`]),
];

/** What tools of later steps print. */
const LATER: Said[] = [
  [
    "no-credentials-found",
    'Unable to locate credentials. You can configure credentials by running "aws login".',
  ],
  [
    "another-user-by-su-or-sudo",
    'Unable to locate credentials. You can configure credentials by running "aws login".',
  ],
  [
    "another-user-by-su-or-sudo",
    "sudo: sorry, you are not allowed to set the following environment variables: AWS_CONFIG_FILE",
  ],
  ["short-sessions-of-minio", "403 InvalidTokenId: The security token included in the request is invalid"],
  ["audience-not-registered", "`azp` must match configured OpenID Client ID"],
];

describe("every error that a later step or another server prints is found", () => {
  test.each(LATER)("under %s: %s", (anchor, text) => {
    const runs = quotedIn(byAnchor.get(anchor) ?? "").map((quote) => commonRun(quote, text));
    expect(Math.max(0, ...runs)).toBe(text.length);
  });

  test("plain sudo, su, and how long a MinIO session is valid are explained", () => {
    expect(byAnchor.get("another-user-by-su-or-sudo")).toMatch(/`sudo` removes the variables.*`su -`/);
    expect(byAnchor.get("no-credentials-found")).toContain("(#another-user-by-su-or-sudo)");
    expect(byAnchor.get("short-sessions-of-minio")).toContain("valid only until the ID token expires");
  });
});

describe("every error and warning of the action is found", () => {
  test.each(SAID)("under %s: %s", (anchor, text) => {
    const runs = quotedIn(byAnchor.get(anchor) ?? "").map((quote) => commonRun(quote, text));
    expect(Math.max(0, ...runs)).toBeGreaterThanOrEqual(20);
  });

  test("by every anchor but those that a disk or a process must fail for", () => {
    const covered = new Set(SAID.map(([anchor]) => anchor));
    const rest = [
      "id-token-endpoint",
      "job-directory-locked",
      "keeper-did-not-start",
      "runner-files",
      "aws-files",
    ];
    expect([...ANCHORS, ...UNLINKED].filter((anchor) => !covered.has(anchor))).toEqual(rest);
  });

  test("by every word of the clean-up", () => {
    const attempts = sources.flatMap((source) =>
      [...source.matchAll(/attempt\("([^"]+)"/g)].map(([, what = ""]) => what),
    );
    expect(attempts.length).toBeGreaterThan(4);
    expect(attempts.filter((what) => !SAID.some(([, text]) => text.includes(what)))).toEqual([]);
  });
});
