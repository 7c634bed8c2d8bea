/** The shape of a log on its way out, shared by server, page and terminal. Imports nothing. */

/** The levels, from the least to the most severe. */
export const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

/** One of {@link LEVELS}. */
export type Level = (typeof LEVELS)[number];

/** One log as the stream, the history and the hub carry it. */
export interface Log {
  /** Identity of the row: unique, rising in the order of insertion, not of commit. */
  readonly id: number;
  /** ISO 8601 in UTC with milliseconds, `2026-01-31T12:00:00.000Z`. */
  readonly timestamp: string;
  readonly level: Level;
  readonly service: string;
  /** The whole message, or its beginning where {@link truncated} is set. */
  readonly message: string;
  /** Set where `message` is a preview; `GET /api/logs/:id` has the whole. */
  readonly truncated?: true;
  /** Texts of the metadata by their paths, where they were asked for (`fields=`). */
  readonly fields?: Readonly<Record<string, string>>;
}

/** A log with all its columns, as `/api/logs` and `/api/logs/:id` return it. */
export interface WholeLog extends Log {
  /** The structured fields, `null` where the log has none. */
  readonly metadata: Record<string, unknown> | null;
}

const LEVEL_NAMES: ReadonlySet<string> = new Set(LEVELS);

/** Whether `name` is one of {@link LEVELS}, spelled as there. */
export function isLevel(name: string): name is Level {
  return LEVEL_NAMES.has(name);
}

/**
 * Other names for the levels, as syslog (RFC 5424 section 6.2.1), Python, Java, pino and others write them. The SQL function
 * `log_level` maps the same ones for rows that did not come through Tailpost.
 */
const ALIASES: Readonly<Record<string, Level>> = {
  verbose: "trace",
  dbg: "debug",
  information: "info",
  informational: "info",
  notice: "info",
  warning: "warn",
  err: "error",
  severe: "error",
  critical: "fatal",
  crit: "fatal",
  alert: "fatal",
  emerg: "fatal",
  emergency: "fatal",
  panic: "fatal",
};

/** The level that a name stands for, whatever its case; `undefined` where it stands for none. */
export function parseLevel(name: string): Level | undefined {
  const lower = name.trim().toLowerCase();
  if (isLevel(lower)) return lower;
  return Object.hasOwn(ALIASES, lower) ? ALIASES[lower] : undefined;
}
