/** Keepers over one pair of clouds, each with its own job, its own faults and a reader that never pauses. */
import { type Clouds, startClouds } from "../clouds/clouds.ts";
import type { GitHubFault } from "../clouds/faults.ts";
import type { CloudJob, IdTokenRequest } from "../clouds/github.ts";
import { type Keeper, type KeeperOptions, startKeeper } from "./keeper.ts";
import { TokenReader } from "./token-reader.ts";

/** A fault of the endpoint as one job meets it; asked for each request but the one for the first token. */
export type Weather = (request: IdTokenRequest) => GitHubFault | undefined;

export interface KeptToken {
  keeper: Keeper;
  reader: TokenReader;
  job: CloudJob;
  lifeMs: number;
  /** Every request of the keeper so far. */
  requests(): IdTokenRequest[];
  /** The weather from now on. */
  change(weather: Weather): void;
}

export class Scene {
  readonly clouds: Clouds;
  readonly #weather = new Map<CloudJob, Weather>();
  readonly #kept: KeptToken[] = [];
  #starting: Promise<unknown> = Promise.resolve();

  constructor(clouds: Clouds) {
    this.clouds = clouds;
    clouds.github.fault = (request) => (request.job && this.#weather.get(request.job))?.(request);
  }

  static async start(): Promise<Scene> {
    return new Scene(await startClouds());
  }

  /** Starts a job whose tokens live for `lifeMs`, not rounded to seconds, and a keeper of them. */
  keep(options: { lifeMs: number; weather?: Weather } & Partial<KeeperOptions>): Promise<KeptToken> {
    // One after the other: thirty processes that start at once take seconds of the first token's life.
    const kept = this.#starting.then(() => this.#keep(options));
    this.#starting = kept.catch(() => {});
    return kept;
  }

  async #keep({
    lifeMs,
    weather = () => undefined,
    ...options
  }: { lifeMs: number; weather?: Weather } & Partial<KeeperOptions>): Promise<KeptToken> {
    const { github } = this.clouds;
    const job = github.startJob();
    const change = (next: Weather) =>
      this.#weather.set(job, (request) => next(request) ?? exactTimes(lifeMs));
    change(() => undefined);
    const endpoint = {
      url: job.environment.ACTIONS_ID_TOKEN_REQUEST_URL,
      requestToken: job.environment.ACTIONS_ID_TOKEN_REQUEST_TOKEN,
    };
    const keeper = await startKeeper({ endpoint, onFirstToken: () => change(weather), ...options });
    const kept: KeptToken = {
      keeper,
      reader: new TokenReader(keeper.directory.secret),
      job,
      lifeMs,
      requests: () => github.requests.filter((request) => request.job === job).slice(1),
      change,
    };
    this.#kept.push(kept);
    return kept;
  }

  async close(): Promise<void> {
    for (const { reader } of this.#kept) reader.stop();
    await Promise.all(this.#kept.map(({ keeper }) => keeper.close()));
    await this.clouds.close();
  }
}

/**
 * A good token with times to the millisecond: at a life of a few seconds whole ones would be off by a
 * quarter.
 */
function exactTimes(lifeMs: number): GitHubFault {
  const now = Date.now() / 1000;
  return { claims: { iat: now, nbf: now - 600, exp: now + lifeMs / 1000 } };
}

/**
 * A fault that begins when the keeper asks for its second token, and lasts a while from then: the worst
 * moment there is, since a keeper's first refresh comes early to keep the jobs of a matrix apart.
 */
export class Outage {
  /** Milliseconds since the epoch; undefined until it began. */
  endsAt: number | undefined;
  readonly weather: Weather;

  constructor(ms: number, fault: GitHubFault) {
    this.weather = (request) => {
      // The first two requests were main's and the first refresh.
      if (request.count <= 2) return undefined;
      this.endsAt ??= request.at + ms;
      return Date.now() < this.endsAt ? fault : undefined;
    };
  }
}
