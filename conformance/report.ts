/** Writes docs/compatibility.md from the results. */
import type { Results } from "./results.ts";

export function renderCompatibility(_results: Results): string {
  return "";
}
