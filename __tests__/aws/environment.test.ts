import { describe, expect, test } from "@jest/globals";
import {
  type Environment,
  type EnvironmentPlan,
  type PlannedUse,
  planEnvironment,
} from "../../src/aws/environment.ts";
import { UserError } from "../../src/base/errors.ts";

const IDENTITY = {
  roleArn: "arn:aws:iam::111122223333:role/deploy",
  sessionName: "session",
  tokenFile: "/temp/token",
};
const NAMED: PlannedUse = {
  profile: "prod",
  configFile: "/temp/config",
  credentialsFile: "/temp/credentials",
  region: "eu-west-1",
  sessionName: "session",
  stsEndpoint: undefined,
  mirror: "auto",
  identity: IDENTITY,
};
const AMBIENT: PlannedUse = { ...NAMED, profile: "default" };

/** What is exported in every environment. */
const FILES = {
  AWS_CONFIG_FILE: "/temp/config",
  AWS_SHARED_CREDENTIALS_FILE: "/temp/credentials",
  AWS_SDK_LOAD_CONFIG: "1",
  AWS_STS_REGIONAL_ENDPOINTS: "regional",
};
const REGION = { AWS_REGION: "eu-west-1", AWS_DEFAULT_REGION: "eu-west-1" };
const NO_KEYS = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", AWS_SESSION_TOKEN: "" };
const NO_CONTAINER = { AWS_CONTAINER_CREDENTIALS_FULL_URI: "", AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "" };
const OURS = {
  AWS_ROLE_ARN: IDENTITY.roleArn,
  AWS_WEB_IDENTITY_TOKEN_FILE: IDENTITY.tokenFile,
  AWS_ROLE_SESSION_NAME: "session",
};

const plan = (ambient: Environment, use: PlannedUse, changes: Partial<PlannedUse> = {}): EnvironmentPlan =>
  planEnvironment(ambient, { ...use, ...changes });

function refusal(ambient: Environment, use: PlannedUse, changes: Partial<PlannedUse> = {}): UserError {
  try {
    plan(ambient, use, changes);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  }
  throw new Error("nothing is refused");
}

describe("with nothing ambient", () => {
  test("an ambient use exports the files, the region and the two switches, and no word", () => {
    expect(plan({}, AMBIENT)).toEqual({ exports: { ...FILES, ...REGION }, warnings: [] });
  });

  test("a named use exports the files and the two switches, and no word", () => {
    expect(plan({}, NAMED)).toEqual({ exports: FILES, warnings: [] });
  });

  test("an ambient use with an STS endpoint exports that for STS alone", () => {
    expect(plan({}, AMBIENT, { stsEndpoint: "http://127.0.0.1:9000" }).exports).toEqual({
      ...FILES,
      ...REGION,
      AWS_ENDPOINT_URL_STS: "http://127.0.0.1:9000",
    });
  });
});

describe("the user's own files and region give way", () => {
  test.each([
    [
      "the files",
      { AWS_CONFIG_FILE: "/home/me/config", AWS_SHARED_CREDENTIALS_FILE: "/home/me/credentials" },
    ],
    ["the files, empty", { AWS_CONFIG_FILE: "", AWS_SHARED_CREDENTIALS_FILE: "" }],
    ["the region", { AWS_REGION: "us-east-1", AWS_DEFAULT_REGION: "us-west-2" }],
    ["the switches", { AWS_SDK_LOAD_CONFIG: "0", AWS_STS_REGIONAL_ENDPOINTS: "legacy" }],
  ])("%s", (_, ambient) => {
    expect(plan(ambient, AMBIENT)).toEqual({ exports: { ...FILES, ...REGION }, warnings: [] });
    expect(plan(ambient, NAMED)).toEqual({ exports: FILES, warnings: [] });
  });
});

