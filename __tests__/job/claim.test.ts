import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { IDENTITY_VARIABLES } from "../../src/aws/restore.ts";
import { UserError } from "../../src/base/errors.ts";
import { tokenId } from "../../src/base/layout.ts";
import { identify, isRunning, type ProcessIdentity } from "../../src/base/process.ts";
import {
  begin,
  CONFIG,
  CREDENTIALS,
  ENDS_ON_MESSAGE,
  end,
  fakeKeeper,
  home,
  job,
  newUse,
  previousOf,
  sectionOf,
  seedHome,
  TOKEN,
  temp,
  text,
} from "./setup.ts";

describe("the files that a use begins with", () => {
  test("copies the user's files byte for byte, less the profile of its name, and adds its own", async () => {
    seedHome();
    await begin(newUse("a"));
    expect(text(job.config)).toBe(
      `# mine\r\n\r\n[profile other] ; odd\noutput=json # \u00e9\n${sectionOf(newUse("a"))}`,
    );
    expect(text(job.credentials)).toBe("[other]\naws_access_key_id = nor-this\n");
    // And does not touch the originals.
    expect(text(`${home}/.aws/config`)).toBe(CONFIG);
    expect(text(`${home}/.aws/credentials`)).toBe(CREDENTIALS);
  });

  test("makes both files where the user has none: some SDKs fall back to ~/.aws otherwise", async () => {
    await begin(newUse("a", "prod"));
    expect(text(job.config)).toBe(sectionOf(newUse("a", "prod")));
    expect(text(job.credentials)).toBe("");
  });

  test("copies the files that the environment names", async () => {
    seedHome();
    writeFileSync(`${temp}/config`, "[profile from-env]\nregion = x");
    writeFileSync(`${home}/credentials`, "[from-env]\n");
    await begin(newUse("a"), {
      AWS_CONFIG_FILE: `${temp}/config`,
      AWS_SHARED_CREDENTIALS_FILE: "~/credentials",
    });
    expect(text(job.config)).toBe(`[profile from-env]\nregion = x\n${sectionOf(newUse("a"))}`);
    expect(text(job.credentials)).toBe("[from-env]\n");
    expect(previousOf("a")).toEqual({
      ...Object.fromEntries(IDENTITY_VARIABLES.map((name) => [name, null])),
      AWS_CONFIG_FILE: `${temp}/config`,
      AWS_SHARED_CREDENTIALS_FILE: "~/credentials",
      AWS_REGION: null,
    });
  });

  test.each([
    ["/dev/null", () => "/dev/null"],
    ["a file that is not there", () => `${temp}/no`],
    ["a path through a file", () => `${home}/.aws/config/x`],
  ])("treats %s as no file", async (_, file) => {
    seedHome();
    await begin(newUse("a"), { AWS_CONFIG_FILE: file() });
    expect(text(job.config)).toBe(sectionOf(newUse("a")));
  });

  test("treats an empty path as the default one", async () => {
    seedHome();
    await begin(newUse("a", "prod"), { AWS_CONFIG_FILE: "", AWS_SHARED_CREDENTIALS_FILE: "" });
    expect(text(job.config)).toBe(CONFIG + sectionOf(newUse("a", "prod")));
    expect(text(job.credentials)).toBe(CREDENTIALS);
  });

  test.each([
    ["AWS_CONFIG_FILE", "config"],
    ["AWS_SHARED_CREDENTIALS_FILE", "credentials"],
  ])("refuses a file that cannot be read, and names the variable to set: %s", async (variable, name) => {
    mkdirSync(`${home}/.aws/${name}`);
    const failed = begin(newUse("a"));
    await expect(failed).rejects.toThrow(UserError);
    await expect(failed).rejects.toThrow(`${home}/.aws/${name} cannot be read (`);
    await expect(failed).rejects.toThrow(`Make it readable, or set ${variable} to another file.`);
  });

  test("does not copy files of a job that crashed, which the environment of a long-lived runner still names", async () => {
    seedHome();
    await begin(newUse("01d"), {}, TOKEN, "another job's");
    await begin(newUse("a", "prod"), {
      AWS_CONFIG_FILE: job.config,
      AWS_SHARED_CREDENTIALS_FILE: job.credentials,
    });
    expect(text(job.config)).toBe(CONFIG + sectionOf(newUse("a", "prod")));
    expect(text(job.credentials)).toBe(CREDENTIALS);
    expect(previousOf("a")).toMatchObject({ AWS_CONFIG_FILE: null, AWS_SHARED_CREDENTIALS_FILE: null });
  });
});

