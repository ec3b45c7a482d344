/** What the scripts have in common: flags, and an end that leaves nothing running however it comes. */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { type ParseArgsConfig, parseArgs } from "node:util";

/**
 * Its message and the usage are printed, and the exit code is 2; with an empty message, the usage was asked
 * for.
 */
export class UsageError extends Error {}

/** Its message is printed, without a stack, and the exit code is 1. */
export class ScriptError extends Error {}

type Flags = NonNullable<ParseArgsConfig["options"]>;

/** The values of the command line's flags. Throws UsageError for one that is not there, and for --help. */
export function readFlags<const F extends Flags>(
  flags: F,
): ReturnType<typeof parseArgs<{ options: F }>>["values"] {
  const options: Flags = { ...flags, help: { type: "boolean" } };
  let values: Record<string, unknown>;
  try {
    ({ values } = parseArgs({ options }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (values.help) throw new UsageError("");
  return values as ReturnType<typeof readFlags<F>>;
}

/** The value of a flag that is a whole number. Throws UsageError for anything else. */
export function wholeNumber(flag: string, value: string | number, least: number): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= least) return number;
  throw new UsageError(`${flag}: a whole number of at least ${least}, not ${value}`);
}

/** Hands over what undoes something that was started. The latest is undone first. */
export type Cleanup = (end: () => Promise<void>) => void;

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/**
 * Runs a script: `body` resolves to the exit code. Whatever was handed to `cleanup` is undone, also on
 * Ctrl-C.
 */
export async function runScript(usage: string, body: (cleanup: Cleanup) => Promise<number>): Promise<void> {
  const ends: (() => Promise<void>)[] = [];
  const endAll = async (): Promise<void> => {
    for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end();
  };
  let interrupted: Promise<never> | undefined;
  for (const [signal, code] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      interrupted ??= endAll().then(() => process.exit(code));
    });
  }
  try {
    process.exitCode = await body((end) => ends.push(end));
  } catch (error) {
    // What is being ended fails in its own ways; the signal decides the exit code.
    if (interrupted !== undefined) await interrupted;
    if (error instanceof ScriptError) console.error(error.message);
    else if (!(error instanceof UsageError)) throw error;
    else if (error.message === "") console.log(usage);
    else console.error(`${error.message}\n\n${usage}`);
    process.exitCode = error instanceof ScriptError ? 1 : error.message === "" ? 0 : 2;
  } finally {
    await endAll();
  }
}

/** Writes a file of results, and its folder. */
export async function writeResult(file: string, content: string): Promise<void> {
  await mkdir(path.dirname(path.resolve(file)), { recursive: true });
  await writeFile(file, content);
}

export const asJson = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;
