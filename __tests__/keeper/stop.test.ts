import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { writeRecord } from "../../src/base/files.ts";
import { isRunning } from "../../src/base/process.ts";
import { stopKeeper } from "../../src/keeper/stop.ts";
import { begin, ENDS_ON_MESSAGE, ENDS_WITHOUT_LEAVING, fakeKeeper, newUse } from "../job/setup.ts";

describe("a keeper", () => {
  test("that does not listen is ended by signals", async () => {
    await begin(newUse("a"));
    const { status, directory } = await fakeKeeper("");
    const stopped = stopKeeper(directory);
    expect(await stopped).toEqual({ keeper: status });
    expect(existsSync(`${directory.path}/got-SIGTERM`)).toBe(true);
    expect(isRunning(status)).toBe(false);
  });

  test("that says it has ended is not waited for, and not asked twice", async () => {
    await begin(newUse("a"));
    const { status, directory } = await fakeKeeper(ENDS_WITHOUT_LEAVING);
    expect(await stopKeeper(directory)).toEqual({ keeper: { ...status, ended: { at: 1, why: "stopped" } } });
    expect(existsSync(`${directory.path}/got-SIGTERM`)).toBe(false);
    expect(isRunning(status)).toBe(false);
  });

  test("that was gone before is said to have died", async () => {
    const { directory, status, child } = await fakeKeeper("");
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await stopKeeper(directory)).toEqual({ keeper: status, keeperDied: true });
    const ended = { ...status, ended: { at: 1, why: "job over" as const } };
    writeRecord(directory.status, ended);
    expect(await stopKeeper(directory)).toEqual({ keeper: ended, keeperDied: false });
  });

  test("whose pid is another process's by now is left alone", async () => {
    const { directory, status } = await fakeKeeper(ENDS_ON_MESSAGE);
    writeRecord(directory.status, { ...status, started: String(Number(status.started) - 1) });
    expect((await stopKeeper(directory)).keeperDied).toBe(true);
    expect(existsSync(directory.stop)).toBe(false);
    expect(isRunning(status)).toBe(true);
  });

  test.each([
    "",
    "{}",
    '{"pid":-1,"started":"1"}',
    '{"pid":0,"started":"1"}',
    '{"pid":"1","started":"1"}',
    "null",
  ])("of a status file that says %j is none, and no process is hurt", async (content) => {
    const { directory, status } = await fakeKeeper("");
    writeFileSync(directory.status, content);
    await stopKeeper(directory);
    expect(existsSync(`${directory.path}/got-SIGTERM`)).toBe(false);
    expect(isRunning(status)).toBe(true);
  });
});
