/** The environment of a job's steps: its layers, and how what a step exports changes them. */
import { randomUUID } from "node:crypto";
import path from "node:path";
import type { FileCommandResult } from "./file-commands.ts";
import type { JobOptions } from "./steps.ts";

const ID_TOKEN_VARIABLES = ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"];

/** The machine that a job runs on, and what the job was asked for. */
export interface JobSetup extends JobOptions {
  temp: string;
  workspace: string;
  actions: string;
  tools: string;
  node: string;
  runnerEnvironment: Record<string, string>;
  grace: { interrupt: number; terminate: number };
}

export class JobEnvironment {
  /** RUNNER_TRACKING_ID; empty without. */
  readonly trackingId: string;
  readonly debug: boolean;
  /** Sent by the server: no `env:` changes them. */
  readonly idToken: Record<string, string>;
  readonly #runner: Record<string, string>;
  readonly #context: Record<string, string>;
  /**
   * Job `env:` with GITHUB_ENV over it, in one dictionary (JobExtension.cs:235-246,
   * FileCommandManager.cs:198-213).
   */
  readonly #job: Record<string, string>;
  /** From GITHUB_PATH; the last one comes first in PATH. */
  readonly #path: string[] = [];

  constructor(setup: JobSetup, eventPath: string) {
    const given = Object.entries(setup.environment ?? {});
    const isIdToken = ([name]: [string, string]): boolean => ID_TOKEN_VARIABLES.includes(name);
    this.trackingId = setup.trackingId === false ? "" : `github_${randomUUID()}`;
    this.debug = setup.environment?.RUNNER_DEBUG === "1";
    this.idToken = Object.fromEntries(given.filter(isIdToken));
    this.#job = Object.fromEntries(given.filter((entry) => !isIdToken(entry)));
    this.#runner = setup.runnerEnvironment;
    this.#context = {
      GITHUB_ACTIONS: "true",
      GITHUB_ACTOR: "octocat",
      GITHUB_API_URL: "https://api.github.com",
      GITHUB_EVENT_NAME: "push",
      GITHUB_EVENT_PATH: eventPath,
      GITHUB_JOB: setup.name ?? "job",
      GITHUB_REF: "refs/heads/main",
      GITHUB_REF_NAME: "main",
      GITHUB_REF_TYPE: "branch",
      GITHUB_REPOSITORY: "org/repository",
      GITHUB_REPOSITORY_OWNER: "org",
      GITHUB_RUN_ATTEMPT: "1",
      GITHUB_RUN_ID: "1234567890",
      GITHUB_RUN_NUMBER: "1",
      GITHUB_SERVER_URL: "https://github.com",
      GITHUB_SHA: "0".repeat(40),
      GITHUB_WORKFLOW: "workflow",
      GITHUB_WORKSPACE: setup.workspace,
      ...setup.github,
      RUNNER_OS: "Linux",
      RUNNER_ARCH: process.arch === "arm64" ? "ARM64" : "X64",
      RUNNER_NAME: "small-runner",
      RUNNER_ENVIRONMENT: "self-hosted",
      RUNNER_TEMP: setup.temp,
      RUNNER_TOOL_CACHE: setup.tools,
      RUNNER_WORKSPACE: path.dirname(setup.workspace),
      ...(this.debug ? { RUNNER_DEBUG: "1" } : {}),
    };
  }

  /**
   * The layers of a step's environment, the later over the earlier (StepsRunner.cs:108-129,
   * NodeScriptActionHandler.cs:43-70, ProcessInvoker.cs:262-279).
   */
  of(stepEnvironment: Record<string, string>, variables: Record<string, string>): Record<string, string> {
    const environment: Record<string, string> = {
      ...this.#runner,
      CI: "true",
      // JobExtension.cs:51: a variable of the worker process, so an `env:` can change it.
      RUNNER_TRACKING_ID: this.trackingId,
      ...this.#job,
      ...stepEnvironment,
      ...this.#context,
      ...variables,
      ...this.idToken,
    };
    environment.PATH = [...this.#path.toReversed(), environment.PATH].join(path.delimiter);
    return environment;
  }

  /** The value that `env.NAME` has in a condition; "" where there is none. */
  valueOf(name: string, stepEnvironment: Record<string, string>): string {
    return { ...this.#job, ...stepEnvironment }[name] ?? "";
  }

  /** Lets what a step exported count for the next ones. */
  add(exported: FileCommandResult): void {
    Object.assign(this.#job, exported.environment);
    for (const entry of exported.path) {
      const known = this.#path.indexOf(entry);
      if (known >= 0) this.#path.splice(known, 1);
      this.#path.push(entry);
    }
  }
}
