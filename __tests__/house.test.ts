// The direction of imports, as docs/how-it-works.md shows it: src, then report, job and explain, then keeper and aws, then base.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "@jest/globals";
import { repository } from "../harness/repository.ts";

const SRC = path.join(repository(), "src");
const STOREYS = [[""], ["report", "job", "explain"], ["keeper", "aws"], ["base"]];

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.replaceAll(path.sep, "/"));
const roomOf = (file: string): string => (file.includes("/") ? (file.split("/")[0] ?? "") : "");
const storeyOf = (file: string): number => STOREYS.findIndex((rooms) => rooms.includes(roomOf(file)));

/** The files of src/ that a file imports, for types, too. */
function importsOf(file: string): string[] {
  const text = readFileSync(path.join(SRC, file), "utf8");
  const statements = [...text.matchAll(/\bfrom "(\.[^"]+)"|import\([^)]*?"(\.[^"]+)"/g)];
  return statements.map(([, from, lazy]) => path.posix.join(path.posix.dirname(file), from ?? lazy ?? ""));
}

test("every file is in a room, and no room is empty", () => {
  expect(files.filter((file) => storeyOf(file) < 0)).toEqual([]);
  expect([...new Set(files.map(roomOf))].sort()).toEqual(STOREYS.flat().sort());
});

test("no import runs up", () => {
  const up = files.flatMap((file) =>
    importsOf(file)
      .filter((imported) => storeyOf(imported) < storeyOf(file))
      .map((imported) => `${file} -> ${imported}`),
  );
  expect(up).toEqual([]);
});

test("no imports run in a circle", () => {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, trail: string[]): void => {
    if (trail.includes(file)) circles.push([...trail.slice(trail.indexOf(file)), file].join(" -> "));
    if (trail.includes(file) || done.has(file)) return;
    for (const imported of importsOf(file)) visit(imported, [...trail, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(circles).toEqual([]);
});

test("the map in docs/how-it-works.md has every file of src/, and no other", () => {
  const page = readFileSync(path.join(repository(), "docs/how-it-works.md"), "utf8");
  const rows = [...page.matchAll(/^(src| {2}(\w+))\/ +(?:[^:\n]+: )?(.+ · .+)$/gm)];
  const mapped = rows.flatMap(([, , room, names = ""]) =>
    names.split(/ · | {2,}/).map((name) => `${room === undefined ? "" : `${room}/`}${name}.ts`),
  );
  expect(mapped.sort()).toEqual(files.toSorted());
});
