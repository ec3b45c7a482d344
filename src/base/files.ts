import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { errorCode } from "./errors.ts";

/**
 * Replaces a file as a whole: a reader sees the old content or the new, never an empty or half file. Whatever
 * is at `path`, a symlink or a FIFO, is replaced and not followed. Mode 0600 under any umask. On failure the
 * old file stays and no other is left.
 */
export function writeFileAtomic(path: string, content: string | Buffer): void {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    // wx is O_CREAT | O_EXCL, which does not follow a symlink planted at the temporary name either.
    const file = fs.openSync(temporary, "wx", 0o600);
    try {
      if (process.platform !== "win32") fs.fchmodSync(file, 0o600);
      fs.writeFileSync(file, content);
    } finally {
      fs.closeSync(file);
    }
    fs.renameSync(temporary, path);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

/**
 * The bytes of a regular file, or undefined where there is none. Throws on any other error, and on anything
 * but a file.
 */
export function readFileIfExists(path: string): Buffer | undefined {
  let file: number;
  try {
    // O_NONBLOCK: opening a FIFO would wait for its writer for ever.
    file = fs.openSync(path, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    if (!fs.fstatSync(file).isFile()) throw new Error(`${path} is not a regular file`);
    return fs.readFileSync(file);
  } finally {
    fs.closeSync(file);
  }
}

/** The JSON object in a file of ours, or undefined where there is none: a crash may have left anything. */
export function readJson<T extends object>(path: string): T | undefined {
  try {
    const value: unknown = JSON.parse(readFileIfExists(path)?.toString("utf8") ?? "");
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}

export function writeJson(path: string, value: unknown): void {
  writeFileAtomic(path, `${JSON.stringify(value)}\n`);
}
