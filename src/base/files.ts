import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { errorCode } from "./errors.ts";
import type { Schema } from "./schema.ts";

/**
 * Replaces a file as a whole: a reader sees the old content or the new, never an empty or half file. If
 * `path` is a symlink or a FIFO, it is replaced and not followed. Mode 0600 under any umask. On failure the
 * old file stays and no other is left. On Windows it waits for readers, for up to 3 s.
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
    patiently(() => fs.renameSync(temporary, path));
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

const PATIENCE_MS = 3_000;
const PAUSE_MS = 1;

/**
 * Whether an error can mean that another program has the file open: Windows then refuses to replace or
 * delete it. On other systems these codes have other causes, which last.
 */
export function isHeld(error: unknown): boolean {
  return process.platform === "win32" && /^(EPERM|EACCES|EBUSY|ENOTEMPTY)$/.test(errorCode(error) ?? "");
}

/**
 * Repeats, for up to 3 s, what Windows refuses because another program has the file open: an SDK that reads
 * the token, a virus scanner. Blocks the process meanwhile, because readers that take turns leave gaps of
 * less than a millisecond, and a timer of Windows is late by up to 16.
 */
export function patiently<T>(action: () => T): T {
  const deadline = performance.now() + PATIENCE_MS;
  for (let tries = 1; ; tries++) {
    try {
      return action();
    } catch (error) {
      if (!isHeld(error) || performance.now() > deadline) throw error;
    }
    if (tries % 20 === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
  }
}

/**
 * Replaces a file as writeFileAtomic does. On Windows it lets the process do other things between attempts, and
 * goes on for `limitMs` while another program has the file open. Throws what writeFileAtomic throws.
 */
export async function layInPlace(
  path: string,
  content: string,
  limitMs: number,
  over: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    try {
      writeFileAtomic(path, content);
      return;
    } catch (error) {
      if (!isHeld(error) || performance.now() > deadline || over.aborted) throw error;
    }
    await sleep(PAUSE_MS);
  }
}

const MAX_FILE_BYTES = 16 * 1024 * 1024;
const MAX_RECORD_BYTES = 1024 * 1024;
const VERSION = 1;

/**
 * The bytes of a regular file, or undefined if there is none. Throws on any other error, on anything but a
 * file, and on a file that is larger than `limit`.
 */
export function readFileIfExists(path: string, limit = MAX_FILE_BYTES): Buffer | undefined {
  let file: number;
  try {
    // O_NONBLOCK: opening a FIFO would wait for its writer for ever.
    file = patiently(() => fs.openSync(path, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0)));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    const stat = fs.fstatSync(file);
    if (!stat.isFile()) throw new Error(`${path} is not a regular file`);
    if (stat.size > limit) throw new Error(`${path} is larger than ${limit / 1024} KiB`);
    return fs.readFileSync(file);
  } finally {
    fs.closeSync(file);
  }
}

/** The JSON object in a file, at most 1 MiB, or undefined if there is none. */
export function readJson<T extends object>(path: string): T | undefined {
  try {
    const value: unknown = JSON.parse(readFileIfExists(path, MAX_RECORD_BYTES)?.toString("utf8") ?? "");
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The one way to read a file in which this action recorded something. Undefined if there is none of this
 * version and form: a crash or a step may have left anything there.
 */
export function readRecord<T>(path: string, schema: Schema<T>): T | undefined {
  const value = readJson<{ version?: unknown }>(path);
  if (value?.version !== VERSION) return undefined;
  try {
    return schema(value);
  } catch {
    return undefined;
  }
}

export function writeRecord(path: string, value: object): void {
  const text = `${JSON.stringify({ version: VERSION, ...value })}\n`;
  if (Buffer.byteLength(text) > MAX_RECORD_BYTES) throw new Error(`${path} would be larger than 1 MiB`);
  writeFileAtomic(path, text);
}
