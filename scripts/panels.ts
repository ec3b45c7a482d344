/** Loads over time as areas, one panel below the other on the same axes. */
import { COLOUR, escapeXml, text } from "./svg.ts";

export interface Panel {
  /** A heading above the first panel of a group. */
  group: string;
  name: string;
  note: string;
  /** Requests in each second. */
  load: Uint32Array;
}

const WIDTH = 1120;
const LEFT = 64;
const PLOT = WIDTH - LEFT - 16;
const HEAD = 64;
const GROUP = 40;
const TITLE = 22;
const HEIGHT = 78;
const GAP = 18;
const FOOT = 44;
const SUBTITLE =
  "Requests per second, the busiest second of each moment; simulated with the keeper's own schedule.";
/** A round number at or above `most`, for the top of an axis. */
function ceiling(most: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
  return Math.ceil(most / (unit / 2)) * (unit / 2);
}

/** The busiest second of each pixel, as one path. */
function area(load: Uint32Array, top: number, most: number): string {
  const y = (value: number) => Math.round((top + HEIGHT * (1 - value / most)) * 10) / 10;
  let path = `M${LEFT} ${y(0)}`;
  for (let x = 0; x < PLOT; x++) {
    const from = Math.floor((x / PLOT) * load.length);
    const to = Math.max(from + 1, Math.floor(((x + 1) / PLOT) * load.length));
    path += `L${LEFT + x} ${y(load.subarray(from, to).reduce((best, one) => Math.max(best, one), 0))}`;
  }
  return `<path d="${path}L${LEFT + PLOT - 1} ${y(0)}Z" fill="${COLOUR.blue}"/>`;
}

/**
 * Draws the panels as an SVG document that needs nothing from outside, on its own background. All of a group
 * share their scale.
 */
export function renderPanels(title: string, seconds: number, panels: Panel[]): string {
  const body: string[] = [
    text(16, 30, title, { "font-size": 18, fill: COLOUR.text, "font-weight": 600 }),
    text(16, 50, SUBTITLE, { "font-size": 13, fill: COLOUR.muted }),
  ];
  let top = HEAD;
  let group = "";
  for (const panel of panels) {
    const most = ceiling(
      Math.max(
        ...panels
          .filter((one) => one.group === panel.group)
          .flatMap(({ load }) => load.reduce((a, b) => Math.max(a, b), 0)),
      ),
    );
    if (panel.group !== group) {
      group = panel.group;
      top += GROUP;
      body.push(text(16, top - 10, group, { "font-size": 15, fill: COLOUR.text, "font-weight": 600 }));
    }
    top += TITLE;
    const name = `${panel.name} `;
    body.push(
      `<text x="${LEFT}" y="${top - 7}" font-size="13" fill="${COLOUR.text}">${escapeXml(name)}<tspan fill="${COLOUR.muted}">${escapeXml(panel.note)}</tspan></text>`,
    );
    for (const share of [0, 0.5, 1]) {
      const y = top + HEIGHT * (1 - share);
      body.push(`<path d="M${LEFT} ${y}h${PLOT}" stroke="${COLOUR.grid}"/>`);
      const figure = { "font-size": 11, fill: COLOUR.muted, "text-anchor": "end" };
      body.push(text(LEFT - 8, y + 4, String(most * share), figure));
    }
    body.push(area(panel.load, top, most));
    top += HEIGHT + GAP;
  }
  for (let hour = 0; hour <= seconds / 3600; hour++) {
    const x = LEFT + (hour * 3600 * PLOT) / seconds;
    const anchor = hour === 0 ? "start" : hour === seconds / 3600 ? "end" : "middle";
    const label = { "font-size": 12, fill: COLOUR.muted, "text-anchor": anchor };
    body.push(text(Math.round(x), top + 4, hour === 0 ? "start" : `${hour} h`, label));
  }
  const height = top + FOOT - 20;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" font-family="system-ui, sans-serif">`,
    `<title>${escapeXml(title)}: requests per second</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...body,
    "</svg>",
    "",
  ].join("\n");
}
