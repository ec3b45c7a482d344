// npm run set-owner, set-version, set-pin: what stands in many files changes in all of them.
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { slug as slugOf } from "../../harness/examples/slug.ts";
import { repository } from "../../harness/repository.ts";
import { naming, namingFiles, setOwner, setPin, setVersion } from "../../scripts/names.ts";

const ROOT = repository();
const files = namingFiles(ROOT);
const slug = slugOf(ROOT);
/** Another one, which no file of the repository contains. */
const OTHER = ["octocat-inc", "role-refresh"].join("/");
const { version } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as { version: string };

let copy = "";
/** Copies the checkout, for a test that changes files. */
function copyAll(): void {
  for (const file of files) cpSync(path.join(ROOT, file), path.join(copy, file));
}
beforeEach(() => {
  copy = mkdtempSync(path.join(os.tmpdir(), "arr-names-"));
});
afterEach(() => rmSync(copy, { recursive: true, force: true }));

/** Each match in the files, as FILE: MATCH. */
function found(root: string, pattern: RegExp): string[] {
  return files.flatMap((file) =>
    (readFileSync(path.join(root, file), "utf8").match(pattern) ?? []).map((match) => `${file}: ${match}`),
  );
}

/** Wherever a text names a repository of this name on GitHub, whoever owns it. */
const name = slug.split("/")[1];
const NAMED = new RegExp(
  `(?:uses: *|github\\.com[/:]|github:|--repo |allow \`)[\\w.-]+/${name}(?![\\w-])`,
  "g",
);

describe("the owner", () => {
  test("is the same wherever a file names this repository", () => {
    const all = found(ROOT, NAMED);
    expect(all.length).toBeGreaterThan(20);
    expect(all.filter((one) => !one.endsWith(slug))).toEqual([]);
  });

  test("is set in every file: no other occurrence remains", () => {
    copyAll();
    const before = found(ROOT, naming(slug)).length;
    const changed = setOwner(copy, files, OTHER);
    expect(changed).toContain("package.json");
    expect(slugOf(copy)).toBe(OTHER);
    expect(found(copy, naming(slug))).toEqual([]);
    expect(found(copy, NAMED)).toEqual([]);
    expect(found(copy, naming(OTHER)).length).toBe(before);
    // And back: nothing else had changed.
    expect(setOwner(copy, files, slug)).toEqual(changed);
    for (const file of files)
      expect(readFileSync(path.join(copy, file)).equals(readFileSync(path.join(ROOT, file)))).toBe(true);
  });

  test.each(["octocat", "a/b/c", "a b/c", "https://github.com/a/b", "-a/b", ""])("%j is refused", (owner) => {
    expect(() => setOwner(ROOT, [], owner)).toThrow("is not OWNER/NAME");
  });
});

describe("the version", () => {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const tagged = (tag: string) =>
    new RegExp(`${naming(slug).source}[^\\s"'\`]*(?:@|/blob/|ref=)${tag}(?![\\w.])`, "g");
  const manifest = (file: string) =>
    JSON.parse(readFileSync(path.join(copy, file), "utf8")) as {
      version: string;
      packages?: Record<string, { version: string }>;
    };

  test("has its major number in every tag that users are told to use", () => {
    const pattern = new RegExp(`${naming(slug).source}[^\\s"'\`]*(?:@|/blob/|ref=)v\\d+`, "g");
    const tags = found(ROOT, pattern);
    expect(tags.length).toBeGreaterThan(15);
    expect(tags.filter((one) => !new RegExp(`v${major}$`).test(one))).toEqual([]);
  });

  test("a new major version renames its tag everywhere", () => {
    copyAll();
    const next = `${major + 1}.0.0`;
    const before = found(ROOT, tagged(`v${major}`)).length;
    setVersion(copy, files, next, "2026-12-01");
    expect(found(copy, tagged(`v${major}`))).toEqual([]);
    expect(found(copy, tagged(`v${major + 1}`)).length).toBe(before);
    expect([manifest("package.json").version, manifest("package-lock.json").version]).toEqual([next, next]);
    expect(manifest("package-lock.json").packages?.[""]?.version).toBe(next);
  });

  test("a minor one changes the version and the change log alone", () => {
    copyAll();
    const next = `${major}.${minor + 1}.0`;
    expect(setVersion(copy, files, next, "2026-12-01").sort()).toEqual(
      ["CHANGELOG.md", "package-lock.json", "package.json"].sort(),
    );
    const log = readFileSync(path.join(copy, "CHANGELOG.md"), "utf8");
    expect(log).toMatch(new RegExp(`^## Unreleased\\n\\n## ${next} \\(2026-12-01\\)\\n`, "m"));
    const other = Object.entries(manifest("package-lock.json").packages ?? {}).filter(
      ([folder, { version }]) => folder !== "" && version === next,
    );
    expect(other.length).toBeLessThan(3);
  });

  test.each(["1", "v2.0.0", "1.0.0-beta.1", version, "0.9.9"])("%s is refused", (wrong) => {
    expect(() => setVersion(ROOT, [], wrong, "2026-12-01")).toThrow(/is not (MAJOR|higher)/);
  });
});

describe("the pin", () => {
  const HASH = "0123456789abcdef".repeat(3).slice(0, 40);
  const pins = new RegExp(`${naming(slug).source}(?:/check)?@[0-9a-f]{40}.*`, "g");
  const commits = new RegExp(`${naming(slug).source}/commits/v[\\d.]+`, "g");

  test("is the hash of the newest release, wherever the action is shown by hash", () => {
    copyAll();
    const before = found(copy, pins).length;
    expect(before).toBeGreaterThan(0);
    setVersion(copy, files, "9.8.7", "2026-12-01");
    expect(setPin(copy, files, HASH)).toContain("README.md");
    expect(found(copy, pins).filter((one) => one.endsWith(`@${HASH} # v9.8.7`))).toHaveLength(before);
    expect(found(copy, commits)).toEqual([expect.stringMatching(/v9\.8\.7$/)]);
    expect(setPin(copy, files, HASH)).toEqual([]);
  });

  test.each(["", "v1.0.0", HASH.slice(1), HASH.toUpperCase()])("%j is refused", (hash) => {
    expect(() => setPin(ROOT, [], hash)).toThrow("is not the hash of a commit");
  });
});

test("CHANGELOG.md has this version, and a place for what comes next", () => {
  const log = readFileSync(path.join(ROOT, "CHANGELOG.md"), "utf8");
  expect(log).toMatch(/^## Unreleased$/m);
  expect(log).toMatch(new RegExp(`^## ${version} \\(`, "m"));
});
