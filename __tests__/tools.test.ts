// The lane of tools (npm run tools): how it reads what a tool did, and what docs/tools.md says of it.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { describeLoop, isGood, readLoop } from "../conformance/tools/loops.ts";
import { roleOf } from "../conformance/tools/minio.ts";
import {
  PAGE_FILE,
  PICTURE_FILE,
  RESULTS_FILE,
  type Results,
  renderPicture,
  withResults,
} from "../conformance/tools/page.ts";
import { isExpected, type Mode, TOOLS } from "../conformance/tools/tools.ts";

const results = JSON.parse(readFileSync(RESULTS_FILE, "utf8")) as Results;
const page = readFileSync(PAGE_FILE, "utf8");

describe("what a tool printed", () => {
  const good = '{"t":1000,"ok":true,"session":"a"}\nnoise\n{"t":6000,"ok":true,"session":"b"}\n';
  const end = '{"t":9000,"done":true}\n';

  test("is right if every turn was good and it ended", () => {
    const loop = readLoop(good + end);
    expect([isGood(loop), describeLoop(loop)]).toEqual([true, "2/2 turns, 2 sessions"]);
  });

  test("is not right after one failed turn, without its last line, and without a turn", () => {
    const failed = readLoop(`${good}{"t":41000,"error":"ExpiredToken"}\n${end}`);
    expect([isGood(failed), describeLoop(failed)]).toEqual([
      false,
      "2/3 turns, 2 sessions, first failure after 40 s: ExpiredToken",
    ]);
    expect(isGood(readLoop(good))).toBe(false);
    expect(isGood(readLoop(end))).toBe(false);
  });
});

test("the role of an audience has the ARN that MinIO prints for it", () => {
  expect(roleOf("sts.amazonaws.com")).toBe("arn:minio:iam:::role/oxnUw3DAuQF1uggjXGxI2AmW8IA");
});

describe("docs/tools.md", () => {
  test("has the table and the log of the committed results, and so has its picture", () => {
    expect(withResults(page, results)).toBe(page);
    expect(renderPicture(results)).toBe(readFileSync(PICTURE_FILE, "utf8"));
  });

  test("shows for OpenTofu every line that its rows must have, and no id of a request", () => {
    const { shows } = TOOLS.find(({ name }) => name === "tofu") as (typeof TOOLS)[number];
    for (const [verdict, mode] of [
      ["right", "default"],
      ["dies", "keys"],
    ] as const) {
      const log = results[`tofu-${mode}`]?.log ?? [];
      expect(shows?.[verdict]?.map((wanted, index) => wanted.test(log[index] ?? ""))).toEqual(
        shows?.[verdict]?.map(() => true),
      );
      expect(log.join("\n")).not.toMatch(/RequestID|HostID|tmp/);
    }
  });

  test("has results that are as the lane expects them", () => {
    const others = Object.entries(results).filter(([id, { verdict, version }]) => {
      const tool = TOOLS.find(({ name, expected }) =>
        Object.keys(expected).some((mode) => `${name}-${mode}` === id),
      );
      const mode = id.slice((tool?.name.length ?? 0) + 1) as Mode;
      return tool === undefined || !isExpected(tool, mode, verdict) || tool.version !== version;
    });
    expect(others).toEqual([]);
  });

  test("has a recipe for each tool that does not work as it is", () => {
    const headings = [...page.matchAll(/^### (.+)$/gm)].map(([, text = ""]) => text.toLowerCase());
    const without = TOOLS.filter(
      ({ name }) => (results[`${name}-default`]?.verdict ?? "right") !== "right",
    ).filter(({ recipe: _, name }) => !headings.some((heading) => heading.includes(name.replace(/-.*/, ""))));
    expect(without.map(({ name }) => name)).toEqual([]);
  });

  test("every tool was run with keys exported once, or has a reason not to, and they never work", () => {
    for (const { name } of TOOLS) expect(results[`${name}-keys`]?.verdict ?? "dies").not.toBe("right");
  });
});
