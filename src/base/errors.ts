import type { Anchor } from "./troubleshooting.ts";

/**
 * An error whose text is meant for the user of the action: what happened, and how to fix it. `anchor` names
 * the entry in docs/troubleshooting.md that explains more.
 */
export class UserError extends Error {
  override readonly name = "UserError";
  readonly anchor: Anchor;
  /** More lines, for the log only. */
  readonly details: string | undefined;

  constructor(anchor: Anchor, message: string, options: ErrorOptions & { details?: string } = {}) {
    super(message, options);
    this.anchor = anchor;
    this.details = options.details;
  }
}

/** The text of anything thrown, on one line and of bounded length, for a log or a status file. */
export function errorText(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ").slice(0, 500);
}

/** The code of a system error (ENOENT, ECONNREFUSED, ...), or undefined. */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}
