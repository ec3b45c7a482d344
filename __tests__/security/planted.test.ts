// Something else stands wherever the action opens or makes a path: links, pipes, sockets, folders, files. It
// never hangs, never follows a link out of its directory, and either works or says what is in its way.

import { spawnSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { AUDIENCES, PATIENT, Stage } from "../../harness/machine/stage.ts";
import { waitFor } from "../../harness/wait.ts";
import { tokenId } from "../../src/base/layout.ts";

const MACHINES = 3;
/** Far longer than main or post ever take, far shorter than for ever. */
const HANG_MS = 25_000;

const stages: Stage[] = [];
beforeAll(async () => {
  for (let i = 0; i < MACHINES; i++) stages.push(await Stage.start());
});
afterAll(async () => {
  for (const stage of stages) await stage.close();
});

/** What a link may lead to, outside. */
interface Victims {
  file: string;
  folder: string;
}

type Plant = (at: string, victims: Victims) => void;

const KINDS: Record<string, Plant> = {
  "link to a file": (at, { file }) => symlinkSync(file, at),
  "link to a folder": (at, { folder }) => symlinkSync(folder, at),
  "link to nowhere": (at, { folder }) => symlinkSync(path.join(folder, "nowhere"), at),
  pipe: (at) => expect(spawnSync("mkfifo", [at]).status).toBe(0),
  socket: (at) => {
    const server = createServer();
    server.listen(at);
    // The path stays when the server is killed, not when it is closed: unlink is libuv's.
    server.unref();
  },
  folder: (at) => mkdirSync(path.join(at, "full"), { recursive: true }),
  file: (at) => writeFileSync(at, "planted\n", { mode: 0o644 }),
};

const ID = tokenId(AUDIENCES[0] ?? "");
/** In the job directory, as main makes them. */
const INSIDE = [
  ...[
    "config",
    "credentials",
    "job.json",
    "tokens",
    "uses",
    "finished",
    "lock.99999999.abcdef012345",
    `tokens/${ID}`,
  ],
  ...[
    `tokens/${ID}/token`,
    `tokens/${ID}/status.json`,
    `tokens/${ID}/stop`,
    "uses/0123456789abcdef.json",
    "finished/0123456789abcdef.json",
  ],
];
const AT_HOME = [".aws", ".aws/config", ".aws/credentials", ".aws/cli/cache", ".aws/cli/cache/session.json"];

interface Case {
  name: string;
  kind: string;
  where: string;
}

function cases(paths: string[], kinds = Object.keys(KINDS)): Case[] {
  return paths.flatMap((where) => kinds.map((kind) => ({ name: `${kind} at ${where}`, kind, where })));
}

/** What differs most, for the places of which there are many. */
const FOUR_KINDS = ["link to a file", "link to a folder", "pipe", "folder"];

/** The folder with what must not change, and a look at it. */
function makeVictims(stage: Stage): Victims & { look: () => string } {
  const folder = path.join(path.dirname(stage.runner.temp), "outside");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o755 });
  const file = path.join(folder, "file");
  writeFileSync(file, "precious\n", { mode: 0o644 });
  const look = () =>
    JSON.stringify(
      readdirSync(folder).map((entry) => {
        const { mode, size, mtimeMs } = lstatSync(path.join(folder, entry));
        return [entry, mode, size, mtimeMs, readFileSync(path.join(folder, entry), "latin1")];
      }),
    ) + statSync(folder).mode;
  return { file, folder, look };
}

/** Runs `check` on every case, as many at once as there are machines, and tells which went wrong. */
async function each(
  all: Case[],
  check: (stage: Stage, one: Case) => Promise<string | undefined>,
): Promise<string[]> {
  const left = [...all];
  const wrong: string[] = [];
  await Promise.all(
    stages.map(async (stage) => {
      for (let one = left.shift(); one !== undefined; one = left.shift()) {
        const problem = await check(stage, one).catch((error: Error) => error.message);
        if (problem !== undefined) wrong.push(`${one.name}: ${problem}`);
      }
    }),
  );
  return wrong;
}

