import { printable } from "./text.ts";
import type { Anchor } from "./troubleshooting.ts";

/** An error whose text is meant for the user of the action: what happened, and how to fix it. */
export class UserError extends Error {
  override readonly name = "UserError";
  /** The entry in docs/troubleshooting.md that explains more. */
  readonly anchor: Anchor;
  /** More lines, for the log only. */
  readonly details: string | undefined;

  constructor(anchor: Anchor, message: string, options: ErrorOptions & { details?: string } = {}) {
    super(message, options);
    this.anchor = anchor;
    this.details = options.details;
  }
}

/** The text of anything thrown, on one line, safe for a log and of bounded length. */
export function errorText(error: unknown): string {
  return printable(error instanceof Error ? error.message || error.name : String(error), 500);
}

/** The code of a system error (ENOENT, ECONNREFUSED, ...), or undefined. */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}
