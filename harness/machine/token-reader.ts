/** A reader of a token or session file that never looks away: what any SDK could have read at any moment. */
import { readFileSync } from "node:fs";

const EVERY_MS = 10;

/** What a reader saw, in milliseconds. */
export interface Sightings {
  reads: number;
  /** Different tokens. */
  tokens: number;
  /**
   * Reads that found an expired token, and from the first to the last of them, summed over the times it
   * happened.
   */
  stale: number;
  staleMs: number;
  /** Reads that found no file, or one without a whole token. */
  missing: number;
  torn: number;
  /** The longest that this process itself could not read: a machine too busy for anything more exact. */
  blindMs: number;
}

/**
 * Reads `file` every few milliseconds until stopped, and checks each token's own times against the clock of
 * this machine.
 */
export class TokenReader {
  readonly seen: Sightings = { reads: 0, tokens: 0, stale: 0, staleMs: 0, missing: 0, torn: 0, blindMs: 0 };
  readonly #timer: NodeJS.Timeout;
  #last = performance.now();
  #token = "";
  #expires = 0;
  #staleSince: number | undefined;

  /** @param expiryOf when what is in the file expires, in milliseconds since 1970; undefined if it is not whole */
  constructor(file: string, expiryOf: (content: string) => number | undefined = expiry) {
    const look = () => {
      const now = performance.now();
      this.seen.blindMs = Math.max(this.seen.blindMs, now - this.#last - EVERY_MS);
      this.#last = now;
      this.#look(file, expiryOf);
    };
    look();
    this.#timer = setInterval(look, EVERY_MS);
  }

  /** exp of the token in the file when it was last read, milliseconds since the epoch. */
  get expires(): number {
    return this.#expires;
  }

  stop(): Sightings {
    clearInterval(this.#timer);
    return this.seen;
  }

  #look(file: string, expiryOf: typeof expiry): void {
    const { seen } = this;
    seen.reads += 1;
    let token: string;
    try {
      token = readFileSync(file, "utf8");
    } catch {
      seen.missing += 1;
      return;
    }
    if (token !== this.#token) {
      const expires = expiryOf(token);
      if (expires === undefined) {
        seen.torn += 1;
        return;
      }
      this.#token = token;
      this.#expires = expires;
      this.#staleSince = undefined;
      seen.tokens += 1;
    }
    const now = Date.now();
    if (now < this.#expires) return;
    seen.stale += 1;
    seen.staleMs += now - (this.#staleSince ?? now);
    this.#staleSince = now;
  }
}

/** exp of a token in milliseconds since the epoch; undefined if it is not a whole JWT. */
export function expiry(token: string): number | undefined {
  const parts = token.split(".");
  if (parts.length !== 3 || parts.some((part) => !/^[\w-]+$/.test(part))) return undefined;
  try {
    const { exp } = JSON.parse(Buffer.from(parts[1] ?? "", "base64url").toString("utf8")) as {
      exp?: unknown;
    };
    return typeof exp === "number" ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}

/** Expiration of a session in milliseconds since the epoch; undefined if it is not a whole one. */
export function sessionExpiry(content: string): number | undefined {
  try {
    const { Version, Expiration, ...keys } = JSON.parse(content) as Record<string, unknown>;
    const names = ["AccessKeyId", "SecretAccessKey", "SessionToken"];
    const isWhole =
      Version === 1 && names.every((name) => typeof keys[name] === "string" && keys[name] !== "");
    return (isWhole && Date.parse(String(Expiration))) || undefined;
  } catch {
    return undefined;
  }
}
