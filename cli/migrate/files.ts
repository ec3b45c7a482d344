// Which files a path stands for, and how they are read and written.
import { randomBytes } from "node:crypto";
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import path from "node:path";

/** Far more than any workflow has. */
const LARGEST = 1_000_000;
const YAML = /\.ya?ml$/i;

/**
 * The workflows and actions below the paths, each once: a file as it is given; of a folder, the files in
 * .github/workflows and workflow-templates, and every action.yml. Throws if a path does not exist.
 */
export function findFiles(paths: readonly string[]): string[] {
  const found = new Set<string>();
  for (const given of paths) {
    if (statSync(given).isDirectory()) for (const file of below(given)) found.add(path.normalize(file));
    else found.add(path.normalize(given));
  }
  return [...found];
}

function* below(folder: string): Generator<string> {
  const here = path.resolve(folder).replaceAll(path.sep, "/");
  const workflows = /\/(?:\.github\/workflows|workflow-templates)$/.test(here);
  // Links to folders are not followed: they may lead in a circle, or out of the repository.
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== "node_modules" && entry.name !== ".git") yield* below(file);
    } else if (/^action\.ya?ml$/i.test(entry.name) || (workflows && YAML.test(entry.name))) yield file;
  }
}

/** The text of a file. Throws if it is too large or not UTF-8. */
export function readText(file: string): string {
  const bytes = readFileSync(file);
  if (bytes.length > LARGEST) throw new Error("the file is too large for a workflow");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Error("the file is not UTF-8");
  }
}

/**
 * Replaces a file whose text is `old`, as a whole: every reader finds the old text or the new one, also if this process
 * is killed. Throws if the file is no longer what it was.
 */
export function replaceFile(file: string, old: string, fresh: string): void {
  // A link stays a link.
  const real = realpathSync(file);
  const temporary = path.join(
    path.dirname(real),
    `.${path.basename(real)}.${randomBytes(6).toString("hex")}.tmp`,
  );
  const { mode } = statSync(real);
  try {
    const descriptor = openSync(temporary, "wx", 0o600);
    try {
      const bytes = Buffer.from(fresh);
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
      fchmodSync(descriptor, mode & 0o777);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    if (readText(real) !== old) throw new Error("the file has changed meanwhile");
    renameSync(temporary, real);
  } finally {
    rmSync(temporary, { force: true });
  }
}
