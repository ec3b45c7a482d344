/** What the scripts have in common: usage errors, and an end that leaves nothing running however it comes. */

/**
 * Its message and the usage are printed, and the exit code is 2; with an empty message, the usage was asked
 * for.
 */
export class UsageError extends Error {}

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
    if (!(error instanceof UsageError)) throw error;
    if (error.message === "") console.log(usage);
    else console.error(`${error.message}\n\n${usage}`);
    process.exitCode = error.message === "" ? 0 : 2;
  } finally {
    await endAll();
  }
}
