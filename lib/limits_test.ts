import assert from "node:assert/strict";
import { FakeClock } from "./fake_clock.ts";
import { createLimits, type Reason, RefusedError } from "./limits.ts";
import { DEFAULT_LIMITS, type LimitConfig } from "./limits/settings.ts";

function setUp(config: Partial<LimitConfig>) {
  const clock = new FakeClock();
  return { clock, limits: createLimits({ ...DEFAULT_LIMITS, ...config }, clock) };
}

/** What an error has to say of itself. */
const because = (reason: Reason, status: number, retryAfter: number) => (error: unknown) => {
  assert.ok(error instanceof RefusedError);
  assert.deepEqual([error.reason, error.refusal.status, error.refusal.retryAfter], [
    reason,
    status,
    retryAfter,
  ]);
  return true;
};

Deno.test("createLimits() counts viewers of a token and of an address, and forgets those that left", () => {
  const { limits } = setUp({ maxViewersPerToken: 2, maxViewersPerAddress: 3 });
  const of = (key: string | null, address: string) => limits.viewer({ key, address });
  const leave = [of("token 1", "a"), of("token 1", "b")];
  assert.throws(() => of("token 1", "c"), because("viewers_of_token", 429, 10));
  // What was refused takes no place of its address.
  leave.push(of(null, "a"), of("token 2", "a"));
  assert.throws(() => of("token 3", "a"), because("viewers_of_address", 429, 10));
  leave[0]?.();
  leave[0]?.();
  leave.push(of("token 1", "a"));
  assert.throws(() => of("token 3", "a"), because("viewers_of_address", 429, 10));
  for (const end of leave) end();
  assert.equal(limits.counts.remembered, 0);
});

Deno.test("createLimits() says what to do where everybody comes through one proxy", () => {
  const { limits } = setUp({ maxViewersPerAddress: 1 });
  const client = { key: null, address: "a" };
  limits.viewer(client);
  assert.throws(() => limits.viewer(client), /The one stream of your address is taken: close others$/u);
  assert.throws(
    () => limits.viewer({ ...client, isForwarded: true }),
    /The one stream of the proxy's address is taken: it is not named in TAILPOST_TRUSTED_PROXY,/u,
  );
});

Deno.test("createLimits() bounds the logs a second of a token, without sign-in of an address", () => {
  const { clock, limits } = setUp({ ingestRate: 10, ingestBurst: 20 });
  const [one, two, open] = [
    { key: "token 1", address: "a" },
    { key: "token 2", address: "a" },
    { key: null, address: "a" },
  ] as const;
  limits.ingest(one, 50);
  assert.throws(() => limits.ingest(one, 1), because("ingest_rate", 429, 4));
  assert.throws(() => limits.mayIngest({ ...one, address: "b" }), because("ingest_rate", 429, 4));
  limits.ingest(two, 20);
  limits.ingest(open, 20);
  limits.ingest({ ...open, address: "b" }, 20);
  clock.advance(3100);
  limits.ingest(one, 1);
  const { limits: unlimited } = setUp({ ingestRate: 0 });
  for (let i = 0; i < 100; i++) unlimited.ingest(one, 1_000_000);
});

Deno.test("createLimits() has room for so many bytes of bodies", () => {
  const { limits } = setUp({ maxBodiesBytes: 100 });
  {
    using room = limits.room();
    room.take(60);
    using other = limits.room();
    other.take(40);
    assert.throws(() => other.take(1), because("body_memory", 503, 2));
    assert.equal(limits.counts.bodies, 100);
  }
  assert.equal(limits.counts.bodies, 0);
});

Deno.test("createLimits() has so many at work and waiting, and gives the turn on when one fails", async () => {
  const { clock, limits } = setUp({ maxWorking: 1, maxWaiting: 1, waitSeconds: 2 });
  const client = { key: "token 1", address: "a" };
  const work = Promise.withResolvers<string>();
  const first = limits.work(client, () => work.promise);
  const second = limits.work(client, () => Promise.resolve("second"));
  assert.deepEqual([limits.counts.working, limits.counts.waiting], [1, 1]);
  const other = { key: "token 2", address: "a" };
  await assert.rejects(limits.work(other, () => assert.fail()), because("queue_full", 503, 2));
  await assert.rejects(limits.work(client, () => assert.fail()), because("queue_full", 429, 2));
  work.reject(new Error("broken"));
  await assert.rejects(first, /broken/u);
  assert.equal(await second, "second");
  const endless = Promise.withResolvers<void>();
  const holding = limits.work(client, () => endless.promise);
  const waiting = assert.rejects(limits.work(client, () => assert.fail()), because("queue_time", 503, 2));
  clock.advance(2000);
  await waiting;
  endless.resolve();
  await holding;
  assert.deepEqual([limits.counts.working, limits.counts.waiting, limits.counts.remembered], [0, 0, 0]);
});

Deno.test("createLimits() leaves half of those who wait to others", async () => {
  const { limits } = setUp({ maxWorking: 1, maxWaiting: 4 });
  const [one, two] = [{ key: "token 1", address: "a" }, { key: "token 2", address: "a" }];
  const first = Promise.withResolvers<void>();
  const all = [one, one, one].map((client) => limits.work(client, () => first.promise));
  await assert.rejects(limits.work(one, () => assert.fail()), because("queue_full", 429, 2));
  all.push(limits.work(two, () => first.promise), limits.work(two, () => first.promise));
  assert.deepEqual([limits.counts.working, limits.counts.waiting], [1, 4]);
  first.resolve();
  await Promise.all(all);
});

Deno.test("createLimits() bounds attempts to sign in that fail, an address", () => {
  const { clock, limits } = setUp({ signInAttempts: 3 });
  for (let i = 0; i < 10; i++) limits.signIn("a")();
  for (let i = 0; i < 3; i++) limits.signIn("a");
  assert.throws(() => limits.signIn("a"), because("sign_in", 429, 20));
  limits.signIn("b");
  clock.advance(20_000);
  limits.signIn("a");
  for (let i = 0; i < 20_000; i++) limits.signIn(`${i}`);
  assert.equal(limits.counts.remembered, 10_000);
});

Deno.test("createLimits() bounds tokens that are not valid, apart from attempts to sign in", () => {
  const { clock, limits } = setUp({ signInAttempts: 1 });
  for (let i = 0; i < 10; i++) {
    assert.equal(limits.tooManyTokens("a"), null);
    limits.tokenFailed("a");
  }
  assert.ok(because("sign_in", 429, 6)(limits.tooManyTokens("a")));
  assert.equal(limits.tooManyTokens("b"), null);
  limits.signIn("a");
  clock.advance(6000);
  assert.equal(limits.tooManyTokens("a"), null);
});
