// Bundles each entrypoint with what it needs: `npm run build`. With --check, compares dist/ with a fresh build instead.
import * as fs from "node:fs";
import * as path from "node:path";
import ncc from "@vercel/ncc";

const root = path.join(import.meta.dirname, "..", "..");

const ENTRIES = ["main", "post", "keeper", "trial"];
/**
 * The keeper lives for hours and fits in a few pages of memory. The others stay readable: the SDK would be half the size when
 * minified, but loads no faster (medians of 15 runs on a quiet machine: 41 instead of 40 ms).
 */
const MINIFIED = ["keeper"];

/** Every file of dist/, by its path there. */
async function bundle(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const licenses = new Map<string, string[]>();
  for (const entry of ENTRIES) {
    const options = { license: "licenses.txt", quiet: true, cache: false, minify: MINIFIED.includes(entry) };
    const { code, assets } = await ncc(path.join(root, "lib", "src", `${entry}.js`), options);
    files.set(`${entry}/index.js`, code);
    for (const [name, { source }] of Object.entries(assets)) {
      if (name === "licenses.txt") collectLicenses(source.toString(), licenses);
      else files.set(`${entry}/${name}`, source.toString());
    }
  }
  const texts = [...licenses].map(([text, packages]) => `${packages.sort().join("\n")}\n\n${text}\n`);
  files.set("licenses.txt", texts.sort().join(`\n${"-".repeat(80)}\n\n`));
  return files;
}

/** Takes ncc's list, a package's name and then its licence, apart: most packages share one text, which then stands there once. */
function collectLicenses(list: string, licenses: Map<string, string[]>): void {
  let name = "";
  let text: string[] = [];
  const add = () => {
    if (name === "") return;
    const key = text.join("\n").trim();
    const packages = licenses.get(key) ?? [];
    if (!packages.includes(name)) licenses.set(key, [...packages, name]);
  };
  for (const line of list.split("\n")) {
    if (/^(?:@[\w.-]+\/)?[\w.-]+$/.test(line) && fs.existsSync(path.join(root, "node_modules", line, "package.json"))) {
      add();
      name = line;
      text = [];
    } else {
      text.push(line.trimEnd());
    }
  }
  add();
}

function readDist(directory: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const entry of fs.existsSync(directory) ? fs.readdirSync(directory, { recursive: true, withFileTypes: true }) : []) {
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
  console.log(different.length === 0 ? `dist/ is what the source builds (${fresh.size} files)` : "Run: npm run build");
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
