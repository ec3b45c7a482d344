/** The AWS CLI, a new process for each call, as in a shell script. */
import { execFile } from "node:child_process";
import { callUntil, loopArguments } from "./call-loop.ts";

/** Bound on one call, in milliseconds. */
const CALL_LIMIT_MS = 30_000;

await callUntil(
  ...loopArguments(),
  () =>
    new Promise((resolve) => {
      execFile("aws", ["sts", "get-caller-identity"], { timeout: CALL_LIMIT_MS }, (error, _, stderr) => {
        if (error === null) resolve(undefined);
        else
          resolve(
            /An error occurred \((\w+)\)/.exec(stderr)?.[1] ?? stderr.trim().split("\n").at(-1) ?? "failed",
          );
      });
    }),
);
