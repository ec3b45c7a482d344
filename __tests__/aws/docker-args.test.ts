import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";
import { unless } from "../../harness/machine/means.ts";
import { dockerArgs } from "../../src/aws/docker-args.ts";
import { type Environment, type PlannedUse, planEnvironment } from "../../src/aws/environment.ts";
import { jobDirectoryPath } from "../../src/base/runner-temp.ts";
import { PROFILE } from "../../src/input-readers.ts";

const DIRECTORY = "/home/runner/work/_temp/aws-role-refresh";
const MOUNT = `-v ${DIRECTORY}:${DIRECTORY}:ro`;
const FILES =
  "-e AWS_CONFIG_FILE -e AWS_SHARED_CREDENTIALS_FILE -e AWS_SDK_LOAD_CONFIG -e AWS_STS_REGIONAL_ENDPOINTS";
const REGION = "-e AWS_REGION -e AWS_DEFAULT_REGION";
const roleArn = "arn:aws:iam::111122223333:role/deploy";
const USE: PlannedUse = {
  ...{ profile: "default", region: "eu-west-1", stsEndpoint: undefined, sessionName: "s", mirror: "auto" },
  identity: { roleArn, sessionName: "s", tokenFile: `${DIRECTORY}/tokens/1/token` },
  ...{ configFile: `${DIRECTORY}/config`, credentialsFile: `${DIRECTORY}/credentials` },
};
const chain = { roleArn, sessionName: "s", source: { profile: "build" } };

/** In the order of the variables. */
const argsOf = (use: Partial<PlannedUse>, ambient: Environment = {}) => {
  const { exports } = planEnvironment(ambient, { ...USE, ...use });
  return dockerArgs(DIRECTORY, use.profile ?? "default", exports, "linux");
};

/** The words that a shell makes of a text, and whether it did anything else. */
function wordsOf(shell: string, text: string): string[] {
  const folder = mkdtempSync(path.join(os.tmpdir(), "words-"));
  try {
    const { stdout, stderr, status } = spawnSync(shell, ["-c", `printf '%s\\n' ${text}`], {
      ...{ cwd: folder, encoding: "utf8" as const, timeout: 10_000 },
      env: { PATH: process.env.PATH, HOME: "/elsewhere" },
    });
    expect([status, stderr, existsSync(path.join(folder, "made"))]).toEqual([0, "", false]);
    return stdout.trimEnd().split("\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("what a container gets", () => {
  test.each<[string, Partial<PlannedUse>, string]>([
    ["a web identity profile", {}, `${MOUNT} ${REGION} ${FILES}`],
    ["a named profile", { profile: "a.b" }, `${MOUNT} ${FILES} -e AWS_PROFILE=a.b`],
    [
      "a shared session",
      { identity: { sessionFile: `${DIRECTORY}/sessions/1/session` } },
      `${MOUNT} ${REGION} ${FILES}`,
    ],
    ["a named chain", { profile: "b", identity: chain }, `${MOUNT} ${FILES} -e AWS_PROFILE=b`],
    [
      "mirror-environment",
      { mirror: "always" },
      `${MOUNT} -e AWS_ROLE_ARN -e AWS_WEB_IDENTITY_TOKEN_FILE -e AWS_ROLE_SESSION_NAME ${REGION} ${FILES}`,
    ],
    [
      "sts-endpoint",
      { stsEndpoint: "https://sts.example.com" },
      `${MOUNT} ${REGION} ${FILES} -e AWS_ENDPOINT_URL_STS`,
    ],
  ])("%s", (_name, use, args) => expect(argsOf(use)).toBe(args));

  test("nothing of what a job had before: no key, and no variable that is only neutralised", () => {
    const ambient = {
      ...{ AWS_ACCESS_KEY_ID: "x", AWS_SECRET_ACCESS_KEY: "x", AWS_SESSION_TOKEN: "x" },
      ...{
        AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1/",
        AWS_PROFILE: "x",
        AWS_DEFAULT_PROFILE: "",
      },
    };
    expect(argsOf({}, ambient)).toBe(argsOf({}));
    expect(argsOf({ profile: "b", keysAreSource: true }, ambient)).toBe(argsOf({ profile: "b" }));
  });

  test("nothing on Windows", () => expect(dockerArgs("D:/a/_temp/x", "default", {}, "win32")).toBe(""));
});

const onWindows = process.platform === "win32";
(onWindows ? describe.skip : describe)(`in a shell${unless(!onWindows, "the output is empty there")}`, () => {
  // Every character that the path of RUNNER_TEMP may have, with what shells make of it.
  const ascii = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index));
  const allowed = ascii.filter((character) => {
    try {
      return jobDirectoryPath(`/t${character}t`, "linux") !== "";
    } catch {
      return false;
    }
  });

  test.each(["sh", "bash"])("%s reads the same words, and runs nothing", (shell) => {
    const temps = [
      "/a b",
      "/~/!x",
      "/a&touch made&",
      "/a|touch made|",
      "/a (touch made) <(touch made) >made",
      "/*",
    ];
    for (const temp of [...temps, `/${allowed.join("")}`]) {
      const directory = jobDirectoryPath(temp, "linux");
      expect(wordsOf(shell, dockerArgs(directory, "a", { AWS_CONFIG_FILE: "x" }, "linux"))).toEqual([
        "-v",
        `${directory}:${directory}:ro`,
        "-e",
        "AWS_CONFIG_FILE",
        "-e",
        "AWS_PROFILE=a",
      ]);
    }
  });

  test("a line break or a quote cannot be in it: such a RUNNER_TEMP and such a profile are refused", () => {
    expect(ascii.filter((character) => !allowed.includes(character)).join("")).toBe("\"#$';\\`");
    for (const character of [...ascii, "\n", "\r", "\0"].filter((one) => !/[\w.-]/.test(one)))
      expect([character, PROFILE.test(`a${character}`)]).toEqual([character, false]);
    for (const character of ["\n", "\r", "\0"])
      expect(() => jobDirectoryPath(`/a${character}b`, "linux")).toThrow("RUNNER_TEMP");
  });

  test("even a profile that nobody checked stays one word", () => {
    const profile = "a'; touch made; $(touch made) `touch made` \"";
    expect(wordsOf("bash", dockerArgs("/t", profile, {}, "linux")).at(-1)).toBe(`AWS_PROFILE=${profile}`);
  });
});
