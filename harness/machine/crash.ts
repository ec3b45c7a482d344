/** Kills a step of an action right before the n-th thing it does to the world. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { Stage } from "./stage.ts";

/**
 * The `env:` of a step whose script `entry` (main or post) is killed right before its n-th effect: a change
 * to a file, a process started or signalled, a message or a request sent. For every n there is, the step has
 * been killed at each of its await points and between any two effects. A step that ends by itself writes the
 * number of its effects to `count`.
 */
export function crashAt(
  folder: string,
  entry: "main" | "post",
  n: number,
): { env: Record<string, string>; count: string } {
  const hook = path.join(folder, `crash-${entry}-${n}.mjs`);
  const count = path.join(folder, `count-${entry}-${n}`);
  writeFileSync(hook, HOOK);
  return {
    env: {
      NODE_OPTIONS: `--import="${hook}"`,
      CRASH_ENTRY: `/dist/${entry}/`,
      CRASH_AT: String(n),
      CRASH_COUNT: count,
    },
    count,
  };
}

/** So many machines at work at once. */
const MACHINES = 3;

/**
 * Calls `crash` for 1, 2, 3 … on machines of their own until it says that there was nothing left to crash.
 * Returns how many times.
 */
export async function everywhere(crash: (stage: Stage, n: number) => Promise<boolean>): Promise<number> {
  let next = 1;
  let last = Number.POSITIVE_INFINITY;
  await Promise.all(
    Array.from({ length: MACHINES }, async () => {
      const stage = await Stage.start();
      try {
        for (let n = next++; n < last; n = next++) if (!(await crash(stage, n))) last = Math.min(last, n);
      } finally {
        await stage.close();
      }
    }),
  );
  return last - 1;
}

const HOOK = `
import { createRequire, syncBuiltinESMExports } from "node:module";
const require = createRequire(import.meta.url);
const { CRASH_ENTRY, CRASH_AT, CRASH_COUNT } = process.env;
if ((process.argv[1] ?? "").includes(CRASH_ENTRY)) {
  const fs = require("node:fs");
  const { writeFileSync } = fs;
  const kill = process.kill.bind(process);
  let effects = 0;
  const wrap = (object, ...names) => {
    for (const name of names) {
      const original = object[name];
      object[name] = function (...args) {
        effects += 1;
        if (effects === Number(CRASH_AT)) kill(process.pid, "SIGKILL");
        return original.apply(this, args);
      };
    }
  };
  wrap(fs, "openSync", "writeFileSync", "appendFileSync", "renameSync", "rmSync", "mkdirSync", "chmodSync", "fchmodSync", "chownSync");
  wrap(require("node:child_process"), "spawn");
  wrap(require("node:child_process").ChildProcess.prototype, "send");
  for (const name of ["node:http", "node:https"]) wrap(require(name), "get", "request");
  wrap(process, "kill");
  syncBuiltinESMExports();
  process.on("exit", () => {
    const done = effects;
    effects = -1000;
    writeFileSync(CRASH_COUNT, String(done));
  });
}
`;
