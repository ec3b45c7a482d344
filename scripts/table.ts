/** A table for a terminal: fixed width, a column of figures to the right, one of words to the left. */
export function formatTable(head: string[], body: string[][]): string {
  const rows = [head, ...body];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  const isFigures = head.map((_, column) => body.every((row) => /^[\d./-]*$/.test(row[column] ?? "")));
  const line = (row: string[]): string =>
    row
      .map((cell, column) =>
        isFigures[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return [line(head), widths.map((width) => "-".repeat(width)).join("  "), ...body.map(line)].join("\n");
}
