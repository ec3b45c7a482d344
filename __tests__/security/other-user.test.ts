// Another user of the machine, beside a job that runs: what it can read of the token, the keeper and the
// files. And plainly, as a test that holds the documentation to it, what another process of the same user
// can.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { canBeAnother, NOBODY, STRANGER, unless } from "../../harness/machine/means.ts";
import { type Answers, OtherUser } from "../../harness/machine/other-user.ts";
import { AUDIENCES } from "../../harness/machine/stage.ts";
import { jobDirectory, tokenDirectory } from "../../src/base/layout.ts";

interface Attempt {
  /** The first bytes read, or the error. */
  got: string;
}

/** Reads each path as a user of that number, in a process of its own. */
function readAs(uid: number, paths: string[]): Record<string, Attempt> {
  const script = `
    const fs = require("node:fs");
    const tried = {};
    for (const path of process.argv.slice(1)) {
      try {
        if (fs.statSync(path).isDirectory()) tried[path] = { got: fs.readdirSync(path).join() };
        else {
          const start = Buffer.alloc(500);
          const length = fs.readSync(fs.openSync(path), start);
          tried[path] = { got: start.toString("latin1", 0, length) };
        }
      } catch (error) {
        tried[path] = { got: error.code };
      }
    }
    console.log(JSON.stringify(tried));`;
  const { stdout } = spawnSync(process.execPath, ["-e", script, ...paths], {
    uid,
    gid: uid,
    cwd: "/",
    encoding: "utf8",
  });
  return JSON.parse(stdout);
}

(canBeAnother ? describe : describe.skip)(
  `beside a job of another user${unless(canBeAnother, "needs root")}`,
  () => {
    let owner: OtherUser;
    let use: Answers["use"];
    let root: string;
    let secret: string[];
    let open: string[];

    beforeAll(async () => {
      owner = new OtherUser(NOBODY);
      ({ root } = await owner.start());
      use = await owner.use();
      expect(use.result.outcome).toBe("success");
      const directory = tokenDirectory(jobDirectory(root), AUDIENCES[0] ?? "");
      const keeper = `/proc/${use.keepers[0]}`;
      secret = [
        ...[
          root,
          directory.path,
          directory.secret,
          directory.status,
          path.join(root, "config"),
          path.join(root, "credentials"),
        ],
        ...[path.join(root, "job.json"), path.join(root, "uses")],
        ...["environ", "mem", "fd", "cwd", "maps", "root", "exe"].map((name) => `${keeper}/${name}`),
      ];
      open = ["cmdline", "status"].map((name) => `${keeper}/${name}`);
    });
    afterAll(() => owner.close());

    test("nothing that holds or leads to a token can be read", () => {
      // The machine's folders above are open here, as /home/runner/work is: what counts is our own.
      const tried = readAs(STRANGER, secret);
      const readable = Object.entries(tried).filter(([, { got }]) => !/^E(ACCES|PERM)$/.test(got));
      expect(readable.map(([file]) => file)).toEqual([]);
      expect(Object.keys(tried)).toHaveLength(secret.length);
    });

    test("what can be read of the keeper tells its name, and no more", () => {
      const [cmdline, status] = Object.values(readAs(STRANGER, open));
      expect((cmdline?.got ?? "").replaceAll("\0", " ").trim()).toBe("aws-role-refresh");
      expect(status?.got).toMatch(/^Uid:\t65534/m);
    });

    test("it cannot be ended, stopped or made to open a debugger", () => {
      const pid = use.keepers[0] as number;
      for (const signal of ["TERM", "STOP", "USR1", "KILL"]) {
        const kill = spawnSync("kill", ["-s", signal, String(pid)], {
          uid: STRANGER,
          gid: STRANGER,
          cwd: "/",
        });
        expect(kill.status).not.toBe(0);
      }
      expect(readFileSync(`/proc/${pid}/stat`, "utf8")).toMatch(/\) [SR] /);
    });

    // docs/security.md says so: nothing can be defended against a process of the same user.
    test("a process of the same user can read all of it", () => {
      const tried = readAs(
        NOBODY,
        secret.filter((file) => !/\/(mem|root)$/.test(file)),
      );
      expect(Object.entries(tried).filter(([, { got }]) => /^E[A-Z]+$/.test(got))).toEqual([]);
    });

    test("all gone after", async () => {
      const { outcome, left } = await owner.finish();
      expect({ outcome, left }).toEqual({ outcome: "success", left: [] });
    });
  },
);
