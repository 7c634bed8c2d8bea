import assert from "node:assert/strict";
import { createSharedAnswers } from "./shared_answers.ts";

function world(most = 10) {
  let now = 0;
  let asked = 0;
  const answers = createSharedAnswers<number>({ fresh: 5000, most, clock: { now: () => now } });
  return {
    answers,
    pass: (milliseconds: number) => now += milliseconds,
    ask: (key: string) => answers.ask(key, () => Promise.resolve(++asked)),
    asked: () => asked,
  };
}

Deno.test("createSharedAnswers() asks once for all who ask meanwhile, and for so long after the answer", async () => {
  const { answers, pass } = world();
  const answer = Promise.withResolvers<number>();
  const first = answers.ask("a", () => answer.promise);
  assert.equal(answers.known("b"), undefined);
  // However long it takes.
  pass(60_000);
  const others = [answers.known("a"), answers.ask("a", () => Promise.resolve(2))];
  answer.resolve(1);
  assert.deepEqual(await Promise.all([first, ...others]), [1, 1, 1]);
  pass(4999);
  assert.equal(await answers.known("a"), 1);
  pass(1);
  assert.equal(answers.known("a"), undefined);
  assert.equal(answers.size, 0);
});

Deno.test("createSharedAnswers() keeps no failure, and keys apart", async () => {
  const { answers, ask } = world();
  const failing = answers.ask("a", () => Promise.reject(new Error("away")));
  await assert.rejects(failing, /away/u);
  assert.equal(answers.known("a"), undefined);
  assert.deepEqual(await Promise.all([ask("a"), ask("b"), ask("a"), ask("b")]), [1, 2, 1, 2]);
});

Deno.test("createSharedAnswers() forgets the oldest over its bound, and those who wait for them get them all the same", async () => {
  const { answers, ask, asked } = world(3);
  const slow = Promise.withResolvers<number>();
  const waiting = answers.ask("slow", () => slow.promise);
  for (let i = 0; i < 100; i++) await ask(`key ${i}`);
  assert.equal(answers.size, 3);
  assert.equal(await ask("key 99"), 100);
  assert.equal(answers.known("slow"), undefined);
  await ask("slow");
  slow.reject(new Error("away"));
  await assert.rejects(waiting, /away/u);
  assert.equal(await answers.known("slow"), asked(), "the later answer stays");
});
