import assert from "node:assert/strict";
import fc from "fast-check";
import { testServer } from "../tests/postgres.ts";
import {
  asked,
  clampCursor,
  type Cursor,
  CursorError,
  cursorUpTo,
  formatCursor,
  isVisible,
  MAX_CURSOR_LENGTH,
  newerCursor,
  parseCursor,
  shorten,
} from "./cursor.ts";

const server = await testServer();

const cursors: fc.Arbitrary<Cursor> = fc.tuple(
  fc.oneof(fc.bigInt({ min: 1n, max: 5000n }), fc.bigInt({ min: 1n, max: 2n ** 63n - 100n })),
  fc.array(fc.bigInt({ min: 0n, max: 5n }), { maxLength: 12 }),
  fc.bigInt({ min: 0n, max: 5n }),
).map(([xmin, steps, beyond]) => {
  const xip: bigint[] = [];
  let next = xmin;
  for (const step of steps) {
    xip.push(next + step);
    next += step + 1n;
  }
  return { xmin, xmax: next + beyond, xip };
});

Deno.test("parseCursor() reads what formatCursor() writes", () => {
  fc.assert(fc.property(cursors, (cursor) => {
    assert.deepEqual(parseCursor(formatCursor(cursor)), cursor);
  }));
  assert.deepEqual(parseCursor("7310:7315:7310,7312"), { xmin: 7310n, xmax: 7315n, xip: [7310n, 7312n] });
  assert.deepEqual(parseCursor("1:9223372036854775807:").xmax, 2n ** 63n - 1n);
});

Deno.test("parseCursor() refuses everything else", () => {
  const bad = [
    "",
    "1",
    "1:2",
    "1:2:3:4",
    "0:2:",
    "3:2:",
    "-1:2:",
    "1:2:2",
    "2:5:1",
    "1:5:3,2",
    "1:5:2,2",
    "1:5:2,",
    "1:5:,2",
    "1:5: 2",
    " 1:5:2",
    "1:5:2\n",
    "1:5:2\0",
    "١:5:2",
    "0x1:5:",
    "1:9223372036854775808:",
    "1:18446744073709551615:",
    "1:99999999999999999999:",
    "1:184467440737095516150:",
    "1:5:2\n\ndata: forged",
    "1:9999:" + Array.from({ length: MAX_CURSOR_LENGTH }, (_, i) => i + 2).join(","),
  ];
  for (const text of bad) {
    assert.throws(() => parseCursor(text), CursorError, JSON.stringify(text.slice(0, 40)));
  }
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."0123456789:,") }), (text) => {
    try {
      assert.equal(typeof formatCursor(parseCursor(text)), "string");
    } catch (error) {
      assert.ok(error instanceof CursorError);
    }
  }));
});

Deno.test("parseCursor() takes what PostgreSQL takes, and isVisible() is its pg_visible_in_snapshot()", async () => {
  await using db = await server.database();
  const questions = fc.sample(
    fc.tuple(cursors, fc.bigInt({ min: -3n, max: 30n })).map(([cursor, offset]) => {
      const xid = cursor.xmin + offset;
      return { cursor: formatCursor(cursor), xid: String(xid < 1n ? 1n : xid) };
    }),
    2000,
  );
  const rows = await db.sql<{ cursor: string; xid: string; visible: boolean; again: string }[]>`
    select cursor, xid, pg_visible_in_snapshot(xid::xid8, cursor::pg_snapshot) as visible,
      cursor::pg_snapshot::text as again
    from json_to_recordset(${JSON.stringify(questions)}::text::json) as t (cursor text, xid text)`;
  assert.equal(rows.length, questions.length);
  assert.equal(new Set(rows.map(({ visible }) => visible)).size, 2);
  for (const { cursor, xid, visible, again } of rows) {
    assert.equal(isVisible(BigInt(xid), parseCursor(cursor)), visible, `${xid} in ${cursor}`);
    assert.equal(again, cursor);
  }
});

Deno.test("parseCursor() reads PostgreSQL's own snapshots, isVisible() sees what has ended in them", async () => {
  await using db = await server.database();
  const held = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<bigint>();
  const open = db.sql.begin(async (tx) => {
    const [row] = await tx<{ xid: string }[]>`select pg_current_xact_id()::text as xid`;
    begun.resolve(BigInt(row?.xid ?? 0));
    await held.promise;
  });
  const running = await begun.promise;
  const [ended] = await db.sql<{ xid: string }[]>`select pg_current_xact_id()::text as xid`;
  const [now] = await db.sql<{ text: string }[]>`select pg_current_snapshot()::text as text`;
  held.resolve();
  await open;
  const cursor = parseCursor(now?.text ?? "");
  assert.equal(formatCursor(cursor), now?.text);
  assert.equal(isVisible(running, cursor), false);
  assert.equal(isVisible(BigInt(ended?.xid ?? 0), cursor), true);
  assert.equal(isVisible(cursor.xmax, cursor), false);
});

