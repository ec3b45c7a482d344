// Bundles each entrypoint with what it needs: `npm run build`. --check compares dist/ with a fresh build.
import * as fs from "node:fs";
import * as path from "node:path";
import ncc from "@vercel/ncc";
import { repository } from "../harness/repository.ts";

const root = repository();

const ENTRIES = ["main", "post", "check", "keeper", "renew", "exchange"];
/** The command line, which no job runs: committed so that npx needs no build. */
const CLI = "cli";
/**
 * The keeper lives for hours and fits in a few pages of memory. The check has nothing that is not readable in main, and
 * the command line is small to download. The others stay readable: the SDK would be half the size when minified, but
 * loads no faster (medians of 15 runs: 32 instead of 27 ms).
 */
const MINIFIED = ["keeper", "renew", "check", CLI];
const OPTIONS = { license: "licenses.txt", quiet: true, cache: false, mainFields: ["module", "main"] };
// ncc follows "paths" in the tsconfig.json there: what is left out of the bundles, and why.
process.chdir(path.join(root, "stubs"));

/** Every file of dist/, by its path there. */
async function bundle(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const packages = new Set<string>();
  for (const entry of [...ENTRIES, CLI]) {
    const options = { ...OPTIONS, minify: MINIFIED.includes(entry) };
    const { code, assets } = await ncc(sourceOf(entry), options);
    const output = new Map([
      ["index.js", code],
      ...Object.entries(assets).map(([name, { source }]) => [name, source.toString()] as const),
    ]);
    const list = output.get(OPTIONS.license) ?? "";
    output.delete(OPTIONS.license);
    for (const [name, text] of output) files.set(`${entry}/${name}`, text);
    for (const folder of packagesIn([...output.values()].join("\n"), list)) packages.add(folder);
  }
  // Most packages share one text, which then stands there once.
  const sharing = new Map<string, string[]>();
  for (const folder of [...packages].sort()) {
    const text = licenseOf(folder);
    sharing.set(text, [...(sharing.get(text) ?? []), folder.replace(/^.*node_modules\//, "")]);
  }
  const texts = [...sharing].map(([text, names]) => `${names.join("\n")}\n\n${text}\n`);
  files.set(OPTIONS.license, texts.sort().join(`\n${"-".repeat(80)}\n\n`));
  return files;
}

const sourceOf = (entry: string): string =>
  path.join(root, "lib", ...(entry === CLI ? ["cli", "main.js"] : ["src", `${entry}.js`]));

/** The folders of the packages that a bundle has parts of. */
function packagesIn(code: string, list: string): Set<string> {
  // Merged modules are named in comments only; ncc lists the packages of the others.
  const merged = [...code.matchAll(/MODULE: (?:\.\.\/)*(node_modules\/\S+)/g)].map((match) => match[1] ?? "");
  const listed = list.split("\n").map((line) => `node_modules/${line}/`);
  const folders = [...merged, ...listed].flatMap(
    (file) => /^.*node_modules\/(?:@[\w.-]+\/)?[\w.-]+(?=\/)/.exec(file)?.[0] ?? [],
  );
  return new Set(folders.filter((folder) => fs.existsSync(path.join(root, folder, "package.json"))));
}

/** The licence of a package: its name, and its text where the package has one. */
function licenseOf(folder: string): string {
  const { license } = JSON.parse(fs.readFileSync(path.join(root, folder, "package.json"), "utf8")) as {
    license: string;
  };
  const file = fs
    .readdirSync(path.join(root, folder))
    .find((name) => /^licen[cs]e(?:\.md|\.txt)?$/i.test(name));
  const text = file === undefined ? "" : fs.readFileSync(path.join(root, folder, file), "utf8");
  return [license, ...text.trim().split("\n")].map((line) => line.trimEnd()).join("\n");
}

function readDist(directory: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const entry of fs.existsSync(directory)
    ? fs.readdirSync(directory, { recursive: true, withFileTypes: true })
    : []) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    files.set(path.relative(directory, file).replaceAll(path.sep, "/"), fs.readFileSync(file, "utf8"));
  }
  return files;
}

const dist = path.join(root, "dist");
const fresh = await bundle();
if (process.argv.includes("--check")) {
  const committed = readDist(dist);
  const names = new Set([...fresh.keys(), ...committed.keys()]);
  const different = [...names].filter((name) => fresh.get(name) !== committed.get(name));
  for (const name of different) console.error(`dist/${name} is not what the source builds`);
  console.log(
    different.length === 0 ? `dist/ is what the source builds (${fresh.size} files)` : "Run: npm run build",
  );
  process.exitCode = different.length === 0 ? 0 : 1;
} else {
  fs.rmSync(dist, { recursive: true, force: true });
  let total = 0;
  for (const [name, content] of fresh) {
    fs.mkdirSync(path.dirname(path.join(dist, name)), { recursive: true });
    fs.writeFileSync(path.join(dist, name), content);
    total += Buffer.byteLength(content);
    console.log(`${String(Math.ceil(Buffer.byteLength(content) / 1000)).padStart(6)} kB  dist/${name}`);
  }
  console.log(`${String(Math.ceil(total / 1000)).padStart(6)} kB  in all`);
}
