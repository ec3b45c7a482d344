/**
 * The surroundings of a scenario: both clouds on loopback behind a proxy with the real host names, roles,
 * users, and jobs in the small runner.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { type Clouds, startClouds } from "../harness/clouds/clouds.ts";
import { trustGitHub } from "../harness/clouds/trust.ts";
import { createRunner, type Job, type StepResult } from "../harness/runner/runner.ts";
import type { Client } from "./clients.ts";
import {
  ACCOUNTS,
  type Ambient,
  type Given,
  type Keys,
  REGION,
  ROLE_ARNS,
  USERS_FILES,
  type Use,
} from "./scenarios.ts";

export interface WorldOptions {
  idTokenSeconds: number;
  /** Of every role session; undefined: an hour, as STS does. */
  sessionSeconds?: number;
  /** Folder of the action, as it is published. */
  action: string;
  /**
   * Starts the action. Without it the machine's own does, which may be too old for proxies: then main and
   * keeper reach the clouds by plain http.
   */
  node24: string | undefined;
}

/** A job that is under way. */
export interface Scene {
  job: Job;
  home: string;
  given: Given;
}

const OTHER_ROLES = {
  session: `arn:aws:iam::${ACCOUNTS.session}:role/session`,
  container: `arn:aws:iam::${ACCOUNTS.container}:role/container`,
};

export class World {
  readonly clouds: Clouds;
  readonly #directory: string;
  readonly #proxyVariables: Record<string, string>;
  readonly #action: string;
  readonly #node24: string | undefined;
  readonly #keys: Record<"keys" | "other" | "home", Keys>;

  static async open({ idTokenSeconds, sessionSeconds, ...actionOptions }: WorldOptions): Promise<World> {
    const clouds = await startClouds({
      idTokenSeconds,
      tls: true,
      ...(sessionSeconds === undefined ? {} : { sessionSeconds }),
    });
    const directory = await mkdtemp(path.join(os.tmpdir(), "conformance-"));
    const { caFile = "", proxyUrl = "" } = clouds.tls ?? {};
    // A store that Java reads without a password; this one it needs only to write it.
    const store = path.join(directory, "authority.jks");
    const options = ["-storetype", "JKS", "-storepass", "changeit"];
    const keytool = ["-importcert", "-noprompt", "-file", caFile, "-keystore", store, ...options];
    await promisify(execFile)("keytool", keytool);
    const proxyVariables = {
      HTTPS_PROXY: proxyUrl,
      https_proxy: proxyUrl,
      NO_PROXY: "127.0.0.1,localhost",
      no_proxy: "127.0.0.1,localhost",
      AWS_CA_BUNDLE: caFile,
      SSL_CERT_FILE: caFile,
      NODE_EXTRA_CA_CERTS: caFile,
      JAVA_TOOL_OPTIONS: `-Djavax.net.ssl.trustStore=${store} -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=${new URL(proxyUrl).port}`,
    };
    return new World(clouds, directory, proxyVariables, actionOptions);
  }

  private constructor(
    clouds: Clouds,
    directory: string,
    proxyVariables: Record<string, string>,
    { action, node24 }: Pick<WorldOptions, "action" | "node24">,
  ) {
    this.clouds = clouds;
    this.#directory = directory;
    this.#proxyVariables = proxyVariables;
    this.#action = action;
    this.#node24 = node24;
    for (const name of ["role", "second", "irsa"] as const) this.#addRole(ROLE_ARNS[name], ACCOUNTS[name]);
    for (const name of ["session", "container"] as const) this.#addRole(OTHER_ROLES[name], ACCOUNTS[name]);
    const byRole = { Effect: "Allow", Principal: { AWS: ROLE_ARNS.role }, Action: "sts:AssumeRole" } as const;
    clouds.sts.addRole({ arn: ROLE_ARNS.chained, trust: { Version: "2012-10-17", Statement: byRole } });
    const user = (name: "keys" | "other" | "home"): Keys =>
      clouds.sts.addUser({ arn: `arn:aws:iam::${ACCOUNTS[name]}:user/${name}` });
    this.#keys = { keys: user("keys"), other: user("other"), home: user("home") };
  }

