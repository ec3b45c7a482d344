import { existsSync, readdirSync, readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";
import { adviceFor, exceptions } from "../conformance/advice.ts";
import { type Call, Turns } from "../conformance/calls.ts";
import { CLIENTS, FOLDERS } from "../conformance/clients.ts";
import { clientNamed } from "../conformance/install.ts";
import { judgeAfter, judgeCalls, judgeStale, regressions } from "../conformance/judge.ts";
import { RESULTS_FILE, renderPages } from "../conformance/report.ts";
import { type Results, type RowResult, stable, type Verdict, withOthers } from "../conformance/results.ts";
import { AFTER_ROWS, HOSTILE_ROWS, MODES, SESSION_ROWS, shortRows } from "../conformance/scenarios.ts";
import { repository } from "../harness/repository.ts";

const ROOT = repository();
const results = JSON.parse(readFileSync(RESULTS_FILE, "utf8")) as Results;
const pinnedFiles = ["requirements.txt", "package.json", "go.mod", "Cargo.toml", "pom.xml", "debs.txt"];

describe("the committed results", () => {
  test.each(Object.entries(renderPages(results)))("are what %s shows", (file, text) => {
    expect(readFileSync(path.join(ROOT, file), "utf8")).toBe(text);
  });

  test("are shown with links that lead somewhere", () => {
    const pages = Object.entries(renderPages(results));
    const anchors = pages.flatMap(([, text]) => [...text.matchAll(/<a id="([^"]+)"/g)].map(([, id]) => id));
    for (const [file, text] of pages)
      for (const [, target = "", anchor] of text.matchAll(/\]\(([^)#]*)(?:#([^)]+))?\)/g)) {
        expect([file, existsSync(path.resolve(ROOT, path.dirname(file), target))]).toEqual([file, true]);
        if (anchor !== undefined) expect(anchors).toContain(anchor);
      }
  });

  test("say of every cell that is not right what a user should do", () => {
    expect(exceptions(results.rows).filter((where) => adviceFor(where) === undefined)).toEqual([]);
  });

  test("have no wrong role that main's log does not warn of", () => {
    const silent = exceptions(results.rows).filter(
      ({ row, cell }) => cell.verdict === "wrong" && row.warnings.length === 0,
    );
    expect(silent.map(({ row, step, client }) => `${row.id}, ${step.id}, ${client}`)).toEqual([]);
  });

  test("are of every client, scenario and row, and of the pinned versions", () => {
    expect(Object.keys(results.versions).sort()).toEqual(CLIENTS.map(({ name }) => name).sort());
    for (const { name, version } of CLIENTS)
      if (version !== undefined) expect([name, results.versions[name]]).toEqual([name, version]);
    const rows = (scenario: number): string[] =>
      results.rows.filter((row) => row.scenario === scenario).map(({ id }) => id);
    expect(rows(3)).toEqual(HOSTILE_ROWS.map(({ id }) => id));
    expect(rows(4)).toEqual(AFTER_ROWS.map(({ id }) => id));
    expect(rows(6)).toEqual(MODES.map(({ id }) => id));
    expect(rows(7)).toEqual(SESSION_ROWS.map(({ id }) => id));
    expect([rows(1).length, rows(2).length, rows(5).length]).toEqual([2, 1, 6]);
    for (const { scenario, id, steps } of results.rows) {
      expect(results.dates[scenario]).toMatch(/^\d{4}-\d\d-\d\d$/);
      // A step is of every client, or of those whose matter it is.
      const [first] = steps;
      expect([id, Object.keys(first?.cells ?? {}).length]).toEqual([id, CLIENTS.length]);
    }
  });

  test("prove scenario 1 by scenario 2: a client that never failed there proves nothing", () => {
    const [stale] = results.rows.filter(({ scenario }) => scenario === 2);
    const unproved = Object.entries(stale?.steps[0]?.cells ?? {}).filter(
      ([, { text }]) => text === "did not fail",
    );
    expect(unproved).toEqual([]);
  });

  test("hold nothing of the machine they come from", () => {
    const text = JSON.stringify(results);
    for (const place of [ROOT, `${os.tmpdir()}/`, `${os.homedir()}/`]) expect(text).not.toContain(place);
  });
});

describe("the clients", () => {
  test.each(CLIENTS.map((client) => [client.name, client] as const))(
    "%s is pinned to the version that the table names",
    (_name, client) => {
      const folder = path.join(ROOT, "conformance", "clients", client.folder);
      const pinned = readdirSync(folder).filter((file) => pinnedFiles.includes(file));
      const text = pinned.map((file) => readFileSync(path.join(folder, file), "utf8")).join("\n");
      if (client.versionOf !== undefined) expect(text.split("\n")).toContain(client.versionOf);
      // The CLI's own version is in a path that only exists if it is right.
      else if (client.name === "cli-v2") expect(client.start("")[2]).toContain(client.version);
      else expect(text).toMatch(new RegExp(`(?<![\\d.])${client.version?.replaceAll(".", "\\.")}(?![\\d.])`));
    },
  );

  test("have a folder each, and each folder has a client or starts the action", () => {
    const used = new Set(CLIENTS.map(({ folder }) => folder));
    expect(Object.keys(FOLDERS).filter((name) => !used.has(name))).toEqual(["node24"]);
    for (const name of Object.keys(FOLDERS))
      expect(existsSync(path.join(ROOT, "conformance", "clients", name))).toBe(true);
  });

  test("are known by name", () => {
    expect(clientNamed("go-v2").title).toBe("SDK for Go v2");
    expect(() => clientNamed("go-v3")).toThrow(/go-v3 is not a client: boto3, /);
  });
});

test("a short run has every scenario's essential rows", () => {
  expect(shortRows(HOSTILE_ROWS).map(({ id }) => id)).toEqual(
    expect.arrayContaining(["keys/ambient", "irsa/ambient", "profile/ambient"]),
  );
  expect(shortRows(AFTER_ROWS).map(({ id }) => id)).toEqual([
    "none/ambient",
    "home-keys/ambient",
    "keys/ambient",
    "chained/ambient",
  ]);
  expect(shortRows(HOSTILE_ROWS).length).toBeLessThan(HOSTILE_ROWS.length / 2);
});

test("messages lose what differs from run to run", () => {
  expect(stable("a\n  b /tmp/runner work 1x/_work/_temp/token at 127.0.0.1:4711")).toBe(
    "a b …/token at 127.0.0.1",
  );
  expect(stable("session GitHubActions-123-1-0a1b2c3d")).toBe("session SESSION");
  expect(stable("x".repeat(400))).toHaveLength(201);
});

test("a cell that was right and is not any more is worse; one that never was is not", () => {
  const row = (verdict: Verdict): RowResult => ({
    scenario: 3,
    id: "row",
    title: "",
    ambient: "",
    warnings: [],
    steps: [{ id: "step", title: "", cells: { boto3: { verdict, text: "said" } } }],
  });
  expect(regressions([row("error")], [row("right")])).toEqual(["scenario 3, row, step, boto3: error: said"]);
  expect(regressions([row("error")], [row("wrong")])).toEqual([]);
  expect(regressions([row("right")], [row("right")])).toEqual([]);
});

test("what a run did not run stays as it was, with the day of its run", () => {
  const row = (scenario: 3 | 6, id: string): RowResult => ({
    ...{ scenario, id, title: "", ambient: "", warnings: [] },
    steps: [],
  });
  const committed: Results = {
    ...{ dates: { 3: "2026-01-01", 6: "2026-01-01" }, system: "old", node: "", versions: {}, refused: {} },
    rows: [row(3, "kept"), row(6, "gone")],
  };
  const run = { ...committed, dates: { 6: "2026-02-02" }, system: "new", rows: [row(6, "anew")] };
  expect(withOthers(run, committed)).toEqual({
    ...run,
    dates: { 3: "2026-01-01", 6: "2026-02-02" },
    rows: [row(3, "kept"), row(6, "anew")],
  });
});

describe("the verdict", () => {
  const right = (at: number): Call => ({
    at: at * 1000,
    principal: "role",
    arn: "arn:aws:sts::111122223333:assumed-role/deploy/x",
  });
  const failed = (at: number, error: string): Call => ({ at: at * 1000, error });

  test("on a run of calls is right only if none failed and it lasted", () => {
    expect(judgeCalls([right(0), right(20), right(40)], 40)).toEqual({ verdict: "right" });
    expect(judgeCalls([right(0), right(20)], 40)).toEqual({ verdict: "error", text: "stopped after 20 s" });
    expect(judgeCalls([right(0), failed(20, "Throttling"), right(40)], 40)).toEqual({
      verdict: "error",
      text: "1 of 3 calls failed: Throttling",
    });
    expect(judgeCalls([right(0), { at: 1, principal: "keys" }, failed(20, "x")], 0)).toEqual({
      verdict: "wrong",
      text: "1 of 3 calls ran as keys",
    });
    expect(judgeCalls([right(0), right(1)], 0, "chained")).toEqual({
      verdict: "wrong",
      text: "2 of 2 calls ran as role",
    });
  });

  test("forgives a call that was signed just before its session's end, but not two, nor an expired ID token", () => {
    expect(judgeCalls([right(0), failed(20, "ExpiredToken: over"), right(21)], 0).verdict).toBe("right");
    expect(
      judgeCalls([right(0), failed(20, "ExpiredToken: over"), failed(21, "ExpiredToken: over"), right(22)], 0)
        .verdict,
    ).toBe("error");
    expect(
      judgeCalls([right(0), failed(20, "ExpiredTokenException: Token expired"), right(21)], 0).verdict,
    ).toBe("error");
  });

  test("on a token written once is right only if it worked and then failed for good", () => {
    expect(judgeStale([right(0), failed(20, "ExpiredTokenException")]).verdict).toBe("right");
    expect(judgeStale([right(0), failed(20, "ExpiredTokenException"), right(21)])).toEqual({
      verdict: "error",
      text: "did not fail",
    });
    expect(judgeStale([failed(0, "no region")])).toEqual({
      verdict: "error",
      text: "never worked: no region",
    });
  });

  test("on a call after post is as before, or an error, and never the role", () => {
    const home: Call = { at: 0, principal: "home", arn: "arn:aws:iam::888899990000:user/home" };
    expect(judgeAfter(home, home).verdict).toBe("right");
    expect(judgeAfter(home, failed(1, "no credentials")).verdict).toBe("error");
    expect(judgeAfter(failed(0, "no credentials"), failed(1, "no credentials")).verdict).toBe("right");
    expect(judgeAfter(failed(0, "no region"), home)).toEqual({
      verdict: "right",
      text: "ran as home; before: no region",
    });
    expect(judgeAfter(failed(0, "no region"), right(1)).verdict).toBe("wrong");
    expect(judgeAfter(home, right(1)).verdict).toBe("wrong");
  });
});

test("turns let only the given number run at once", async () => {
  const turns = new Turns(2);
  let running = 0;
  let most = 0;
  const act = async (): Promise<void> => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
  };
  await Promise.all(Array.from({ length: 7 }, () => turns.take(act)));
  expect(most).toBe(2);
});