/** Makes room for something at `at`: the folders above it, and nothing there. */
function clear(at: string): void {
  mkdirSync(path.dirname(at), { recursive: true, mode: 0o700 });
  rmSync(at, { recursive: true, force: true, ...PATIENT });
}

/** Puts something at `at`, where a keeper that lives may write again as soon as nothing is there. */
function plant(at: string, kind: string, victims: Victims): void {
  for (let tries = 1; ; tries++) {
    clear(at);
    try {
      KINDS[kind]?.(at, victims);
      return;
    } catch (error) {
      if (tries === 10) throw error;
    }
  }
}

/**
 * What is wrong with a step's end, if anything: it must end by itself, and a failure must name a path or an
 * error of the system.
 */
function judge(
  step: { outcome: string; durationMs: number; log: string } | undefined,
  what: string,
): string | undefined {
  if (step === undefined || step.durationMs > HANG_MS) return `${what} hung`;
  if (step.outcome !== "success" && !/\/|E[A-Z]{4,}/.test(step.log))
    return `${what} failed without a reason: ${step.log}`;
  return undefined;
}

describe("before main", () => {
  async function check(
    stage: Stage,
    { kind, where }: Case,
    at: (stage: Stage) => string,
  ): Promise<string | undefined> {
    const { job } = await stage.startJob();
    const victims = makeVictims(stage);
    const before = victims.look();
    const place = at(stage);
    clear(place);
    if (where.startsWith("job:")) chmodSync(stage.root, 0o700);
    KINDS[kind]?.(place, victims);
    const main = await job.use(stage.action, {
      with: { "role-to-assume": "arn:aws:iam::111122223333:role/deploy", "aws-region": "eu-west-1" },
      timeoutMs: HANG_MS,
    });
    stage.overhear(main);
    const { posts } = await job.finish();
    rmSync(path.join(stage.runner.home, ".aws"), { recursive: true, force: true });
    const problem = judge(main, "main") ?? judge(posts[0], "post");
    if (problem !== undefined) return problem;
    if (posts[0]?.outcome !== "success") return `post failed: ${posts[0]?.log}`;
    if (victims.look() !== before) return "something outside was changed";
    return undefined;
  }

  test("in the job directory", async () => {
    const all = cases(INSIDE, FOUR_KINDS);
    expect(
      await each(all, (stage, one) => check(stage, one, () => path.join(stage.root, one.where))),
    ).toEqual([]);
  }, 240_000);

  test("at the job directory's own place", async () => {
    const all = cases(["."]);
    expect(await each(all, (stage, one) => check(stage, one, () => stage.root))).toEqual([]);
  }, 120_000);

  test("at home", async () => {
    const all = [...cases(AT_HOME.slice(0, 2)), ...cases(AT_HOME.slice(2), FOUR_KINDS)];
    expect(
      await each(all, (stage, one) => check(stage, one, () => path.join(stage.runner.home, one.where))),
    ).toEqual([]);
  }, 120_000);
});

test("between main and post: whatever took the place of the action's own, post ends and leaves nothing", async () => {
  const all = [...cases(INSIDE, FOUR_KINDS), ...cases([`tokens/${ID}/stop`])];
  const wrong = await each(all, async (stage, { kind, where }) => {
    const { job } = await stage.startJob();
    const victims = makeVictims(stage);
    const before = victims.look();
    const main = await stage.use(job);
    if (main.outcome !== "success") return `main failed: ${main.log}`;
    const place = path.join(
      stage.root,
      where.replace("0123456789abcdef", JSON.parse(main.state.use ?? "{}").id),
    );
    plant(place, kind, victims);
    const { posts, tempLeft } = await job.finish();
    const problem = judge(posts[0], "post");
    if (problem !== undefined) return problem;
    if (posts[0]?.outcome !== "success") return `post failed: ${posts[0]?.log}`;
    if (victims.look() !== before) return "something outside was changed";
    if (stage.keepers().length > 0) {
      await waitFor("the keeper's end", 20_000, () => (stage.keepers().length === 0 ? true : undefined));
    }
    const left = tempLeft.before.filter((entry) => entry.endsWith("/token"));
    return left.length > 0 ? `left ${left.join(", ")}` : undefined;
  });
  expect(wrong).toEqual([]);
}, 300_000);
