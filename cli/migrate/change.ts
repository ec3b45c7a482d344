// The steps of one job, changed: the text and, apart from it, what the file should mean then.
import type { Pair, YAMLMap } from "yaml";
import { child, pairOf, type Scope, type Source, startOf, textOf } from "./document.ts";
import { addFirst, type Edit, editDrop, editUses, type Replacement } from "./edit.ts";
import { toolWithoutProfiles } from "./mentions.ts";
import type { Grant } from "./permissions.ts";
import { apply, type Splice } from "./splice.ts";
import { type Move, planMove } from "./step.ts";

/** A step that becomes one of this action. */
export interface Changed {
  step: YAMLMap;
  line: number;
  edits: Edit[];
  /** Inputs that are no longer there, as they are written. */
  dropped: string[];
  /** Whether it has mirror-environment: true, which it had not. */
  mirrored: boolean;
  /** What was done, and what a reader should know. */
  details: string[];
  notes: string[];
}

/** The change of one step; undefined if its text is too unusual for that. */
export function changeStep(
  source: Source,
  step: YAMLMap,
  drop: readonly Pair[],
  replacement: Replacement,
): Changed | undefined {
  const edit = editUses(source, step, replacement);
  if (!edit) return undefined;
  const line = source.lineOf(startOf(child(step, "uses")));
  const details = [replacement.uses];
  const changed: Changed = { step, line, edits: [edit], dropped: [], mirrored: false, details, notes: [] };
  for (const pair of drop) {
    const taken = editDrop(source, child(step, "with") as YAMLMap, pair);
    if (taken) {
      changed.edits.push(taken);
      changed.dropped.push(textOf(pair.key));
    } else changed.notes.push(`${textOf(pair.key)} has no effect any more and can go`);
  }
  if (changed.dropped.length > 0)
    changed.details.push(`removed ${changed.dropped.join(", ")} (no effect here)`);
  return changed;
}

const MIRROR = "mirror-environment";

/** Gives the only step of a job the input that a tool of the job needs. */
export function mirror(source: Source, scope: Scope, steps: readonly Changed[]): void {
  const tool = toolWithoutProfiles(source, scope);
  const [first] = steps;
  if (!tool || !first) return;
  const why = `${tool.name} at line ${tool.line} reads no profile`;
  const given = child(first.step, "with") as YAMLMap;
  // The variables override every profile: with several roles, a human has to choose.
  if (steps.length > 1 || pairOf(given, "aws-profile")) {
    first.notes.push(`${why}: if it uses AWS, give it a job of its own with ${MIRROR}: true`);
    return;
  }
  first.edits.push({ splices: [addFirst(source, given, `${MIRROR}: true`)], removed: [], added: [] });
  first.mirrored = true;
  first.details.push(`added ${MIRROR}: true (${why})`);
}

/** All changes of a job or an action. */
export interface ScopeChange {
  splices: Splice[];
  edits: Edit[];
  /** Makes the same change to what the file means. */
  change(value: unknown): void;
}

/** Puts the changes of a job together. The first step moves to the front, if it can and `move` says so. */
export function changeScope(
  source: Source,
  scope: Scope,
  steps: readonly Changed[],
  grant: Grant | undefined,
  move: boolean,
): ScopeChange {
  const [first] = steps;
  const planned = move && first ? planMove(source, scope, first.step) : undefined;
  if (grant) first?.details.push(grant.text);
  if (typeof planned === "string") first?.notes.push(`not moved to the front of the job: ${planned}`);
  else if (planned) first?.details.push("moved to the front of the job");
  const edits = steps.flatMap((step) => step.edits);
  const inner = edits.flatMap(({ splices }) => splices);
  const all = grant ? [...inner, grant.splice] : inner;
  return {
    edits,
    splices: typeof planned === "object" ? moved(source.text, all, planned) : all,
    change: (value) =>
      changeValue(value, scope, steps, grant, typeof planned === "object" ? planned : undefined),
  };
}

/** The splices of a text in which one block goes elsewhere, with what changes in it. */
function moved(text: string, splices: readonly Splice[], { from, to, at, gap }: Move): Splice[] {
  const inside = splices.filter(({ start, end }) => start >= from && end <= to);
  const shifted = inside.map((each) => ({ ...each, start: each.start - from, end: each.end - from }));
  const block = apply(text.slice(from, to), shifted);
  const eol = /\n$/.test(block) ? "" : /\r\n/.test(text) ? "\r\n" : "\n";
  return [
    ...splices.filter((each) => !inside.includes(each)),
    { start: at, end: at, text: `${block}${eol}${gap}` },
    { start: from - gap.length, end: to, text: "" },
  ];
}

type Steps = { uses: string; with: Record<string, unknown> }[];

function changeValue(
  value: unknown,
  { kind, name, list }: Scope,
  steps: readonly Changed[],
  grant: Grant | undefined,
  move: Move | undefined,
): void {
  const file = value as { jobs: Record<string, unknown>; runs: unknown };
  const node = (kind === "job" ? file.jobs[name] : file.runs) as { steps: Steps; permissions?: object };
  for (const { step, details, dropped, mirrored } of steps) {
    const found = node.steps[list.items.indexOf(step)];
    if (!found) continue;
    found.uses = details[0] ?? "";
    for (const input of dropped) delete found.with[input];
    if (mirrored) found.with[MIRROR] = true;
  }
  if (grant) node.permissions = { ...node.permissions, ...grant.added };
  if (move) node.steps.splice(move.target, 0, ...node.steps.splice(move.index, 1));
}
