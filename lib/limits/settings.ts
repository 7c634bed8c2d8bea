/** The settings of limits: one table of names, bounds and defaults. Pure. */

import { FILTER_BOUNDS as MOST, type FilterLimits } from "../filter.ts";

/** How much is taken. Sizes are in bytes of UTF-8, times in seconds. */
export interface LimitConfig extends FilterLimits {
  readonly maxBodyBytes: number;
  /** Of all bodies that are in memory at a moment. */
  readonly maxBodiesBytes: number;
  /** How long a body may take to come. */
  readonly bodySeconds: number;
  /** Logs in one body. */
  readonly maxBatch: number;
  readonly maxMessageBytes: number;
  readonly maxMetadataBytes: number;
  /** Logs a second of one token, of one address without sign-in; 0: as many as come. */
  readonly ingestRate: number;
  /** Logs that it may send at once after a pause. */
  readonly ingestBurst: number;
  readonly maxViewers: number;
  readonly maxViewersPerToken: number;
  readonly maxViewersPerAddress: number;
  /** Requests that have the database do something at a moment, and those that wait for that. */
  readonly maxWorking: number;
  readonly maxWaiting: number;
  readonly waitSeconds: number;
  readonly queryTimeoutSeconds: number;
  /** Characters of a query string. */
  readonly maxQueryLength: number;
  /** A minute, of one address. */
  readonly signInAttempts: number;
  /** Open at a moment. */
  readonly maxConnections: number;
  /** How long a connection may take to send the header of a request. */
  readonly headerTimeoutSeconds: number;
}

/** How one limit is set. */
export interface LimitSetting {
  readonly key: keyof LimitConfig;
  readonly env: string;
  readonly about: string;
  readonly default: number;
  readonly from: number;
  readonly to: number;
}

const MIB = 1024 * 1024;

type Row = readonly [keyof LimitConfig, string, fallback: number, from: number, to: number, about: string];

// Messages, metadata and filters can be made smaller, not larger: what is read back from the table is reckoned in MiB, and the
// matching of filters in steps.
// deno-fmt-ignore
const ROWS: readonly Row[] = [
  ["maxBodyBytes", "TAILPOST_MAX_BODY_BYTES", 5 * MIB, 1024, 64 * MIB, "bytes of a body, more are answered with 413"],
  ["maxBodiesBytes", "TAILPOST_MAX_BODIES_BYTES", 128 * MIB, MIB, 900 * MIB, "bytes of all bodies in memory, more are answered with 503"],
  ["bodySeconds", "TAILPOST_BODY_SECONDS", 30, 1, 300, "seconds that a body may take to come, else 408"],
  ["maxBatch", "TAILPOST_MAX_BATCH", 50_000, 1, 1_000_000, "logs in one body, more are answered with 413"],
  ["maxMessageBytes", "TAILPOST_MAX_MESSAGE_BYTES", MIB, 1, MIB, "bytes of a message, longer ones are answered with 413"],
  ["maxMetadataBytes", "TAILPOST_MAX_METADATA_BYTES", MIB, 2, MIB, "bytes of a log's metadata as JSON, more are answered with 413"],
  ["ingestRate", "TAILPOST_INGEST_RATE", 20_000, 0, 1_000_000, "logs a second of a token, or of an address with auth off, 0: no limit; more are answered with 429"],
  ["ingestBurst", "TAILPOST_INGEST_BURST", 100_000, 1, 100_000_000, "logs that it may send at once before that rate holds"],
  ["maxViewers", "TAILPOST_MAX_VIEWERS", 20_000, 1, 1_000_000, "open streams at most, more are answered with 503"],
  ["maxViewersPerToken", "TAILPOST_MAX_VIEWERS_PER_TOKEN", 2000, 1, 1_000_000, "open streams of one token, more are answered with 429"],
  ["maxViewersPerAddress", "TAILPOST_MAX_VIEWERS_PER_ADDRESS", 2000, 1, 1_000_000, "open streams of one client address, more are answered with 429"],
  ["maxWorking", "TAILPOST_MAX_WORKING", 8, 1, 1000, "requests at work in the database at a time"],
  ["maxWaiting", "TAILPOST_MAX_WAITING", 500, 0, 100_000, "requests that wait for that, more are answered with 503"],
  ["waitSeconds", "TAILPOST_WAIT_SECONDS", 10, 1, 60, "seconds that they wait, else 503"],
  ["queryTimeoutSeconds", "TAILPOST_QUERY_TIMEOUT_SECONDS", 30, 1, 300, "seconds that a query may take in the database, else 503"],
  ["maxQueryLength", "TAILPOST_MAX_QUERY_LENGTH", 16_384, 256, 60_000, "characters of a query string, filters included, longer ones are answered with 414"],
  ["maxPatterns", "TAILPOST_MAX_PATTERNS", MOST.maxPatterns, 0, MOST.maxPatterns, "exclusions (not) of a filter, and texts beside the first, more are answered with 400"],
  ["maxPatternLength", "TAILPOST_MAX_PATTERN_LENGTH", MOST.maxPatternLength, 1, MOST.maxPatternLength, "characters of each text in a filter, longer ones are answered with 400"],
  ["maxRegexpSize", "TAILPOST_MAX_REGEXP_SIZE", MOST.maxRegexpSize, 0, MOST.maxRegexpSize, "instructions of a filter's regular expressions, 0: none are taken; larger ones are answered with 400"],
  ["signInAttempts", "TAILPOST_SIGN_IN_ATTEMPTS", 60, 1, 10_000, "attempts to sign in that fail, a minute and client address, more are answered with 429"],
  ["maxConnections", "TAILPOST_MAX_CONNECTIONS", 25_000, 10, 1_000_000, "open connections at most, more are closed at once"],
  ["headerTimeoutSeconds", "TAILPOST_HEADER_TIMEOUT_SECONDS", 10, 1, 300, "seconds that the header of a request may take to come, else 408"],
];

/** All of them, in the order of the help. */
export const LIMIT_SETTINGS: readonly LimitSetting[] = ROWS.map((
  [key, env, fallback, from, to, about],
) => ({ key, env, about, default: fallback, from, to }));

/** What holds where nothing is set. */
export const DEFAULT_LIMITS = Object.fromEntries(
  LIMIT_SETTINGS.map(({ key, default: fallback }) => [key, fallback]),
) as unknown as LimitConfig;
