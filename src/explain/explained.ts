import { UserError } from "../base/errors.ts";
import type { Failure } from "../base/network.ts";
import type { ProxySetting } from "../base/proxy.ts";
import { printable, quoted, shortened } from "../base/text.ts";
import type { Anchor } from "../base/troubleshooting.ts";

/** What an explanation is made of. Any of it may hold text from outside. */
export interface Text {
  anchor: Anchor;
  /** One line, for the annotation. */
  title: string;
  /** For the log. */
  lines: string[];
}

export function text(anchor: Anchor, title: string, ...lines: string[]): Text {
  return { anchor, title, lines };
}

/** An annotation is read in a narrow box. */
const MAX_TITLE = 500;

/** @param report the first line of the log: what happened, in the words of the server or the system */
export function explained({ anchor, title, lines }: Text, report?: string, cause?: Failure): UserError {
  const all = report === undefined ? lines : [report, ...lines];
  const details = all.map((line) => printable(line)).join("\n");
  return new UserError(anchor, shortened(printable(title), MAX_TITLE - 1), { details, cause });
}

/** In brackets, how a request went; empty where no proxy is set. */
export function via(proxy: ProxySetting | undefined): string {
  if (proxy === undefined) return "";
  return "url" in proxy
    ? ` (through the proxy ${quoted(proxy.url)})`
    : ` (not through the proxy that is set in the environment, because ${proxy.unusable})`;
}
