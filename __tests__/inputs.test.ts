import { describe, expect, test } from "@jest/globals";
import { isLoopback } from "../src/aws/sts-endpoint.ts";
import { UserError } from "../src/base/errors.ts";
import { parseTrustPolicy } from "../src/explain/trust-policy.ts";
import { checkAccount, type Inputs, loadInputs } from "../src/inputs.ts";

const ROLE = "arn:aws:iam::111122223333:role/deploy";
const POLICY = JSON.stringify({
  Statement: [{ Effect: "Allow", Principal: { Federated: "*" }, Action: "sts:AssumeRoleWithWebIdentity" }],
});
const REQUIRED = { "role-to-assume": ROLE, "aws-region": "eu-west-1" };

function load(given: Record<string, string> = {}, run = { id: "1234567890", attempt: "2" }): Inputs {
  const all: Record<string, string> = { ...REQUIRED, ...given };
  return loadInputs((name) => all[name] ?? "", run);
}

/** The message that refuses `given`. */
function refusal(given: Record<string, string>): string {
  try {
    load(given);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  throw new Error(`nothing refuses ${JSON.stringify(given)}`);
}

/** An hour's session for an ID token, which each process gets for itself. */
const NO_MORE = {
  source: "id-token",
  externalId: undefined,
  sharedSession: false,
  durationSeconds: undefined,
  policy: undefined,
  policyArns: undefined,
  outlivesIdTokens: false,
  outputCredentials: false,
  notes: [],
};

test("what is left out has its default", () => {
  const { sessionName, ...inputs } = load();
  expect(inputs).toEqual({
    role: { arn: ROLE, partition: "aws", accountId: "111122223333", name: "deploy" },
    region: "eu-west-1",
    profile: "default",
    audience: "sts.amazonaws.com",
    allowedAccountIds: [],
    maskAccountId: false,
    stsEndpoint: undefined,
    trial: true,
    mirror: "auto",
    trustPolicy: undefined,
    summary: "auto",
    ...NO_MORE,
  });
  expect(sessionName).toMatch(/^GitHubActions-1234567890-2-[0-9a-f]{8}$/);
});

test("what is given is taken as it is", () => {
  expect(
    load({
      profile: "prod.eu_1-a",
      "role-session-name": "octo+cat=1,2.3@x-y_z",
      audience: "https://github.com/octo-org",
      "allowed-account-ids": "111122223333",
      "mask-aws-account-id": "true",
      "sts-endpoint": "https://sts.example.com:8443/base/",
      trial: "false",
      "mirror-environment": "true",
      "explain-trust-policy": POLICY,
      summary: "always",
    }),
  ).toEqual({
    role: { arn: ROLE, partition: "aws", accountId: "111122223333", name: "deploy" },
    region: "eu-west-1",
    profile: "prod.eu_1-a",
    sessionName: "octo+cat=1,2.3@x-y_z",
    audience: "https://github.com/octo-org",
    allowedAccountIds: ["111122223333"],
    maskAccountId: true,
    stsEndpoint: "https://sts.example.com:8443/base",
    trial: false,
    mirror: "always",
    trustPolicy: parseTrustPolicy(POLICY),
    summary: "always",
    ...NO_MORE,
  });
});

describe("required inputs", () => {
  test.each([
    [
      "role-to-assume",
      'role-to-assume is missing or empty. Give the ARN of a role, such as arn:aws:iam::111122223333:role/deploy under "with:". An expression is empty if its secret or variable does not exist for this job (misspelled, defined in another environment, or not available to forks).',
    ],
    [
      "aws-region",
      'aws-region is missing or empty. Give a region in lower case, such as eu-west-1 under "with:". An expression is empty if its secret or variable does not exist for this job (misspelled, defined in another environment, or not available to forks).',
    ],
  ])("%s", (name, message) => {
    expect(refusal({ [name]: "" })).toBe(message);
  });
});

describe("role-to-assume", () => {
  test.each([
    ["arn:aws:iam::111122223333:role/service-role/team/deploy", "aws", "111122223333", "deploy"],
    ["arn:aws-cn:iam::111122223333:role/deploy", "aws-cn", "111122223333", "deploy"],
    ["arn:aws-us-gov:iam::111122223333:role/deploy", "aws-us-gov", "111122223333", "deploy"],
    ["arn:aws-iso-b:iam::111122223333:role/deploy", "aws-iso-b", "111122223333", "deploy"],
    ["arn:aws:iam::000000000001:role/A.b+c=d,e@f-g_h", "aws", "000000000001", "A.b+c=d,e@f-g_h"],
    [`arn:aws:iam::111122223333:role/${"r".repeat(64)}`, "aws", "111122223333", "r".repeat(64)],
  ])("%s", (arn, partition, accountId, name) => {
    expect(load({ "role-to-assume": arn }).role).toEqual({ arn, partition, accountId, name });
  });

  const allowed = "Allowed: the ARN of a role, such as arn:aws:iam::111122223333:role/deploy.";
  const copy = "Copy it from the role's page in IAM.";
  test.each([
    ["deploy", "A name alone does not identify the account."],
    ["team/deploy", "A name alone does not identify the account."],
    [
      "arn:aws:sts::111122223333:assumed-role/deploy/session",
      "That is the ARN of a session. Give the ARN of the role itself.",
    ],
    ["arn:aws:iam::11112222333:role/deploy", copy],
    ["arn:aws:iam::1111222233334:role/deploy", copy],
    ["arn:aws:iam::111122223333:user/deploy", copy],
    ["arn:aws:iam::111122223333:role/", copy],
    ["arn:aws:iam:eu-west-1:111122223333:role/deploy", copy],
    ["arn:gcp:iam::111122223333:role/deploy", copy],
    ["arn:aws:iam::111122223333:role//deploy", copy],
    ["arn:aws:iam::111122223333:role/de ploy", copy],
    [`arn:aws:iam::111122223333:role/${"r".repeat(65)}`, copy],
    ["arn:minio:iam:::role/deploy", copy],
  ])("refuses %s", (arn, hint) => {
    const shown = arn.length > 100 ? `${arn.slice(0, 100)}…` : arn;
    expect(refusal({ "role-to-assume": arn })).toBe(`role-to-assume is "${shown}". ${allowed} ${hint}`);
  });

  test("a line break shows as what it is, and never gets through", () => {
    expect(refusal({ "role-to-assume": `${ROLE}\nrole_arn = x` })).toBe(
      `role-to-assume is "${ROLE}\\nrole_arn = x". ${allowed} ${copy}`,
    );
    expect(refusal({ "role-to-assume": `${ROLE}\n` })).toBe(
      `role-to-assume is "${ROLE}\\n". ${allowed} ${copy}`,
    );
  });

  test("a value of a megabyte is refused at once, and shown in part", () => {
    const message = refusal({ "role-to-assume": `arn:aws:iam::111122223333:role/${"a/".repeat(500_000)}!` });
    expect(message.length).toBeLessThan(400);
  });

  test.each([
    ["arn:minio:iam:::role/deploy", "minio", undefined, "deploy"],
    ["arn:aws:iam::000000000000:role/deploy", "aws", "000000000000", "deploy"],
    ["arn:xrn:sts:region:tenant-1:role/a/b", "xrn", "tenant-1", "b"],
  ])("with sts-endpoint any ARN: %s", (arn, partition, accountId, name) => {
    const { role } = load({ "role-to-assume": arn, "sts-endpoint": "http://127.0.0.1:9000" });
    expect(role).toEqual({ arn, partition, accountId, name });
  });

  test.each([
    "deploy",
    "arn:minio:iam:::role/a b",
    "arn:minio:iam:::role/a\nb",
    "arn:minio:iam:::role/a;b",
    `arn:minio:iam:::${"r".repeat(2048)}`,
  ])("with sts-endpoint still refuses %j", (arn) => {
    expect(refusal({ "role-to-assume": arn, "sts-endpoint": "http://127.0.0.1:9000" })).toContain(
      "role-to-assume is ",
    );
  });
});

describe("aws-region", () => {
  test.each(["us-east-1", "cn-north-1", "us-gov-west-1", "eu-isoe-west-1", "local"])("%s", (region) => {
    expect(load({ "aws-region": region }).region).toBe(region);
  });

  test.each([
    "EU-WEST-1",
    "eu west 1",
    "eu-west-1.evil.example",
    "eu-west-1/x",
    "eu-west-1#",
    "-eu-west-1",
    "eu-west-1-",
    "e".repeat(64),
    "eu-west-1\nrole_arn = x",
  ])("refuses %j", (region) => {
    expect(refusal({ "aws-region": region })).toBe(
      `aws-region is ${JSON.stringify(region)}. Allowed: a region in lower case, such as eu-west-1. AWS lists them under Regions and Zones.`,
    );
  });
});

test.each(["eu-west-1a", "us-gov-west-1b", "ap-southeast-10c"])("aws-region refuses the zone %s", (zone) => {
  expect(refusal({ "aws-region": zone })).toBe(
    `aws-region is "${zone}". Allowed: a region in lower case, such as eu-west-1. That is an Availability Zone of the region ${zone.slice(0, -1)}.`,
  );
});

describe("profile", () => {
  test.each(["constructor", "__proto__", "toString", "hasOwnProperty", "valueOf"])(
    "%s is refused: the SDK for JavaScript finds something else under this name",
    (profile) => {
      expect(refusal({ profile })).toBe(
        `profile is "${profile}". Allowed: 1 to 64 of the characters A-Z a-z 0-9 _ . -. The AWS SDK for JavaScript cannot read a profile of this name.`,
      );
    },
  );

  test.each(["a", "A.b_c-9", "p".repeat(64)])("%s", (profile) => {
    expect(load({ profile }).profile).toBe(profile);
  });

  test.each(["a b", "a]", "[a", "a#", "prófile", '"a"', "a/b", "a\n[default]", "p".repeat(65)])(
    "refuses %j",
    (profile) => {
      expect(refusal({ profile })).toBe(
        `profile is ${JSON.stringify(profile)}. Allowed: 1 to 64 of the characters A-Z a-z 0-9 _ . -. Leave it out to give every later step this role.`,
      );
    },
  );
});

describe("role-session-name", () => {
  test("is another one in each use", () => {
    expect(new Set(Array.from({ length: 50 }, () => load().sessionName)).size).toBe(50);
  });

  test("does not trust the run's id to be a number", () => {
    expect(load({}, { id: "1\nx", attempt: "" }).sessionName).toMatch(/^GitHubActions-0-0-[0-9a-f]{8}$/);
    expect(load({}, { id: "9".repeat(19), attempt: "9".repeat(19) }).sessionName).toMatch(
      /^[\w+=,.@-]{2,64}$/,
    );
  });

  test.each(["ab", "s".repeat(64), "a+b=c,d.e@f-g_h"])("%s", (name) => {
    expect(load({ "role-session-name": name }).sessionName).toBe(name);
  });

  test.each(["a", "s".repeat(65), "a b", "a/b", "é1", "a\nb", "a:b", "a#b"])("refuses %j", (name) => {
    expect(refusal({ "role-session-name": name })).toBe(
      `role-session-name is ${JSON.stringify(name)}. Allowed: 2 to 64 of the characters A-Z a-z 0-9 _ + = , . @ -. Leave it out to get a unique name.`,
    );
  });
});

describe("audience", () => {
  test("of a role in China is China's", () => {
    expect(load({ "role-to-assume": "arn:aws-cn:iam::111122223333:role/deploy" }).audience).toBe(
      "sts.amazonaws.com.cn",
    );
    expect(load({ "role-to-assume": "arn:aws-us-gov:iam::111122223333:role/deploy" }).audience).toBe(
      "sts.amazonaws.com",
    );
  });

  test("given wins, also in China", () => {
    expect(
      load({ "role-to-assume": "arn:aws-cn:iam::111122223333:role/deploy", audience: "mine" }).audience,
    ).toBe("mine");
  });

  test.each(["a b", "a\nb", "é", "a\tb", "a".repeat(256)])("refuses %j", (audience) => {
    const shown = audience.length > 100 ? `${audience.slice(0, 100)}…` : audience;
    expect(refusal({ audience })).toBe(
      `audience is ${JSON.stringify(shown)}. Allowed: 1 to 255 ASCII characters without a space. The identity provider in IAM must list it as an audience.`,
    );
  });
});

describe("allowed-account-ids", () => {
  test.each([
    ["111122223333", ["111122223333"]],
    ["111122223333,444455556666", ["111122223333", "444455556666"]],
    [" 444455556666 ,\n111122223333 , ", ["444455556666", "111122223333"]],
    ["111122223333 444455556666", ["111122223333", "444455556666"]],
  ])("%j", (given, ids) => {
    expect(load({ "allowed-account-ids": given }).allowedAccountIds).toEqual(ids);
  });

  test.each(["1111-2222-3333", "11112222333", "1111222233334", "1.11122223333e11", "production"])(
    "refuses %j",
    (id) => {
      expect(refusal({ "allowed-account-ids": `111122223333, ${id}` })).toBe(
        `allowed-account-ids is "${id}". Allowed: account ids of 12 digits, separated by commas. In YAML, put ids that begin with 0 in quotes.`,
      );
    },
  );

  const check = (given: Record<string, string>, accountId: string | undefined) => () =>
    checkAccount(load(given), accountId);

  test("an account that is not listed is refused, by name", () => {
    expect(check({ "allowed-account-ids": "444455556666, 777788889999" }, "111122223333")).toThrow(
      new UserError(
        "account-not-allowed",
        `The role ${ROLE} is in account 111122223333, which allowed-account-ids (444455556666, 777788889999) does not list. Correct the ARN or the list.`,
      ),
    );
  });

  test("so is a role without an account", () => {
    const role = { "role-to-assume": "arn:minio:iam:::role/deploy", "sts-endpoint": "https://minio.example" };
    expect(check({ ...role, "allowed-account-ids": "444455556666" }, undefined)).toThrow(
      "is in account (none), which ",
    );
  });

  test("an account that is listed is not, nor is any without a list", () => {
    expect(check({ "allowed-account-ids": "444455556666,111122223333" }, "111122223333")).not.toThrow();
    expect(check({}, "111122223333")).not.toThrow();
    expect(check({}, undefined)).not.toThrow();
  });
});

describe("sts-endpoint", () => {
  test.each([
    ["https://sts.example.com", "https://sts.example.com"],
    ["https://sts.example.com/", "https://sts.example.com"],
    ["https://sts.example.com:443/a/b//", "https://sts.example.com/a/b"],
    ["http://127.0.0.1:9000", "http://127.0.0.1:9000"],
    ["http://127.8.8.8:9000/", "http://127.8.8.8:9000"],
    ["http://localhost:9000", "http://localhost:9000"],
    ["http://[::1]:9000", "http://[::1]:9000"],
  ])("%s", (given, taken) => {
    expect(load({ "sts-endpoint": given }).stsEndpoint).toBe(taken);
  });

  const allowed =
    "Allowed: an https URL without user, query and fragment, or http to 127.0.0.1, [::1] or localhost.";
  test.each([
    "sts.example.com",
    "ftp://sts.example.com",
    "https://",
    "https://user@sts.example.com",
    "https://user:secret@sts.example.com",
    "https://sts.example.com?x=1",
    "https://sts.example.com#x",
    "https://sts.example.com/ x",
    "https://sts.example.com/\nrole_arn = x",
    "https://sts.example.com:99999",
    "https://sts.éxample.com",
    "https://sts.example.com/;x",
    "https://sts.example.com/$HOME",
  ])("refuses %j", (given) => {
    expect(refusal({ "sts-endpoint": given })).toBe(
      `sts-endpoint is ${JSON.stringify(given)}. ${allowed} Leave it out to use AWS.`,
    );
  });

  test.each([
    "http://sts.example.com",
    "http://localhost.example.com",
    "http://127.0.0.1.example.com",
    "http://10.0.0.1",
    "http://0.0.0.0:9000",
    "http://[::2]:9000",
    "http://169.254.169.254",
  ])("refuses plain http off this machine: %s", (given) => {
    expect(refusal({ "sts-endpoint": given })).toBe(
      `sts-endpoint is ${JSON.stringify(given)}. ${allowed} Over plain http, anyone on the network path could read the ID token.`,
    );
  });

  test("knows loopback by the whole address", () => {
    expect(
      ["localhost", "127.0.0.1", "127.255.255.254", "[::1]"].filter((host) => !isLoopback(host)),
    ).toEqual([]);
    expect(
      ["127.0.0.1.example", "x127.0.0.1", "1127.0.0.1", "localhost.", "[::]", "::1", ""].filter(isLoopback),
    ).toEqual([]);
  });
});

describe("booleans", () => {
  const rules: [string, (inputs: Inputs) => boolean][] = [
    ["mask-aws-account-id", (inputs) => inputs.maskAccountId],
    ["trial", (inputs) => inputs.trial],
  ];
  describe.each(rules)("%s", (name, value) => {
    test.each(["true", "True", "TRUE"])("%s", (given) => expect(value(load({ [name]: given }))).toBe(true));
    test.each(["false", "False", "FALSE"])("%s", (given) =>
      expect(value(load({ [name]: given }))).toBe(false),
    );
    test.each(["yes", "no", "1", "0", "on", "tRUE", "true false", "null"])("refuses %j", (given) => {
      expect(refusal({ [name]: given })).toBe(
        `${name} is "${given}". Allowed: true or false. If it comes from an expression, check the value of the expression.`,
      );
    });
  });
});

describe("mirror-environment", () => {
  test.each([
    ["auto", "auto"],
    ["true", "always"],
    ["TRUE", "always"],
    ["false", "never"],
    ["False", "never"],
  ])("%s", (given, mirror) => {
    expect(load({ "mirror-environment": given }).mirror).toBe(mirror);
  });

  test.each(["Auto", "always", "never", "yes"])("refuses %j", (given) => {
    expect(refusal({ "mirror-environment": given })).toBe(
      `mirror-environment is "${given}". Allowed: auto, true or false. auto is right for most jobs.`,
    );
  });
});

describe("summary", () => {
  test.each(["auto", "always", "never"])("%s", (summary) => expect(load({ summary }).summary).toBe(summary));

  test.each(["true", "Auto", "off"])("refuses %j", (summary) => {
    expect(refusal({ summary })).toBe(
      `summary is "${summary}". Allowed: auto, always or never. auto writes one only if there was an outage or another problem.`,
    );
  });
});

describe("explain-trust-policy", () => {
  test.each(["no JSON", "[", "{}", "null", '"text"'])("refuses %j", (policy) => {
    expect(refusal({ "explain-trust-policy": policy })).toMatch(/^explain-trust-policy cannot be read: ./);
  });
});

test("a refusal is one line, however many the value has", () => {
  const hostile = "x\r\n::set-output name=a::b\u2028\u0007\u202e##[error]";
  for (const name of [
    "role-to-assume",
    "aws-region",
    "profile",
    "role-session-name",
    "audience",
    "allowed-account-ids",
    "sts-endpoint",
    "trial",
  ]) {
    const message = refusal({ [name]: hostile });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(message).not.toMatch(/[\u0000-\u001f\u2028\u202e]|##\[/);
    expect(message).toContain(`${name} is "x`);
  }
});
