/** Files that come and go while they are looked at. */
import { type Dirent, readdirSync } from "node:fs";
import path from "node:path";
import { errorCode } from "../../src/base/errors.ts";
import { readFileIfExists } from "../../src/base/files.ts";

/**
 * What stands in all files under a folder, by path from there; text as it is, anything else as Latin-1. What
 * goes meanwhile is left out.
 */
export function readTree(folder: string): Record<string, string> {
  const tree: Record<string, string> = {};
  const walk = (name: string): void => {
    for (const entry of entriesOf(path.join(folder, name))) {
      const inside = path.join(name, entry.name);
      if (entry.isDirectory()) walk(inside);
      const content = entry.isFile() ? readFileIfExists(path.join(folder, inside)) : undefined;
      if (content !== undefined) tree[inside] = content.toString("latin1");
    }
  };
  walk("");
  return tree;
}

/** Whether a path in the job directory is that of a token, or of one that is just being written. */
export function isTokenFile(name: string): boolean {
  return /(?:^|\/)tokens\/[0-9a-f]{16}\/token(?:\.[0-9a-f]+\.tmp)?$/.test(name);
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}
