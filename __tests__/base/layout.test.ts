import { describe, expect, test } from "@jest/globals";
import { UserError } from "../../src/base/errors.ts";
import { jobDirectory, tokenDirectory, tokenId } from "../../src/base/layout.ts";
import { jobDirectoryPath } from "../../src/base/runner-temp.ts";
import { quoted } from "../../src/base/text.ts";

function refusal(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  throw new Error("nothing is refused");
}

describe("the path of the job directory", () => {
  test.each([
    ["/home/runner/work/_temp", "linux", "/home/runner/work/_temp/aws-role-refresh"],
    ["/home/runner work/_temp/", "linux", "/home/runner work/_temp/aws-role-refresh"],
    ["/__w/_temp//", "linux", "/__w/_temp/aws-role-refresh"],
    ["/a+b=c,d@e[f]{g}~h!/%x/(i)", "linux", "/a+b=c,d@e[f]{g}~h!/%x/(i)/aws-role-refresh"],
    ["/Users/runner/work/_temp", "darwin", "/Users/runner/work/_temp/aws-role-refresh"],
    ["D:\\a\\_temp", "win32", "D:/a/_temp/aws-role-refresh"],
    ["D:\\a b\\_temp\\", "win32", "D:/a b/_temp/aws-role-refresh"],
    ["D:/a/_temp", "win32", "D:/a/_temp/aws-role-refresh"],
  ])("%j on %s", (given, platform, expected) => {
    expect(jobDirectoryPath(given, platform)).toBe(expected);
  });

  test.each([undefined, ""])("needs RUNNER_TEMP: %j", (given) => {
    expect(refusal(() => jobDirectoryPath(given))).toBe(
      "RUNNER_TEMP is not set. The runner sets it; this action cannot run without it.",
    );
  });

  test.each([
    ["a relative path", "work/_temp", "linux"],
    ["a dot", ".", "linux"],
    ["a drive on Linux", "D:\\a", "linux"],
    ["a line break", "/tmp/x\nrole_arn = y", "linux"],
    ["a carriage return", "/tmp/x\r", "linux"],
    ["a tab", "/tmp/x\ty", "linux"],
    ["a NUL", "/tmp/x\0y", "linux"],
    ["DEL", "/tmp/x\x7f", "linux"],
    ["a hash", "/tmp/#x", "linux"],
    ["a semicolon", "/tmp/x;y", "linux"],
    ["a dollar", "/tmp/$x", "linux"],
    ["a double quote", '/tmp/"x', "linux"],
    ["a single quote", "/tmp/x'y", "linux"],
    ["a backtick", "/tmp/`x", "linux"],
    ["a backslash", "/tmp/x\\y", "linux"],
    ["an umlaut", "/tmp/ünï", "linux"],
    ["a no-break space", "/tmp/x\u00a0y", "linux"],
    ["a line separator", "/tmp/x\u2028y", "linux"],
    ["an emoji", "/tmp/😀", "linux"],
    ["a percent sign on Windows", "D:\\%TEMP%", "win32"],
    ["a semicolon on Windows", "D:\\x;y", "win32"],
    ["a path without a drive or root on Windows", "a\\_temp", "win32"],
  ])("refuses %s", (_, given, platform) => {
    const message = refusal(() => jobDirectoryPath(given, platform));
    expect(message).toContain(
      `RUNNER_TEMP is ${quoted(given)}. It must be an absolute path in ASCII without any of`,
    );
    expect(message).toContain("Change the runner's work folder.");
    expect(message).not.toContain("\n");
  });
});

test("each audience has its own token directory", () => {
  const job = jobDirectory("/tmp/x");
  expect(tokenDirectory(job, "a")).toEqual({
    path: `/tmp/x/tokens/${tokenId("a")}`,
    secret: `/tmp/x/tokens/${tokenId("a")}/token`,
    status: `/tmp/x/tokens/${tokenId("a")}/status.json`,
    stop: `/tmp/x/tokens/${tokenId("a")}/stop`,
  });
  expect(tokenId("a")).toMatch(/^[0-9a-f]{16}$/);
  expect(tokenId("b")).not.toBe(tokenId("a"));
});