describe("static keys", () => {
  const names = Object.keys(NO_KEYS);
  // Each set of them, but the empty one.
  const sets = [1, 2, 3, 4, 5, 6, 7].map((bits) => names.filter((_, index) => (bits >> index) & 1));
  test.each(sets.map((set): [string, string[]] => [set.join(" + "), set]))(
    "%s: emptied, and no other, with one warning",
    (_, set) => {
      const ambient = Object.fromEntries(set.map((name) => [name, "x"]));
      for (const [use, others] of [
        [AMBIENT, { ...FILES, ...REGION }],
        [NAMED, FILES],
      ] as const) {
        const { exports, warnings } = plan(ambient, use);
        expect(exports).toEqual({ ...others, ...Object.fromEntries(set.map((name) => [name, ""])) });
        expect(warnings).toHaveLength(1);
        for (const name of set) expect(warnings[0]).toContain(name);
        for (const name of names.filter((each) => !set.includes(each)))
          expect(warnings[0]).not.toContain(name);
      }
    },
  );

  test("the warning says what is done and what to do", () => {
    expect(plan({ AWS_ACCESS_KEY_ID: "x", AWS_SECRET_ACCESS_KEY: "y" }, AMBIENT).warnings).toEqual([
      "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set and would override the profile in nearly every SDK; later steps will see them empty. Use static keys and a role in separate jobs.",
    ]);
  });

  test("already empty, as an earlier use left them: no change", () => {
    expect(plan(NO_KEYS, AMBIENT)).toEqual({ exports: { ...FILES, ...REGION }, warnings: [] });
  });

  test("a warning never holds a key", () => {
    const { warnings } = plan(
      {
        AWS_ACCESS_KEY_ID: "the-key-id",
        AWS_SECRET_ACCESS_KEY: "the-secret",
        AWS_SESSION_TOKEN: "the-token",
      },
      AMBIENT,
    );
    expect(warnings.join()).not.toMatch(/the-/);
  });
});

describe("container credentials", () => {
  test.each([
    ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"],
    ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/x"],
  ])("%s: both are emptied, with a warning", (name, value) => {
    for (const [use, others] of [
      [AMBIENT, { ...FILES, ...REGION }],
      [NAMED, FILES],
    ] as const) {
      expect(plan({ [name]: value }, use)).toEqual({
        exports: { ...others, ...NO_CONTAINER },
        warnings: [
          `${name} is set and would override the profile in some SDKs; later steps will see it empty.`,
        ],
      });
    }
  });

  test("already empty: no change", () => {
    expect(plan(NO_CONTAINER, AMBIENT).exports).toEqual({ ...FILES, ...REGION });
  });
});

describe("the variables of a web identity (IRSA)", () => {
  const names = Object.keys(OURS);
  const sets = [1, 2, 3, 4, 5, 6, 7].map((bits) => names.filter((_, index) => (bits >> index) & 1));
  const cases = sets.flatMap((set) =>
    ["x", ""].map((value): [string, string[], Environment] => [
      `${set.join(" + ")} = ${JSON.stringify(value)}`,
      set,
      Object.fromEntries(set.map((name) => [name, value])),
    ]),
  );

  test.each(cases)(
    "%s: an ambient use exports its own three, with a warning that names them",
    (_, set, ambient) => {
      const { exports, warnings } = plan(ambient, AMBIENT);
      expect(exports).toEqual({ ...FILES, ...REGION, ...OURS });
      expect(warnings).toHaveLength(1);
      for (const name of set) expect(warnings[0]).toContain(name);
      expect(warnings[0]).toContain("use --profile instead");
    },
  );

  test.each(cases.filter(([, set]) => set.some((name) => name !== "AWS_ROLE_SESSION_NAME")))(
    "%s: a named use is refused, saying which and what can be done",
    (_, set, ambient) => {
      const { message, anchor } = refusal(ambient, NAMED);
      expect(anchor).toBe("named-profile-loses");
      for (const name of set.filter((each) => each !== "AWS_ROLE_SESSION_NAME"))
        expect(message).toContain(name);
      expect(message).toContain("would silently run as another role");
      expect(message).toContain('profile "prod"');
    },
  );

  test.each(["x", ""])(
    "AWS_ROLE_SESSION_NAME alone (%j) harms no role: a named use gives it its own value",
    (value) => {
      expect(plan({ AWS_ROLE_SESSION_NAME: value }, NAMED)).toEqual({
        exports: { ...FILES, AWS_ROLE_SESSION_NAME: "session" },
        warnings: [],
      });
    },
  );

  test("as an earlier use mirrored them: a later ambient use takes them over, a later named use is refused", () => {
    const mirrored = {
      AWS_ROLE_ARN: "arn:aws:iam::111122223333:role/other",
      AWS_WEB_IDENTITY_TOKEN_FILE: "/temp/token",
    };
    expect(plan(mirrored, AMBIENT).exports).toMatchObject(OURS);
    expect(refusal(mirrored, NAMED).message).toContain(
      "if an earlier use of this action set mirror-environment",
    );
  });
});

