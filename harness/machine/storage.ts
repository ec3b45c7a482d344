/** A small file system for one process alone, which can be filled, and goes away with the process. */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import path from "node:path";
import { type KeeperDirectory, keeperDirectoryAt } from "../../src/base/layout.ts";
import type { Keeper } from "./keeper.ts";

/**
 * For startKeeper: its job directory's parent becomes a tmpfs with these mount options, in its own mount
 * namespace. Root only.
 */
export function onTmpfs(options: string): (command: string[], root: string) => string[] {
  const script = [
    'cp -a "$1" "$1.copy"',
    `mount -t tmpfs -o ${options} none "$1"`,
    'cp -a "$1.copy/." "$1"',
    "shift",
    'exec "$@"',
  ].join(" && ");
  return (command, root) => ["unshare", "-m", "sh", "-c", script, "sh", path.dirname(root), ...command];
}

/** A keeper's tmpfs as seen from outside its namespace. */
export class Storage {
  readonly directory: KeeperDirectory;
  readonly #filler: string;

  constructor(keeper: Keeper) {
    const view = (inside: string) => path.join("/proc", String(keeper.pid), "root", inside);
    this.directory = keeperDirectoryAt(view(keeper.directory.path));
    this.#filler = view(path.join(path.dirname(keeper.root), "filler"));
  }

  /** The token in the file. */
  get token(): string {
    return readFileSync(this.directory.secret, "utf8");
  }

  /** Takes every byte that is free. */
  fill(): void {
    const file = openSync(this.#filler, "w");
    const block = Buffer.alloc(4096);
    untilFull(() => writeSync(file, block));
    closeSync(file);
  }

  /** Takes every inode that is free. */
  fillInodes(): void {
    mkdirSync(this.#filler);
    let count = 0;
    untilFull(() => closeSync(openSync(path.join(this.#filler, String(count++)), "wx")));
  }

  free(): void {
    rmSync(this.#filler, { recursive: true });
  }
}

function untilFull(write: () => void): void {
  for (;;) {
    try {
      write();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOSPC") return;
      throw error;
    }
  }
}
