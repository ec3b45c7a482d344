import type { Failure } from "../base/network.ts";
import { printable, shellWord } from "../base/text.ts";
import { type Text, text } from "./explained.ts";

/** What STS says about the duration and the policies of a session. Undefined: the failure is about neither. */
export function explainShape(
  failure: Failure,
  code: string,
  { roleArn, durationSeconds }: { roleArn: string; durationSeconds: number | undefined },
): Text | undefined {
  const name = shellWord(roleArn.slice(roleArn.lastIndexOf("/") + 1));
  if (code === "ValidationError" && /DurationSeconds|MaxSessionDuration/.test(failure.message)) {
    return text(
      "session-duration",
      `The role does not allow sessions of ${durationSeconds ?? 3600} s`,
      /role chaining/i.test(failure.message)
        ? "Cause: AWS limits a session that a role got through another role to one hour. Fix: remove role-duration-seconds; the session renews itself."
        : "Cause: the role's MaxSessionDuration is shorter. Fix: remove role-duration-seconds, since the session renews itself, or raise it:",
      `  aws iam update-role --role-name ${name} --max-session-duration ${durationSeconds ?? 3600}`,
      `Check: aws iam get-role --role-name ${name} --query Role.MaxSessionDuration`,
    );
  }
  if (code === "PackedPolicyTooLarge") {
    return text(
      "session-policy",
      "The session policies are too large for STS",
      `Cause: STS packs inline-session-policy, managed-session-policies and the token's tags into a binary form, and it says: ${printable(failure.message, 200)}`,
      "Fix: shorten inline-session-policy (wildcards, fewer statements and ARNs), or put it into a managed policy and name that in managed-session-policies.",
    );
  }
  if (code === "MalformedPolicyDocument") {
    return text(
      "session-policy",
      "STS does not accept inline-session-policy",
      `Cause: ${printable(failure.message, 300)}`,
      "Fix: a session policy is an identity-based policy: Version, and statements with Effect, Action and Resource, without Principal.",
    );
  }
  return undefined;
}