describe("AWS_PROFILE and AWS_DEFAULT_PROFILE", () => {
  test.each(["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])(
    "%s of another profile: an ambient use makes it default and says so",
    (name) => {
      expect(plan({ [name]: "staging" }, AMBIENT)).toEqual({
        exports: { ...FILES, ...REGION, [name]: "default" },
        warnings: [
          `${name} was "staging"; later steps will see "default" instead, so that they use this role.`,
        ],
      });
    },
  );

  test("both: each, since tools differ in which one they prefer", () => {
    expect(plan({ AWS_PROFILE: "a", AWS_DEFAULT_PROFILE: "b" }, AMBIENT).exports).toEqual({
      ...FILES,
      ...REGION,
      AWS_PROFILE: "default",
      AWS_DEFAULT_PROFILE: "default",
    });
  });

  test.each(["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])(
    "%s empty counts as a profile's name for some: default, without a word",
    (name) => {
      expect(plan({ [name]: "" }, AMBIENT)).toEqual({
        exports: { ...FILES, ...REGION, [name]: "default" },
        warnings: [],
      });
    },
  );

  test("default already: left alone", () => {
    expect(plan({ AWS_PROFILE: "default", AWS_DEFAULT_PROFILE: "default" }, AMBIENT)).toEqual({
      exports: { ...FILES, ...REGION },
      warnings: [],
    });
  });

  test("are the steps' own choice in a named use", () => {
    expect(plan({ AWS_PROFILE: "staging", AWS_DEFAULT_PROFILE: "" }, NAMED)).toEqual({
      exports: FILES,
      warnings: [],
    });
    const { exports, warnings } = plan({ AWS_DEFAULT_PROFILE: "staging" }, NAMED);
    expect(exports).toEqual(FILES);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^AWS_DEFAULT_PROFILE is set, and boto3 and the AWS CLI v1 prefer it to AWS_PROFILE: /,
      ),
    ]);
  });

  test("a warning shows a line break for what it is", () => {
    const [warning] = plan({ AWS_PROFILE: "a\n::error::b" }, AMBIENT).warnings;
    expect(warning).toContain('"a\\n::error::b"');
  });
});

describe("mirror-environment", () => {
  test("true: an ambient use exports its own three, and says what that does to other profiles", () => {
    const { exports, warnings } = plan({}, AMBIENT, { mirror: "always" });
    expect(exports).toEqual({ ...FILES, ...REGION, ...OURS });
    expect(warnings).toEqual([
      "mirror-environment is true: this job has one role. Steps that choose another profile with AWS_PROFILE still get this role in most SDKs; use --profile instead.",
    ]);
  });

  test("true: a named use is refused", () => {
    expect(refusal({}, NAMED, { mirror: "always" }).message).toBe(
      "mirror-environment cannot be true with a named profile: the variables would override AWS_PROFILE and give every step this role. Leave it at auto.",
    );
  });

  test("false: nothing is mirrored", () => {
    expect(plan({}, AMBIENT, { mirror: "never" })).toEqual({
      exports: { ...FILES, ...REGION },
      warnings: [],
    });
    expect(plan({}, NAMED, { mirror: "never" })).toEqual({ exports: FILES, warnings: [] });
  });

  test.each(["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_SESSION_NAME"])(
    "false while %s is set: refused",
    (name) => {
      expect(refusal({ [name]: "x" }, AMBIENT, { mirror: "never" }).message).toBe(
        `mirror-environment cannot be false while ${name} is set in this job: later steps would run as another role or fail. Leave it at auto.`,
      );
    },
  );

  test("false with a named use: the same refusals as auto", () => {
    expect(refusal({ AWS_ROLE_ARN: "x" }, NAMED, { mirror: "never" }).anchor).toBe("named-profile-loses");
  });
});

