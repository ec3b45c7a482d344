/**
 * The picture of a rehearsal: for each job the lives of its tokens and sessions, and every call of its
 * clients, on one time axis.
 */
import { round, COLOUR as SHARED, text } from "../svg.ts";
import { type Call, type JobTimeline, type Span, summarise, type Timeline } from "./timeline.ts";

const WIDTH = 1120;
const LEFT = 158;
const RIGHT = 40;
const PLOT = WIDTH - LEFT - RIGHT;
const HEADER = 96;
const FOOTER = 52;
const PANEL_HEAD = 52;
const PANEL_GAP = 22;
const LANE_GAP = 12;
const CALLS_HEIGHT = 20;
/** Tallest lane of overlapping spans, in pixels; more rows get thinner ones. */
const SPANS_HEIGHT = 66;

const COLOUR = {
  ...SHARED,
  panel: "#f8f9fb",
  token: SHARED.blue,
  session: "#8a63b8",
  good: "#2b9a66",
  bad: "#cf222e",
  badGround: "#fdecec",
};

function rectangle(x: number, y: number, width: number, height: number, fill: string, rest = ""): string {
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" fill="${fill}"${rest}/>`;
}

/** Gives each span the first row that is free when it begins. */
function packRows(spans: Span[]): number[] {
  const ends: number[] = [];
  return spans.map(({ from, to }) => {
    const free = ends.findIndex((end) => end <= from);
    const row = free < 0 ? ends.length : free;
    ends[row] = to;
    return row;
  });
}

interface Lane {
  label: string;
  height: number;
  draw(top: number): string[];
}

/** The horizontal place of a moment. */
type Axis = (at: number) => number;

function spanLane(x: Axis, label: string, spans: Span[], colour: string): Lane {
  const rows = packRows(spans);
  const count = Math.max(1, ...rows.map((row) => row + 1));
  const pitch = Math.min(12, SPANS_HEIGHT / count);
  const thickness = pitch * 0.72;
  return {
    label,
    height: pitch * count,
    draw: (top) =>
      spans.map(({ from, to }, index) => {
        const y = top + (rows[index] as number) * pitch + (pitch - thickness) / 2;
        const corners = ` rx="${round(Math.min(3, thickness / 2))}"`;
        return rectangle(x(from), y, Math.max(1, x(to) - x(from)), thickness, colour, corners);
      }),
  };
}

function callLane(x: Axis, label: string, calls: Call[]): Lane {
  const ticks = (failed: boolean, from: number, to: number): string => {
    const path = calls
      .filter(({ error }) => (error !== undefined) === failed)
      .map(({ at }) => `M${round(x(at))} ${round(from)}V${round(to)}`);
    if (path.length === 0) return "";
    return `<path d="${path.join("")}" stroke="${failed ? COLOUR.bad : COLOUR.good}" stroke-width="1.8"/>`;
  };
  return {
    label,
    height: CALLS_HEIGHT,
    // A failed call is longer as well as red, so that the picture can be read without colours.
    draw: (top) => [ticks(false, top + 5, top + CALLS_HEIGHT - 5), ticks(true, top, top + CALLS_HEIGHT)],
  };
}

/** The heading of a job, and its first failure. */
function verdictOf(timeline: Timeline, job: JobTimeline): { verdict: string; first: Call | undefined } {
  const summaries = summarise({ ...timeline, jobs: [job] });
  const calls = summaries.reduce((sum, summary) => sum + summary.calls, 0);
  const failures = summaries.reduce((sum, summary) => sum + summary.failures, 0);
  const [first] = summaries
    .flatMap(({ firstFailure }) => firstFailure ?? [])
    .sort((one, other) => one.at - other.at);
  if (first === undefined) return { verdict: `✓ no failure in ${calls} calls`, first };
  const what = `${failures} of ${calls} calls failed`;
  return { verdict: `✗ ${first.error} after ${first.at.toFixed(1)} s: ${what}`, first };
}

