import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { TrustPolicyContext } from "../../src/explain/conditions.ts";
import {
  evaluateTrustPolicy,
  parseTrustPolicy,
  providerArn,
  type StatementVerdict,
  suggestStatement,
} from "../../src/explain/trust-policy.ts";

const HOST = "token.actions.githubusercontent.com";
const context: TrustPolicyContext = {
  providerHost: HOST,
  accountId: "111122223333",
  partition: "aws",
  action: "sts:AssumeRoleWithWebIdentity",
};
const claims = {
  iss: `https://${HOST}`,
  sub: "repo:octo/app:ref:refs/heads/main",
  aud: "sts.amazonaws.com",
  repository: "octo/app",
  repository_id: "456",
  repository_owner_id: "123",
  ref: "refs/heads/main",
  workflow: "deploy",
  runner_environment: "github-hosted",
};

function policy(statement: object | object[], version = "2012-10-17"): string {
  return JSON.stringify({ Version: version, Statement: statement });
}

function statement(condition: object, changes: object = {}): object {
  return {
    Effect: "Allow",
    Principal: { Federated: providerArn(context) },
    Action: context.action,
    Condition: condition,
    ...changes,
  };
}

function verdictOf(
  one: object,
  asked: Record<string, unknown> = claims,
  version?: string,
  where = context,
): StatementVerdict {
  const [verdict] = evaluateTrustPolicy(parseTrustPolicy(policy(one, version)), asked, where).statements;
  if (!verdict) throw new Error("no statement");
  return verdict;
}

describe("parseTrustPolicy", () => {
  const good = statement({});
  test.each([
    ["", "it is not JSON"],
    ["{", "it is not JSON"],
    ["{'Statement': []}\n::error::x", "it is not JSON"],
    ['"text"', "not an object with a Statement"],
    ["[]", "not an object with a Statement"],
    ["null", "not an object with a Statement"],
    ["{}", "not an object with a Statement"],
    ['{"Statement": []}', "Statement is empty"],
    ['{"Statement": ["x"]}', "statement 1 is not an object"],
    [
      policy([good, { ...good, Effect: "allow" }]),
      'the Effect of statement 2 is "allow", not "Allow" or "Deny"',
    ],
    [policy({ ...good, Effect: undefined }), "the Effect of statement 1 is missing"],
    [policy({ ...good, Principal: undefined }), "statement 1 has no Principal"],
    [policy({ ...good, Principal: { Federated: [{}] } }), "Principal.Federated of statement 1 is "],
    [policy({ ...good, Action: undefined }), "the Action of statement 1 is missing"],
    [policy({ ...good, Action: [] }), "the Action of statement 1 is empty"],
    [policy({ ...good, Condition: [] }), "the Condition of statement 1 is "],
    [policy(statement({ StringEquals: "x" })), '"StringEquals" in statement 1 is "x"'],
    [policy(statement({ StringEquals: { k: { a: 1 } } })), 'the value of "k" in statement 1 is '],
    [policy(statement({ StringEquals: { k: "x".repeat(40_000) } })), "characters, more than 32768"],
  ])("refuses %j", (text, reason) => {
    expect(() => parseTrustPolicy(text)).toThrow(reason);
    expect(() => parseTrustPolicy(text)).toThrow(
      /^Not a trust policy: [^\n]*Allowed: the JSON that "aws iam get-role [^\n]*$/,
    );
  });

  test("takes one statement or a list, numbers and booleans", () => {
    expect(
      parseTrustPolicy(policy(statement({ Bool: { "aws:x": true }, NumericEquals: { "aws:y": [1, 2] } })))
        .statements,
    ).toMatchObject([{ conditions: [{ values: ["true"] }, { values: ["1", "2"] }] }]);
    expect(parseTrustPolicy(policy([good, good])).statements).toHaveLength(2);
  });
});

