/** The built keeper of a shared session without main, over its own job directory: one job of a Stage's clouds. */
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { keeperDirectoryAt } from "../../src/base/layout.ts";
import { credentialProcessOutput } from "../../src/base/session.ts";
import type { WatchSession } from "../../src/keeper/messages.ts";
import { type Clouds, type CloudsOptions, startClouds } from "../clouds/clouds.ts";
import type { StsRequest } from "../clouds/sts.ts";
import { trustGitHub } from "../clouds/trust.ts";
import { repository } from "../repository.ts";
import type { ProcessInfo } from "../runner/processes.ts";
import { waitFor } from "../wait.ts";
import { AUDIENCE, Keeper } from "./keeper.ts";
import { sessionExpiry, TokenReader } from "./token-reader.ts";

const ACCOUNT = "111122223333";
/** The role of the session. */
export const ROLE = `arn:aws:iam::${ACCOUNT}:role/deploy`;
const SESSION_NAME = "held";

export interface SessionKeeperOptions extends CloudsOptions {
  sessionSeconds: number;
  /** Of the keeper, and of the processes that it starts, beside PATH, HOME and RUNNER_TEMP. */
  env?: Record<string, string>;
}

/** A keeper of a session, with its clouds and a reader that never pauses. */
export class HeldSession {
  readonly clouds: Clouds;
  readonly keeper: Keeper;
  readonly reader: TokenReader;

  private constructor(clouds: Clouds, keeper: Keeper) {
    this.clouds = clouds;
    this.keeper = keeper;
    this.reader = new TokenReader(keeper.directory.secret, sessionExpiry);
  }

  /** Starts both clouds and a keeper, with a new session in its file. close() it when done. */
  static async start({ env = {}, ...options }: SessionKeeperOptions): Promise<HeldSession> {
    const clouds = await startClouds(options);
    const folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), "session ")));
    try {
      const root = path.join(folder, "temp", "aws-role-refresh");
      const directory = keeperDirectoryAt(path.join(root, "sessions", "0123456789abcdef"), "session");
      for (const made of [path.join(root, "uses"), directory.path])
        mkdirSync(made, { recursive: true, mode: 0o700 });
      writeFileSync(path.join(root, "uses", "0123456789abcdef.json"), "{}", { mode: 0o600 });
      // A copy: nothing of the checkout can help it.
      cpSync(path.join(repository(), "dist"), path.join(folder, "dist"), { recursive: true });
      const child = spawn(
        process.env.ACTION_NODE ?? process.execPath,
        [path.join(folder, "dist", "keeper", "index.js")],
        {
          stdio: ["ignore", "pipe", "pipe", "ipc"],
          env: { PATH: process.env.PATH ?? "", HOME: folder, RUNNER_TEMP: path.dirname(root), ...env },
        },
      );
      const keeper = new Keeper(child, folder, root, directory);
      const message = firstMessage(clouds, directory.path);
      writeFileSync(directory.secret, credentialProcessOutput(message.first.keys), { mode: 0o600 });
      await keeper.converse(message).catch(async (error: unknown) => {
        await keeper.close();
        throw error;
      });
      keeper.letGo();
      return new HeldSession(clouds, keeper);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      await clouds.close();
      throw error;
    }
  }

  /** What the file holds now. */
  get content(): string {
    return readFileSync(this.keeper.directory.secret, "utf8");
  }

  /** The requests for a session since the one that was there at the start. */
  exchanges(): StsRequest[] {
    return this.clouds.sts.requests;
  }

  /** The processes that make a session at this moment. */
  renewals(): ProcessInfo[] {
    return this.keeper.processes().filter(({ command }) => command.includes(`${path.sep}renew${path.sep}`));
  }

  /** The process whose request for a session is at STS, which has not answered. */
  async renewalAtSts(): Promise<ProcessInfo> {
    const { length } = this.exchanges();
    await waitFor("a request for a session", 60_000, () => this.exchanges().length > length);
    const [renewal] = this.renewals();
    if (!renewal) throw new Error("no process makes a session");
    return renewal;
  }

  /** Waits for another session in the file. */
  async replaced(content: string, limitMs = 60_000): Promise<string> {
    return waitFor("a new session", limitMs, () => this.content !== content && this.content);
  }

  async close(): Promise<void> {
    this.reader.stop();
    await this.keeper.close();
    await this.clouds.close();
  }
}

/** As main's, after its first exchange. */
function firstMessage({ github, sts }: Clouds, directory: string): WatchSession {
  sts.addRole({ arn: ROLE, trust: trustGitHub(ACCOUNT, "repo:*") });
  const { environment, requestTokenExpires } = github.startJob();
  const {
    expires: expiresAt,
    arn,
    accessKeyId,
    secretAccessKey,
    sessionToken,
  } = sts.addSession(ROLE, SESSION_NAME);
  return {
    directory,
    worker: undefined,
    dead: undefined,
    first: {
      accountId: ACCOUNT,
      assumedRoleArn: arn,
      keys: { accessKeyId, secretAccessKey, sessionToken, expiresAt },
      lifetimeMs: expiresAt - Date.now(),
      clockOffsetMs: 0,
    },
    renewal: {
      ask: {
        audience: AUDIENCE,
        endpoint: {
          url: environment.ACTIONS_ID_TOKEN_REQUEST_URL,
          requestToken: environment.ACTIONS_ID_TOKEN_REQUEST_TOKEN,
        },
      },
      request: { roleArn: ROLE, sessionName: SESSION_NAME, region: "eu-west-1", endpoint: sts.url },
      profile: undefined,
      environment: {},
      idTokensEnd: requestTokenExpires * 1000,
      outlivesIdTokens: false,
    },
  };
}
