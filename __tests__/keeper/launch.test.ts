import type { ChildProcess } from "node:child_process";
import { EventEmitter } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { LaunchedKeeper, launchKeeper } from "../../src/keeper/launch.ts";
import type { Ask } from "../../src/keeper/messages.ts";

// From source there is no bundle of the keeper beside this one: what is started here is a node that finds no
// script.

/**
 * Processes that this one has started and not yet seen the end of: a killed one counts until then (proc(5),
 * /proc/PID/task/TID/children).
 */
function children(): string[] {
  return readdirSync("/proc/self/task").flatMap(
    (thread) => readFileSync(`/proc/self/task/${thread}/children`, "utf8").match(/\d+/g) ?? [],
  );
}

/** Those that were not there before. Another test's may end meanwhile. */
const added = (before: string[]): string[] => children().filter((pid) => !before.includes(pid));

test("a keeper that is not needed is gone when abandon() returns; a second call does nothing", async () => {
  const before = children();
  const keeper = launchKeeper();
  expect(added(before)).toHaveLength(1);
  await keeper.abandon();
  expect(added(before)).toEqual([]);
  await keeper.abandon();
});

test("a keeper that does not start is reported, and is gone", async () => {
  const before = children();
  const keeper = launchKeeper();
  await expect(keeper.firstToken({} as Ask, () => {})).rejects.toMatchObject({
    anchor: "keeper-did-not-start",
    message: expect.stringMatching(
      /^The process that keeps the token fresh did not start: .*\. Run the job again\.$/,
    ),
  });
  await keeper.abandon();
  expect(added(before)).toEqual([]);
});

test("a process that cannot be started is said so with the reason: Node gives it no send() where EMFILE is", async () => {
  const child = new EventEmitter();
  const keeper = new LaunchedKeeper(child as ChildProcess);
  child.emit("error", new Error("spawn node EMFILE"));
  await expect(keeper.firstToken({} as Ask, () => {})).rejects.toMatchObject({
    message: expect.stringContaining("did not start: spawn node EMFILE. Run the job again."),
  });
});
