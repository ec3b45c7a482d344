/** What this machine lets a test do. A test that cannot run is skipped, with the reason in its name; it never passes. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";

export const isRoot = process.getuid?.() === 0;

/** Users who own nothing, so that root can be somebody else: nobody, and a number that no user has. */
export const NOBODY = 65534;
export const STRANGER = 65533;

/** Where Debian and Ubuntu put libfaketime (package libfaketime); undefined where it is not installed. */
export const faketime: string | undefined = (() => {
  const libraries = "/usr/lib";
  for (const folder of existsSync(libraries) ? readdirSync(libraries) : []) {
    const library = path.join(libraries, folder, "faketime", "libfaketime.so.1");
    if (existsSync(library)) return library;
  }
  return undefined;
})();

function works(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore", timeout: 10_000 }).status === 0;
}

/** Whether a mount namespace with a file system of our own can be had. */
export const canMount = isRoot && works("unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt");
export const hasPrlimit = works("prlimit", "--version");

/** Whether a test can be another user, and that user read this checkout. */
export const canBeAnother =
  isRoot &&
  spawnSync(process.execPath, ["-e", ""], { cwd: import.meta.dirname, uid: NOBODY, gid: NOBODY }).status ===
    0;

/** For the name of a test: empty, or why it is skipped. */
export function unless(holds: boolean, otherwise: string): string {
  return holds ? "" : ` [skipped: ${otherwise}]`;
}