  #addRole(arn: string, account: string): void {
    this.clouds.sts.addRole({ arn, trust: trustGitHub(account, "*") });
  }

  /** A job on its own machine, with what is ambient in it; it is over when `act` is. */
  async scene<T>(ambient: Ambient, act: (scene: Scene) => Promise<T>): Promise<T> {
    const runner = await createRunner({
      environment: { PATH: `${path.dirname(process.execPath)}:${process.env.PATH}` },
      ...(this.#node24 === undefined ? {} : { node: this.#node24 }),
    });
    const elsewhere = await mkdtemp(path.join(this.#directory, "files of the user "));
    let container: Server | undefined;
    try {
      const environment = this.#idTokenVariables();
      const tokenFile = path.join(elsewhere, "irsa token");
      await writeFile(tokenFile, this.idToken(), { mode: 0o600 });
      const { sts } = this.clouds;
      container = await serveCredentials(sts.addSession(OTHER_ROLES.container, "suite"));
      const given: Given = {
        keys: { ...this.#keys, session: sts.addSession(OTHER_ROLES.session, "suite") },
        tokenFile,
        containerUrl: `http://127.0.0.1:${(container.address() as AddressInfo).port}/credentials`,
        elsewhere,
      };
      for (const [name, text] of Object.entries((ambient.files ?? USERS_FILES)(given))) {
        const file = path.resolve(runner.home, name);
        await mkdir(path.dirname(file), { recursive: true });
        await writeFile(file, text, { mode: 0o600 });
      }
      const variables = ambient.variables?.(given) ?? {};
      const job = await runner.startJob({
        environment: {
          ...this.#proxyVariables,
          AWS_EC2_METADATA_DISABLED: "true",
          ...variables,
          ...environment,
        },
      });
      return await act({ job, home: runner.home, given });
    } finally {
      container?.close();
      await runner.close();
    }
  }

  /** Runs the action's main in the job. */
  use({ job }: Scene, { profile, role, with: inputs }: Use): Promise<StepResult> {
    return job.use(this.#action, {
      with: {
        "role-to-assume": ROLE_ARNS[role],
        "aws-region": REGION,
        ...(profile === "default" ? {} : { profile }),
        ...inputs,
      },
      env: this.#node24 === undefined ? { AWS_ENDPOINT_URL_STS: this.clouds.sts.url } : {},
    });
  }

  /** What leads a client to the cloud, beyond the proxy variables of the job. */
  endpointVariables(client: Client, wanted: "proxy" | "variable"): Record<string, string> {
    return this.endpointOf(client, wanted) === "variable"
      ? { AWS_ENDPOINT_URL_STS: this.clouds.sts.url }
      : {};
  }

  endpointOf(client: Client, wanted: "proxy" | "variable"): "proxy" | "variable" {
    return client.endpoints.includes(wanted) ? wanted : (client.endpoints[0] ?? wanted);
  }

  /** The proxy variables, for a client outside a job. */
  get variables(): Record<string, string> {
    return { ...this.#proxyVariables, AWS_EC2_METADATA_DISABLED: "true" };
  }

  /** A folder for one purpose, removed with the world. */
  folder(name: string): Promise<string> {
    return mkdtemp(path.join(this.#directory, name));
  }

  /** A fresh ID token for STS, as one that was written once. */
  idToken(): string {
    return this.clouds.github.issue(this.clouds.github.startJob(), "sts.amazonaws.com").value;
  }

  #idTokenVariables(): Record<string, string> {
    const { environment } = this.clouds.github.startJob();
    if (this.#node24 !== undefined) return { ...environment };
    const { pathname, search } = new URL(environment.ACTIONS_ID_TOKEN_REQUEST_URL);
    return { ...environment, ACTIONS_ID_TOKEN_REQUEST_URL: `${this.clouds.github.url}${pathname}${search}` };
  }

  async close(): Promise<void> {
    await this.clouds.close();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** As the credentials endpoint of a container does. */
async function serveCredentials({ accessKeyId, secretAccessKey, sessionToken }: Keys): Promise<Server> {
  const answer = JSON.stringify({
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    Token: sessionToken,
    Expiration: new Date(Date.now() + 3_600_000).toISOString().replace(/\.\d+/, ""),
  });
  const server = createServer((_request, response) =>
    response.setHeader("content-type", "application/json").end(answer),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}
