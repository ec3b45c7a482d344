import { isOtherSts } from "../aws/sts-endpoint.ts";
import { type KeeperId, kindOf, sessionKeeper } from "../base/layout.ts";
import { codeSpan, quoted } from "../base/text.ts";
import { type Anchor, troubleshootingLink } from "../base/troubleshooting.ts";
import type { EndedKeeper, FinishedUse } from "../job/records.ts";
import type { Ending, Interval, KeeperStatus, Outage } from "../keeper/status.ts";
import { ganttChart, type Lives } from "./chart.ts";
import { day, duration, length, longest, overlap, plural, timestamp, total } from "./intervals.ts";

/** What post reports when the last use of a job is over. */
interface Report {
  /** One line each, for annotations: only what the user must know. */
  warnings: string[];
  /** The job summary: GitHub's Markdown, far smaller than 64 KiB. */
  markdown: string;
  /** Whether there was an outage or another problem. */
  eventful: boolean;
}

/** One keeper, and what happened to its token. */
interface Watch {
  id: KeeperId;
  /** In a sentence: what it kept. */
  what: string;
  keeper: KeeperStatus;
  /** When the last of the uses that shared it was over. */
  until: number;
  /** Why it was not running at that time; undefined where it was. */
  fault: Fault | undefined;
  outages: Past[];
  /** When no step could get a session: the token was stale, or the keeper had deleted it on exit. */
  gaps: Interval[];
}

/** An outage that is over; one that lasted to the end of the keeper ended with it. */
type Past = Outage & Interval;

type Fault = Exclude<Ending, "stopped"> | "gone" | "silent";

/** How a sentence shows text from outside and a link: annotations and Markdown differ. */
const PLAIN = {
  quote: (text: string) => quoted(text, 200),
  more: (anchor: Anchor) => `More: ${troubleshootingLink(anchor)}`,
};
const MARKDOWN: typeof PLAIN = {
  quote: codeSpan,
  more: (anchor) => `[More](${troubleshootingLink(anchor)})`,
};
type Sentence = (style: typeof PLAIN) => string;
type Time = (ms: number) => string;

/** Lists have at most this many entries; the others are counted. */
const [MAX_USES, MAX_WATCHES, MAX_EVENTS] = [10, 4, 4];

const CLOUDTRAIL =
  "In CloudTrail's event history, find a session's calls: search by user name = the session name.";

/** Reports on all uses of a job. Times are UTC, with the date where the job lasted beyond midnight. */
export function makeReport(finished: FinishedUse[]): Report {
  const uses = finished.toSorted((a, b) => a.startedAt - b.startedAt);
  const watches = uses.flatMap((use) => use.ended.map((keeper) => watchOf(keeper, use)));
  const begin = Math.min(...uses.map(({ startedAt }) => startedAt));
  const end = Math.max(...uses.map(({ endedAt }) => endedAt));
  const time = (ms: number) => timestamp(ms).slice(day(begin) === day(end) ? 11 : 0);

  const shown = watches.slice(0, MAX_WATCHES);
  const sentences = (of: typeof warningsOf) =>
    shown.flatMap((watch, index) => {
      const about = watches.length === 1 ? "" : `Keeper ${index + 1}: `;
      return [...of(watch, time)].map(
        (sentence): Sentence =>
          (style) =>
            about + sentence(style),
      );
    });
  const warnings = sentences(warningsOf);
  const items = [...warnings, ...sentences(outagesOf)].map((sentence) => `- ${sentence(MARKDOWN)}`);
  return {
    warnings: warnings.map((sentence) => sentence(PLAIN)),
    markdown: [
      "### Roles of this job",
      "",
      `${verdict(uses, watches)} from ${time(begin)} to ${time(end)} UTC. ${numbers(uses, watches)}`,
      "",
      ...table(uses, watches),
      "",
      ...(uses.every(({ stsEndpoint }) => isOtherSts(stsEndpoint)) ? [] : [CLOUDTRAIL, ""]),
      ...(items.length > 0 ? [...items, ""] : []),
      ...(watches.length > 0 ? [...ganttChart(shown.map(livesOf)), ""] : []),
    ].join("\n"),
    eventful: watches.some(
      (watch) =>
        watch.fault ||
        watch.keeper.revivals ||
        watch.gaps.length > 0 ||
        watch.outages.some((one) => isLong(one, watch)),
    ),
  };
}

