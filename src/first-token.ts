import * as core from "@actions/core";
import type { IdToken } from "./base/id-token.ts";
import { RequestError } from "./base/network.ts";
import { findProxy } from "./base/proxy.ts";
import { explainIdTokenFailure } from "./explain/id-token.ts";
import type { LaunchedKeeper } from "./keeper/launch.ts";
import type { Ask } from "./keeper/messages.ts";

/** The first ID token of a keeper. Throws a UserError that explains why there is none. */
export async function firstToken(
  keeper: LaunchedKeeper,
  { endpoint, audience }: Ask,
  env: NodeJS.ProcessEnv,
  log: (text: string) => void = core.info,
): Promise<IdToken> {
  try {
    return await keeper.firstToken({ endpoint, audience }, (reason) =>
      log(`No ID token yet: ${reason}. Trying again.`),
    );
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    const endpointHost = new URL(endpoint.url).host;
    const proxy = findProxy(env, endpoint.url);
    throw explainIdTokenFailure(error.failure, { audience, endpointHost, proxy });
  }
}
