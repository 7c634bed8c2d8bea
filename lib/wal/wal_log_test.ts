import assert from "node:assert/strict";
import fc from "fast-check";
import { testServer } from "../../tests/postgres.ts";
import { columns, MOST_MATCHED, PREVIEW, type Row, toLog, wholeMessage } from "../log_store/rows.ts";
import { migrateUp } from "../migrations.ts";
import { type LogTexts, walLog, WalLogError } from "./wal_log.ts";

const server = await testServer();

const TEXTS: LogTexts = {
  id: "1",
  timestamp: "2026-01-31 12:00:00+00",
  level: "info",
  service: "api",
  message: "hello",
  metadata: null,
};

const digits = (most: number, length = 2) => fc.nat(most).map((value) => String(value).padStart(length, "0"));
const timestamp = fc.oneof(
  fc.constantFrom(
    ...["infinity", "-infinity", "294276-12-31 23:59:59.999999+00", "4714-11-24 00:00:00+00 BC"],
    ...["9999-12-31 23:59:59.999+00", "9999-12-31 23:59:59.9995+00", "10000-01-01 00:00:00+00"],
    ...["0001-01-01 00:00:00+00", "0001-12-31 23:59:59.999999+00 BC", "0001-01-01 00:00:00.000001+00"],
    ...["1969-12-31 23:59:59.9999+00", "1969-12-31 23:59:59.0001+00", "2026-01-31 12:00:00.1+03"],
  ),
  fc.tuple(
    fc.integer({ min: 1, max: 10_500 }),
    digits(11),
    digits(27),
    digits(23),
    digits(59),
    digits(999_999, 6),
  )
    .map(([year, month, day, hour, minute, micros]) => {
      const date = `${String(year).padStart(4, "0")}-${month === "00" ? "12" : month}-${
        day === "00" ? "28" : day
      }`;
      return `${date} ${hour}:${minute}:59.${micros}+00`;
    }),
  fc.tuple(fc.integer({ min: 1, max: 4713 }), digits(999_999, 6)).map(([year, micros]) =>
    `${String(year).padStart(4, "0")}-06-05 04:03:02.${micros}+00 BC`
  ),
);

const space = fc.array(fc.constantFrom(..." \t\r\n", "", "", "", "\v", "\f", "\u00a0", "\u2003", "\ufeff"), {
  maxLength: 2,
}).map((parts) => parts.join(""));
const name = fc.constantFrom(
  ...["trace", "debug", "info", "warn", "error", "fatal", "verbose", "dbg", "information", "informational"],
  ...["notice", "warning", "err", "severe", "critical", "crit", "alert", "emerg", "emergency", "panic"],
  ...["", "none", "FATAL ", "WARNİNG", "CRİT", "ınfo", "\u212a", "ſevere", "ＥＲＲ", "err or", "constructor"],
  ...["WARNING", "Error", "VERBOSE", "İNFO", "__proto__", "x".repeat(300), "error\u0301"],
);
const level = fc.tuple(space, name, fc.boolean(), space).map(([before, name, upper, after]) =>
  before + (upper ? name.toUpperCase() : name) + after
);

const character = fc.constantFrom(
  "a",
  "é",
  "€",
  "\u{1f600}",
  "\u{10ffff}",
  "\ufeff",
  "e\u0301",
  "\n",
  "\ufffd",
);
const end = fc.array(character, { maxLength: 6 }).map((parts) => parts.join(""));
const message = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }).map((text) => text.replaceAll("\0", "")),
  fc.tuple(end, fc.integer({ min: -6, max: 3 }), character, end).map(([start, more, character, end]) =>
    start + character.repeat(PREVIEW - [...start].length + more) + end
  ),
);

const texts: fc.Arbitrary<LogTexts> = fc.record({
  id: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }).map(String),
  timestamp,
  level,
  service: fc.string({ unit: "binary", maxLength: 8 }).map((text) => text.replaceAll("\0", "")),
  message,
  metadata: fc.option(
    fc.constantFrom('{"a":1,"a":2.50}', "{}", '{"b": {"c": null}, "a": "é\\u0007"}', "null"),
    {
      nil: null,
    },
  ),
});

Deno.test("walLog() makes of a row what SQL makes of it", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  const sent: LogTexts[] = [
    ...fc.sample(texts, 4000),
    ...[-1, 0, 1].flatMap((more) =>
      ["x", "\u{1f600}"].map((character) => ({ ...TEXTS, message: character.repeat(MOST_MATCHED + more) }))
    ),
  ].map((texts, index) => ({ ...texts, id: String(index + 1) }));
  for (let at = 0; at < sent.length; at += 500) {
    const rows = sent.slice(at, at + 500);
    await db.sql`
      insert into logs (id, "timestamp", level, service, message, metadata)
      select (row->>'id')::bigint, (row->>'timestamp')::timestamptz, row->>'level', row->>'service', row->>'message',
        (row->>'metadata')::jsonb
      from jsonb_array_elements(${JSON.stringify(rows)}::text::jsonb) as row`;
  }
  const plain = await db.sql.reserve();
  await plain`set time zone 'UTC'`;
  // As output functions write them, which is what pgoutput sends.
  const written = await plain<LogTexts[]>`
    select id::text, "timestamp"::text, level, service, message, metadata::text from logs order by logs.id`;
  plain.release();
  const rows = await db.sql<(Row & { json: string })[]>`
    select ${columns(db.sql)}${wholeMessage(db.sql, true)}, coalesce(metadata::text, 'null') as json
    from logs order by id`;
  assert.equal(written.length, sent.length);
  for (const [index, row] of rows.entries()) {
    const made = walLog(written[index] ?? TEXTS);
    const log = toLog(row);
    assert.deepEqual(made.log, log);
    assert.equal(made.metadata, row.json);
    if (row.truncated) {
      const { truncated: _, ...whole } = log;
      assert.deepEqual(made.whole, { ...whole, message: row.whole });
    } else assert.equal(made.whole, made.log);
  }
});

Deno.test("walLog() refuses times that a session of other settings writes", () => {
  const foreign = [
    ...[
      "2026-01-31 12:00:00+01",
      "2026-01-31 12:00:00",
      "31/01/2026 12:00:00 UTC",
      "Sat Jan 31 12:00:00 2026 UTC",
    ],
    ...["2026-01-31T12:00:00+00", "", "2026-01-31 12:00:00+00\n", "Infinity", "99999999-01-01 00:00:00+00"],
  ];
  for (const timestamp of foreign) {
    assert.throws(() => walLog({ ...TEXTS, timestamp }), WalLogError, timestamp);
  }
});

Deno.test("walLog() looks at a level of a megabyte of spaces once", () => {
  const spaces = " ".repeat(2 ** 20);
  assert.equal(walLog({ ...TEXTS, level: `${spaces}error${spaces}` }).log.level, "error");
  assert.equal(walLog({ ...TEXTS, level: `x${spaces}x` }).log.level, "info");
});
