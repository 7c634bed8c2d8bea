/** What commands say to people: results to standard output, everything else to standard error. */

import { configure, getAnsiColorFormatter, getJsonLinesFormatter, getTextFormatter } from "@logtape/logtape";
import type { Config } from "../config.ts";
import { printable, printableLine, printableRecord } from "./printable.ts";

/** Ends the command with this exit code and one line. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  constructor(message: string, readonly exitCode: 1 | 2 = 1, options?: ErrorOptions) {
    super(message, options);
  }
}

const encoder = new TextEncoder();

/** Writes a line to standard output. */
export function print(line: string): void {
  writeAll(Deno.stdout, printable(line));
}

/** Tells what is going on, on standard error. */
export function say(line: string): void {
  writeAll(Deno.stderr, printable(line));
}

/** Sends Tailpost's own log lines to standard error. */
export async function configureLogging(
  { logLevel, logFormat }: Pick<Config, "logLevel" | "logFormat">,
): Promise<void> {
  const format = logFormat === "json"
    ? getJsonLinesFormatter()
    : Deno.stderr.isTerminal()
    ? getAnsiColorFormatter()
    : getTextFormatter();
  await configure({
    reset: true,
    sinks: { stderr: (record) => writeAll(Deno.stderr, printableRecord(format(record).trimEnd())) },
    loggers: [
      { category: "tailpost", lowestLevel: logLevel, sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["stderr"] },
    ],
  });
}

function writeAll(to: typeof Deno.stdout, line: string): void {
  const bytes = encoder.encode(line + "\n");
  try {
    for (let written = 0; written < bytes.length;) written += to.writeSync(bytes.subarray(written));
  } catch (error) {
    // Whoever was reading has gone (`tailpost ... | head`): there is nobody to tell.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** Rows of text as lines, each column as wide as it has to be. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows.map((row) => row.map(printableLine))];
  const widths = head.map((_, column) => Math.max(...all.map((row) => [...row[column] ?? ""].length)));
  return all.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ").trimEnd());
}
