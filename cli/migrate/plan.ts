// What becomes of one file: every step of the old action in it is changed, or stays with the reason. A job is changed
// as a whole or not at all, because its steps share one environment.
import { visit, type YAMLMap } from "yaml";
import { type Changed, changeScope, changeStep, mirror, type ScopeChange } from "./change.ts";
import { child, pairOf, parse, type Scope, type Source, startOf } from "./document.ts";
import { isProven, type Replacement } from "./edit.ts";
import { ACTION, type Mention, mentionsIn, usesOf } from "./mentions.ts";
import { permissionsOf } from "./permissions.ts";
import { apply } from "./splice.ts";
import { isShared, planUse, type Reason } from "./use.ts";

export interface Finding {
  line: number;
  /** "note": nothing has to be done there, but a reader should know. */
  verdict: "changed" | "left" | "note";
  text: string;
  /** YAML to write instead, line by line. */
  instead: string[];
}

export interface Outcome {
  findings: Finding[];
  /** The new text, if it is another one. */
  text: string | undefined;
  /** Changed steps without role-session-name, whose sessions get another name than before. */
  unnamed: number;
}

export interface Options {
  replacement: Replacement;
  /** Whether steps may move to the front of their jobs. */
  move: boolean;
  /** What other files of the repository read from this job or action. */
  outside?: (scope: Scope) => Mention | undefined;
}

/** Whether a text may have a step of the old action. Most files have none, and need no parser. */
export const mayUse = (text: string): boolean => /configure-aws-credentials/i.test(text);

/** Plans the changes of a file. `source` is the text, if it has been parsed already. */
export function planFile(text: string, options: Options, source = parse(text)): Outcome {
  if ("problem" in source)
    return { findings: [leave(source.line, { text: source.problem })], text: undefined, unnamed: 0 };
  const plans = source.scopes.map((scope) => planScope(source, scope, options));
  const found = [...plans.flatMap((plan) => plan.findings), ...copies(source), ...elsewhere(source)];
  const findings = found.sort((a, b) => a.line - b.line);
  const changes = plans.flatMap(({ change }) => change ?? []);
  if (changes.length === 0) return { findings, text: undefined, unnamed: 0 };
  const fresh = apply(
    text,
    changes.flatMap(({ splices }) => splices),
  );
  const expected = source.value();
  for (const { change } of changes) change(expected);
  const edits = changes.flatMap((change) => change.edits);
  if (isProven(source, fresh, expected, edits))
    return { findings, text: fresh, unnamed: plans.reduce((sum, { unnamed = 0 }) => sum + unnamed, 0) };
  // A move in a text of an unusual form: the step can change where it is.
  if (options.move) return planFile(text, { ...options, move: false }, source);
  const reason = {
    text: "the change could not be proven to leave the rest of the file as it is: make it by hand",
  };
  const left = findings.map((each) => (each.verdict === "changed" ? leave(each.line, reason) : each));
  return { findings: left, text: undefined, unnamed: 0 };
}

const leave = (line: number, { text, instead = [] }: Reason): Finding => ({
  line,
  verdict: "left",
  text,
  instead,
});

function planScope(
  source: Source,
  scope: Scope,
  options: Options,
): { findings: Finding[]; change?: ScopeChange; unnamed?: number } {
  const uses = scope.steps.filter((step) => ACTION.test(usesOf(step)));
  if (uses.length === 0) return { findings: [] };
  const lineOf = (step: YAMLMap): number => source.lineOf(startOf(child(step, "uses")));
  const plans = uses.map((step, index) => ({
    step,
    ...planUse(step, options.replacement.uses, uses.slice(0, index)),
  }));
  const stuck = plans.find((plan) => "text" in plan);
  const reason = stuck
    ? {
        text: `the step at line ${lineOf(stuck.step)} stays, and both set the same variables: change them together`,
      }
    : reasonOf(source, scope, options);
  const stay = (why: Reason) => ({
    findings: plans.map((plan) => leave(lineOf(plan.step), "text" in plan ? plan : why)),
  });
  if (reason) return stay(reason);
  const permissions = permissionsOf(source, scope);
  if (typeof permissions === "object" && "instead" in permissions) return stay(permissions);

  const changed: Changed[] = [];
  for (const plan of plans) {
    const change = changeStep(source, plan.step, "drop" in plan ? plan.drop : [], options.replacement);
    if (!change) return stay({ text: "uses is not written on one line" });
    changed.push(change);
  }
  if (permissions === "of the caller" && scope.kind === "job")
    changed[0]?.notes.push("the callers of this workflow have to grant id-token: write, as before");
  mirror(source, scope, changed);
  const grant = typeof permissions === "object" && "splice" in permissions ? permissions : undefined;
  const change = changeScope(source, scope, changed, grant, options.move);
  const unnamed = uses.filter((step) => !pairOf(child(step, "with") as YAMLMap, "role-session-name")).length;
  return { findings: changed.flatMap(findingsOf), change, unnamed };
}

function findingsOf({ line, details, notes }: Changed): Finding[] {
  const finding = (verdict: Finding["verdict"], text: string): Finding => ({
    line,
    verdict,
    text,
    instead: [],
  });
  return [finding("changed", details.join("; ")), ...notes.map((note) => finding("note", note))];
}

/** Why all steps of a job stay. */
function reasonOf(source: Source, scope: Scope, options: Options): Reason | undefined {
  if (isShared(scope.node))
    return { text: "the job has a YAML anchor or alias, so a change could change other places, too" };
  const found = mentionsIn(source, scope)[0] ?? options.outside?.(scope);
  if (!found) return undefined;
  const place = found.file === undefined ? `line ${found.line}` : `${found.file}:${found.line}`;
  return { text: `${place} ${found.text}` };
}

/** Steps of a copy of the old action, by another owner: what they take is not known. */
function copies({ scopes, lineOf }: Source): Finding[] {
  const steps = scopes.flatMap((scope) => scope.steps);
  const copied = steps.filter(
    (step) => /^[\w-]+\/configure-aws-credentials@/i.test(usesOf(step)) && !ACTION.test(usesOf(step)),
  );
  return copied.map((step) =>
    leave(lineOf(startOf(child(step, "uses"))), {
      text: "is a copy of the old action, with inputs of its own",
    }),
  );
}

/** Steps that are not in the list of a job: behind an anchor, in a template, or in a file of another kind. */
function elsewhere({ root, text, scopes, lineOf }: Source): Finding[] {
  const known = new Set(scopes.flatMap((scope) => scope.steps));
  // Usually there is none, and the text is enough to see that.
  const written = text.match(/aws-actions\/configure-aws-credentials@/gi)?.length ?? 0;
  if (written <= [...known].filter((step) => ACTION.test(usesOf(step))).length) return [];
  const found: Finding[] = [];
  visit(root, {
    Map: (_, node) => {
      if (known.has(node) || !ACTION.test(usesOf(node))) return;
      found.push(
        leave(lineOf(startOf(child(node, "uses"))), { text: "is not in the steps of a job or an action" }),
      );
    },
  });
  return found;
}