describe("a condition", () => {
  const SUB = `${HOST}:sub`;
  const ENVIRONMENT = `${HOST}:environment`;
  const sub = claims.sub;
  // [condition, holds] with undefined for what only AWS can know
  const cases: [object, boolean | undefined][] = [
    [{}, true],
    [{ StringEquals: { [SUB]: sub } }, true],
    [{ StringEquals: { [SUB]: "repo:octo/app:ref:refs/heads/Main" } }, false],
    [{ StringEquals: { [SUB]: "repo:octo/app:*" } }, false],
    [{ StringEquals: { [SUB]: ["a", sub] } }, true],
    [{ StringEquals: { [SUB]: [] } }, false],
    [{ StringEquals: { [SUB.toUpperCase()]: sub } }, true],
    [{ StringEquals: { [SUB]: sub, [`${HOST}:aud`]: "sts.amazonaws.com" } }, true],
    [{ StringEquals: { [SUB]: sub, [`${HOST}:aud`]: "https://github.com/octo" } }, false],
    [{ StringEquals: { [SUB]: sub }, StringLike: { [SUB]: "x" } }, false],
    [{ StringNotEquals: { [SUB]: "x" } }, true],
    [{ StringNotEquals: { [SUB]: ["x", sub] } }, false],
    [{ StringNotEquals: { [ENVIRONMENT]: "prod" } }, true],
    [{ StringEqualsIgnoreCase: { [SUB]: sub.toUpperCase() } }, true],
    [{ StringNotEqualsIgnoreCase: { [SUB]: sub.toUpperCase() } }, false],
    [{ StringLike: { [SUB]: "repo:octo/*" } }, true],
    [{ StringLike: { [SUB]: "repo:octo/app:ref:refs/heads/????" } }, true],
    [{ StringLike: { [SUB]: "repo:octo/app:ref:refs/heads/???" } }, false],
    [{ StringLike: { [SUB]: "*:ref:*main*" } }, true],
    [{ StringLike: { [SUB]: "octo/*" } }, false],
    [{ StringLike: { [SUB]: "repo:Octo/*" } }, false],
    [{ StringLike: { [SUB]: ["x", "repo:octo/app:*"] } }, true],
    [{ StringNotLike: { [SUB]: "repo:octo/*" } }, false],
    [{ StringNotLike: { [SUB]: ["x*", "y*"] } }, true],
    [{ StringEquals: { [ENVIRONMENT]: "prod" } }, false],
    [{ StringEqualsIfExists: { [ENVIRONMENT]: "prod" } }, true],
    [{ StringEqualsIfExists: { [SUB]: "x" } }, false],
    [{ StringLikeIfExists: { [SUB]: "repo:*" } }, true],
    [{ Null: { [ENVIRONMENT]: "true" } }, true],
    [{ Null: { [ENVIRONMENT]: false } }, false],
    [{ Null: { [SUB]: "false" } }, true],
    [{ "ForAllValues:StringEquals": { [SUB]: [sub, "x"] } }, true],
    [{ "ForAllValues:StringEquals": { [SUB]: "x" } }, false],
    [{ "ForAllValues:StringEquals": { [ENVIRONMENT]: "prod" } }, true],
    [{ "ForAnyValue:StringLike": { [SUB]: ["x", "repo:*"] } }, true],
    [{ "ForAnyValue:StringLike": { [ENVIRONMENT]: "*" } }, false],
    [{ "ForAnyValue:StringNotEquals": { [ENVIRONMENT]: "prod" } }, false],
    [{ "ForAnyValue:StringEqualsIfExists": { [ENVIRONMENT]: "prod" } }, true],
    [{ Bool: { [SUB]: "true" } }, false],
    [{ StringEquals: { [`${HOST}:repository_owner_id`]: 123 } }, true],
    [{ StringEquals: { [`${HOST}:workflow`]: "other" } }, false],
    [{ StringEquals: { "vstoken.actions.githubusercontent.com:sub": sub } }, false],
    [{ StringEquals: { [`https://${HOST}:sub`]: sub } }, false],
    [{ StringEquals: { [`${HOST}:runner_environment`]: "github-hosted" } }, undefined],
    [{ StringEquals: { [`${HOST}:__proto__`]: "x" } }, undefined],
    [{ StringEquals: { sub } }, undefined],
    [{ StringEquals: { "aws:PrincipalOrgID": "o-1" } }, undefined],
    [{ StringEqualsIfExists: { "sts:RoleSessionName": "x" } }, undefined],
    [{ IpAddress: { "aws:SourceIp": "10.0.0.0/8" } }, undefined],
    [{ ArnLike: { [SUB]: "*" } }, undefined],
    [{ stringEquals: { [SUB]: sub } }, undefined],
    [{ "ForAnyValue:Null": { [SUB]: "false" } }, undefined],
    [{ constructor: { [SUB]: "x" } }, undefined],
    [{ StringLike: { [SUB]: `repo:\${aws:PrincipalTag/x}` } }, undefined],
    // What is false decides, whatever else cannot be known.
    [{ StringEquals: { [SUB]: "x", "aws:SourceVpc": "y" } }, false],
  ];
  test.each(cases)("%j holds: %j", (condition, holds) => {
    const outcome = holds === undefined ? "cannot be evaluated here" : holds ? "allows" : "does not apply";
    const denial = holds === undefined ? "cannot be evaluated here" : holds ? "denies" : "does not apply";
    expect(verdictOf(statement(condition)).outcome).toBe(outcome);
    expect(verdictOf(statement(condition, { Effect: "Deny" })).outcome).toBe(denial);
  });

  test("of many values looks at all of them", () => {
    const two = { ...claims, aud: ["a", "b"] };
    const AUD = `${HOST}:aud`;
    expect(verdictOf(statement({ StringEquals: { [AUD]: "b" } }), two).outcome).toBe("allows");
    expect(verdictOf(statement({ StringNotEquals: { [AUD]: "b" } }), two).outcome).toBe("does not apply");
    expect(verdictOf(statement({ "ForAllValues:StringEquals": { [AUD]: "b" } }), two).outcome).toBe(
      "does not apply",
    );
    expect(verdictOf(statement({ "ForAllValues:StringEquals": { [AUD]: ["a", "b"] } }), two).outcome).toBe(
      "allows",
    );
    expect(verdictOf(statement({ "ForAnyValue:StringNotEquals": { [AUD]: "b" } }), two).outcome).toBe(
      "allows",
    );
    expect(
      verdictOf(statement({ StringEquals: { [AUD]: "b" } }), { ...claims, aud: [] }).reasons[0],
    ).toContain("no such claim");
  });

  test("has policy variables since Version 2012-10-17, not before", () => {
    const odd = { ...claims, sub: "a*b?c$" };
    const escaped = { StringEquals: { [SUB]: `a\${*}b\${?}c\${$}` } };
    expect(verdictOf(statement(escaped), odd).outcome).toBe("allows");
    expect(verdictOf(statement(escaped), odd, "2008-10-17").outcome).toBe("does not apply");
    const variable = statement({ StringEquals: { [SUB]: `\${aws:x}` } });
    expect(verdictOf(variable, { sub: `\${aws:x}` }).outcome).toBe("cannot be evaluated here");
    expect(verdictOf(variable, { sub: `\${aws:x}` }, "2008-10-17").outcome).toBe("allows");
    expect(verdictOf(statement({ StringLike: { [SUB]: `a\${*}b*` } }), odd).outcome).toBe("allows");
    expect(verdictOf(statement({ StringLike: { [SUB]: `a\${*}b*` } }), { sub: "axb" }).outcome).toBe(
      "does not apply",
    );
  });

  test("on GitHub's own claims is for GitHub's providers in the commercial Regions", () => {
    const github = (host: string, partition = "aws") => {
      const where = { ...context, providerHost: host, partition };
      const one = statement(
        { StringEquals: { [`${host}:repository_id`]: "456" } },
        { Principal: { Federated: providerArn(where) } },
      );
      return verdictOf(one, claims, undefined, where).outcome;
    };
    expect(github(HOST)).toBe("allows");
    expect(github(`${HOST}/octo-enterprise`)).toBe("allows");
    expect(github("token.actions.octo.ghe.com")).toBe("allows");
    expect(github("ghes.example.com/_services/token")).toBe("cannot be evaluated here");
    expect(github(`${HOST}.example.com`)).toBe("cannot be evaluated here");
    expect(github(HOST, "aws-cn")).toBe("cannot be evaluated here");
  });

  test.each([
    [
      { StringEquals: { [SUB]: "repo:octo/*" } },
      claims.sub,
      "StringEquals reads * and ? as plain characters",
    ],
    [{ StringEquals: { [SUB]: "repo:Octo/app:ref:refs/heads/main" } }, claims.sub, "letter case differs"],
    [{ StringLike: { [SUB]: "repo:Octo/*" } }, claims.sub, "letter case differs"],
    [
      { StringLike: { [SUB]: "repo:octo/app:*" } },
      "repo:octo@1/app@2:ref:refs/heads/main",
      "the token's sub carries the IDs",
    ],
    [
      { StringEquals: { [SUB]: "repo:octo@1/app@2:ref:refs/heads/main" } },
      claims.sub,
      "the token's sub carries no IDs",
    ],
    [{ StringEquals: { [`${HOST}/octo:sub`]: claims.sub } }, claims.sub, `its keys begin with "${HOST}:"`],
    [
      { StringEquals: { [`${HOST}:event_name`]: "push" } },
      claims.sub,
      "AWS lists no such condition key for this provider (it lists aud, sub,",
    ],
  ])("%j says what is amiss with %s", (condition, asked, hint) => {
    expect(verdictOf(statement(condition), { ...claims, sub: asked }).reasons.join("\n")).toContain(hint);
  });

  test("names operator, key, what the policy has and what the token has", () => {
    expect(verdictOf(statement({ StringLike: { [SUB]: ["a", "b"] } })).reasons).toEqual([
      `StringLike "${SUB}": the policy has "a" or "b"; the token has "repo:octo/app:ref:refs/heads/main"`,
    ]);
    expect(
      verdictOf(statement({ StringLike: { [ENVIRONMENT]: ["1", "2", "3", "4", "5", "6", "7"] } })).reasons,
    ).toEqual([
      `StringLike "${ENVIRONMENT}": the policy has "1" or "2" or "3" or "4" or "5" or 2 more; the token has no such claim`,
    ]);
    expect(verdictOf(statement({ StringNotLike: { [SUB]: "*" } })).reasons).toEqual([
      `StringNotLike "${SUB}": the policy excludes "*"; the token has "repo:octo/app:ref:refs/heads/main"`,
    ]);
  });

  test("takes time in proportion, whatever the pattern", () => {
    const long = { ...claims, sub: "a".repeat(2_000) };
    expect(verdictOf(statement({ StringLike: { [SUB]: `${"*a".repeat(1_000)}b` } }), long).outcome).toBe(
      "does not apply",
    );
  });

  test("StringLike agrees with the pattern as a regular expression", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 12 });
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 8 });
    fc.assert(
      fc.property(pattern, letters, (wanted, actual) => {
        const expected = new RegExp(`^${wanted.replaceAll("*", ".*").replaceAll("?", ".")}$`).test(actual);
        expect(verdictOf(statement({ StringLike: { [SUB]: wanted } }), { sub: actual }).outcome).toBe(
          expected ? "allows" : "does not apply",
        );
      }),
    );
  });
});

