// The keeper cannot write: the old token stays as it is, the keeper goes on, and once it can write again the
// token is fresh.
import { execFileSync } from "node:child_process";
import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { canMount, hasPrlimit, isRoot, NOBODY, unless } from "../../harness/machine/means.ts";
import { type KeptToken, Scene } from "../../harness/machine/scene.ts";
import { onTmpfs, Storage } from "../../harness/machine/storage.ts";
import { waitFor } from "../../harness/wait.ts";

const LIFE_MS = 4_000;
const RETRY_CAP_MS = LIFE_MS / 10;
const SLACK_MS = 2_000;
const NO_MOUNT = "needs root and mount namespaces";

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.start();
});
afterAll(() => scene.close());

/** Brings the fault about, lets the keeper fail a few times, and takes it away again. */
async function through(kept: KeptToken, token: () => string, fault: { begin: () => void; end: () => void }) {
  fault.begin();
  const first = token();
  const asked = kept.requests().length;
  // The status file cannot be written either: what the keeper does is told by what it asks for.
  await waitFor("three failures", 15_000, () => (kept.requests().length > asked + 3 ? true : undefined));
  expect(token() === first).toBe(true);
  expect(kept.keeper.isAlive).toBe(true);
  fault.end();
  const over = performance.now();
  await waitFor("a new token", 15_000, () => (token() === first ? undefined : true));
  expect(performance.now() - over).toBeLessThan(RETRY_CAP_MS + SLACK_MS);
}

/** Whatever the keeper could not finish is gone; what it writes at this moment soon is. */
async function nothingHalfWritten(directory: string): Promise<void> {
  await waitFor("status.json and token alone", 5_000, () =>
    readdirSync(directory).sort().join() === "status.json,token" ? true : undefined,
  );
}

const onDisk = canMount ? test : test.skip;

onDisk.each([
  { name: "disk full", options: "size=128k", fill: (storage: Storage) => storage.fill() },
  {
    name: "no inodes left",
    options: "size=1m,nr_inodes=64",
    fill: (storage: Storage) => storage.fillInodes(),
  },
])(`$name${unless(canMount, NO_MOUNT)}`, async ({ options, fill }) => {
  const kept = await scene.keep({ lifeMs: LIFE_MS, wrap: onTmpfs(options) });
  const storage = new Storage(kept.keeper);
  await through(kept, () => storage.token, { begin: () => fill(storage), end: () => storage.free() });
  const { outages, failures } = await waitFor("the next status", 5_000, () => {
    const status = kept.keeper.status(storage.directory);
    return status.failures > 0 ? status : undefined;
  });
  expect(failures).toBeGreaterThanOrEqual(3);
  expect(outages.at(-1)?.lastError).toMatch(/ENOSPC/);
  await nothingHalfWritten(storage.directory.path);
});

onDisk(`remounted read-only${unless(canMount, NO_MOUNT)}`, async () => {
  const kept = await scene.keep({ lifeMs: LIFE_MS, wrap: onTmpfs("size=1m") });
  const storage = new Storage(kept.keeper);
  const remount = (mode: string) =>
    execFileSync("nsenter", [
      "-t",
      String(kept.keeper.pid),
      "-m",
      "mount",
      "-o",
      `remount,${mode}`,
      `${kept.keeper.root}/..`,
    ]);
  await through(kept, () => storage.token, { begin: () => remount("ro"), end: () => remount("rw") });
});

test("token directory without write permission", async () => {
  // Permissions do not hold root up.
  const kept = await scene.keep({ lifeMs: LIFE_MS, ...(isRoot ? { uid: NOBODY } : {}) });
  const { path, secret: token } = kept.keeper.directory;
  await through(kept, () => readFileSync(token, "utf8"), {
    begin: () => chmodSync(path, 0o500),
    end: () => chmodSync(path, 0o700),
  });
  await nothingHalfWritten(path);
});

test("ends while the token cannot be deleted: then it is emptied", async () => {
  const kept = await scene.keep({ lifeMs: 60_000, ...(isRoot ? { uid: NOBODY } : {}) });
  const { path, secret: token } = kept.keeper.directory;
  chmodSync(path, 0o500);
  rmSync(`${kept.keeper.root}/uses`, { recursive: true });
  expect(await kept.keeper.ended()).toBe(0);
  expect(statSync(token).size).toBe(0);
  chmodSync(path, 0o700);
});

test("job directory moved away and back: kept fresh wherever it is", async () => {
  const kept = await scene.keep({ lifeMs: LIFE_MS });
  const { root, directory } = kept.keeper;
  const away = `${root}-away`;
  renameSync(root, away);
  const moved = () => readFileSync(directory.secret.replace(root, away), "utf8");
  const first = moved();
  await waitFor("a new token", 15_000, () => (moved() === first ? undefined : true));
  renameSync(away, root);
  const second = readFileSync(directory.secret, "utf8");
  await waitFor("one more", 15_000, () =>
    readFileSync(directory.secret, "utf8") === second ? undefined : true,
  );
  expect((await kept.keeper.stop()).failures).toBe(0);
});

(hasPrlimit ? test : test.skip)(
  `no file descriptors left${unless(hasPrlimit, "needs prlimit")}`,
  async () => {
    const kept = await scene.keep({ lifeMs: LIFE_MS });
    const { pid, directory } = kept.keeper;
    const limit = (soft: number | string) =>
      execFileSync("prlimit", ["--pid", String(pid), `--nofile=${soft}:`]);
    const before = softLimit(pid);
    const { secret: token } = directory;
    // The channel to main, descriptor 3, is closed a moment after the hand-over, and would leave one free.
    await waitFor("the end of the channel", 5_000, () => (lowestFree(pid) === 3 ? true : undefined));
    limit(3);
    const first = readFileSync(token, "utf8");
    const asked = kept.requests().length;
    // Not even a connection can be opened.
    await sleep(LIFE_MS / 2 + 3 * RETRY_CAP_MS);
    expect(kept.requests().length).toBe(asked);
    expect(readFileSync(token, "utf8") === first).toBe(true);
    expect(kept.keeper.isAlive).toBe(true);
    limit(before);
    await waitFor("a new token", 15_000, () => (readFileSync(token, "utf8") === first ? undefined : true));
    const { outages } = await kept.keeper.until("its status", ({ refreshes }) => refreshes > 0);
    expect(outages[0]?.lastError).toMatch(/EMFILE/);
  },
);

function softLimit(pid: number): string {
  return /^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1] ?? "";
}

/** What the next file that it opens would get. */
function lowestFree(pid: number): number {
  const taken = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
  let number = 0;
  while (taken.has(number)) number += 1;
  return number;
}
