import assert from "node:assert/strict";
import fc from "fast-check";
import { type Cursor, isVisible, parseCursor } from "../cursor.ts";
import { Claims } from "./claims.ts";

const NONE: ReadonlySet<bigint> = new Set();
const claimsOf = (snapshot: string) => new Claims(parseCursor(snapshot));

Deno.test("Claims begins with the snapshot of the slot", () => {
  assert.equal(claimsOf("5:9:5,7").cursor, "5:9:5,7");
  assert.equal(claimsOf("9:9:").cursor, "9:9:");
});

Deno.test("Claims adds what was handed on, and nothing that lies between", () => {
  const claims = claimsOf("5:9:5,7");
  claims.add(7n, NONE);
  assert.equal(claims.cursor, "5:9:5");
  claims.add(11n, NONE);
  assert.equal(claims.cursor, "5:12:5,9,10");
  claims.add(9n, NONE);
  claims.add(5n, NONE);
  assert.equal(claims.cursor, "10:12:10");
});

Deno.test("Claims.settle() adds what has ended without logs, and not what waits", () => {
  const claims = claimsOf("5:5:");
  claims.add(9n, NONE);
  assert.equal(claims.cursor, "5:10:5,6,7,8");
  claims.settle(parseCursor("6:20:6,12"), new Set([7n, 15n]));
  assert.equal(claims.cursor, "6:10:6,7");
  // Those between have ended before, but for one that runs and one that waits.
  claims.add(16n, new Set([7n, 15n]));
  assert.equal(claims.cursor, "6:17:6,7,12,15");
  claims.add(15n, new Set([7n]));
  claims.add(22n, new Set([7n]));
  assert.equal(claims.cursor, "6:23:6,7,12,20,21");
});

Deno.test("Claims does not list what is far apart, and claims it once it is known what has ended", () => {
  const claims = claimsOf("5:5:");
  claims.add(20_000n, NONE);
  assert.equal(claims.cursor, "5:5:");
  // One that has been open for long does not keep others from being claimed.
  claims.settle(parseCursor("6:20001:6"), NONE);
  claims.add(20_003n, NONE);
  assert.equal(claims.cursor, "6:20004:6,20001,20002");
});

Deno.test("Claims.cursor claims less where it would be long", () => {
  const claims = claimsOf("5:5:");
  claims.add(5005n, NONE);
  const { xmax, xip } = parseCursor(claims.cursor);
  assert.deepEqual([xmax, xip.length], [305n, 300]);
  claims.settle(parseCursor("5006:5006:"), NONE);
  assert.equal(claims.cursor, "5006:5006:");
});

/** A database whose log is read: what a stream sees of it, and what is true. */
class Model {
  /** Those that run, with whether they have logs. */
  readonly running = new Map<bigint, boolean>();
  /** In the WAL: when it was decoded, and not before, its logs are known. */
  readonly wal: { readonly xid: bigint; readonly hasLogs: boolean }[] = [];
  /** In the WAL and not visible yet. */
  readonly hidden = new Set<bigint>();
  readonly handedOn = new Set<bigint>();
  readonly withLogs = new Set<bigint>();
  /** Committed before the slot was made. */
  readonly before = new Set<bigint>();
  waiting: bigint[] = [];
  next = 3n;
  position = 0;
  claims: Claims | null = null;
  taken: { readonly snapshot: Cursor; readonly lsn: number } | null = null;

  snapshot(also: Iterable<bigint> = this.hidden): Cursor {
    const xip = [...new Set([...this.running.keys(), ...also])].sort((a, b) => a < b ? -1 : 1);
    return { xmin: xip[0] ?? this.next, xmax: this.next, xip };
  }

  begin(hasLogs: boolean): void {
    if (hasLogs) this.withLogs.add(this.next);
    this.running.set(this.next++, hasLogs);
  }

  end(nth: number, isCommit: boolean): void {
    const [xid, hasLogs] = [...this.running][nth % this.running.size] ?? [];
    if (xid === undefined || hasLogs === undefined) return;
    this.running.delete(xid);
    if (!isCommit) this.withLogs.delete(xid);
    else {
      this.wal.push({ xid, hasLogs });
      this.hidden.add(xid);
      if (this.claims === null) this.before.add(xid);
    }
  }

  show(nth: number): void {
    const xid = [...this.hidden][nth % this.hidden.size];
    if (xid !== undefined) this.hidden.delete(xid);
  }

  /** All of the WAL so far is in its snapshot, visible or not. */
  makeSlot(): void {
    if (this.claims !== null) return;
    this.claims = new Claims(this.snapshot([]));
    this.position = this.wal.length;
  }

  decode(): void {
    const next = this.claims && this.wal[this.position];
    if (!next) return;
    this.position++;
    if (next.hasLogs) this.waiting.push(next.xid);
    this.settle();
  }

  look(most: number): void {
    const { claims } = this;
    if (claims === null) return;
    const found = { snapshot: this.snapshot(), lsn: this.wal.length };
    this.taken ??= found;
    const visible = this.waiting.filter((xid) => isVisible(xid, found.snapshot)).slice(0, most);
    this.waiting = this.waiting.filter((xid) => !visible.includes(xid));
    for (const xid of visible) {
      this.handedOn.add(xid);
      claims.add(xid, new Set(this.waiting));
    }
    this.settle();
  }

  settle(): void {
    if (this.taken === null || this.taken.lsn > this.position) return;
    this.claims?.settle(this.taken.snapshot, new Set(this.waiting));
    this.taken = null;
  }

  check(): void {
    if (this.claims === null) return;
    const cursor = parseCursor(this.claims.cursor);
    for (const xid of this.withLogs) {
      if (!isVisible(xid, cursor)) continue;
      assert.ok(this.handedOn.has(xid) || this.before.has(xid), `${this.claims.cursor} claims ${xid}`);
    }
    assert.ok(cursor.xmax <= this.next);
  }
}

Deno.test("Claims never claims logs that were not handed on, and in the end all that were", () => {
  const nth = fc.nat(20);
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.boolean().map((hasLogs) => (model: Model) => model.begin(hasLogs)) },
    {
      weight: 3,
      arbitrary: fc.tuple(nth, fc.integer({ min: 0, max: 9 })).map(([nth, dice]) => (model: Model) =>
        model.end(nth, dice > 1)
      ),
    },
    { weight: 2, arbitrary: nth.map((nth) => (model: Model) => model.show(nth)) },
    { weight: 3, arbitrary: fc.constant((model: Model) => model.decode()) },
    {
      weight: 2,
      arbitrary: fc.integer({ min: 1, max: 3 }).map((most) => (model: Model) => model.look(most)),
    },
    { weight: 1, arbitrary: fc.constant((model: Model) => model.makeSlot()) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
      const model = new Model();
      for (const step of steps) {
        step(model);
        model.check();
      }
      model.makeSlot();
      // One more, which has all that came before settled.
      while (model.running.size > 0) model.end(0, true);
      while (model.hidden.size > 0) model.show(0);
      for (let round = 0; round < 2; round++) {
        model.begin(true);
        model.end(0, true);
        model.show(0);
        while (model.position < model.wal.length) model.decode();
        model.look(Infinity);
        model.check();
      }
      const cursor = parseCursor(model.claims?.cursor ?? "");
      for (const xid of model.withLogs) assert.ok(isVisible(xid, cursor));
    }),
    { numRuns: 1000 },
  );
});
