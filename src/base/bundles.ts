import * as path from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The path of another bundle of dist/: dist/NAME/index.js, from dist/main/index.js and the like. Not
 * `new URL(…, import.meta.url)`, which the bundler would treat as a file to copy.
 */
export function bundlePath(name: "keeper" | "exchange" | "renew"): string {
  return path.join(path.dirname(fileURLToPath(import.meta.url)), "..", name, "index.js");
}
