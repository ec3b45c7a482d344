import type { Failure } from "../base/network.ts";
import type { ProxySetting } from "../base/proxy.ts";
import type { TrustPolicyContext } from "./conditions.ts";
import type { TrustPolicy } from "./trust-policy.ts";

/** What was asked of STS, and with which claims. */
export interface StsSituation {
  roleArn: string;
  region: string;
  /** The input; undefined: the STS of the region. */
  stsEndpoint: string | undefined;
  /** The server that was asked. */
  endpointHost: string;
  proxy: ProxySetting | undefined;
  audience: string;
  claims: Record<string, unknown>;
  /** By how much this machine's clock is ahead of GitHub's. */
  clockSkewSeconds: number | undefined;
  /** The role's trust policy, from the input explain-trust-policy. */
  trustPolicy: TrustPolicy | undefined;
  /** Whether the log shows *** for the account ID. */
  accountIsMasked: boolean;
  attempts: number;
  /** What was asked for; undefined: STS's default of an hour. */
  durationSeconds: number | undefined;
}

/** Everything that an explanation of STS's answer is made of. */
export interface Asked extends StsSituation {
  failure: Failure;
  /** Without "Exception" at its end. */
  code: string;
  context: TrustPolicyContext;
}
