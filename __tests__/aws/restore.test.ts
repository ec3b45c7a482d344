import { describe, expect, test } from "@jest/globals";
import { type Environment, planEnvironment } from "../../src/aws/environment.ts";
import { type ExportedUse, IDENTITY_VARIABLES, overrideWarning, planRestore } from "../../src/aws/restore.ts";
import { troubleshootingLink } from "../../src/base/troubleshooting.ts";

const ROLE = "arn:aws:iam::111122223333:role/deploy";
const FILES = {
  AWS_CONFIG_FILE: "/temp/aws-role-refresh/config",
  AWS_SHARED_CREDENTIALS_FILE: "/temp/aws-role-refresh/credentials",
};
const REGION = { AWS_REGION: "eu-west-1", AWS_DEFAULT_REGION: "eu-west-1" };
const NO_KEYS = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", AWS_SESSION_TOKEN: "" };
const OURS = {
  AWS_ROLE_ARN: ROLE,
  AWS_WEB_IDENTITY_TOKEN_FILE: "/temp/aws-role-refresh/tokens/0/token",
  AWS_ROLE_SESSION_NAME: "session",
};

/** What main exports. */
const exportsOf = (ambient: Environment, profile = "default"): Record<string, string> =>
  planEnvironment(ambient, {
    profile,
    configFile: FILES.AWS_CONFIG_FILE,
    credentialsFile: FILES.AWS_SHARED_CREDENTIALS_FILE,
    region: "eu-west-1",
    sessionName: "session",
    stsEndpoint: undefined,
    mirror: "auto",
    identity: { roleArn: ROLE, sessionName: "session", tokenFile: OURS.AWS_WEB_IDENTITY_TOKEN_FILE },
  }).exports;

describe("post gives back", () => {
  const defaults = {
    AWS_CONFIG_FILE: "/home/me/.aws/config",
    AWS_SHARED_CREDENTIALS_FILE: "/home/me/.aws/credentials",
  };
  const restore = (exported: Environment, previous: Environment, now: Environment = exported) =>
    planRestore(now, exported, previous, defaults);

  test("each variable that had a value", () => {
    expect(
      restore(
        { ...REGION, ...NO_KEYS, AWS_PROFILE: "default" },
        {
          AWS_REGION: "us-east-1",
          AWS_ACCESS_KEY_ID: "x",
          AWS_SECRET_ACCESS_KEY: "y",
          AWS_PROFILE: "staging",
        },
      ),
    ).toEqual({
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "x",
      AWS_SECRET_ACCESS_KEY: "y",
      AWS_PROFILE: "staging",
    });
  });

  test("the two files to their default paths if they had none", () => {
    expect(restore(FILES, {})).toEqual({
      AWS_CONFIG_FILE: "/home/me/.aws/config",
      AWS_SHARED_CREDENTIALS_FILE: "/home/me/.aws/credentials",
    });
    expect(restore(FILES, { AWS_CONFIG_FILE: "/mine", AWS_SHARED_CREDENTIALS_FILE: "/mine too" })).toEqual({
      AWS_CONFIG_FILE: "/mine",
      AWS_SHARED_CREDENTIALS_FILE: "/mine too",
    });
  });

  test("nothing for a variable that had no value: it cannot be unset, and '' would break SDKs", () => {
    expect(restore({ ...REGION, AWS_SDK_LOAD_CONFIG: "1", ...OURS }, {})).toEqual({});
  });

  test("nothing empty: a variable that was '' keeps ours, and the files go to their default paths", () => {
    expect(
      restore(
        { ...FILES, ...REGION },
        { AWS_CONFIG_FILE: "", AWS_SHARED_CREDENTIALS_FILE: "", AWS_REGION: "" },
      ),
    ).toEqual({
      AWS_CONFIG_FILE: "/home/me/.aws/config",
      AWS_SHARED_CREDENTIALS_FILE: "/home/me/.aws/credentials",
    });
  });

  test("nothing that a later step has changed", () => {
    expect(restore(REGION, { AWS_REGION: "us-east-1" }, { AWS_REGION: "ap-south-1" })).toEqual({});
    expect(restore(FILES, {}, { ...FILES, AWS_CONFIG_FILE: "/a step's own" })).toEqual({
      AWS_SHARED_CREDENTIALS_FILE: "/home/me/.aws/credentials",
    });
  });

  test("nothing twice: what is as it was needs no export", () => {
    expect(restore(REGION, REGION)).toEqual({});
  });

  test("nothing that it did not export", () => {
    expect(restore({}, { AWS_REGION: "us-east-1" }, { AWS_REGION: "eu-west-1" })).toEqual({});
  });

  test("undoes every plan of an ambient use, except where a variable had no value", () => {
    const before = {
      AWS_REGION: "us-east-1",
      AWS_PROFILE: "x",
      AWS_ACCESS_KEY_ID: "y",
      AWS_ROLE_ARN: "z",
      AWS_CONFIG_FILE: "/mine",
    };
    const exports = exportsOf(before);
    const during = { ...before, ...exports };
    expect({ ...during, ...restore(exports, before, during) }).toMatchObject(before);
  });
});

