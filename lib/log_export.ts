/** Logs as a file that is sent while it is read: NDJSON or CSV. */

import type { WholeLog } from "./log.ts";
import type { ExportStep } from "./log_store/export.ts";

/** What a file may be. */
export const FORMATS = ["ndjson", "csv"] as const;

/** One of {@link FORMATS}. */
export type Format = (typeof FORMATS)[number];

/** The media types. */
export const MEDIA_TYPES: Readonly<Record<Format, string>> = {
  ndjson: "application/x-ndjson; charset=utf-8",
  csv: "text/csv; charset=utf-8; header=present",
};

/** How long a client may read nothing, in milliseconds. */
const PATIENCE = 60_000;

const COLUMNS = ["id", "timestamp", "level", "service", "message", "metadata"] as const;

/** What stands before the first log. */
export function heading(format: Format): string {
  return format === "csv" ? `${COLUMNS.join(",")}\r\n` : "";
}

/** A log as a line, or as a record of CSV (RFC 4180). Values are as they are: nothing is added for the sake of spreadsheets. */
export function formatLog(format: Format, log: WholeLog): string {
  const { id, timestamp, level, service, message, metadata } = log;
  if (format === "ndjson") return `${JSON.stringify({ id, timestamp, level, service, message, metadata })}\n`;
  return `${id},${timestamp},${level},${quoted(service)},${quoted(message)},${
    metadata === null ? "" : quoted(JSON.stringify(metadata))
  }\r\n`;
}

function quoted(text: string): string {
  return /[",\r\n]|^\s|\s$/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** How steps are read, and what is told. */
export interface ExportSource {
  /** The logs behind an id. */
  readonly read: (after: number) => Promise<ExportStep>;
  /** Called once, when it is over for whatever reason. */
  readonly onEnd: () => void;
  /** Default 60,000. */
  readonly patience?: number;
}

/**
 * The file, read as the client takes it. Where that fails in the midst the stream does, so that the client sees half a file for what it
 * is.
 */
export function exportStream(
  format: Format,
  { read, onEnd, patience = PATIENCE }: ExportSource,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let after: number | null = 0;
  let isOver = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = () => {
    clearTimeout(timer);
    if (!isOver) onEnd();
    isOver = true;
  };
  return new ReadableStream({
    start: (controller) => controller.enqueue(encoder.encode(heading(format))),
    async pull(controller) {
      clearTimeout(timer);
      try {
        // What lets nothing through is no reason to send nothing for ever: an empty step is followed by the next.
        while (after !== null) {
          const step: ExportStep = await read(after);
          if (isOver) return;
          after = step.next;
          if (step.logs.length === 0) continue;
          controller.enqueue(encoder.encode(step.logs.map((log) => formatLog(format, log)).join("")));
          timer = setTimeout(() => {
            over();
            controller.error(new Error("The client of an export has read nothing for too long"));
          }, patience);
          return;
        }
        over();
        controller.close();
      } catch (error) {
        over();
        controller.error(error);
      }
    },
    cancel: over,
  }, { highWaterMark: 1 });
}
