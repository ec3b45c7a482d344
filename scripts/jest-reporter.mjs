// What jest's own reporter leaves out: what to expect at the start, and at the end which tests were skipped
// and why. A test's name gives the reason: unless() in harness/machine/means.ts.

/** With the tests that fit on two cores at once. */
const WHOLE_RUN = "All take less than ten minutes on two cores; npm run test:quick takes less than two.";

export default class Reporter {
  #config;
  #log;

  /** Jest passes its configuration, and two things that are not needed; a test passes a log. */
  constructor(config, _options, _context, log = console.error) {
    this.#config = config;
    this.#log = log;
  }

  onRunStart({ numTotalTestSuites: files }) {
    this.#log(
      `Test files: ${files}. Each is reported when it is over. ${files > 40 ? WHOLE_RUN : ""}`.trim(),
    );
  }

  onRunComplete(_contexts, { testResults }) {
    const tests = testResults.flatMap(({ testResults: results }) => results);
    const skipped = tests.filter(({ status }) => status === "pending").map(({ fullName }) => fullName);
    const reasons = new Map();
    for (const name of skipped) {
      const reason = /\[skipped: ([^\]]+)\]/.exec(name)?.[1] ?? `no reason given: ${name}`;
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    // With -t, jest counts every test of another name as skipped.
    if (skipped.length === 0 || this.#config.testNamePattern) return;
    this.#log(`\nSkipped ${skipped.length} of ${tests.length} tests:`);
    for (const [reason, count] of reasons) this.#log(`${String(count).padStart(5)}  ${reason}`);
  }
}
