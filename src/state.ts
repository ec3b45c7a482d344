import * as core from "@actions/core";
import type { Summary } from "./inputs.ts";

/** What main saves for post in the runner's state: where to look, and nothing secret. */
export interface SavedUse {
  root: string;
  id: string;
  summary: Summary;
}

export function saveUse(use: SavedUse): void {
  core.saveState("use", JSON.stringify(use));
}

/** Undefined if main ended before it saved anything. */
export function loadUse(): SavedUse | undefined {
  const state = core.getState("use");
  return state === "" ? undefined : (JSON.parse(state) as SavedUse);
}
