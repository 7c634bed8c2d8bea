/** Bar charts as SVG, in colours that can be read on light and dark. Pure. */

/** One bar. */
export interface Bar {
  readonly label: string;
  readonly value: number;
  /** What is written behind it. */
  readonly text: string;
  /** Whether it is the one that the chart is about. */
  readonly isOwn: boolean;
}

/** Bars that belong together, under a heading. */
export interface Bars {
  readonly heading: string;
  readonly bars: readonly Bar[];
}

const [WIDTH, LABELS, TEXTS, BAR, GAP, HEADING, PADDING] = [720, 90, 150, 18, 6, 30, 12] as const;

/** A chart of horizontal bars. Each group has its own scale: its longest bar takes the whole width that `labels` pixels leave. */
export function barChart(title: string, groups: readonly Bars[], labels: number = LABELS): string {
  const parts: string[] = [];
  let y = PADDING;
  for (const { heading, bars } of groups) {
    parts.push(`<text class="heading" x="${PADDING}" y="${y + 16}">${escape(heading)}</text>`);
    y += HEADING;
    const most = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
    for (const { label, value, text, isOwn } of bars) {
      const length = Math.max(1, (WIDTH - labels - TEXTS - 2 * PADDING) * value / most);
      const from = PADDING + labels;
      const middle = y + BAR / 2 + 4;
      parts.push(
        `<text x="${from - 8}" y="${middle}" text-anchor="end">${escape(label)}</text>`,
        `<rect class="${isOwn ? "own" : "other"}" x="${from}" y="${y}" width="${
          length.toFixed(1)
        }" height="${BAR}" rx="2"/>`,
        `<text x="${(from + length + 6).toFixed(1)}" y="${middle}">${escape(text)}</text>`,
      );
      y += BAR + GAP;
    }
    y += GAP;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${
    y + PADDING
  }" role="img" aria-label="${escape(title)}">
<style>
  text { font: 12px system-ui, sans-serif; fill: #57606a; }
  .heading { font-weight: 600; }
  .own { fill: #1f883d; } .other { fill: #8c959f; }
  @media (prefers-color-scheme: dark) { text { fill: #b1bac4; } .own { fill: #3fb950; } .other { fill: #6e7681; } }
</style>
${parts.join("\n")}
</svg>
`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
