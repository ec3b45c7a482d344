/** What the pictures of the scripts are made of. */

export const COLOUR = { text: "#1f2328", muted: "#656d76", grid: "#e6e9ed", blue: "#2f74c0" };

export const escapeXml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

export const round = (value: number): string => String(Math.round(value * 100) / 100);

export function text(
  x: number,
  y: number,
  content: string,
  attributes: Record<string, string | number> = {},
): string {
  const rest = Object.entries(attributes).map(([name, value]) => ` ${name}="${value}"`);
  return `<text x="${round(x)}" y="${round(y)}"${rest.join("")}>${escapeXml(content)}</text>`;
}
