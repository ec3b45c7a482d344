import type { Failure } from "../base/network.ts";
import { printable, shellWord } from "../base/text.ts";
import { type Text, text } from "./explained.ts";

/** Explains what STS refused about the duration or the policies of a session. Undefined: it is about neither. */
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
      ...(/role chaining/i.test(failure.message)
        ? [
            "Cause: AWS limits the session of a role that is assumed with another role to one hour.",
            "Fix: remove role-duration-seconds. The session is renewed for as long as the job runs.",
          ]
        : [
            "Cause: the role's MaxSessionDuration is shorter.",
            "Fix: remove role-duration-seconds, because the session is renewed anyway. Or allow longer sessions:",
            `  aws iam update-role --role-name ${name} --max-session-duration ${durationSeconds ?? 3600}`,
            `Check: aws iam get-role --role-name ${name} --query Role.MaxSessionDuration`,
          ]),
    );
  }
  if (code === "PackedPolicyTooLarge") {
    return text(
      "session-policy",
      "The session policies are too large for STS",
      `Cause: STS packs inline-session-policy and managed-session-policies into a binary format of limited size: ${printable(failure.message, 200)}`,
      "Fix: shorten inline-session-policy (wildcards, fewer statements), or make it a managed policy and name that in managed-session-policies.",
    );
  }
  if (code === "MalformedPolicyDocument") {
    return text(
      "session-policy",
      "STS rejected inline-session-policy",
      `Cause: ${printable(failure.message, 300)}`,
      "Fix: write it like a policy of a role: Version, and statements with Effect, Action and Resource, without Principal.",
    );
  }
  return undefined;
}
