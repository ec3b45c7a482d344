import { expect, test } from "@jest/globals";
import {
  checkTrustPolicy,
  isTrusted,
  type TrustPolicy,
  type TrustRequest,
  type TrustStatement,
} from "../../harness/clouds/trust.ts";

const PROVIDER = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com";
const SUB = "token.actions.githubusercontent.com:sub";

const REQUEST: TrustRequest = {
  action: "sts:AssumeRoleWithWebIdentity",
  kind: "Federated",
  names: [PROVIDER],
  context: { [SUB]: "repo:octo-org/octo-repo:ref:refs/heads/main", "x:many": ["a", "b"], "x:flag": "true" },
};

function statement(changes: Partial<TrustStatement>): TrustStatement {
  return {
    Effect: "Allow",
    Principal: { Federated: PROVIDER },
    Action: "sts:AssumeRoleWithWebIdentity",
    ...changes,
  };
}

function policy(...changes: Partial<TrustStatement>[]): TrustPolicy {
  return { Statement: changes.map(statement) };
}

const CONDITIONS: [boolean, NonNullable<TrustStatement["Condition"]>][] = [
  [true, { StringEquals: { [SUB]: "repo:octo-org/octo-repo:ref:refs/heads/main" } }],
  [false, { StringEquals: { [SUB]: "repo:octo-org/octo-repo:*" } }],
  [false, { StringEquals: { [SUB]: "repo:Octo-Org/octo-repo:ref:refs/heads/main" } }],
  [true, { StringEqualsIgnoreCase: { [SUB]: "repo:Octo-Org/octo-repo:ref:refs/heads/main" } }],
  [true, { StringEquals: { [SUB.toUpperCase()]: "repo:octo-org/octo-repo:ref:refs/heads/main" } }],
  [true, { StringEquals: { [SUB]: ["other", "repo:octo-org/octo-repo:ref:refs/heads/main"] } }],
  [true, { StringLike: { [SUB]: "repo:octo-org/octo-repo:*" } }],
  [true, { StringLike: { [SUB]: "repo:octo-org/octo?repo:ref:refs/heads/main" } }],
  [false, { StringLike: { [SUB]: "repo:octo-org/octo-repo" } }],
  [false, { StringLike: { [SUB]: "repo:octo-org/octo.repo:*" } }],
  [false, { StringNotEquals: { [SUB]: ["other", "repo:octo-org/octo-repo:ref:refs/heads/main"] } }],
  [true, { StringNotEquals: { [SUB]: ["other", "another"] } }],
  [false, { StringNotLike: { [SUB]: "repo:octo-org/*" } }],
  [false, { StringEquals: { "x:absent": "a" } }],
  [true, { StringEqualsIfExists: { "x:absent": "a" } }],
  [false, { StringEqualsIfExists: { [SUB]: "a" } }],
  [true, { StringNotEquals: { "x:absent": "a" } }],
  [true, { Null: { "x:absent": "true" } }],
  [false, { Null: { [SUB]: "true" } }],
  [true, { Null: { [SUB]: "false" } }],
  [true, { "ForAnyValue:StringEquals": { "x:many": ["b", "c"] } }],
  [false, { "ForAnyValue:StringEquals": { "x:many": ["c"] } }],
  [false, { "ForAnyValue:StringEquals": { "x:absent": ["c"] } }],
  [true, { "ForAllValues:StringLike": { "x:many": ["?"] } }],
  [false, { "ForAllValues:StringEquals": { "x:many": ["a"] } }],
  [true, { "ForAllValues:StringEquals": { "x:absent": ["a"] } }],
  [true, { Bool: { "x:flag": "True" } }],
  [false, { Bool: { "x:flag": "false" } }],
  [false, { StringEquals: { "x:flag": "true" }, StringLike: { [SUB]: "other" } }],
  [false, { StringEquals: { "x:flag": "true", [SUB]: "other" } }],
];

test.each(CONDITIONS)("%p is the verdict on %j", (verdict, condition) => {
  expect(isTrusted(policy({ Condition: condition }), REQUEST)).toBe(verdict);
});

test("a statement applies to its principals and actions alone", () => {
  expect(isTrusted(policy({}), REQUEST)).toBe(true);
  expect(isTrusted(policy({ Action: ["sts:TagSession", "STS:Assume*"] }), REQUEST)).toBe(true);
  expect(isTrusted(policy({ Action: "sts:AssumeRole" }), REQUEST)).toBe(false);
  expect(isTrusted(policy({ Principal: "*" }), REQUEST)).toBe(true);
  expect(isTrusted(policy({ Principal: { Federated: [`${PROVIDER}x`] } }), REQUEST)).toBe(false);
  expect(isTrusted(policy({ Principal: { AWS: PROVIDER } }), REQUEST)).toBe(false);
});

test("one Deny outweighs every Allow, and nothing is allowed by silence", () => {
  expect(isTrusted(policy({}, { Effect: "Deny", Condition: { StringLike: { [SUB]: "*" } } }), REQUEST)).toBe(
    false,
  );
  expect(
    isTrusted(policy({}, { Effect: "Deny", Condition: { StringLike: { [SUB]: "other" } } }), REQUEST),
  ).toBe(true);
  expect(isTrusted(policy(), REQUEST)).toBe(false);
});

test("a policy that cannot be evaluated faithfully is refused", () => {
  expect(() => checkTrustPolicy(policy({ Condition: { StringEqual: { [SUB]: "a" } } }))).toThrow(
    "unknown condition operator StringEqual",
  );
  expect(() =>
    checkTrustPolicy({ Statement: { ...statement({}), NotAction: "x" } as TrustStatement }),
  ).toThrow("unknown element NotAction");
  expect(() => checkTrustPolicy(policy({ Effect: "allow" as "Allow" }))).toThrow("Effect must be");
  expect(() =>
    checkTrustPolicy(policy({ Condition: { "ForAnyValue:StringNotLikeIfExists": { [SUB]: "a" } } })),
  ).not.toThrow();
});
