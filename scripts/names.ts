/** What stands in many files: OWNER/NAME of the repository, the tag of the major version, and the hash of the newest release. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { slug } from "../harness/examples/slug.ts";

/** Built, or text of others. */
const NOT_OURS = /^(?:dist\/|docs\/setup\/|LICENSE$)|\.(?:png|jar)$/;

/** The files of a checkout that may name the repository, by their paths in it. */
export function namingFiles(root: string): string[] {
  const { stdout, status, stderr } = spawnSync("git", ["ls-files"], { cwd: root, encoding: "utf8" });
  if (status !== 0) throw new Error(`git ls-files: ${stderr}`);
  return stdout.split("\n").filter((file) => file !== "" && !NOT_OURS.test(file));
}

/** A pattern for OWNER/NAME, also inside a regular expression, and not as part of a longer name. */
export function naming(owner: string): RegExp {
  const [user = "", name = ""] = owner.split("/").map((part) => part.replaceAll(/[.]/g, "\\."));
  return new RegExp(`(?<![\\w.-])${user}(\\\\?/)${name}(?![\\w-])`, "g");
}

/** Replaces OWNER/NAME in the files. Returns those that changed. Throws if the new one is not OWNER/NAME. */
export function setOwner(root: string, files: string[], owner: string): string[] {
  const [, user, name] = /^([A-Za-z\d](?:[A-Za-z\d-]{0,38}))\/([\w.-]{1,100})$/.exec(owner) ?? [];
  if (user === undefined) throw new Error(`${owner} is not OWNER/NAME`);
  const old = naming(slug(root));
  return rewrite(root, files, (text) => text.replaceAll(old, (_, slash: string) => `${user}${slash}${name}`));
}

/**
 * Sets the version in package.json and package-lock.json, gives the changes that are not released it and a date, and with a new
 * major version renames its tag wherever a file tells users to use it. Returns the files that changed.
 * @param date as in 2026-11-28
 */
export function setVersion(root: string, files: string[], version: string, date: string): string[] {
  if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`${version} is not MAJOR.MINOR.PATCH`);
  const { version: old } = readManifest(root);
  if (!isHigher(version, old)) throw new Error(`${version} is not higher than ${old}`);
  const major = version.split(".")[0] ?? "";
  const named = naming(slug(root)).source;
  // …/aws-role-refresh@v1, …/aws-role-refresh/check@v1, …/aws-role-refresh/blob/v1/, …?ref=v1
  const tags = new RegExp(
    `(${named}(?:/check|\\\\/check)?(?:@|/blob/|//[\\w./-]*\\?ref=))v\\d+(?![\\w.])`,
    "g",
  );
  return rewrite(root, files, (text, file) => {
    if (file === "package.json") return text.replace(/^( {2}"version": )"[^"]+"/m, `$1"${version}"`);
    if (file === "package-lock.json") return lockWith(text, version);
    if (file === "CHANGELOG.md")
      return text.replace(/^## Unreleased$/m, `## Unreleased\n\n## ${version} (${date})`);
    return text.replaceAll(tags, (...parts) => `${parts[1]}v${major}`);
  });
}

/**
 * Pins the action to the commit of the release that package.json names, wherever a file shows the action by hash, and names that
 * release where a file tells how to find the hash. Not part of setVersion, because a commit cannot contain its own hash. Returns
 * the files that changed.
 * @param hash 40 hex digits
 */
export function setPin(root: string, files: string[], hash: string): string[] {
  if (!/^[0-9a-f]{40}$/.test(hash)) throw new Error(`${hash} is not the hash of a commit: 40 hex digits`);
  const named = naming(slug(root)).source;
  const { version } = readManifest(root);
  const pins = new RegExp(`(${named}(?:/check)?@)[0-9a-f]{40} # v\\d+\\.\\d+\\.\\d+`, "g");
  const commits = new RegExp(`(${named}/commits/v)\\d+\\.\\d+\\.\\d+`, "g");
  return rewrite(root, files, (text) =>
    text
      .replaceAll(pins, (...parts) => `${parts[1]}${hash} # v${version}`)
      .replaceAll(commits, (...parts) => `${parts[1]}${version}`),
  );
}

/** The version stands twice in a lock file: of the project, and of its root package. */
function lockWith(text: string, version: string): string {
  let left = 2;
  return text.replaceAll(/"version": "[^"]+"/g, (found) => (left-- > 0 ? `"version": "${version}"` : found));
}

function isHigher(version: string, old: string): boolean {
  const [one = [], other = []] = [version, old].map((text) => text.split(".").map(Number));
  const at = one.findIndex((part, index) => part !== other[index]);
  return at >= 0 && (one[at] ?? 0) > (other[at] ?? 0);
}

function rewrite(root: string, files: string[], change: (text: string, file: string) => string): string[] {
  return files.filter((file) => {
    const where = path.join(root, file);
    const text = readFileSync(where, "utf8");
    const changed = change(text, file);
    if (changed === text) return false;
    writeFileSync(where, changed);
    return true;
  });
}

function readManifest(root: string): { version: string } {
  return JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as { version: string };
}