function watchOf({ id, status: keeper, died }: EndedKeeper, { endedAt: until }: FinishedUse): Watch {
  const what = kindOf(id) === "token" ? "ID token" : "shared session";
  const { ended, stale, tokenExpiresAt } = keeper;
  // A keeper that died without a final status left its last token, which stayed valid until it expired.
  const gone = Math.min(until, ended ? (ended.why === "stopped" ? until : ended.at) : tokenExpiresAt);
  const gaps = gone < until ? [...stale, { from: gone, to: until }] : stale;
  let fault: Fault | undefined;
  if (died) fault = "gone";
  else if (gone < until) fault = ended && ended.why !== "stopped" ? ended.why : "silent";
  const outages = keeper.outages.map((outage) => ({ ...outage, to: outage.to ?? ended?.at ?? until }));
  return { id, what, keeper, until, fault, outages, gaps };
}

const CONSEQUENCE = "Calls that needed a new session then failed.";

function* warningsOf({ what, keeper, until, fault, outages, gaps }: Watch, time: Time): Generator<Sentence> {
  const stale = longest(keeper.stale, MAX_EVENTS);
  for (const interval of stale) {
    const outage = outages.find((one) => overlap(one, interval));
    const suspended =
      "no request failed, so the machine was suspended, or the keeper was killed and a later use started another";
    yield (style) =>
      `The ${what} was stale ${span(interval, time)}: ${outage ? failed(outage, style) : suspended}. ${CONSEQUENCE} ${style.more("token-was-stale")}`;
  }
  const rest = keeper.stale.filter((interval) => !stale.includes(interval));
  if (rest.length > 0)
    yield () =>
      `The ${what} was stale ${rest.length} more ${plural(rest.length, "time")}, for ${duration(total(rest))} in all.`;
  if (fault) {
    const gap = gaps.find(({ to }) => to === until);
    const risk = gap
      ? `There was no valid ${what} ${span(gap, time)}. ${CONSEQUENCE}`
      : `Its last ${what} was valid until the job's steps were over, so no call was at risk.`;
    const anchor: Anchor =
      fault === "request token expired" ? "job-outlived-its-id-tokens" : "keeper-was-gone";
    yield ({ more }) => `${FAULTS[fault](`The keeper, which renews the ${what},`)} ${risk} ${more(anchor)}`;
  }
}

const FAULTS: Record<Fault, (keeper: string) => string> = {
  gone: (keeper) => `${keeper} was gone before the job was over.`,
  silent: (keeper) => `${keeper} did not answer at the end of the job.`,
  "stopped by a step": (keeper) => `${keeper} ended early because a step made the file "stop" in its folder.`,
  "job directory gone": (keeper) => `${keeper} ended early because its folder was removed from RUNNER_TEMP.`,
  "job over": (keeper) => `${keeper} ended early because the runner's worker process was gone.`,
  failed: (keeper) => `${keeper} ended early because of an internal error.`,
  "request token expired": () => "The job ran past the roughly six hours for which GitHub issues ID tokens.",
};

/** Not in the warnings: keepers that were killed and brought back, and outages that were long but harmless. */
function* outagesOf(watch: Watch, time: Time): Generator<Sentence> {
  const { revivals = [] } = watch.keeper;
  const shown = revivals.slice(-MAX_EVENTS).map(time).join(", ");
  const last = revivals.length > MAX_EVENTS ? `the last ${MAX_EVENTS} at` : "at";
  if (revivals.length > 0)
    yield () =>
      `The keeper of the ${watch.what} was killed and brought back ${revivals.length} ${plural(revivals.length, "time")}, ${last} ${shown} UTC.`;
  const harmless = watch.outages.filter(
    (outage) => isLong(outage, watch) && !watch.gaps.some((gap) => overlap(outage, gap)),
  );
  for (const outage of longest(harmless, MAX_EVENTS))
    yield (style) =>
      `No new ${watch.what} ${span(outage, time)}: ${failed(outage, style)}. The one in the file stayed valid.`;
  const rest = harmless.length - MAX_EVENTS;
  if (rest > 0) yield () => `${rest} more such ${plural(rest, "outage")}, none of them longer.`;
}