/** One job, from `top` down; `height` is what it takes. */
function panel(
  timeline: Timeline,
  job: JobTimeline,
  top: number,
  x: Axis,
): { parts: string[]; height: number } {
  const shown = (spans: Span[]): Span[] =>
    spans.filter(({ from }) => from < timeline.seconds).sort((a, b) => a.from - b.from);
  const lanes = [
    spanLane(x, "ID tokens", shown(job.tokens), COLOUR.token),
    spanLane(x, "role sessions", shown(job.sessions), COLOUR.session),
    ...job.clients.map(({ name, calls }) => callLane(x, name, calls)),
  ];
  const height = PANEL_HEAD + lanes.reduce((sum, lane) => sum + lane.height + LANE_GAP, 0);
  const { verdict, first } = verdictOf(timeline, job);
  const parts = [rectangle(16, top, WIDTH - 32, height, COLOUR.panel, ' rx="8"')];
  if (first !== undefined) {
    const [left, width] = [x(first.at), LEFT + PLOT - x(first.at)];
    parts.push(rectangle(left, top + PANEL_HEAD - 6, width, height - PANEL_HEAD, COLOUR.badGround));
  }
  for (const at of grid(timeline)) {
    const line = `M${round(x(at))} ${top + PANEL_HEAD - 6}V${round(top + height - 6)}`;
    parts.push(`<path d="${line}" stroke="${COLOUR.grid}"/>`);
  }
  parts.push(text(32, top + 24, job.name, { "font-size": 16, "font-weight": 600 }));
  parts.push(text(32, top + 40, job.note, { fill: COLOUR.muted, "font-size": 12 }));
  const fill = first === undefined ? COLOUR.good : COLOUR.bad;
  const look = { fill, "font-size": 14, "font-weight": 600, "text-anchor": "end" };
  parts.push(text(WIDTH - RIGHT, top + 25, verdict, look));
  let laneTop = top + PANEL_HEAD;
  for (const lane of lanes) {
    const label = { fill: COLOUR.muted, "text-anchor": "end" };
    parts.push(text(LEFT - 14, laneTop + lane.height / 2 + 4, lane.label, label));
    parts.push(...lane.draw(laneTop));
    laneTop += lane.height + LANE_GAP;
  }
  return { parts, height };
}

/** Draws a rehearsal as an SVG document that needs nothing from outside, on its own background. */
export function renderSvg(timeline: Timeline): string {
  const { seconds } = timeline;
  const x: Axis = (at) => LEFT + (Math.min(Math.max(at, 0), seconds) / seconds) * PLOT;
  const parts: string[] = [];
  let top = HEADER;
  for (const job of timeline.jobs) {
    const drawn = panel(timeline, job, top, x);
    parts.push(...drawn.parts);
    top += drawn.height + PANEL_GAP;
  }
  for (const at of grid(timeline))
    parts.push(text(x(at), top + 2, `${at} s`, { fill: COLOUR.muted, "text-anchor": "middle" }));
  const height = top + FOOTER - PANEL_GAP;
  const title = { "font-size": 20, "font-weight": 600 };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${round(height)}" width="${WIDTH}" height="${round(height)}" font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="12" fill="${COLOUR.text}">`,
    rectangle(0, 0, WIDTH, height, "#ffffff", ' rx="10"'),
    text(32, 40, "Three jobs that outlive their ID token and their role session", title),
    ...legend(timeline),
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

/** The moments of the grid's lines: about a dozen of them, at a round distance. */
function grid({ seconds }: Timeline): number[] {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
  const step = steps.find((one) => seconds / one <= 13) ?? 7200;
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => index * step);
}

function legend({ idTokenSeconds, sessionSeconds, calls }: Timeline): string[] {
  const life = sessionSeconds === undefined ? "ends with its token" : `valid for ${sessionSeconds} s`;
  const entries: [string, string, "bar" | "tick"][] = [
    [COLOUR.token, `ID token, valid for ${idTokenSeconds} s`, "bar"],
    [COLOUR.session, `role session, ${life}`, "bar"],
    [COLOUR.good, `${calls} that succeeded`, "tick"],
    [COLOUR.bad, `${calls} that failed`, "tick"],
  ];
  return entries.flatMap(([colour, label, form], index) => {
    const left = 32 + index * 235;
    const mark =
      form === "bar"
        ? rectangle(left, 59, 22, 9, colour, ' rx="3"')
        : rectangle(left + 18, 56, 2.5, 15, colour);
    return [mark, text(left + 32, 68, label, { fill: COLOUR.muted, "font-size": 13 })];
  });
}
