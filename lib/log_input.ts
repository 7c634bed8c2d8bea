/** Logs on their way in: what `POST /api/logs` takes, checked and made ready to be stored. Pure. */

import { z } from "zod";
import { DEFAULT_LIMITS, type LimitConfig } from "./limits/settings.ts";
import { sizeText } from "./limits/size_text.ts";
import { LEVELS, parseLevel } from "./log.ts";

/** A checked log. */
export interface LogInput {
  /** ISO 8601; absent: the moment of storing. */
  readonly timestamp?: string | undefined;
  readonly level: string;
  readonly service: string;
  readonly message: string;
  readonly metadata?: Record<string, unknown> | undefined;
}

/** Bounds of one log that are no settings. Lengths are in bytes of UTF-8. */
export const LOG_BOUNDS = { service: 64 * 1024, metadataDepth: 100 } as const;

/** Those that are. */
export type LogBounds = Pick<LimitConfig, "maxMessageBytes" | "maxMetadataBytes">;

/** One thing that is wrong with what was sent. `index` is the entry's place, `path` the field, empty for the entry. */
export interface InputProblem {
  readonly index: number;
  readonly path: string;
  readonly message: string;
}

/** What was sent cannot be taken. `tooLarge` is set where size alone is the reason. */
export class InputError extends Error {
  override readonly name = "InputError";
  constructor(message: string, readonly problems: readonly InputProblem[], readonly tooLarge = false) {
    super(message);
  }
}

const TOO_LARGE = "too_large";

// PostgreSQL refuses texts of more than 128 characters, which only a fraction of that many digits could be.
const timestamp = z.union([z.iso.datetime({ offset: true, local: true }).max(64), z.number()], {
  error: "Expected ISO 8601 such as 2026-01-31T12:00:00.000Z, or milliseconds since 1970",
}).transform((value, context) => {
  const text = typeof value === "string" && !/(?:Z|[+-]\d\d:?\d\d)$/iu.test(value) ? value + "Z" : value;
  const date = new Date(text);
  const year = date.getUTCFullYear();
  if (!(year >= 1 && year <= 9999)) {
    context.addIssue({ code: "custom", message: "Expected a time between the years 1 and 9999" });
    return z.NEVER;
  }
  // The text keeps digits beyond the millisecond, which PostgreSQL stores.
  return typeof text === "string" ? text : date.toISOString();
});

const makeSchema = ({ maxMessageBytes, maxMetadataBytes }: LogBounds) =>
  z.strictObject({
    // Made storable first: the bound is on what is stored.
    message: z.string({ error: (issue) => issue.input === undefined ? "Required" : "Expected a string" })
      .overwrite(storable)
      .min(1, "Must not be empty")
      .refine((text) => fits(text, maxMessageBytes), {
        error: `Longer than ${sizeText(maxMessageBytes)}`,
        params: { code: TOO_LARGE },
      }),
    level: z.string("Expected a string").transform((name, context) => {
      const level = parseLevel(name);
      if (level) return level;
      context.addIssue({ code: "custom", message: `Expected one of ${LEVELS.join(", ")}` });
      return z.NEVER;
    }).default("info"),
    service: z.string("Expected a string").overwrite(storable).min(1, "Must not be empty")
      .refine((text) => fits(text, LOG_BOUNDS.service), "Longer than 64 KiB")
      .default("default"),
    timestamp: timestamp.optional(),
    metadata: z.record(z.string(), z.unknown(), "Expected an object")
      .refine((value) => depth(value, 0) <= LOG_BOUNDS.metadataDepth, "Nested more than 100 levels deep")
      .transform((value, context) => {
        const json = JSON.stringify(value);
        if (!fits(json, maxMetadataBytes)) {
          const message = `Larger than ${sizeText(maxMetadataBytes)}`;
          context.addIssue({ code: "custom", message, params: { code: TOO_LARGE } });
          return z.NEVER;
        }
        return storableDeep(value, json);
      }).optional(),
  }, {
    error: (issue) => issue.code === "unrecognized_keys" ? "Unknown field" : "Expected an object",
  });

let schema: ReturnType<typeof makeSchema> | null = null;
let schemaBounds: LogBounds = DEFAULT_LIMITS;

/** One server has one set of bounds: the schema of the last is kept. */
function schemaOf(bounds: LogBounds): ReturnType<typeof makeSchema> {
  if (schema && schemaBounds === bounds) return schema;
  schemaBounds = bounds;
  return schema = makeSchema(bounds);
}

/**
 * Checks every entry of a batch.
 *
 * @throws {InputError} naming every entry at fault, when there is one
 */
export function parseLogs(entries: readonly unknown[], bounds: LogBounds = DEFAULT_LIMITS): LogInput[] {
  const schema = schemaOf(bounds);
  const problems: InputProblem[] = [];
  let others = 0;
  let tooLarge = 0;
  const logs: LogInput[] = [];
  for (const [index, entry] of entries.entries()) {
    // Finding problems takes time: a body made of nothing else must not hold the server up.
    if (others + tooLarge >= MOST_COUNTED) break;
    const result = schema.safeParse(entry);
    if (result.success) {
      logs.push(result.data);
      continue;
    }
    for (const issue of result.error.issues) {
      if (issue.code === "custom" && issue.params?.code === TOO_LARGE) tooLarge++;
      else others++;
      const paths = issue.code === "unrecognized_keys" ? issue.keys : [issue.path.map(String).join(".")];
      for (const path of paths) {
        if (problems.length < MOST_PROBLEMS) problems.push({ index, path, message: issue.message });
      }
    }
  }
  const count = others + tooLarge;
  if (count > 0) {
    const rest = count > problems.length ? `, the first ${problems.length} are listed` : "";
    throw new InputError(
      `Nothing was stored: ${count >= MOST_COUNTED ? "at least " : ""}${count} ${
        count === 1 ? "problem" : "problems"
      } in ${entries.length} ${entries.length === 1 ? "log" : "logs"}${rest}`,
      problems,
      others === 0,
    );
  }
  return logs;
}

/** An answer lists no more problems than this; it says when there are more. */
const MOST_PROBLEMS = 1000;

/** Nor are more looked for than about this. */
const MOST_COUNTED = 10_000;

const encoder = new TextEncoder();

function fits(text: string, most: number): boolean {
  // Encoding is only worth its while where the length could be over the bound.
  return text.length * 3 <= most || (text.length <= most && encoder.encode(text).length <= most);
}

/**
 * PostgreSQL's text cannot hold U+0000, nor UTF-8 a lone surrogate. Neither may cost a log: the first is stored as its
 * picture (U+2400), the second as U+FFFD.
 */
function storable(text: string): string {
  return text.replaceAll("\0", "\u2400").toWellFormed();
}

/** The same for every text within, keys included. */
function storableDeep(value: Record<string, unknown>, json: string): Record<string, unknown> {
  if (!/\\u(?:0000|d[89a-f])/iu.test(json)) return value;
  return JSON.parse(json, (_key, inner: unknown) => {
    if (typeof inner === "string") return storable(inner);
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).map(([key, value]) => [storable(key), value]));
  });
}

function depth(value: unknown, above: number): number {
  if (typeof value !== "object" || value === null) return above;
  if (above > LOG_BOUNDS.metadataDepth) return above;
  let deepest = above + 1;
  for (const inner of Object.values(value)) deepest = Math.max(deepest, depth(inner, above + 1));
  return deepest;
}
