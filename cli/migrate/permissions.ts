// Whether a job may ask GitHub for an ID token, and what to add if not.
//
// A job with `permissions` has those and no others; else those of the workflow count, else the repository's default,
// which never includes id-token: write. So a job on GitHub's runners that lacks it cannot have assumed a role with
// the old action, and adding it takes nothing away from a job that worked, as long as nothing else is taken away.
import { isMap, isScalar, isSeq, type Pair, type YAMLMap } from "yaml";
import { child, endOf, pairOf, type Scope, type Source, scalars, startOf, textOf } from "./document.ts";
import { addFirst } from "./edit.ts";
import { usesOf } from "./mentions.ts";
import { lineEnd, lineStart, type Splice } from "./splice.ts";
import { isSetUp } from "./step.ts";
import type { Reason } from "./use.ts";

/** What the job gets, and where; `added` are the job's permissions after that. */
export interface Grant {
  splice: Splice;
  added: Record<string, string>;
  text: string;
}

type Permissions = "granted" | "of the caller" | Grant | Reason;

const NEEDED = ["permissions:", "  id-token: write"];

export function permissionsOf(source: Source, scope: Scope): Permissions {
  if (scope.kind === "composite") return "of the caller";
  const own = pairOf(scope.node, "permissions");
  const workflow = pairOf(source.root, "permissions");
  const given = (own ?? workflow)?.value;
  const token = isMap(given) ? textOf(child(given, "id-token")) : textOf(given);
  if (token === "write" || token === "write-all") return "granted";
  if (!own && !workflow && isCalled(source.root)) return "of the caller";
  if (!isHosted(scope.node)) {
    const text =
      "without id-token: write this job cannot use GitHub's identity: on this runner the role may be assumed with";
    return {
      text: `${text} the runner's own. If so, use credential-source; else add the permission`,
      instead: NEEDED,
    };
  }
  if (given !== undefined && (!isMap(given) || token !== ""))
    return {
      text: "permissions do not allow id-token: write, and what else the job needs cannot be told",
      instead: NEEDED,
    };
  if (own && isMap(given)) {
    const splice = addFirst(source, given, "id-token: write");
    return { splice, added: { "id-token": "write" }, text: "added id-token: write" };
  }
  const copied: Record<string, string> = isMap(given)
    ? Object.fromEntries(given.items.map(({ key, value }) => [textOf(key), textOf(value)]))
    : { contents: "read" };
  const reader = given === undefined ? scope.steps.find(usesToken) : undefined;
  if (reader) {
    const line = source.lineOf(startOf(reader));
    const text = `no permissions are given, and the step at line ${line} may need some of the repository's default`;
    return { text: `${text}; add these, and what that step needs`, instead: [...NEEDED, "  contents: read"] };
  }
  return insert(source, scope, { "id-token": "write", ...copied });
}

/** Gives the job permissions, below the line of its runs-on. */
function insert({ text, eol }: Source, { node }: Scope, added: Record<string, string>): Permissions {
  const runsOn = pairOf(node, "runs-on") as Pair;
  const column = startOf(runsOn.key) - lineStart(text, startOf(runsOn.key));
  const indent = " ".repeat(column);
  const lines = ["permissions:", ...Object.entries(added).map(([scope, access]) => `  ${scope}: ${access}`)];
  if (node.flow || !isScalar(runsOn.value))
    return { text: "permissions are missing: add them by hand", instead: lines };
  const at = lineEnd(text, endOf(runsOn.value));
  const put = lines.map((line) => `${indent}${line}${eol}`).join("");
  return {
    splice: { start: at, end: at, text: put },
    added,
    text: `added permissions: ${Object.entries(added)
      .map((each) => each.join(": "))
      .join(", ")}`,
  };
}

function isCalled(root: YAMLMap): boolean {
  const on = child(root, "on");
  if (isMap(on)) return pairOf(on, "workflow_call") !== undefined;
  return (isSeq(on) ? on.items : [on]).some((event) => textOf(event) === "workflow_call");
}

/** Whether the job runs on GitHub's own machines, which have no identity in AWS. */
function isHosted(job: YAMLMap): boolean {
  const label = child(job, "runs-on");
  if (!isScalar(label)) return false;
  const [, variable] = /^\$\{\{\s*matrix\.([\w-]+)\s*\}\}$/.exec(textOf(label)) ?? [];
  if (variable === undefined) return HOSTED.test(textOf(label));
  const strategy = child(job, "strategy");
  const matrix = isMap(strategy) ? child(strategy, "matrix") : undefined;
  const values = isMap(matrix) ? child(matrix, variable) : undefined;
  const included = isMap(matrix) && pairOf(matrix, "include") !== undefined;
  return (
    !included &&
    isSeq(values) &&
    values.items.length > 0 &&
    values.items.every((each) => HOSTED.test(textOf(each)))
  );
}
const HOSTED = /^(?:ubuntu|windows|macos)-(?:latest|[\d.]+)(?:-(?:arm|intel|large|xlarge))?$/;

/** Whether a step may use GITHUB_TOKEN for more than reading the repository. */
function usesToken(step: YAMLMap): boolean {
  const uses = usesOf(step);
  if (uses !== "" && !isSetUp(uses) && !/^aws-actions\//i.test(uses)) return true;
  // checkout leaves the token in the clone, and any script may push with it.
  if (uses === "") return !/^aws\s[^\n;&|`$()]*$/.test(textOf(child(step, "run")).trim());
  for (const scalar of scalars(step)) if (/GITHUB_TOKEN|github\.token/i.test(textOf(scalar))) return true;
  return false;
}
