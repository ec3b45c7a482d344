/** Files that come and go while they are looked at. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** What stands in all files under a folder, by path from there; text as it is, anything else as Latin-1. What goes meanwhile is left out. */
export function readTree(folder: string): Record<string, string> {
  const tree: Record<string, string> = {};
  const walk = (name: string): void => {
    for (const entry of present(() => readdirSync(path.join(folder, name), { withFileTypes: true })) ?? []) {
      const inside = path.join(name, entry.name);
      if (entry.isDirectory()) walk(inside);
      if (!entry.isFile()) continue;
      const content = present(() => readFileSync(path.join(folder, inside), "latin1"));
      if (content !== undefined) tree[inside] = content;
    }
  };
  walk("");
  return tree;
}

/** Whether a path in the job directory is that of a token, or of one that is just being written. */
export function isTokenFile(name: string): boolean {
  return /(?:^|\/)tokens\/[0-9a-f]{16}\/token(?:\.[0-9a-f]+\.tmp)?$/.test(name);
}

function present<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
