/**
 * The AWS CLI, new processes for each call, as in a shell script. Calls GetCallerIdentity, or with BUCKET writes
 * and reads an object.
 */
import { run } from "../../../harness/run.ts";
import { callUntil, loopArguments } from "./call-loop.ts";

/** Bound on one call, in milliseconds. */
const CALL_LIMIT_MS = 30_000;
const OBJECT = [
  'at="s3://$BUCKET/cli-$PPID"',
  'echo "$$" | aws s3 cp --only-show-errors - "$at"',
  'test "$(aws s3 cp --only-show-errors "$at" -)" = "$$"',
].join("\n");
const command =
  process.env.BUCKET === undefined ? ["aws", "sts", "get-caller-identity"] : ["sh", "-ec", OBJECT];

await callUntil(...loopArguments(), async () => {
  const { end, stderr } = await run(command, CALL_LIMIT_MS, {});
  if (end === 0) return undefined;
  return /An error occurred \((\w+)\)/.exec(stderr)?.[1] ?? (stderr.trim().split("\n").at(-1) || "failed");
});