describe("sts-endpoint", () => {
  const endpoint = { stsEndpoint: "http://127.0.0.1:9000" };

  test.each(["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"])(
    "of a named use would lose to %s: refused",
    (name) => {
      const { message, anchor } = refusal({ [name]: "http://127.0.0.1:4566" }, NAMED, endpoint);
      expect(anchor).toBe("sts-endpoint-loses");
      expect(message).toBe(
        `${name} is set in this job and would override sts-endpoint: later steps would send the ID token to another server. ` +
          "Remove it from the job, or leave out profile to make this role ambient.",
      );
    },
  );

  test.each(["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"])(
    "of a named use, with %s empty or the same server: accepted",
    (name) => {
      for (const value of ["http://127.0.0.1:9000", "http://127.0.0.1:9000/", ""]) {
        expect(plan({ [name]: value }, NAMED, endpoint)).toEqual({ exports: FILES, warnings: [] });
      }
    },
  );

  test("of an ambient use overrides it, because it is exported for STS itself", () => {
    const ambient = { AWS_ENDPOINT_URL_STS: "http://127.0.0.1:1", AWS_ENDPOINT_URL: "http://127.0.0.1:2" };
    expect(plan(ambient, AMBIENT, endpoint).exports.AWS_ENDPOINT_URL_STS).toBe("http://127.0.0.1:9000");
  });

  test.each([
    ["named", NAMED],
    ["ambient", AMBIENT],
  ])("of a %s use is not read at all under AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: refused", (_, use) => {
    const { message } = refusal({ AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "True" }, use, endpoint);
    expect(message).toContain("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is set in this job");
    expect(() => plan({ AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "false" }, use, endpoint)).not.toThrow();
  });

  test.each([
    [
      "AWS_ENDPOINT_URL_STS",
      { AWS_ENDPOINT_URL_STS: "http://x.example", AWS_ENDPOINT_URL: "https://y.example" },
    ],
    ["AWS_ENDPOINT_URL", { AWS_ENDPOINT_URL: "http://x.example" }],
  ])("left out, %s over plain http to another machine is refused, as the input is", (name, ambient) => {
    for (const use of [AMBIENT, NAMED]) {
      const { message, anchor } = refusal(ambient, use);
      expect(anchor).toBe("sts-endpoint-over-http");
      expect(message).toMatch(
        new RegExp(
          `^${name} is "http://x.example": later steps would send the ID token there over plain http`,
        ),
      );
    }
  });

  test.each([
    ["https", { AWS_ENDPOINT_URL: "https://x.example" }],
    ["loopback", { AWS_ENDPOINT_URL_STS: "http://localhost:4566" }],
    [
      "STS's own before that of all",
      { AWS_ENDPOINT_URL_STS: "https://x.example", AWS_ENDPOINT_URL: "http://y" },
    ],
    ["blank", { AWS_ENDPOINT_URL_STS: "", AWS_ENDPOINT_URL: "" }],
  ])("left out, the environment's is the user's choice: %s", (_, ambient) => {
    expect(plan(ambient, AMBIENT)).toEqual({ exports: { ...FILES, ...REGION }, warnings: [] });
  });

  test("left out, nothing of the environment's endpoints matters where SDKs ignore them", () => {
    const ambient = {
      AWS_ENDPOINT_URL_STS: "http://x",
      AWS_ENDPOINT_URL: "http://y",
      AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true",
    };
    expect(plan(ambient, NAMED)).toEqual({ exports: FILES, warnings: [] });
    expect(plan(ambient, AMBIENT)).toEqual({ exports: { ...FILES, ...REGION }, warnings: [] });
  });
});

test("everything at once has every cure at once", () => {
  const ambient = {
    ...{ AWS_ACCESS_KEY_ID: "x", AWS_SECRET_ACCESS_KEY: "y", AWS_SESSION_TOKEN: "z" },
    ...{ AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://x", AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/x" },
    ...{ AWS_ROLE_ARN: "x", AWS_WEB_IDENTITY_TOKEN_FILE: "/x", AWS_ROLE_SESSION_NAME: "x" },
    ...{ AWS_PROFILE: "x", AWS_DEFAULT_PROFILE: "y", AWS_REGION: "us-east-1", AWS_CONFIG_FILE: "/x" },
  };
  const { exports, warnings } = plan(ambient, AMBIENT);
  expect(exports).toEqual({
    ...FILES,
    ...REGION,
    ...NO_KEYS,
    ...NO_CONTAINER,
    ...OURS,
    AWS_PROFILE: "default",
    AWS_DEFAULT_PROFILE: "default",
  });
  expect(warnings).toHaveLength(5);
});

test("nothing else is ever exported, and '' only where every SDK treats it as not set", () => {
  const values = [undefined, "", "x"];
  const names = [
    ...Object.keys({ ...NO_KEYS, ...NO_CONTAINER, ...OURS }),
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
  ];
  const emptiable = new Set(Object.keys({ ...NO_KEYS, ...NO_CONTAINER }));
  const allowed = new Set([...Object.keys({ ...FILES, ...REGION }), ...names]);
  for (let n = 0; n < 3 ** names.length; n += 7) {
    const ambient = Object.fromEntries(
      names.map((name, index) => [name, values[Math.floor(n / 3 ** index) % 3]]),
    );
    for (const use of [AMBIENT, NAMED]) {
      let exports: Record<string, string>;
      try {
        exports = plan(ambient, use).exports;
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
        continue;
      }
      for (const [name, value] of Object.entries(exports)) {
        if (!allowed.has(name) || (value === "" && !emptiable.has(name)))
          throw new Error(`${name}=${value} for ${JSON.stringify(ambient)}`);
      }
      // In every environment, no key is left that overrides the profile.
      for (const name of emptiable) {
        if (exports[name] ?? ambient[name]) throw new Error(`${name} survives ${JSON.stringify(ambient)}`);
      }
    }
  }
});
