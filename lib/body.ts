/** Request bodies, read under a bound and turned into entries. */

import { ApiError } from "./api_error.ts";
import { RefusedError, type Room } from "./limits.ts";
import { sizeText } from "./limits/size_text.ts";
import type { LimitConfig } from "./limits/settings.ts";

/** Bytes of the buffer that a body begins with, where it says its length: it need not be true. Else the smaller one. */
const FIRST_BUFFER = { announced: 64 * 1024, unknown: 4 * 1024 };

/** What a body may be. */
export type BodyBounds = Pick<LimitConfig, "maxBodyBytes" | "bodySeconds" | "maxBatch">;

/**
 * The entries of a body: one JSON value, an array of them, or one a line. Its bytes are taken from `room` as they come.
 *
 * @throws {ApiError} 415 for other content types, 400 for bad JSON
 * @throws {RefusedError} 413 for too many bytes or entries, 408 when it comes too slowly, 503 without room
 */
export async function readEntries(
  request: Request,
  bounds: BodyBounds,
  room: Pick<Room, "take">,
): Promise<unknown[]> {
  const lines = typeOf(request, ["application/json", "application/x-ndjson"]) === "application/x-ndjson";
  const text = await readText(request, bounds, room);
  const entries = lines ? parseLines(text, bounds.maxBatch) : parseBody(text);
  if (entries.length === 0) throw new ApiError(400, "bad_input", "There is no log in the body");
  if (entries.length > bounds.maxBatch) throw tooMany(bounds.maxBatch);
  return entries;
}

/** The most that a body of {@link readJson} may hold, in bytes. */
const MOST_JSON = 16 * 1024;

/**
 * The one JSON value of a small body.
 *
 * @throws {ApiError} 415 for other content types, 400 for bad JSON
 * @throws {RefusedError} 413 over 16 KiB, 408 when it comes too slowly
 */
export async function readJson(
  request: Request,
  { bodySeconds }: Pick<BodyBounds, "bodySeconds">,
): Promise<unknown> {
  typeOf(request, ["application/json"]);
  const bounds = { maxBodyBytes: MOST_JSON, bodySeconds };
  return parseJson(await readText(request, bounds, { take: () => {} }), "The body");
}

/** The content type of a body, which is one of those that are taken, and not packed. */
function typeOf({ headers }: Request, taken: readonly string[]): string {
  const type = (headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (!taken.includes(type)) {
    const sent = type === "" ? "none was sent" : `not ${type}`;
    throw new ApiError(415, "unsupported_media_type", `Send ${taken.join(" or ")}, ${sent}`);
  }
  if ((headers.get("content-encoding") ?? "identity") !== "identity") {
    throw new ApiError(415, "unsupported_media_type", "Send the body without Content-Encoding");
  }
  return type;
}

async function readText(
  request: Request,
  { maxBodyBytes, bodySeconds }: Pick<BodyBounds, "maxBodyBytes" | "bodySeconds">,
  room: Pick<Room, "take">,
): Promise<string> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (announced > maxBodyBytes) throw tooLarge(maxBodyBytes);
  // One buffer that grows: a chunk of one byte may stand in 64 KiB of memory, and a client chooses how many it sends.
  const first = announced > 0 ? Math.min(announced, FIRST_BUFFER.announced) : FIRST_BUFFER.unknown;
  let bytes = new Uint8Array(Math.min(first, maxBodyBytes));
  let size = 0;
  const reader = request.body?.getReader();
  const milliseconds = bodySeconds * 1000;
  const timer = setTimeout(() => reader?.cancel(new Error("The body came too slowly")), milliseconds);
  const until = performance.now() + milliseconds;
  try {
    for (;;) {
      const { done, value } = await reader?.read().catch(cutOff) ?? { done: true };
      if (performance.now() >= until) throw tooSlow(bodySeconds);
      if (done || !value) break;
      const before = size;
      size += value.byteLength;
      if (size > maxBodyBytes) throw tooLarge(maxBodyBytes);
      room.take(value.byteLength);
      if (size > bytes.byteLength) {
        const larger = new Uint8Array(Math.min(Math.max(size, 2 * bytes.byteLength), maxBodyBytes));
        larger.set(bytes.subarray(0, before));
        bytes = larger;
      }
      bytes.set(value, before);
    }
  } catch (error) {
    await reader?.cancel().catch(() => {});
    throw error;
  } finally {
    clearTimeout(timer);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, size));
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

function parseLines(text: string, most: number): unknown[] {
  const entries: unknown[] = [];
  // Not split() all at once: a body may be nothing but ends of lines.
  for (let start = 0, number = 1; start <= text.length; number++) {
    const found = text.indexOf("\n", start);
    const end = found < 0 ? text.length : found;
    const line = text.slice(start, end);
    start = end + 1;
    if (line.trim() === "") continue;
    if (entries.length === most) throw tooMany(most);
    entries.push(parseJson(line, `Line ${number}`));
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

function tooLarge(most: number): RefusedError {
  const message = `The body is over ${sizeText(most)}: send less at a time`;
  return new RefusedError("body_size", { status: 413, code: "too_large", message });
}

function tooMany(most: number): RefusedError {
  const message = `There are more than ${most} logs in the body: send smaller batches`;
  return new RefusedError("batch_size", { status: 413, code: "too_large", message });
}

function tooSlow(seconds: number): RefusedError {
  const message = `The body did not come within ${seconds} s`;
  return new RefusedError("body_time", { status: 408, code: "timeout", message });
}