describe("a statement", () => {
  const arn = providerArn(context);
  const condition = { StringEquals: { [`${HOST}:sub`]: claims.sub } };
  test.each<[object, StatementVerdict["outcome"], string]>([
    [{ Principal: { Federated: ["x", arn] } }, "allows", ""],
    [
      { Principal: { Federated: arn.replace("1111", "9999") } },
      "does not apply",
      `Principal.Federated: the policy has "arn:aws:iam::999922223333:`,
    ],
    [{ Principal: { Federated: HOST } }, "does not apply", `the token's provider is "${arn}"`],
    [
      { Principal: { AWS: "arn:aws:iam::111122223333:root" } },
      "does not apply",
      "Principal.Federated: the policy has none",
    ],
    [{ Principal: "*" }, "cannot be evaluated here", "Principal"],
    [{ Principal: { AWS: "*" } }, "cannot be evaluated here", "Principal"],
    [{ Principal: { Federated: "*" } }, "cannot be evaluated here", "Principal"],
    [{ Principal: undefined, NotPrincipal: { Federated: arn } }, "cannot be evaluated here", "Principal"],
    [{ Action: ["sts:TagSession", "STS:assumeRoleWith*"] }, "allows", ""],
    [{ Action: "*" }, "allows", ""],
    [
      { Action: "sts:AssumeRole" },
      "does not apply",
      'Action: the policy has "sts:AssumeRole"; the call is sts:AssumeRoleWithWebIdentity',
    ],
    [{ Action: undefined, NotAction: "sts:AssumeRole" }, "allows", ""],
    [{ Action: undefined, NotAction: "sts:*" }, "does not apply", "NotAction"],
    [{ Condition: undefined }, "allows", ""],
  ])("with %j %s", (changes, outcome, reason) => {
    const verdict = verdictOf(statement(condition, changes));
    expect(verdict.outcome).toBe(outcome);
    expect(verdict.reasons.join("\n")).toContain(reason);
    expect(verdict.reasons.length === 0).toBe(outcome === "allows");
  });

  test.each([
    [["Allow yes"], true],
    [["Allow no"], false],
    [["Allow no", "Allow yes"], true],
    [["Allow yes", "Deny yes"], false],
    [["Allow yes", "Deny no"], true],
    [["Deny no"], false],
    [["Allow unknown"], false],
    [["Allow yes", "Deny unknown"], false],
    [["Allow yes", "Allow unknown"], true],
  ])("%j: the job is let in: %j", (statements, allowed) => {
    const operators: Record<string, object> = {
      yes: {},
      no: { StringEquals: { [`${HOST}:sub`]: "x" } },
      unknown: { DateLessThan: { "aws:CurrentTime": "x" } },
    };
    const list = statements.map((one, position) => {
      const [effect, holds = ""] = one.split(" ");
      return { ...statement(operators[holds] ?? {}), Effect: effect, Sid: `S${position}` };
    });
    const verdict = evaluateTrustPolicy(parseTrustPolicy(policy(list)), claims, context);
    expect(verdict.allowed).toBe(allowed);
    expect(verdict.statements.map(({ index, sid }) => [index, sid])).toEqual(
      list.map(({ Sid }, position) => [position + 1, Sid]),
    );
  });

  test("that denies names the lines that do so", () => {
    const verdict = verdictOf(statement(condition, { Effect: "Deny", Principal: { Federated: arn } }));
    expect(verdict.reasons.at(-1)).toBe(
      `StringEquals "${HOST}:sub": the policy has "${claims.sub}"; the token has "${claims.sub}"`,
    );
  });
});

