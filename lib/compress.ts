/** Answers packed with gzip, for clients that take them so. */

import { promisify } from "node:util";
import { gzip } from "node:zlib";

const pack = promisify(gzip);

/** Less is not worth while: it fits into a packet as it is. */
const LEAST = 1024;

const TEXT = /^(?:text\/(?!event-stream)|application\/json\b|application\/x-ndjson\b|image\/svg\+xml\b)/iu;

/**
 * The bytes of an answer, packed where that makes sense and `accepted`, the request's Accept-Encoding, allows it. The headers of
 * `response` then say so. Not for streams: all of the body is read first.
 */
export async function compressed(accepted: unknown, response: Response): Promise<Uint8Array> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  const { headers } = response;
  if (!TEXT.test(headers.get("content-type") ?? "") || headers.has("content-encoding")) return bytes;
  if (bytes.byteLength < LEAST || /\bno-transform\b/iu.test(headers.get("cache-control") ?? "")) return bytes;
  headers.append("Vary", "Accept-Encoding");
  if (!takesGzip(typeof accepted === "string" ? accepted : "")) return bytes;
  const packed = await pack(bytes);
  headers.set("Content-Encoding", "gzip");
  // Not the same bytes any more (RFC 9110, section 8.8.3.3).
  const tag = headers.get("etag");
  if (tag?.startsWith('"')) headers.set("ETag", `W/${tag}`);
  return packed;
}

/** Whether an Accept-Encoding allows gzip (RFC 9110, section 12.5.3). */
export function takesGzip(accepted: string): boolean {
  const weights = new Map(
    accepted.toLowerCase().split(",").map((part) => {
      const [name = "", ...parameters] = part.split(";").map((text) => text.trim());
      const weight = parameters.find((text) => text.startsWith("q="))?.slice(2);
      return [name, weight === undefined ? 1 : Number(weight)];
    }),
  );
  return (weights.get("gzip") ?? weights.get("x-gzip") ?? weights.get("*") ?? 0) > 0;
}
