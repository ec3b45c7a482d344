// @actions/core imports @actions/exec for platform.getDetails(), which this action does not call. In the bundles this file takes its
// place (tsconfig.json beside it), so that an action which works with credentials runs no program but its own keeper. Whoever meets
// this error, or wants to run a tool, removes the path.
export function getExecOutput() {
  throw new Error("@actions/exec is left out of this action: see stubs/exec.js");
}
