/** Splits JSON text into parts that can be coloured. Pure. */

/** What a part is. */
export type JsonKind = "key" | "string" | "number" | "word" | "other";

/** A part of JSON text, in order and without gaps. */
export interface JsonPart {
  readonly kind: JsonKind;
  readonly text: string;
}

/** Longer text is not worth thousands of elements: it becomes one part. */
export const MOST_JSON = 50_000;

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null)/gu;

/** Splits text as `JSON.stringify` writes it. */
export function jsonParts(text: string): readonly JsonPart[] {
  if (text.length > MOST_JSON) return [{ kind: "other", text }];
  const parts: JsonPart[] = [];
  let from = 0;
  for (const match of text.matchAll(TOKEN)) {
    const [token, string, colon, number] = match;
    if (match.index > from) parts.push({ kind: "other", text: text.slice(from, match.index) });
    from = match.index + token.length;
    if (string === undefined) parts.push({ kind: number === undefined ? "word" : "number", text: token });
    else {
      parts.push({ kind: colon === undefined ? "string" : "key", text: string });
      if (colon !== undefined) parts.push({ kind: "other", text: colon });
    }
  }
  if (from < text.length) parts.push({ kind: "other", text: text.slice(from) });
  return parts;
}
