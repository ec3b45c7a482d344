import { execFileSync } from "node:child_process";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { FailureKind } from "../../src/base/network.ts";
import { findProxy } from "../../src/base/proxy.ts";
import { jsonLines, printable, quoted, shellWord, shortened } from "../../src/base/text.ts";
import { explainIdTokenFailure, explainNoPermission } from "../../src/explain/id-token.ts";
import { parseTrustPolicy } from "../../src/explain/trust-policy.ts";
import { denied, explainSts, HOST, jsonIn, type Read, read, refused } from "./read.ts";

const KINDS: FailureKind[] = [
  "certificate",
  "not-tls",
  "unknown-name",
  "dns",
  "proxy",
  "unreachable",
  "throttled",
  "server-error",
  "provider",
  "refused",
  "denied",
  "malformed",
];
const CODES = [
  "AccessDenied",
  "InvalidIdentityToken",
  "IDPRejectedClaim",
  "ExpiredToken",
  "RegionDisabled",
  "PackedPolicyTooLarge",
  "ValidationError",
];
const POLICY = JSON.stringify({
  Statement: { Effect: "Allow", Principal: "*", Action: "*", Condition: { StringLike: { "x:sub": "*" } } },
});

describe("text from outside", () => {
  const hostile = fc.oneof(
    fc.string({ unit: "binary", maxLength: 400 }),
    fc
      .array(
        fc.constantFrom(
          "::error::x",
          "\n",
          "\r",
          "\u2028",
          "\u0085",
          "##[",
          "##[error]x",
          " ",
          "\t",
          ":",
          "'",
          '"',
          "`",
          "$",
          "\u001b[31m",
          "\u202e",
          "a",
          "@1",
          "/",
          "\ud800",
        ),
        { maxLength: 12 },
      )
      .map((parts) => parts.join("")),
  );

  function checkLines({ title, text }: Read): void {
    const lines = [title, ...text.split("\n")];
    // What the runner takes for a command: ActionCommand.cs of actions/runner, TryParseV2 and TryParse.
    expect(lines.filter((line) => line.trimStart().startsWith("::") || line.includes("##["))).toEqual([]);
    expect(
      lines.filter((line) => /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(line) || line.length > 4_010),
    ).toEqual([]);
  }

  test("adds no line and no workflow command to an explanation", () => {
    const input = fc.record({
      kind: fc.constantFrom(...KINDS),
      code: fc.oneof(hostile, fc.constantFrom(undefined, ...CODES)),
      message: hostile,
      httpStatus: fc.constantFrom(undefined, 400, 403, 500),
    });
    const names = [
      "sub",
      "aud",
      "iss",
      "repository",
      "ref",
      "environment",
      "job_workflow_ref",
      "repository_id",
    ];
    const anyClaims = fc.record(
      Object.fromEntries(names.map((name) => [name, fc.oneof(hostile, fc.jsonValue())])),
      {
        requiredKeys: [],
      },
    );
    const where = fc.record({
      roleArn: hostile,
      region: hostile,
      endpointHost: hostile,
      proxy: fc.oneof(
        fc.constant(undefined),
        hostile.map((value) => findProxy({ https_proxy: value }, "https://x.example.com")),
        hostile.map((url) => ({ url })),
      ),
      audience: hostile,
      trustPolicy: fc.constantFrom(undefined, parseTrustPolicy(POLICY)),
      accountIsMasked: fc.boolean(),
      attempts: fc.nat(),
    });
    const lines = (explanation: Read) => explanation.text.split("\n").length;
    fc.assert(
      fc.property(input, anyClaims, where, (failure, some, there) => {
        const explanation = explainSts(failure, { ...there, claims: some });
        checkLines(explanation);
        expect(lines(explanation)).toBeLessThan(80);
        const longer = { ...failure, message: `${failure.message}\nmore` };
        expect(lines(explainSts(longer, { ...there, claims: some }))).toBe(lines(explanation));
      }),
      { numRuns: 500 },
    );
  });

  test("nor does the trust policy", () => {
    fc.assert(
      fc.property(hostile, hostile, hostile, hostile, (sid, operator, key, value) => {
        const one = {
          Sid: sid,
          Effect: "Allow",
          Principal: { Federated: value },
          Action: value,
          Condition: { [operator]: { [key]: [value] }, StringEquals: { [`${HOST}:sub`]: value } },
        };
        checkLines(explainSts(denied, { trustPolicy: parseTrustPolicy(JSON.stringify({ Statement: one })) }));
        const wrong = JSON.stringify({ Statement: { ...one, Condition: { [operator]: value } } });
        let why = "";
        try {
          parseTrustPolicy(wrong);
        } catch (error) {
          why = (error as Error).message;
        }
        expect(why).toContain("Not a trust policy");
        checkLines({ title: why, anchor: "", text: "" });
      }),
      { numRuns: 200 },
    );
  });

  test("nor does the ID token endpoint", () => {
    fc.assert(
      fc.property(fc.constantFrom(...KINDS), hostile, hostile, hostile, (kind, one, two, three) => {
        const failure = { kind, message: two, code: three };
        const proxy = { url: two };
        checkLines(read(explainIdTokenFailure(failure, { audience: one, endpointHost: one, proxy })));
        checkLines(read(explainNoPermission({ eventName: one, actor: two })));
      }),
    );
  });

  test("stays what it is in the JSON to paste", () => {
    fc.assert(
      fc.property(hostile, hostile, (sub, aud) => {
        const shown = jsonIn(refused({ sub, aud }, { audience: aud }).text) as {
          Statement: { Condition: { StringEquals: Record<string, string> } }[];
        };
        const literal = (value: string) => value.split("${").join(`\${$}{`);
        expect(shown.Statement[0]?.Condition.StringEquals).toMatchObject({
          [`${HOST}:sub`]: literal(sub),
          [`${HOST}:aud`]: literal(aud),
        });
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) =>
        expect(JSON.parse(jsonLines(value).join("\n"))).toEqual(JSON.parse(JSON.stringify(value))),
      ),
    );
  });

  test("is one word to a shell", () => {
    const words = fc
      .sample(hostile, 200)
      .map((word) => Buffer.from(word).toString("utf8").replaceAll("\0", ""));
    words.push("", "$(id)", "a'b", "'", "\\", "-n", "*", "~", "a b", "!x");
    const printed = execFileSync("sh", ["-c", `printf '%s\\0' ${words.map(shellWord).join(" ")}`], {
      encoding: "utf8",
      timeout: 10_000,
    });
    expect(printed.split("\0").slice(0, -1)).toEqual(words);
  });

  test.each([
    ["::error::x", ": :error::x"],
    [" \t::x", "  : :x"],
    ["a ::x", "a ::x"],
    ["####[[x", "#### [[x"],
    ["a\r\nb\u0007\u2028c\u202ed", "a  b  c d"],
  ])("%j is printed as %j", (given, shown) => expect(printable(given)).toBe(shown));

  test("is bounded", () => {
    expect(printable("x".repeat(9_999))).toHaveLength(4_000);
    expect(shortened("x".repeat(9_999), 10)).toBe(`${"x".repeat(10)}…`);
    expect(shortened("x".repeat(10), 10)).toBe("x".repeat(10));
    expect(quoted("x".repeat(9_999))).toBe(`"${"x".repeat(300)}…"`);
    expect(quoted("a\n\u007f\u{e0001}##[b")).toBe('"a\\n\\u007f\\udb40\\udc01##\\u005bb"');
  });

  test("is never cut inside a number, of which the runner masks only the whole", () => {
    for (let limit = 1; limit < 20; limit++) {
      for (const cut of [printable, quoted, shortened])
        expect(cut("ab:111122223333:cd", limit).replace("111122223333", "")).not.toMatch(/\d/);
    }
  });
});