/** Records another process as the one whose end is the end of the job. */
function setWorker(worker: ProcessIdentity): void {
  writeFileSync(job.claim, JSON.stringify({ ...JSON.parse(text(job.claim)), worker }));
}

describe("a directory that another job uses", () => {
  const refused = "belongs to another job that is still running. Two jobs cannot share one RUNNER_TEMP";

  test("is refused while that job's worker runs, and left as it is", async () => {
    await begin(newUse("01d"), {}, TOKEN, "another job's");
    setWorker(identify(process.pid));
    const config = text(job.config);
    await expect(begin(newUse("a"))).rejects.toThrow(refused);
    await expect(begin(newUse("a"))).rejects.toThrow(UserError);
    expect(await end("a")).toBeUndefined();
    expect([text(job.config), readdirSync(job.uses)]).toEqual([config, ["01d.json"]]);
  });

  test("is refused while that job's keeper runs, where no worker is known; post does not delete it, either", async () => {
    await begin(newUse("01d"), {}, TOKEN, "another job's");
    const { status } = await fakeKeeper(ENDS_ON_MESSAGE);
    await expect(begin(newUse("a"))).rejects.toThrow(refused);
    rmSync(`${job.uses}/01d.json`); // as if its main were just about to write that
    expect(await end("a")).toBeUndefined();
    expect(isRunning(status)).toBe(true);
    expect(existsSync(job.config)).toBe(true);
  });
});

describe("a directory that a crashed job left", () => {
  test("is taken over where another process got the pid of the worker, whose start is not known", async () => {
    await begin(newUse("01d"), {}, TOKEN, "another job's");
    setWorker({ pid: process.pid });
    await begin(newUse("a"));
    expect(readdirSync(job.uses)).toEqual(["a.json"]);
  });

  test("is emptied, its keeper ended, and this job's made of it", async () => {
    seedHome();
    await begin(newUse("01d"), { AWS_CONFIG_FILE: `${temp}/old` }, TOKEN, "another job's");
    const { status } = await fakeKeeper(ENDS_ON_MESSAGE);
    setWorker({ pid: 4_194_304, started: "1" }); // it has ended: no pid is that high
    writeFileSync(`${job.path}/planted`, "");
    mkdirSync(`${job.tokens}/planted/deep`, { recursive: true });
    await begin(newUse("a", "prod"));
    expect(isRunning(status)).toBe(false);
    expect(readdirSync(job.uses)).toEqual(["a.json"]);
    expect(readdirSync(job.tokens)).toEqual([tokenId("sts.amazonaws.com")]);
    expect(readdirSync(`${job.tokens}/${tokenId("sts.amazonaws.com")}`)).toEqual(["token"]);
    expect(readdirSync(job.path).sort()).toEqual([
      "config",
      "credentials",
      "finished",
      "job.json",
      "sessions",
      "tokens",
      "uses",
    ]);
    expect(text(job.config)).toBe(CONFIG + sectionOf(newUse("a", "prod")));
    expect((await end("a"))?.others).toEqual([]);
    expect(readdirSync(temp)).toEqual(["home"]);
  });

  test("is so whatever its files hold, and if links stand in their places", async () => {
    mkdirSync(job.path, 0o700);
    writeFileSync(`${temp}/mine`, "precious");
    mkdirSync(`${temp}/mine too`);
    writeFileSync(`${temp}/mine too/file`, "precious");
    symlinkSync(`${temp}/mine`, job.config);
    symlinkSync(`${temp}/mine too`, job.tokens);
    symlinkSync(`${temp}/mine too`, job.uses);
    writeFileSync(job.claim, "{");
    await begin(newUse("a"));
    expect(text(`${temp}/mine`)).toBe("precious");
    expect(readdirSync(`${temp}/mine too`)).toEqual(["file"]);
    expect(text(job.config)).toBe(sectionOf(newUse("a")));
    await end("a");
    expect(readdirSync(temp).sort()).toEqual(["home", "mine", "mine too"]);
    expect(text(`${temp}/mine too/file`)).toBe("precious");
  });

  test("that is a symlink or open to others is refused", async () => {
    mkdirSync(`${temp}/target`, 0o700);
    symlinkSync(`${temp}/target`, job.path);
    await expect(begin(newUse("a"))).rejects.toThrow("already exists and is a symlink");
    expect(readdirSync(`${temp}/target`)).toEqual([]);
    rmSync(job.path);
    mkdirSync(job.path);
    chmodSync(job.path, 0o755);
    await expect(begin(newUse("a"))).rejects.toThrow("is open to other users (mode 755)");
    expect(readdirSync(job.path)).toEqual([]);
  });
});
