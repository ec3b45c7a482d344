// Adds up the results that test runs left as JSON, for the last line of CI: node lib/scripts/count.js FILE …
import * as fs from "node:fs";

interface Results {
  // jest --json
  numPassedTests?: number;
  numFailedTests?: number;
  numFailedTestSuites?: number;
  numPendingTests?: number;
  // npm run conformance -- --json
  passed?: number;
  failed?: number;
  skipped?: number;
}

let passed = 0;
let failed = 0;
let skipped = 0;
for (const file of process.argv.slice(2)) {
  const results = JSON.parse(fs.readFileSync(file, "utf8")) as Results;
  passed += results.numPassedTests ?? results.passed ?? 0;
  // A suite that does not even load has no tests that could fail.
  failed += Math.max(results.numFailedTests ?? results.failed ?? 0, results.numFailedTestSuites ?? 0);
  skipped += results.numPendingTests ?? results.skipped ?? 0;
}
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