/** More than a third of a token's life. The second half of its life covers shorter ones. */
function isLong(outage: Past, { keeper }: Watch): boolean {
  return length(outage) > keeper.lifetimeMs / 3;
}

function failed({ attempts, lastError }: Outage, { quote }: typeof PLAIN): string {
  return `${attempts} ${plural(attempts, "request")} failed, the last with ${quote(lastError)}`;
}

function verdict(uses: FinishedUse[], watches: Watch[]): string {
  if (uses.every(({ keepers }) => keepers.length === 0)) return "**No keeper was needed**";
  if (watches.length === 0) return "**The ID token was never refreshed: no keeper was running**";
  const what = [...new Set(watches.map((watch) => watch.what))].join(" and ");
  const gap = total(watches.flatMap(({ gaps }) => gaps));
  if (gap === 0) return `**A valid ${what} at every moment**`;
  return `**No valid ${what} for ${duration(gap)}** of the time`;
}

function numbers(uses: FinishedUse[], watches: Watch[]): string {
  const sum = (count: (keeper: KeeperStatus) => number) =>
    watches.reduce((all, { keeper }) => all + count(keeper), 0);
  // A chain uses what its source was issued.
  const isOwn = ({ id, audience, keepers }: FinishedUse) =>
    audience !== undefined || keepers.includes(sessionKeeper(id));
  const issued = uses.filter(isOwn).length + sum(({ refreshes }) => refreshes);
  const failures = sum((keeper) => keeper.failures);
  const ages = watches.map(({ keeper, until }) => ({
    age: keeper.ended ? keeper.longestAgeMs : Math.max(keeper.longestAgeMs, until - keeper.tokenReceivedAt),
    life: keeper.lifetimeMs,
  }));
  const [oldest] = ages.sort((a, b) => b.age / b.life - a.age / a.life);
  const requests = failures === 0 ? "no request" : `${failures} ${plural(failures, "request")}`;
  const all = `${issued} ${issued === 1 ? "was" : "were"} issued, ${requests} failed.`;
  if (!oldest) return all;
  return `${all} The oldest one a step could have read was ${duration(oldest.age)} old (lifetime ${duration(oldest.life)}).`;
}

function table(uses: FinishedUse[], watches: Watch[]): string[] {
  const several = watches.length > 1;
  const rows = uses.slice(0, MAX_USES).map((use) => {
    // Of keepers one after another, the one that ran when the use was over.
    const numbers = use.keepers
      .map((keeper) => watches.findIndex(({ id, until }) => id === keeper && use.endedAt <= until) + 1)
      .filter((number) => number > 0);
    const audience = use.audience === undefined ? "" : `: ${codeSpan(use.audience)}`;
    const keeper = `${numbers.join(", ") || "none"}${audience}`;
    return [...[use.profile, use.roleArn, use.sessionName].map(codeSpan), ...(several ? [keeper] : [])];
  });
  const names = ["Profile", "Role", "Session name", ...(several ? ["Keeper: audience"] : [])];
  const rest = uses.length - rows.length;
  return [
    ...[names, names.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`),
    ...(rest > 0 ? ["", `and ${rest} more ${plural(rest, "use")}.`] : []),
  ];
}

function livesOf(watch: Watch): Lives {
  const { what, keeper, until, outages, gaps } = watch;
  return {
    ...keeper,
    what,
    // A keeper that took over from a killed one has the token of the use that started it, too.
    count: Math.max(keeper.refreshes + 1, keeper.received.length),
    from: keeper.startedAt,
    to: Math.min(until, keeper.ended?.at ?? until),
    outages: outages.filter((outage) => isLong(outage, watch)),
    gaps,
  };
}

function span(interval: Interval, time: Time): string {
  return `from ${time(interval.from)} to ${time(interval.to)} UTC (${duration(length(interval))})`;
}
