/**
 * The files through which a step sets variables, outputs, state, PATH and its summary (actions/runner
 * FileCommandManager.cs).
 */
import { randomUUID } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";

/** Largest summary of one step that is kept, in bytes (FileCommandManager.cs:223). */
const SUMMARY_LIMIT_BYTES = 1024 * 1024;

const FILES = {
  GITHUB_ENV: "set_env",
  GITHUB_STATE: "save_state",
  GITHUB_OUTPUT: "set_output",
  GITHUB_PATH: "add_path",
  GITHUB_STEP_SUMMARY: "step_summary",
} as const;

/** The folder of these files inside RUNNER_TEMP. */
export const FILE_COMMANDS_FOLDER = "_runner_file_commands";

export interface FileCommands {
  /** Variable name to path, to be set for the step. */
  variables: Record<keyof typeof FILES, string>;
}

export interface FileCommandResult {
  environment: Record<string, string>;
  state: Record<string, string>;
  outputs: Record<string, string>;
  /** Entries to prepend to PATH, in the order written. */
  path: string[];
  summary: string;
  /** Error annotations. */
  errors: string[];
  /** True if a file could not be understood: the step fails. */
  failed: boolean;
}

/** Creates the five empty files of one step under RUNNER_TEMP. */
export async function createFileCommands(temp: string): Promise<FileCommands> {
  const folder = path.join(temp, FILE_COMMANDS_FOLDER);
  await mkdir(folder, { recursive: true });
  const id = randomUUID();
  const variables = Object.fromEntries(
    Object.entries(FILES).map(([variable, prefix]) => [variable, path.join(folder, `${prefix}_${id}`)]),
  ) as FileCommands["variables"];
  await Promise.all(Object.values(variables).map((file) => writeFile(file, "")));
  return { variables };
}

/**
 * Parses `NAME=value` lines and heredocs (`NAME<<DELIMITER`, lines, `DELIMITER`). Throws with the runner's
 * message for anything else (FileCommandManager.cs, EnvFileKeyValuePairs).
 */
export function parseKeyValueFile(text: string): [string, string][] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  const pairs: [string, string][] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] as string;
    if (line === "") continue;
    const equals = line.indexOf("=");
    const heredoc = line.indexOf("<<");
    if (equals >= 0 && (heredoc < 0 || equals < heredoc)) {
      if (equals === 0) throw new Error(`Invalid format '${line}'. Name must not be empty`);
      pairs.push([line.slice(0, equals), line.slice(equals + 1)]);
    } else if (heredoc >= 0) {
      const name = line.slice(0, heredoc);
      const delimiter = line.slice(heredoc + 2);
      if (name === "" || delimiter === "")
        throw new Error(`Invalid format '${line}'. Name and delimiter must not be empty`);
      const end = lines.indexOf(delimiter, index + 1);
      if (end < 0) throw new Error(`Invalid value. Matching delimiter not found '${delimiter}'`);
      pairs.push([name, lines.slice(index + 1, end).join("\n")]);
      index = end;
    } else {
      throw new Error(`Invalid format '${line}'`);
    }
  }
  return pairs;
}

/** A file that the step removed counts as empty. */
async function readIfPresent(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).replace(/^\uFEFF/, "");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

/**
 * Reads what a step has written and removes the files. One malformed file does not keep the others from
 * counting (FileCommandManager.cs:79-88).
 */
export async function collectFileCommands({ variables }: FileCommands): Promise<FileCommandResult> {
  const result: FileCommandResult = {
    environment: {},
    state: {},
    outputs: {},
    path: [],
    summary: "",
    errors: [],
    failed: false,
  };
  const attempt = async (name: string, file: string, process: (text: string) => void): Promise<void> => {
    try {
      process(await readIfPresent(file));
    } catch (error) {
      result.errors.push(`Unable to process file command '${name}' successfully.`, (error as Error).message);
      result.failed = true;
    }
  };

  await attempt("env", variables.GITHUB_ENV, (text) => {
    for (const [name, value] of parseKeyValueFile(text)) {
      // FileCommandManager.cs:170-193: said, but no failure.
      if (name.toUpperCase() === "NODE_OPTIONS")
        result.errors.push(`Can't store ${name} output parameter using '$GITHUB_ENV' command.`);
      else result.environment[name] = value;
    }
  });
  await attempt("output", variables.GITHUB_OUTPUT, (text) => {
    result.outputs = Object.fromEntries(parseKeyValueFile(text));
  });
  await attempt("state", variables.GITHUB_STATE, (text) => {
    result.state = Object.fromEntries(parseKeyValueFile(text));
  });
  await attempt("path", variables.GITHUB_PATH, (text) => {
    result.path = text.split(/\r?\n/).filter((line) => line !== "");
  });
  await attempt("summary", variables.GITHUB_STEP_SUMMARY, (text) => {
    const bytes = Buffer.byteLength(text);
    if (bytes <= SUMMARY_LIMIT_BYTES) result.summary = text;
    else
      result.errors.push(
        `$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of 1024k, got ${Math.ceil(bytes / 1024)}k.`,
      );
  });
  await Promise.all(Object.values(variables).map((file) => rm(file, { force: true })));
  return result;
}