describe("suggestStatement", () => {
  test("is narrow, and pins the repository where its names do not", () => {
    expect(suggestStatement(claims, context)).toEqual({
      Effect: "Allow",
      Principal: { Federated: "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com" },
      Action: "sts:AssumeRoleWithWebIdentity",
      Condition: {
        StringEquals: {
          [`${HOST}:aud`]: "sts.amazonaws.com",
          [`${HOST}:sub`]: claims.sub,
          [`${HOST}:repository_id`]: "456",
        },
      },
    });
  });

  test.each<[string, Record<string, unknown>, Partial<TrustPolicyContext>, string[]]>([
    ["the immutable format", { sub: "repo:octo@123/app@456:environment:prod" }, {}, ["aud", "sub"]],
    ["a template without the repository", { sub: "workflow:deploy" }, {}, ["aud", "sub", "repository_id"]],
    [
      "another ID that ends alike",
      { sub: "repo:octo@123/app@9456:environment:prod" },
      {},
      ["aud", "sub", "repository_id"],
    ],
    ["no ID", { repository_id: undefined }, {}, ["aud", "sub"]],
    ["an ID that is none", { repository_id: "*" }, {}, ["aud", "sub"]],
    ["a partition without the key", {}, { partition: "aws-us-gov" }, ["aud", "sub"]],
    ["a provider without the key", {}, { providerHost: "ghes.example.com/_services/token" }, ["aud", "sub"]],
  ])("%s", (_, changes, where, keys) => {
    const there = { ...context, ...where };
    const { Condition } = suggestStatement({ ...claims, ...changes }, there) as {
      Condition: { StringEquals: object };
    };
    expect(Object.keys(Condition)).toEqual(["StringEquals"]);
    expect(Object.keys(Condition.StringEquals)).toEqual(keys.map((key) => `${there.providerHost}:${key}`));
  });

  test.each([
    [7, true],
    [{ toString: 1 }, true],
    [[["x"]], false],
    [null, false],
  ])("survives a sub that is no text: %j", (sub, allowed) => {
    const suggestion = parseTrustPolicy(policy(suggestStatement({ ...claims, sub }, context)));
    expect(evaluateTrustPolicy(suggestion, { ...claims, sub }, context).allowed).toBe(allowed);
    expect(evaluateTrustPolicy(suggestion, claims, context).allowed).toBe(false);
  });

  test("always lets this job in, and none with another sub, aud, account or provider", () => {
    const anyText = fc.oneof(
      fc.string({ unit: "binary", maxLength: 60 }),
      fc.string({ unit: fc.constantFrom("$", "{", "}", "*", "?", "a", "@", ":", "/", "1"), maxLength: 20 }),
      fc.constantFrom(claims.sub, "repo:o@1/r@2:environment:prod", "repo:o/r:pull_request"),
    );
    const where = fc.record({
      providerHost: fc.constantFrom(
        HOST,
        `${HOST}/octo`,
        "token.actions.octo.ghe.com",
        "ghes.example.com/_services/token",
      ),
      accountId: fc.string({ unit: fc.constantFrom("0", "1"), minLength: 12, maxLength: 12 }),
      partition: fc.constantFrom("aws", "aws-cn", "aws-us-gov"),
      action: fc.constant(context.action),
    });
    const anyClaims = fc.record({
      sub: anyText,
      aud: anyText,
      repository_id: fc.option(fc.oneof(anyText, fc.nat().map(String)), { nil: undefined }),
    });
    fc.assert(
      fc.property(anyClaims, where, anyText, (asked, there, other) => {
        const suggestion = parseTrustPolicy(policy(suggestStatement(asked, there)));
        const allowed = (changed: Record<string, unknown>, elsewhere = {}) =>
          evaluateTrustPolicy(suggestion, { ...asked, ...changed }, { ...there, ...elsewhere }).allowed;
        expect(allowed({})).toBe(true);
        expect(allowed({ sub: other })).toBe(other === asked.sub);
        expect(allowed({ aud: other })).toBe(other === asked.aud);
        expect(allowed({ sub: undefined })).toBe(false);
        expect(allowed({}, { accountId: "222222222222" })).toBe(false);
        expect(allowed({}, { providerHost: "other.example.com" })).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});