Deno.test("parseCursor() takes nothing that PostgreSQL refuses", async () => {
  await using db = await server.database();
  const texts = fc.sample(
    fc.oneof(
      fc.string({ unit: fc.constantFrom(..."0123456789:,"), maxLength: 12 }),
      fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 64n }), fc.bigInt({ min: 0n, max: 2n ** 64n })).map((ids) =>
        ids.join(":") + ":"
      ),
    ),
    2000,
  ).filter((text) => {
    try {
      return parseCursor(text);
    } catch {
      return false;
    }
  });
  assert.ok(texts.length > 10);
  const rows = await db.sql`
    select text::pg_snapshot from json_array_elements_text(${JSON.stringify(texts)}::text::json) as t (text)`;
  assert.equal(rows.length, texts.length);
});

Deno.test("newerCursor() takes the one with the greater xmax, and either where the other is missing", () => {
  assert.equal(newerCursor(null, null), null);
  assert.equal(newerCursor("1:2:", null), "1:2:");
  assert.equal(newerCursor(null, "1:2:"), "1:2:");
  assert.equal(newerCursor("1:9:", "1:10:"), "1:10:");
  assert.equal(newerCursor("1:10:", "1:9:"), "1:10:");
  assert.equal(newerCursor("1:10:1,2", "3:10:"), "3:10:");
});

Deno.test("cursorUpTo() shows what was visible at first, and of the rest what the end shows up to the transaction", () => {
  // A later snapshot of the same database: some of the open transactions have ended, others have begun.
  const spans = fc.tuple(cursors, fc.array(fc.boolean()), fc.array(fc.boolean(), { maxLength: 12 })).map(
    ([since, ended, begun]) => {
      const open = since.xip.filter((_, i) => !ended[i]);
      const xip = [...open, ...begun.flatMap((open, i) => open ? since.xmax + BigInt(i) : [])];
      const xmax = since.xmax + BigInt(begun.length);
      return { since, until: { xmin: xip[0] ?? xmax, xmax, xip } };
    },
  );
  fc.assert(fc.property(spans, fc.bigInt({ min: -3n, max: 80n }), (span, offset) => {
    const xid = span.since.xmin + offset;
    const cursor = cursorUpTo(xid, span);
    assert.deepEqual(parseCursor(formatCursor(cursor)), cursor);
    for (let each = span.since.xmin - 2n; each < span.until.xmax + 2n; each++) {
      const expected = isVisible(each, span.since) || (each <= xid && isVisible(each, span.until));
      assert.equal(isVisible(each, cursor), expected, `${each}`);
    }
  }));
});

Deno.test("shorten() claims nothing that the cursor did not, and leaves short ones as they are", () => {
  const xip = Array.from({ length: 2000 }, (_, i) => 10n + 2n * BigInt(i));
  const long = { xmin: 10n, xmax: 5000n, xip };
  const short = shorten(long);
  assert.ok(formatCursor(short).length < MAX_CURSOR_LENGTH);
  assert.deepEqual(parseCursor(formatCursor(short)), short);
  for (let xid = 1n; xid < 5010n; xid++) assert.ok(!isVisible(xid, short) || isVisible(xid, long));
  assert.ok(isVisible(11n, short) && isVisible(9n, short));
  assert.equal(shorten(short), short);
});

Deno.test("clampCursor() claims what the cursor claims of the ids below, and none of the others", () => {
  assert.equal(clampCursor("7:15:7,12", 15n), "7:15:7,12");
  assert.equal(clampCursor("7:15:7,12", 10n), "7:10:7");
  assert.equal(clampCursor("7:15:7,12", 3n), "3:3:");
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 3, max: 60 })),
      fc.integer({ min: 3, max: 70 }),
      (ids, n) => {
        const xip = ids.sort((a, b) => a - b).map(BigInt);
        const cursor = { xmin: xip[0] ?? 61n, xmax: 61n, xip };
        const clamped = parseCursor(clampCursor(formatCursor(cursor), BigInt(n)));
        for (let xid = 1n; xid < 75n; xid++) {
          assert.equal(isVisible(xid, clamped), isVisible(xid, cursor) && xid < BigInt(n));
        }
      },
    ),
  );
});

Deno.test("asked() sees what the snapshot sees, is none that PostgreSQL writes, and changes no further", () => {
  fc.assert(
    fc.property(
      cursors.filter(({ xmin }) => xmin > 1n),
      fc.bigInt({ min: -5n, max: 70n }),
      (cursor, offset) => {
        const text = asked(formatCursor(cursor));
        const { xmin, xmax, xip } = parseCursor(text);
        assert.ok(xmin < (xip[0] ?? xmax));
        for (const xid of [cursor.xmin + offset, cursor.xmax + offset]) {
          assert.equal(isVisible(xid, { xmin, xmax, xip }), isVisible(xid, cursor));
        }
        assert.equal(asked(text), text);
      },
    ),
  );
  assert.equal(asked("7310:7315:7310,7312"), "7309:7315:7310,7312");
  assert.equal(asked("7315:7315:"), "7314:7315:");
});
