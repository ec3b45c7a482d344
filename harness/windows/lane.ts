/** Where Windows programs run: on Windows itself, or under Wine on Linux. `npm run test:windows` decides. */
import { readFileSync } from "node:fs";
import path from "node:path";

export interface Lane {
  /** "Windows" or "Wine", with its version. */
  system: string;
  /** What starts a Windows program: nothing on Windows, Wine elsewhere. */
  start: string[];
  /** The environment of that. */
  environment: Record<string, string>;
  /** node.exe, as Windows names it. */
  node: string;
  /** The same program under the name of the runner's worker. */
  worker: string;
  /** The folder for the tests' machines. Under Wine it is drive D:. */
  folder: string;
  /** The SDK for JavaScript v3: its script. A path of this machine; undefined where npm has it not. */
  jsClient: string | undefined;
  /** The SDK for Go v2, and a program that keeps a file open. Undefined without Go. */
  goClient: string | undefined;
  holder: string | undefined;
}

/** The variable that names a file with the Lane as JSON. */
export const LANE_VARIABLE = "WINDOWS_LANE";

/** Throws where the tests were not started by `npm run test:windows`. */
export function readLane(): Lane {
  const file = process.env[LANE_VARIABLE];
  if (file === undefined) throw new Error("Start these tests with: npm run test:windows");
  return JSON.parse(readFileSync(file, "utf8")) as Lane;
}

/** A path of this machine as Windows programs name it. */
export function toWindows(lane: Lane, file: string): string {
  if (process.platform === "win32") return file;
  const inside = path.relative(lane.folder, file);
  const named = inside.startsWith("..") ? `Z:${file}` : `D:/${inside}`;
  return named.replaceAll("/", "\\");
}

/** The other way round. */
export function toHost(lane: Lane, file: string): string {
  if (process.platform === "win32") return file;
  const plain = file.replaceAll("\\", "/");
  return /^d:/i.test(plain) ? path.join(lane.folder, plain.slice(2)) : plain.replace(/^z:/i, "");
}
