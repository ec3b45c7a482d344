/** What the tests of `migrate` have in common: workflows to migrate, and what became of them. */
import { parse } from "../../cli/migrate/document.ts";
import { type Finding, type Options, planFile } from "../../cli/migrate/plan.ts";

export const OLD = "aws-actions/configure-aws-credentials";
export const NEW = "org/aws-role-refresh@v1";

/** Without secrets: the keys are names of secrets. */
export const STEP = `      - uses: ${OLD}@v4
        with:
          role-to-assume: arn:aws:iam::111122223333:role/deploy
          aws-region: eu-west-1
`;

/** A workflow of one job whose steps are given, indented as in STEP. */
export const workflow = (steps: string, head = "    permissions:\n      id-token: write\n"): string =>
  `on: push\njobs:\n  deploy:\n    runs-on: ubuntu-latest\n${head}    steps:\n${steps}`;

/** A step of the old action with these lines under `with`, in place of or besides role and region. */
export const withInputs = (...lines: string[]): string =>
  STEP + lines.map((line) => `          ${line}\n`).join("");

export interface Migrated {
  /** The new text, or the old one if nothing was changed. */
  text: string;
  changed: boolean;
  findings: Finding[];
  /** The texts of the findings of each kind. */
  left: string[];
  notes: string[];
  done: string[];
}

export function migrate(
  text: string,
  options: Partial<Options> = {},
  source: ReturnType<typeof parse> = parse(text),
): Migrated {
  const replacement = { uses: NEW, comment: undefined };
  const { text: fresh, findings } = planFile(text, { replacement, move: true, ...options }, source);
  const of = (verdict: Finding["verdict"]): string[] =>
    findings.filter((each) => each.verdict === verdict).map((each) => each.text);
  return {
    text: fresh ?? text,
    changed: fresh !== undefined,
    findings,
    left: of("left"),
    notes: of("note"),
    done: of("changed"),
  };
}

/** What a text means, and its comments. Throws if it is not YAML. */
export function meaning(text: string): { value: unknown; comments: string[] } {
  const source = parse(text);
  if ("problem" in source) throw new Error(`${source.problem}, line ${source.line}`);
  return { value: source.value(), comments: source.comments.sort() };
}
