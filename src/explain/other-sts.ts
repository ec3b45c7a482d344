import { quoted, shortened } from "../base/text.ts";
import { claimLines } from "./access-denied.ts";
import type { Asked } from "./asked.ts";
import { claimText } from "./conditions.ts";
import { type Text, text } from "./explained.ts";

// MinIO, Ceph, LocalStack and others: what is true of AWS, its console and its limits is not true of them, so
// these texts name the server by its host.

/** Explains the answer of the server that the input sts-endpoint names. */
export function explainOtherSts(asked: Asked): Text {
  const { failure, endpointHost: host } = asked;
  switch (failure.kind) {
    case "throttled":
      return text(
        "sts-throttled",
        `${host} refuses requests because it gets too many`,
        "Fix: run the job again. If it fails again, start fewer jobs at once (strategy: max-parallel).",
      );
    case "server-error":
      return text(
        "sts-unavailable",
        `${host} is not available: HTTP ${failure.httpStatus ?? "error"}`,
        "Fix: run the job again later. If it fails again, look at the log of that server.",
      );
    case "provider":
      return text(
        "provider-not-reached",
        `${host} could not reach the identity provider`,
        `Fix: run the job again. If it fails again, let that server reach ${quoted(claimText(asked.claims.iss))}.`,
      );
    default:
      return refused(asked);
  }
}

const SET_CLOCK = "Fix: set the clock of that server by NTP, and run the job again.";

/** MinIO's texts: https://github.com/minio/minio/blob/master/internal/config/identity/openid/jwt.go */
function refused({ failure, code, endpointHost: host, roleArn, audience, claims }: Asked): Text {
  if (/`(?:azp|aud)`|audience/i.test(failure.message)) {
    return text(
      "audience-not-registered",
      `${host} does not accept the audience ${quoted(audience, 100)}`,
      "Cause: the input audience is not the client ID in that server's OpenID configuration. (MinIO names azp, a claim that it tries if aud does not match.)",
      "Fix: set the input audience to that client ID. In MinIO it is MINIO_IDENTITY_OPENID_CLIENT_ID.",
    );
  }
  if (/used before issued|not valid yet/i.test(failure.message)) {
    return text(
      "id-token-expired",
      `${host} considers the ID token not valid yet`,
      "Cause: the clock of that server is slow. MinIO accepts a token from the second in which GitHub issued it (iat).",
      SET_CLOCK,
    );
  }
  // MinIO has one code for every token that it refuses.
  switch (/token is expired/i.test(failure.message) ? "ExpiredToken" : code) {
    case "AccessDenied":
      return text(
        "access-denied",
        `${host} refused to let this job assume ${shortened(roleArn, 140)} with sub ${quoted(claimText(claims.sub), 140)}. Likely cause: its rules do not accept that sub, or it has no such role.`,
        ...claimLines(claims),
        `Cause: ${host} has no role ${quoted(roleArn)}, or its rules for that role do not accept these claims.`,
        "Fix: correct role-to-assume, or make that server accept this issuer, audience and sub.",
      );
    case "ExpiredToken":
      return text(
        "id-token-expired",
        `${host} considers the ID token expired`,
        "Cause: the token was issued for this exchange, so either the clock of that server is wrong, or the runner was suspended in between.",
        SET_CLOCK,
      );
    case "InvalidIdentityToken":
    case "IDPRejectedClaim":
      return text(
        "id-token-rejected",
        `${host} rejected the ID token`,
        ...claimLines(claims),
        "Fix: compare the issuer (iss) and the audience (aud) with the OpenID configuration of that server. It must reach the issuer to check the signature.",
      );
    case "MalformedPolicyDocument":
    case "PackedPolicyTooLarge":
      return text(
        "session-policy",
        `${host} rejected the session policy`,
        "Fix: shorten or correct inline-session-policy and managed-session-policies, or leave them out: not every server supports them.",
      );
    default:
      return text(
        "sts-other",
        `${host} refused the exchange: ${code || "no error code"}`,
        `The request had the role ${quoted(roleArn)} and the audience ${quoted(audience)}.`,
        "Fix: follow the message, and read the documentation of that server.",
      );
  }
}
