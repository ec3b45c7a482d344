// Installs the packages of package-lock.json with `npm ci` if they are missing or others are there. Only
// node: modules here: it runs before anything is installed.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** The packages of a lock file, by folder; undefined if there is no such file. */
function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch {
    return undefined;
  }
}

/** npm writes the second file when it has installed the first; it leaves out what this machine does not need. */
function isInstalled() {
  const wanted = packagesOf("package-lock.json");
  const installed = packagesOf("node_modules/.package-lock.json");
  if (installed === undefined) return false;
  return Object.entries(wanted).every(([folder, { version, integrity, optional }]) => {
    if (folder === "") return true;
    const found = installed[folder];
    return found === undefined
      ? optional === true
      : found.version === version && found.integrity === integrity;
  });
}

if (!isInstalled()) {
  console.log("node_modules is not what package-lock.json asks for: npm ci");
  execFileSync("npm", ["ci", "--no-audit", "--no-fund"], {
    stdio: "inherit",
    shell: process.platform === "win32",
  });
}
