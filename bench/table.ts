/** Tables and numbers as text. Pure. */

/** A table in Markdown, its columns as wide as their widest cell: the first `left` begin on the left, the others end on the right. */
export function markdownTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  left = 1,
): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0))
  );
  const pad = (cell: string, column: number) =>
    column < left ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  const line = (row: readonly string[]) => `| ${row.map(pad).join(" | ")} |`;
  const rule = widths.map((width, column) => column < left ? "-".repeat(width) : "-".repeat(width - 1) + ":");
  return [line(headings), `| ${rule.join(" | ")} |`, ...rows.map(line)].join("\n");
}

/** `12,345` */
export function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

/** Microseconds as `1.2 ms`. */
export function milliseconds(micros: number): string {
  return Number.isFinite(micros) ? `${(micros / 1000).toFixed(1)} ms` : "n/a";
}

/** `12.3 %` */
export function percent(value: number | undefined): string {
  return value === undefined ? "n/a" : `${value.toFixed(1)} %`;
}

/** Bytes as `123 MB`. */
export function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? "n/a" : `${Math.round(bytes / 1e6)} MB`;
}

/** `12.3x`, with fewer digits where it is large. */
export function ratio(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return "n/a";
  return `${value < 20 ? value.toFixed(1) : whole(value)}x`;
}
