// Builds docs/setup/index.html, one file without requests, from setup-page/: `npm run setup-page`. --check compares.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { repository } from "../harness/repository.ts";

const root = repository();
const read = (...names: string[]): string => readFileSync(path.join(root, ...names), "utf8");
const BUILT = path.join(root, "lib", "setup-page-build");
const PAGE = path.join(root, "docs", "setup", "index.html");

/** The module and all that it imports, as one text: the files use different names, which the check below makes sure of. */
function bundle(file: string, done = new Set<string>()): string {
  if (done.has(file)) return "";
  done.add(file);
  const text = readFileSync(path.join(BUILT, file), "utf8");
  const imports = [...text.matchAll(/^import (?:type )?[^;]*? from "([^"]+)";$/gm)];
  const imported = imports.map(([, from = ""]) => {
    if (!from.startsWith(".")) throw new Error(`${file} imports ${from}, which a browser does not have`);
    return bundle(path.join(path.dirname(file), from), done);
  });
  const own = text
    .replaceAll(/^import [^;]*? from "[^"]+";\n/gm, "")
    .replaceAll(/^export (?=(?:async )?(?:function|const|class) )/gm, "")
    .replaceAll(/^export \{\};?\n/gm, "");
  if (/^(?:import|export)\b/m.test(own))
    throw new Error(`${file} imports or exports in a way that is not known here`);
  return [...imported, own].join("");
}

function hash(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

execFileSync(path.join(root, "node_modules", ".bin", "tsc"), ["-p", path.join(root, "setup-page")], {
  stdio: "inherit",
});
const script = `\n${bundle("setup-page/page.js")}`;
// Two declarations of one name are an error in a module.
writeFileSync(path.join(BUILT, "all.mjs"), script);
execFileSync(process.execPath, ["--check", path.join(BUILT, "all.mjs")], { stdio: "inherit" });
const style = `\n${read("setup-page", "style.css")}`;
const template = read("examples", "aws", "cloudformation", "account.yml");
const parts: Record<string, string> = {
  ...{
    STYLE: style,
    "STYLE-HASH": hash(style),
    SCRIPT: script,
    "SCRIPT-HASH": hash(script),
    TEMPLATE: template,
  },
};
for (const [name, text] of Object.entries(parts))
  if (/<\/(?:script|style)|<!--/i.test(text)) throw new Error(`${name} would end the element that it is in`);
const html = read("setup-page", "index.html").replaceAll(
  /\{\{([A-Z-]+)\}\}/g,
  (_, name: string) => parts[name] ?? "",
);

if (process.argv.includes("--check")) {
  const same = read("docs", "setup", "index.html") === html;
  console.log(same ? "docs/setup is what the source builds" : "Run: npm run setup-page");
  process.exitCode = same ? 0 : 1;
} else {
  mkdirSync(path.dirname(PAGE), { recursive: true });
  writeFileSync(PAGE, html);
  console.log(`${Math.ceil(Buffer.byteLength(html) / 1000)} kB  docs/setup/index.html`);
}
