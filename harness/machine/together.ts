/** Cases that mostly wait, run all at once; each is still a separate test. */

/** Starts `run` for every case; what comes back gives the outcome of one, or throws what it threw. */
export function together<Case extends { name: string }, Outcome>(
  cases: readonly Case[],
  run: (one: Case) => Promise<Outcome>,
): (one: Case) => Promise<Outcome> {
  const running = new Map(cases.map((one) => [one.name, run(one)]));
  // Reported by the test that asks for it, however much later.
  for (const outcome of running.values()) outcome.catch(() => {});
  return (one) => running.get(one.name) as Promise<Outcome>;
}
