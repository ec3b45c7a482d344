// Forty uses in one job, ten at a time: one keeper for each audience, every section there, none lost, and all
// gone after.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { AUDIENCES, INPUTS, ROLE, Stage } from "../../harness/machine/stage.ts";

const USES = 40;
const AT_ONCE = 10;

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.start();
});
afterAll(() => stage.close());

test(`${USES} uses, ${AT_ONCE} at once`, async () => {
  const { job } = await stage.startJob();
  const uses = Array.from({ length: USES }, (_, i) => ({
    profile: `p${i}`,
    audience: AUDIENCES[i % AUDIENCES.length] ?? "",
  }));
  const keepers = new Set<number>();
  for (let i = 0; i < USES; i += AT_ONCE) {
    for (const inputs of uses.slice(i, i + AT_ONCE))
      job.background.use(stage.action, { with: { ...INPUTS, ...inputs } });
    const results = await job.wait();
    expect(results.map(({ outcome }) => outcome)).toEqual(Array(AT_ONCE).fill("success"));
    for (const { pid } of stage.keepers()) keepers.add(pid);
  }
  // Those of the first ten serve all the others.
  expect(stage.keepers()).toHaveLength(AUDIENCES.length);
  expect(keepers.size).toBe(AUDIENCES.length);

  const config = readFileSync(path.join(stage.root, "config"), "utf8");
  expect(config.match(/^\[profile p\d+\]$/gm)?.sort()).toEqual(
    uses.map(({ profile }) => `[profile ${profile}]`).sort(),
  );
  for (const [key, value] of [
    ["role_arn", ROLE],
    ["region", "eu-west-1"],
  ]) {
    expect(config.split("\n").filter((line) => line === `${key} = ${value}`)).toHaveLength(USES);
  }
  // Each profile names the token of its own audience, which is there.
  const files = [
    ...config.matchAll(/^\[profile p(\d+)\]\n(?:(?!\[).*\n)*?web_identity_token_file = (.*)$/gm),
  ].map(([, number, file]) => ({ audience: Number(number) % AUDIENCES.length, file }));
  expect(files).toHaveLength(USES);
  expect(new Set(files.map(({ audience, file }) => `${audience} ${file}`)).size).toBe(AUDIENCES.length);
  expect(stage.tokens()).toHaveLength(AUDIENCES.length);
  expect(readdirSync(path.join(stage.root, "uses"))).toHaveLength(USES);

  const { posts, tempLeft, orphans } = await job.finish();
  expect(posts.filter(({ outcome, annotations }) => outcome !== "success" || annotations.length > 0)).toEqual(
    [],
  );
  expect(posts).toHaveLength(USES);
  expect({ left: tempLeft.before, orphans, keepers: stage.keepers() }).toEqual({
    left: [],
    orphans: [],
    keepers: [],
  });
}, 180_000);

test("uses that begin while others end", async () => {
  const { job } = await stage.startJob();
  const post = [process.execPath, path.join(stage.action, "dist", "post", "index.js")];
  let running = await Promise.all(
    Array.from(
      { length: 3 },
      (_, i) => job.background.use(stage.action, { with: { ...INPUTS, profile: `a${i}` } }).result,
    ),
  );
  await job.wait();
  for (let round = 0; round < 4; round++) {
    // All uses of the round before end while as many begin: the directory may be taken away and made anew at
    // any moment.
    for (const { state } of running) job.background.run(post, { env: { STATE_use: state.use ?? "" } });
    const begun = Array.from({ length: 3 }, (_, i) =>
      job.background.use(stage.action, { with: { ...INPUTS, profile: `b${round}${i}` } }),
    );
    const results = await job.wait();
    expect(results.map(({ outcome, log }) => (outcome === "success" ? outcome : log))).toEqual(
      Array(6).fill("success"),
    );
    running = await Promise.all(begun.map(({ result }) => result));
    const config = readFileSync(path.join(stage.root, "config"), "utf8");
    expect(config.match(/^\[.*\]$/gm)?.sort()).toEqual([0, 1, 2].map((i) => `[profile b${round}${i}]`));
    expect(stage.keepers()).toHaveLength(1);
    expect(stage.status().ended).toBeUndefined();
  }
  const { tempLeft } = await job.finish();
  expect({ left: tempLeft.before, keepers: stage.keepers() }).toEqual({ left: [], keepers: [] });
}, 120_000);
