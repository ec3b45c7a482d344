// Moving a step to the front of its job.
import { isMap, type YAMLMap } from "yaml";
import { child, lastEnd, pairOf, type Scope, type Source, scalars, startOf, textOf } from "./document.ts";
import { usesOf } from "./mentions.ts";
import { lineEnd, lineStart } from "./splice.ts";

/** Where a step goes: the text from `from` to `to` is put at `at`, and what is left of a gap before it goes. */
export interface Move {
  from: number;
  to: number;
  at: number;
  /** Blank lines before the step, which move with it, so that the steps stay as far apart as they were. */
  gap: string;
  /** The indexes of the step and of its new place. */
  index: number;
  target: number;
}

// These check out, install a tool or move files between jobs. None of them looks for AWS credentials, so it makes no
// difference to them whether the role is there. setup-* of other owners is not believed by its name.
const SET_UP = new RegExp(
  `^(?:${[
    "actions/(?:checkout|setup-[\\w-]+|cache(?:/restore)?|(?:down|up)load-artifact)",
    "(?:hashicorp|docker|opentofu|azure|aws-actions|dart-lang|ruby|denoland|oven-sh|astral-sh)/setup-[\\w-]+(?:-action)?",
    "pnpm/action-setup|gradle/actions/(?:setup-gradle|wrapper-validation)|dtolnay/rust-toolchain|actions-rs/toolchain",
    "Swatinem/rust-cache|step-security/harden-runner|conda-incubator/setup-miniconda|mamba-org/setup-micromamba",
    "erlef/setup-beam|shivammathur/setup-php|julia-actions/setup-julia|subosito/flutter-action|swift-actions/setup-swift",
  ].join("|")})@`,
  "i",
);
export const isSetUp = (uses: string): boolean => SET_UP.test(uses);

/**
 * The move of a step to the front of its job, or why it stays where it is; undefined if it is there already. It is
 * moved only where that cannot change what any step does: all steps that it passes are of the list above, and it needs
 * nothing from them.
 */
export function planMove(source: Source, scope: Scope, step: YAMLMap): Move | string | undefined {
  const index = scope.list.items.indexOf(step);
  const items = scope.list.items;
  // A watched job is watched from its first step.
  const target = items.findIndex(
    (each) => !isMap(each) || !/^step-security\/harden-runner@/i.test(usesOf(each)),
  );
  if (index <= target) return undefined;
  if (scope.kind === "composite") return undefined;
  if (pairOf(step, "if")) return "it has an if";
  const passed = items.slice(target, index);
  const other = passed.find((each) => !isMap(each) || !isSetUp(usesOf(each)));
  if (other !== undefined)
    return `the step at line ${source.lineOf(startOf(other))} comes before it and would see the role`;
  const needs = dependency(source, scope, step);
  if (needs !== undefined) return needs;
  const [own, first] = [blockOf(source, scope, index), blockOf(source, scope, target)];
  const before = blockOf(source, scope, index - 1);
  if (!own || !first || !before) return "the steps are not one to a line";
  const between = source.text.slice(before.end, own.start);
  return {
    from: own.start,
    to: own.end,
    at: first.start,
    gap: /^\s*$/.test(between) ? between : "",
    index,
    target,
  };
}

/** What of earlier steps the step depends on. */
function dependency({ root }: Source, { node }: Scope, step: YAMLMap): string | undefined {
  const declared = new Set<string>();
  for (const env of [child(root, "env"), child(node, "env"), child(step, "env")])
    if (isMap(env)) for (const { key } of env.items) declared.add(textOf(key));
  for (const scalar of scalars(step)) {
    const value = textOf(scalar);
    if (!value.includes("${{")) continue;
    if (/\bsteps\b/.test(value)) return "it uses outputs of earlier steps";
    if (/\bhashFiles\b/.test(value)) return "it uses files of earlier steps";
    for (const [, name = ""] of value.matchAll(/\benv\b(?:\.([\w-]+))?/g))
      if (!declared.has(name)) return "it uses a variable that an earlier step may set";
  }
  return undefined;
}

/** The lines of an item of a block list, with the comments that stand directly above it. */
function blockOf(
  { text }: Source,
  { list }: Scope,
  index: number,
): { start: number; end: number } | undefined {
  const dash = dashOf(text, list, index);
  if (dash === undefined) return undefined;
  let start = lineStart(text, dash);
  const indent = text.slice(start, dash);
  if (!/^ *$/.test(indent)) return undefined;
  while (start > 0) {
    const above = lineStart(text, start - 1);
    if (!text.slice(above, start).startsWith(`${indent}#`)) break;
    start = above;
  }
  const content = text.slice(0, lastEnd(list.items[index])).trimEnd().length;
  let end = lineEnd(text, content);
  // Comments below it that are further in than its dash belong to it, such as an input that is commented out.
  while (end < text.length) {
    const line = text.slice(end, lineEnd(text, end));
    if (!/^ *#/.test(line) || line.search(/#/) <= indent.length) break;
    end += line.length;
  }
  return { start, end };
}

/** The dash of an item of a block list: in front of it, or alone on a line above it. */
function dashOf(text: string, list: Scope["list"], index: number): number | undefined {
  if (list.flow) return undefined;
  const first = lineStart(text, startOf(list.items[index]));
  for (let start = first; ; start = lineStart(text, start - 1)) {
    const line = text.slice(start, lineEnd(text, start));
    const [, indent] = /^( *)-(?=\s)/.exec(line) ?? [];
    if (indent !== undefined) return start + indent.length;
    if (start === 0 || (start < first && !/^\s*(?:#.*)?$/.test(line))) return undefined;
  }
}
