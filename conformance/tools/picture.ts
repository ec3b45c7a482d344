/** What a tool printed with keys exported once and with this action, one terminal below the other. */
import { COLOUR, escapeXml, text } from "../../scripts/svg.ts";

export interface Terminal {
  heading: string;
  isRight: boolean;
  lines: string[];
}

const WIDTH = 1120;
const LINE = 22;
const HEAD = 64;
const GAP = 18;
const EDGE = { right: "#2b9a66", wrong: "#cf222e" };
/** As many letters as fit. */
const LONGEST = 128;

const shorten = (line: string): string => (line.length > LONGEST ? `${line.slice(0, LONGEST - 1)}…` : line);

/** An SVG document that needs nothing from outside, on its own background. */
export function renderTerminals(title: string, note: string, terminals: Terminal[]): string {
  const body = [
    text(16, 30, title, { "font-size": 18, fill: COLOUR.text, "font-weight": 600 }),
    text(16, 50, note, { "font-size": 13, fill: COLOUR.muted }),
  ];
  let top = HEAD;
  for (const { heading, isRight, lines } of terminals) {
    const height = (lines.length + 1) * LINE + 20;
    const edge = isRight ? EDGE.right : EDGE.wrong;
    body.push(
      `<rect x="16" y="${top}" width="${WIDTH - 32}" height="${height}" fill="#f8f9fb" rx="6"/>`,
      `<rect x="16" y="${top}" width="5" height="${height}" fill="${edge}"/>`,
      text(36, top + 24, heading, { "font-size": 14, fill: edge, "font-weight": 600 }),
      ...lines.map((line, index) =>
        text(36, top + 24 + (index + 1) * LINE, shorten(line), {
          "font-size": 13,
          fill: COLOUR.text,
          "font-family": "ui-monospace, 'DejaVu Sans Mono', monospace",
        }),
      ),
    );
    top += height + GAP;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${top}" viewBox="0 0 ${WIDTH} ${top}" role="img" font-family="system-ui, sans-serif">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${WIDTH}" height="${top}" fill="#ffffff"/>`,
    ...body,
    "</svg>",
    "",
  ].join("\n");
}
