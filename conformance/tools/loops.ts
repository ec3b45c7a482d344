/** What the programs of the lane print: a line of JSON for each turn. */
export interface Turn {
  /** Milliseconds since the epoch. */
  t: number;
  ok?: true;
  /** Which session it had, where the program knows: a fingerprint, or an ARN. */
  session?: string;
  error?: string;
}

export interface Loop {
  turns: number;
  good: number;
  /** Different sessions, in the order of their first turn. */
  sessions: string[];
  /** Of the first turn that failed, and when that was, in seconds from the first turn. */
  firstError: string | undefined;
  failedAfter: number | undefined;
  /** It went through to its last line: false for one that hung or crashed. */
  done: boolean;
}

/** Reads a program's output. Lines that are not its own are left out. */
export function readLoop(output: string): Loop {
  const lines = output
    .split("\n")
    .filter((line) => /^\{"t"/.test(line))
    .map((line) => JSON.parse(line) as Turn & { done?: true });
  const turns = lines.filter(({ done }) => done === undefined);
  const bad = turns.find(({ error }) => error !== undefined);
  return {
    turns: turns.length,
    good: turns.filter(({ ok }) => ok).length,
    sessions: [...new Set(turns.flatMap(({ session }) => session ?? []))],
    firstError: bad?.error,
    failedAfter: bad && Math.round((bad.t - (turns[0]?.t ?? 0)) / 1000),
    done: lines.some(({ done }) => done),
  };
}

/** In words, for the table. */
export function describeLoop({ turns, good, sessions, firstError, failedAfter, done }: Loop): string {
  const facts = [`${good}/${turns} turns`];
  const [first = ""] = sessions;
  if (first.startsWith("arn:")) facts.push(`as ${sessions.join(" and ")}`);
  else if (first !== "") facts.push(`${sessions.length} sessions`);
  if (firstError !== undefined) facts.push(`first failure after ${failedAfter} s: ${firstError}`);
  if (!done) facts.push("did not end by itself");
  return facts.join(", ");
}

/** Every turn was good, and it ended. */
export function isGood({ turns, good, done }: Loop): boolean {
  return turns > 0 && good === turns && done;
}
