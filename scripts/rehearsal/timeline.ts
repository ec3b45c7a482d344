/**
 * What a rehearsal saw, and what that means for the three ways to hold AWS credentials. All times are seconds
 * since its start.
 */
import { formatTable } from "../table.ts";

export interface Span {
  from: number;
  to: number;
}

export interface Call {
  /** When it was answered. */
  at: number;
  /** Name of the error, if the call failed. */
  error?: string;
}

export interface ClientTimeline {
  name: string;
  calls: Call[];
}

export interface JobTimeline {
  name: string;
  /** One line of explanation. */
  note: string;
  /** Whether its clients must get through (true) or must fail as they do in reality (false). */
  mustHold: boolean;
  /** Lives of the ID tokens and the role sessions issued to this job. */
  tokens: Span[];
  sessions: Span[];
  clients: ClientTimeline[];
}

export interface Timeline {
  seconds: number;
  idTokenSeconds: number;
  /** Undefined: a session ends with its ID token. */
  sessionSeconds: number | undefined;
  /** What a call is. */
  calls: string;
  jobs: JobTimeline[];
}

export interface ClientSummary {
  job: string;
  client: string;
  calls: number;
  failures: number;
  firstFailure: Call | undefined;
}

/** One entry for each client of each job. */
export function summarise({ jobs }: Timeline): ClientSummary[] {
  return jobs.flatMap((job) =>
    job.clients.map(({ name, calls }) => {
      const failed = calls.filter(({ error }) => error !== undefined);
      return {
        job: job.name,
        client: name,
        calls: calls.length,
        failures: failed.length,
        firstFailure: failed[0],
      };
    }),
  );
}

/** What speaks against the promise; nothing, if it held. */
export function brokenPromises(timeline: Timeline): string[] {
  const mustHold = new Map(timeline.jobs.map((job) => [job.name, job.mustHold]));
  const without = timeline.jobs.filter(({ sessions }) => sessions.length === 0);
  const unseen = without.map(({ name }) => `${name}: the server reports no session`);
  const broken = summarise(timeline).flatMap(({ job, client, calls, failures, firstFailure }) => {
    const name = `${job} (${client})`;
    if (calls === 0) return [`${name}: made no call`];
    if (mustHold.get(job) && failures > 0) {
      return [
        `${name}: ${failures} of ${calls} calls failed, the first after ${firstFailure?.at.toFixed(1)} s: ${firstFailure?.error}`,
      ];
    }
    return !mustHold.get(job) && failures === 0 ? [`${name}: did not fail, as it does in reality`] : [];
  });
  return [...unseen, ...broken];
}

/** The table for a terminal, a line for each client. */
export function renderTable(timeline: Timeline): string {
  const rows = timeline.jobs.flatMap((job) =>
    summarise({ ...timeline, jobs: [job] }).map(({ client, calls, failures, firstFailure }, index) => [
      index === 0 ? job.name : "",
      client,
      String(calls),
      // Both belong to the job, not to one client of it.
      index === 0 ? String(Math.max(0, job.tokens.length - 1)) : "",
      index === 0 ? String(Math.max(0, job.sessions.length - 1)) : "",
      firstFailure === undefined ? "none" : `${firstFailure.at.toFixed(1)} s ${firstFailure.error}`,
      String(failures),
    ]),
  );
  return formatTable(
    ["job", "client", "calls", "token refreshes", "session refreshes", "first failure", "failures"],
    rows,
  );
}
