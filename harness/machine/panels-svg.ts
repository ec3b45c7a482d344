/** Loads over time as areas, one panel below the other on the same axes. */

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
const COLOUR = { text: "#1f2328", muted: "#656d76", grid: "#e6e9ed", area: "#2f74c0" };

function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

function text(x: number, y: number, content: string, size: number, fill: string, rest = ""): string {
  return `<text x="${x}" y="${y}" font-size="${size}" fill="${fill}"${rest}>${escapeXml(content)}</text>`;
}

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
  return `<path d="${path}L${LEFT + PLOT - 1} ${y(0)}Z" fill="${COLOUR.area}"/>`;
}

/**
 * Draws the panels as an SVG document that needs nothing from outside, on a ground of its own. All of a group
 * share their scale.
 */
export function renderPanels(title: string, seconds: number, panels: Panel[]): string {
  const body: string[] = [
    text(16, 30, title, 18, COLOUR.text, ' font-weight="600"'),
    text(
      16,
      50,
      "Requests per second, the busiest second of each moment; simulated with the keeper's own schedule.",
      13,
      COLOUR.muted,
    ),
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
      body.push(text(16, top - 10, group, 15, COLOUR.text, ' font-weight="600"'));
    }
    top += TITLE;
    const name = `${panel.name} `;
    body.push(
      `<text x="${LEFT}" y="${top - 7}" font-size="13" fill="${COLOUR.text}">${escapeXml(name)}<tspan fill="${COLOUR.muted}">${escapeXml(panel.note)}</tspan></text>`,
    );
    for (const share of [0, 0.5, 1]) {
      const y = top + HEIGHT * (1 - share);
      body.push(`<path d="M${LEFT} ${y}h${PLOT}" stroke="${COLOUR.grid}"/>`);
      body.push(text(LEFT - 8, y + 4, String(most * share), 11, COLOUR.muted, ' text-anchor="end"'));
    }
    body.push(area(panel.load, top, most));
    top += HEIGHT + GAP;
  }
  for (let hour = 0; hour <= seconds / 3600; hour++) {
    const x = LEFT + (hour * 3600 * PLOT) / seconds;
    const anchor = hour === 0 ? "start" : hour === seconds / 3600 ? "end" : "middle";
    body.push(
      text(
        Math.round(x),
        top + 4,
        hour === 0 ? "start" : `${hour} h`,
        12,
        COLOUR.muted,
        ` text-anchor="${anchor}"`,
      ),
    );
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
