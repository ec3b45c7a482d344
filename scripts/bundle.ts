// Bundles each entrypoint with what it needs: `npm run build`. With --check, compares dist/ with a fresh build instead.
import * as fs from "node:fs";
import * as path from "node:path";
import ncc from "@vercel/ncc";

const root = path.join(import.meta.dirname, "..", "..");

/** Every file of dist/, by its path there. */
async function bundle(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const entry of ["main", "post", "keeper"]) {
    const { code, assets } = await ncc(path.join(root, "lib", "src", `${entry}.js`), {
      license: "licenses.txt",
      quiet: true,
      cache: false,
    });
    files.set(`${entry}/index.js`, code);
    for (const [name, asset] of Object.entries(assets)) files.set(`${entry}/${name}`, asset.source.toString());
  }
  return files;
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
