/** The jobs of a rehearsal while they run, and what the terminal shows of them. */
import type { CloudJob } from "../../harness/clouds/github.ts";
import type { Job, StepResult } from "../../harness/runner/runner.ts";
import type { Call } from "./timeline.ts";

/** One of the three ways, before it begins. */
export interface Way {
  name: string;
  note: string;
  mustHold: boolean;
  prepare(job: Job, role: string): Promise<StepResult>;
}

/** A job while it runs. */
export interface Progress {
  way: Way;
  role: string;
  clients: { name: string; calls: Call[] }[];
  cloudJob: CloudJob;
  problems: string[];
}

/**
 * Says every moment how it stands: redrawn in place on a terminal, else a line for each first failure and
 * every ten seconds.
 */
export class Reporter {
  readonly #jobs: Progress[];
  readonly #start: number;
  readonly #seconds: number;
  readonly #terminal = process.stdout.isTTY;
  readonly #failed = new Set<Progress>();
  #drawn = 0;
  #nextLine = 0;

  constructor(jobs: Progress[], start: number, seconds: number) {
    this.#jobs = jobs;
    this.#start = start;
    this.#seconds = seconds;
  }

  update(): void {
    const elapsed = Math.min(this.#seconds, (Date.now() - this.#start) / 1000);
    if (this.#terminal) this.#redraw(elapsed);
    else this.#print(elapsed);
  }

  #counts({ clients }: Progress): { calls: number; failures: Call[] } {
    const calls = clients.flatMap((client) => client.calls);
    return {
      calls: calls.length,
      failures: calls.filter(({ error }) => error !== undefined).sort((a, b) => a.at - b.at),
    };
  }

  #redraw(elapsed: number): void {
    const filled = Math.round((elapsed / this.#seconds) * 40);
    const lines = [
      `${"█".repeat(filled)}${"░".repeat(40 - filled)} ${elapsed.toFixed(0)} of ${this.#seconds} s`,
    ];
    for (const progress of this.#jobs) {
      const { calls, failures } = this.#counts(progress);
      const state = failures.length === 0 ? "\x1b[32m✓\x1b[0m" : "\x1b[31m✗\x1b[0m";
      const failed = failures.length === 0 ? "" : `, ${failures.length} failed (${failures[0]?.error})`;
      lines.push(`${state} ${progress.way.name.padEnd(20)} ${calls} calls${failed}`);
    }
    const up = this.#drawn === 0 ? "" : `\x1b[${this.#drawn}A`;
    process.stdout.write(`${up}${lines.map((line) => `\x1b[2K${line}\n`).join("")}`);
    this.#drawn = lines.length;
  }

  #print(elapsed: number): void {
    for (const progress of this.#jobs) {
      const [first] = this.#counts(progress).failures;
      if (first !== undefined && !this.#failed.has(progress)) {
        this.#failed.add(progress);
        console.log(
          `${((first.at - this.#start) / 1000).toFixed(1).padStart(6)} s  ${progress.way.name}: first failure, ${first.error}`,
        );
      }
    }
    if (elapsed < this.#nextLine) return;
    this.#nextLine += 10;
    const counts = this.#jobs.map((progress) => {
      const { calls, failures } = this.#counts(progress);
      return `${progress.way.name} ${calls} calls, ${failures.length} failed`;
    });
    console.log(`${elapsed.toFixed(1).padStart(6)} s  ${counts.join("; ")}`);
  }
}
