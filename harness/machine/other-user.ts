/** A whole stage (clouds, runner, jobs) as another user of this machine, steered from here. Root only. */
import { type ChildProcess, fork } from "node:child_process";
import path from "node:path";
import { repository } from "../repository.ts";
import { ask } from "../run.ts";
import type { StepResult } from "../runner/runner.ts";

/** What the other process is asked to do, in this order. */
export type Order = { kind: "start" } | { kind: "use"; inputs: Record<string, string> } | { kind: "finish" };

export interface Answers {
  /** The job directory, which is not there yet. */
  start: { root: string };
  use: { result: StepResult; keepers: number[]; requests: number };
  finish: { outcome: string; annotations: string[]; left: string[] };
}

/** Bound on one order, in milliseconds. */
const LIMIT_MS = 60_000;

/** One job of another user. close() it when done. */
export class OtherUser {
  readonly #child: ChildProcess;

  constructor(uid: number) {
    this.#child = fork(path.join(repository(), "lib/harness/machine/other-user-process.js"), {
      uid,
      gid: uid,
      // Nothing of this user's: no HOME to write to, no folder that only root can read.
      cwd: "/",
      env: { PATH: process.env.PATH, HOME: "/nonexistent", TMPDIR: "/tmp" },
      execArgv: [],
    });
  }

  start(): Promise<Answers["start"]> {
    return this.#ask({ kind: "start" });
  }

  use(inputs: Record<string, string> = {}): Promise<Answers["use"]> {
    return this.#ask({ kind: "use", inputs });
  }

  finish(): Promise<Answers["finish"]> {
    return this.#ask({ kind: "finish" });
  }

  /** It ends itself, with all that it started, when nobody is there any more. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.disconnect();
    await gone;
  }

  async #ask<Kind extends keyof Answers>(order: Order & { kind: Kind }): Promise<Answers[Kind]> {
    return (await ask(this.#child, order, LIMIT_MS)) as Answers[Kind];
  }
}
