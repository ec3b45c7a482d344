import { pathToFileURL } from "node:url";
import { home } from "./aws/user-files.ts";
import { bundlePath } from "./base/bundles.ts";
import { requestIdToken } from "./base/id-token.ts";
import { RequestError } from "./base/network.ts";
import { retrying } from "./base/retry.ts";
import { chained, type SessionSource } from "./base/session.ts";
import type { IdTokenFacts, RenewalJob, RenewalReply } from "./keeper/renewal.ts";

// The program that makes one session and ends: keeper/renewal.ts starts it. It prints nothing.
const REQUEST_TIMEOUT_MS = 10_000;

const loading: Promise<typeof import("./exchange.ts")> = import(
  /* webpackIgnore: true */ pathToFileURL(bundlePath("exchange")).href
);
process.once("disconnect", () => process.exit(0));
process.once("message", (job: RenewalJob) => void run(job));

async function run(job: RenewalJob): Promise<void> {
  Object.assign(process.env, job.environment);
  // The SDK asks for the home folder and fails without one.
  process.env.HOME ??= home();
  process.send?.(await replyTo(job));
}

async function replyTo({ request, source, isFirst, provesSelf }: RenewalJob): Promise<RenewalReply> {
  const log = (retrying: string) => void process.send?.({ retrying });
  let idToken: IdTokenFacts | undefined;
  let from: SessionSource;
  if ("ask" in source) {
    const { endpoint, audience } = source.ask;
    const get = () => requestIdToken(endpoint, audience, REQUEST_TIMEOUT_MS);
    try {
      const answer = await (isFirst ? retrying(get, ({ message }) => log(message)) : get());
      const { token, claims, lifetimeMs, clockOffsetMs } = answer;
      from = { idToken: token };
      idToken = { claims, lifetimeMs, clockOffsetMs };
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return { idTokenFailure: error.failure };
    }
  } else from = source;
  const { exchange } = await loading;
  const result = await exchange(request, from, isFirst ? log : undefined);
  if ("failure" in result) return { exchangeFailure: result.failure, idToken, isSelf: false };
  if (provesSelf) {
    const again = await exchange(chained(request), { session: result.session.keys }, log);
    if ("failure" in again) return { exchangeFailure: again.failure, idToken, isSelf: true };
  }
  return { session: result.session, idToken };
}
