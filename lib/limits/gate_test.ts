import assert from "node:assert/strict";
import { FakeClock } from "../fake_clock.ts";
import { createGate } from "./gate.ts";

function setUp(most = 1, mostWaiting = 2) {
  const clock = new FakeClock();
  return { clock, gate: createGate({ most, mostWaiting, patience: 1000, clock }) };
}

async function enter(gate: ReturnType<typeof createGate>): Promise<() => void> {
  const turn = await gate.enter();
  return typeof turn === "function" ? turn : assert.fail(turn);
}

Deno.test("createGate() lets so many work, so many wait in their order, and nobody else", async () => {
  const { clock, gate } = setUp();
  const first = await enter(gate);
  const order: number[] = [];
  const second = enter(gate).then((end) => (order.push(2), end));
  const third = enter(gate).then((end) => (order.push(3), end));
  assert.deepEqual([gate.working, gate.waiting], [1, 2]);
  assert.equal(await gate.enter(), "full");
  first();
  first();
  const end = await second;
  assert.deepEqual([order, gate.working, gate.waiting], [[2], 1, 1]);
  end();
  (await third)();
  assert.deepEqual([order, gate.working, gate.waiting], [[2, 3], 0, 0]);
  assert.equal(clock.pending, 0);
});

Deno.test("createGate() lets nobody wait longer than its patience, nor whoever has gone", async () => {
  const { clock, gate } = setUp();
  const first = await enter(gate);
  const late = gate.enter();
  clock.advance(999);
  const gone = new AbortController();
  const left = gate.enter(gone.signal);
  gone.abort();
  assert.equal(await left, "left");
  assert.equal(gate.waiting, 1);
  clock.advance(1);
  assert.equal(await late, "late");
  assert.equal(await gate.enter(gone.signal), "left");
  first();
  assert.deepEqual([gate.working, gate.waiting, clock.pending], [0, 0, 0]);
});
