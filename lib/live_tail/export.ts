/** The filter's logs as a file, fetched and kept by the browser. */

import { readProblem } from "./answer.ts";

/** The most bytes that a page keeps of a file. */
export const MOST_BYTES = 1024 ** 3;

/** How far an export is. */
export interface ExportProgress {
  readonly bytes: number;
  /** Of the ids that there are, from 0 to 1; `null` before the first log. */
  readonly share: number | null;
  /** The time of the log that was read last, ISO 8601. */
  readonly reached: string | null;
}

/** A file. */
export interface ExportedFile {
  readonly blob: Blob;
  readonly name: string;
}

/** What is exported: the filter and organization of the page, and the rest as `GET /api/logs/export` takes it. */
export function exportPath(
  params: URLSearchParams,
  { format, from, to }: { format: string; from: string | null; to: string | null },
): string {
  const query = new URLSearchParams(params);
  query.delete("fields");
  query.set("format", format);
  if (from !== null) query.set("from", from);
  if (to !== null) query.set("to", to);
  return `/api/logs/export?${query}`;
}

/**
 * Fetches a file.
 *
 * @throws {Error} with what a person should read; an AbortError once `signal` is aborted
 */
export async function fetchExport(
  path: string,
  { onProgress, signal }: { onProgress: (progress: ExportProgress) => void; signal: AbortSignal },
): Promise<ExportedFile> {
  const response = await fetch(path, { signal }).catch(() => null);
  signal.throwIfAborted();
  if (!response?.body) throw new Error("The server cannot be reached");
  if (!response.ok) {
    throw new Error(readProblem(await response.text())?.message ?? `The server answered ${response.status}`);
  }
  const [first, last] = ["x-first-id", "x-last-id"].map((name) => Number(response.headers.get(name)));
  const parts: Blob[] = [];
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let bytes = 0;
  let reached: ReturnType<typeof lastLog> = null;
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      signal.throwIfAborted();
      throw new Error("The file was cut off: the server or its database is away, or something between");
    });
    if (done) break;
    // Blobs may lie on the disk.
    parts.push(new Blob([value]));
    bytes += value.byteLength;
    if (bytes > MOST_BYTES) {
      await reader.cancel();
      throw new Error("This is more than a page can keep: copy the curl command, which has no bound");
    }
    reached = lastLog(decoder.decode(value.subarray(-20_000))) ?? reached;
    const share = reached && last && first !== undefined
      ? (reached.id - first + 1) / (last - first + 1)
      : null;
    onProgress({ bytes, share, reached: reached?.time ?? null });
  }
  const disposition = response.headers.get("content-disposition") ?? "";
  const name = /filename="([\w.-]+)"/u.exec(disposition)?.[1] ?? "tailpost-export";
  return { blob: new Blob(parts, { type: response.headers.get("content-type") ?? "" }), name };
}

/** Hands a file to the browser's downloads. */
export function saveFile({ blob, name }: ExportedFile): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** The last log that begins in a part of a file, in either format. */
export function lastLog(text: string): { readonly id: number; readonly time: string } | null {
  const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;
  const found = [
    ...text.matchAll(new RegExp(`(?:^|\\n)(?:\\{"id":(\\d+),"timestamp":"|(\\d+),)(${time})`, "gu")),
  ];
  const [, json, csv, reached = ""] = found.at(-1) ?? [];
  return reached === "" ? null : { id: Number(json ?? csv), time: reached };
}
