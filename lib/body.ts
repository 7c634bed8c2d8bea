/** Request bodies, read under a bound and turned into entries. */

import { ApiError } from "./api_error.ts";

/** The most that a body may hold, in bytes. */
export const MOST_BODY = 5 * 1024 * 1024;

/** How long a client may take to send it, in milliseconds. */
const BODY_TIMEOUT = 30_000;

/**
 * The entries of a body: one JSON value, an array of them, or one a line.
 *
 * @throws {ApiError} 415 for other content types, 413 over {@link MOST_BODY}, 408 when it comes too slowly, 400 for bad JSON
 */
export async function readEntries(request: Request): Promise<unknown[]> {
  const type = (request.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const lines = type === "application/x-ndjson";
  if (!lines && type !== "application/json") {
    const sent = type === "" ? "none was sent" : `not ${type}`;
    throw new ApiError(
      415,
      "unsupported_media_type",
      `Send application/json or application/x-ndjson, ${sent}`,
    );
  }
  if ((request.headers.get("content-encoding") ?? "identity") !== "identity") {
    throw new ApiError(415, "unsupported_media_type", "Send the body without Content-Encoding");
  }
  const text = await readText(request);
  const entries = lines ? parseLines(text) : parseBody(text);
  if (entries.length === 0) throw new ApiError(400, "bad_input", "There is no log in the body");
  return entries;
}

async function readText(request: Request): Promise<string> {
  if (Number(request.headers.get("content-length") ?? 0) > MOST_BODY) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = request.body?.getReader();
  const timer = setTimeout(() => reader?.cancel(new Error("The body came too slowly")), BODY_TIMEOUT);
  const until = performance.now() + BODY_TIMEOUT;
  try {
    for (;;) {
      const { done, value } = await reader?.read().catch(cutOff) ?? { done: true };
      if (performance.now() >= until) throw new ApiError(408, "timeout", "The body came too slowly");
      if (done || !value) break;
      size += value.byteLength;
      if (size > MOST_BODY) {
        await reader?.cancel();
        throw tooLarge();
      }
      chunks.push(value);
    }
  } finally {
    clearTimeout(timer);
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ApiError(400, "bad_input", "The body is not UTF-8", { cause });
  }
}

/** The sender went away, or its chunks are none: nothing for the server's own log. */
function cutOff(cause: unknown): never {
  throw new ApiError(400, "bad_input", "The body was cut off", { cause });
}

function parseBody(text: string): unknown[] {
  const value = parseJson(text, "The body");
  return Array.isArray(value) ? value : [value];
}

function parseLines(text: string): unknown[] {
  const entries: unknown[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() !== "") entries.push(parseJson(line, `Line ${index + 1}`));
  }
  return entries;
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : "";
    throw new ApiError(400, "bad_json", `${what} is not JSON: ${reason.slice(0, 200)}`, { cause });
  }
}

function tooLarge(): ApiError {
  return new ApiError(
    413,
    "too_large",
    `The body is over ${MOST_BODY / 1024 / 1024} MiB: send smaller batches`,
  );
}
