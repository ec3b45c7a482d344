/** What the suite found, as it is kept in results.json. */

/**
 * right: as expected. error: the call failed. wrong: it ran as somebody else. refused: the action's main
 * failed and said why, so no step ran. In scenario 2 failing is right; in scenario 4 what was before the
 * action is.
 */
export type Verdict = "right" | "error" | "wrong" | "refused";

export interface Cell {
  verdict: Verdict;
  /** What the client said, where it is not simply right; without anything that differs from run to run. */
  text?: string;
  /** The host name of STS that the client asked. */
  host?: string;
}

export interface StepResult {
  id: string;
  title: string;
  /** By client name. */
  cells: Record<string, Cell>;
}

export interface RowResult {
  scenario: Scenario;
  id: string;
  title: string;
  /** What was ambient. */
  ambient: string;
  /** What main warned of. */
  warnings: string[];
  /** Why main failed. */
  refusal?: string;
  steps: StepResult[];
}

export type Scenario = 1 | 2 | 3 | 4 | 5 | 6 | 7;

export interface Results {
  /** ISO 8601, the day on which each scenario ran. */
  dates: Partial<Record<Scenario, string>>;
  system: string;
  /** Version of the Node that ran the action. */
  node: string;
  /** Version by client name; of those that ran. */
  versions: Record<string, string>;
  /** Why a client did not run, by its name. */
  refused: Record<string, string>;
  rows: RowResult[];
}

/** The results of a run, and of earlier runs of the scenarios that it did not run. */
export function withOthers(results: Results, earlier: Results): Results {
  const others = earlier.rows.filter(({ scenario }) => results.dates[scenario] === undefined);
  return {
    ...results,
    dates: { ...earlier.dates, ...results.dates },
    rows: [...others, ...results.rows].sort((one, other) => one.scenario - other.scenario),
  };
}

const VOLATILE: [RegExp, string][] = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "…"],
  [/GitHubActions-\d+-\d+-[0-9a-f]{8}/g, "SESSION"],
  [/\bA[KRS]I?[A-Z0-9]{18,}\b/g, "KEY"],
  [/(\/[\w .,@+-]+)+\/(?=[\w.-]+)/g, "…/"],
  [/@[0-9a-f]{6,8}\b/g, ""],
  [/127\.0\.0\.1:\d+/g, "127.0.0.1"],
  [/\d{10,}/g, "…"],
  [/\s+/g, " "],
];

/** A message without what differs from run to run, and not longer than a reader needs. */
export function stable(text: string): string {
  const plain = VOLATILE.reduce((left, [pattern, instead]) => left.replace(pattern, instead), text).trim();
  return plain.length > 200 ? `${plain.slice(0, 200)}…` : plain;
}