describe("the environment at post, where a later step overrode the profile", () => {
  function useOf(ambient: Environment = {}, profile = "default"): { use: ExportedUse; after: Environment } {
    const exported = exportsOf(ambient, profile);
    const previous = Object.fromEntries(
      [...IDENTITY_VARIABLES, ...Object.keys(exported)].map((name) => [name, ambient[name] ?? null]),
    );
    return { use: { profile, roleArn: ROLE, exported, previous }, after: { ...ambient, ...exported } };
  }

  const KEYS = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b", AWS_SESSION_TOKEN: "c" };
  const warning = (names: string) =>
    `${names} changed after this action set up ${ROLE}, so later steps may have run as another identity. ` +
    "Remove the step that sets them, usually a later configure-aws-credentials, or move it to another job. " +
    `More: ${troubleshootingLink("a-later-step-replaced-the-role")}`;
  const THREE = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN";

  test.each([
    ["keys, for an ambient use", {}, "default", KEYS, THREE],
    ["keys, for a named use", {}, "prod", KEYS, THREE],
    [
      "keys, where main had emptied others",
      { ...KEYS, AWS_SESSION_TOKEN: "" },
      "default",
      { ...KEYS, AWS_ACCESS_KEY_ID: "d", AWS_SECRET_ACCESS_KEY: "e" },
      THREE,
    ],
    [
      "keys that the post of configure-aws-credentials emptied",
      {},
      "default",
      { ...NO_KEYS, AWS_REGION: "", AWS_DEFAULT_REGION: "" },
      THREE,
    ],
    ["the same, for a named use", {}, "prod", { ...NO_KEYS, AWS_REGION: "", AWS_DEFAULT_REGION: "" }, THREE],
    [
      "container credentials",
      {},
      "default",
      { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://x" },
      "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ],
    [
      "a web identity",
      {},
      "prod",
      { AWS_ROLE_ARN: "x", AWS_WEB_IDENTITY_TOKEN_FILE: "/x" },
      "AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE",
    ],
    [
      "a web identity in the place of ours",
      { AWS_ROLE_ARN: "y" },
      "default",
      { AWS_ROLE_ARN: "x", AWS_WEB_IDENTITY_TOKEN_FILE: "/x" },
      "AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE",
    ],
    [
      "another profile, for an ambient use",
      { AWS_PROFILE: "y" },
      "default",
      { AWS_PROFILE: "x" },
      "AWS_PROFILE",
    ],
  ])("%s: warns, with the fix", (_, ambient, profile, step, names) => {
    const { use, after } = useOf(ambient, profile);
    expect(overrideWarning({ ...after, ...step }, use)).toBe(warning(names));
  });

  test.each<[string, Environment, string, Environment]>([
    ["nothing", {}, "default", {}],
    ["nothing, for a named use", {}, "prod", {}],
    ["nothing, where main had replaced everything", { ...KEYS, ...OURS, AWS_PROFILE: "x" }, "default", {}],
    ["a region, or files, of a step's choice", {}, "default", { AWS_REGION: "x", AWS_CONFIG_FILE: "/mine" }],
    ["a profile of a step's choice, for a named use", {}, "prod", { AWS_PROFILE: "prod" }],
    ["keys that are emptied for safety", {}, "default", NO_KEYS],
    ["keys that were empty", NO_KEYS, "default", { AWS_REGION: "" }],
    ["what the env of the action's own step sets again", KEYS, "default", KEYS],
    ["what another use of this action mirrors", {}, "default", { ...OURS, AWS_ROLE_ARN: "another" }],
  ])("%s: no warning", (_, ambient, profile, step) => {
    const { use, after } = useOf(ambient, profile);
    expect(overrideWarning({ ...after, ...step }, use)).toBeUndefined();
  });

  test("a warning holds no value of a variable", () => {
    const { use, after } = useOf();
    expect(
      overrideWarning({ ...after, AWS_ACCESS_KEY_ID: "value-of-key", AWS_PROFILE: "value-of-profile" }, use),
    ).not.toContain("value-of");
  });
});
