import assert from "node:assert/strict";
import { FakeClock } from "../fake_clock.ts";
import { createToken, hashToken, prefixOf } from "./token.ts";
import type { StoredToken } from "./token_store.ts";
import { createVerifier } from "./verifier.ts";

/** Tokens in memory, which can be away. */
class Tokens {
  readonly rows = new Map<number, StoredToken>();
  readonly touched: number[] = [];
  asked = 0;
  away = false;
  /** Called with every question, before its answer. */
  onAsk = () => {};

  add(more: Partial<StoredToken> = {}): string {
    const text = createToken();
    const id = this.rows.size + 1;
    this.rows.set(id, {
      id,
      organizationId: 1,
      name: "test",
      scope: "read",
      prefix: prefixOf(text),
      hash: hashToken(text),
      createdAt: new Date(0),
      expiresAt: null,
      revokedAt: null,
      lastUsedAt: null,
      usable: true,
      expiresIn: null,
      ...more,
    });
    return text;
  }

  set(id: number, change: Partial<StoredToken>): void {
    const row = this.rows.get(id);
    if (row) this.rows.set(id, { ...row, ...change });
  }

  #answer<T>(read: () => T): Promise<T> {
    this.asked++;
    if (this.away) return Promise.reject(new Error("away"));
    const answer = read();
    this.onAsk();
    return Promise.resolve(answer);
  }

  findByHash(hash: Uint8Array): Promise<StoredToken | null> {
    const same = (row: StoredToken) => row.hash.every((byte, i) => byte === hash[i]);
    return this.#answer(() => [...this.rows.values()].find(same) ?? null);
  }

  findByIds(ids: readonly number[]): Promise<StoredToken[]> {
    return this.#answer(() => ids.flatMap((id) => this.rows.get(id) ?? []));
  }

  touch(id: number): Promise<void> {
    this.touched.push(id);
    return Promise.resolve();
  }
}

function setUp() {
  const clock = new FakeClock();
  const store = new Tokens();
  const errors: string[] = [];
  const verifier = createVerifier({
    store,
    clock,
    isAway: (error) => error instanceof Error && error.message === "away",
    onError: (message) => errors.push(message),
  });
  return { clock, store, errors, verifier, [Symbol.dispose]: () => verifier[Symbol.dispose]() };
}

/** Lets everything run that waits for nothing but promises. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

Deno.test("createVerifier() asks once for what it then knows, and never for what is no token", async () => {
  using test = setUp();
  const text = test.store.add();
  const grants = await Promise.all([test.verifier.verify(text), test.verifier.verify(text)]);
  assert.deepEqual(grants.map((grant) => grant?.token.id), [1, 1]);
  assert.equal((await test.verifier.byId(1))?.token.name, "test");
  assert.equal(test.store.asked, 1);
  assert.equal(await test.verifier.verify("no token"), null);
  assert.equal(test.store.asked, 1);
  assert.equal(await test.verifier.verify(createToken()), null);
  assert.equal(test.store.asked, 2);
  test.clock.advance(30_000);
  assert.ok(await test.verifier.verify(text));
  assert.equal(test.store.asked, 3);
});

Deno.test("createVerifier() notes the last use at most once a minute", async () => {
  using test = setUp();
  const text = test.store.add();
  for (let i = 0; i < 100; i++) {
    await test.verifier.verify(text);
    test.clock.advance(1000);
  }
  assert.deepEqual(test.store.touched, [1, 1]);
});

Deno.test("createVerifier() ends a grant when its token is revoked, and gives no other", async () => {
  using test = setUp();
  const text = test.store.add();
  const grant = await test.verifier.verify(text);
  test.store.set(1, { usable: false, revokedAt: new Date(1) });
  test.verifier.changed("1");
  await settle();
  assert.equal(grant?.signal.aborted, true);
  assert.equal(await test.verifier.verify(text), null);
  assert.equal(await test.verifier.byId(1), null);
  for (const payload of ["", "1; drop", "99999999999999999999"]) test.verifier.changed(payload);
});

Deno.test("createVerifier() ends a grant when its token expires, also after months", async () => {
  using test = setUp();
  const expiresIn = 100 * 86_400_000;
  const text = test.store.add({ expiresAt: new Date(expiresIn), expiresIn });
  const grant = await test.verifier.verify(text);
  test.clock.advance(expiresIn - 1);
  assert.equal(grant?.signal.aborted, false);
  test.clock.advance(1);
  assert.equal(grant?.signal.aborted, true);
});

Deno.test("createVerifier() ends a grant whose token has got another scope, and gives the new one", async () => {
  using test = setUp();
  const text = test.store.add();
  const grant = await test.verifier.verify(text);
  test.store.set(1, { scope: "ingest" });
  test.verifier.changed("1");
  await settle();
  assert.equal(grant?.signal.aborted, true);
  assert.equal((await test.verifier.verify(text))?.token.scope, "ingest");
});

Deno.test("createVerifier() finds what was revoked while nobody listened, as soon as the database is back", async () => {
  using test = setUp();
  const [kept, revoked] = [test.store.add(), test.store.add()];
  const grants = [await test.verifier.verify(kept), await test.verifier.verify(revoked)];
  test.store.set(2, { usable: false });
  test.store.away = true;
  test.verifier.recheck();
  await settle();
  assert.deepEqual(grants.map((grant) => grant?.signal.aborted), [false, false]);
  assert.equal(test.errors.length, 1);
  test.store.away = false;
  test.clock.advance(2000);
  await settle();
  assert.deepEqual(grants.map((grant) => grant?.signal.aborted), [false, true]);
});

Deno.test("createVerifier() believes what it knew while the database is away, for ten minutes", async () => {
  using test = setUp();
  const text = test.store.add();
  await test.verifier.verify(text);
  test.store.away = true;
  test.clock.advance(599_000);
  assert.ok(await test.verifier.verify(text));
  await assert.rejects(test.verifier.verify(createToken()), /away/u);
  test.clock.advance(1000);
  await assert.rejects(test.verifier.verify(text), /away/u);
});

Deno.test("createVerifier() does not keep an answer from before a change", async () => {
  using test = setUp();
  const text = test.store.add();
  test.store.onAsk = () => {
    test.store.onAsk = () => {};
    test.store.set(1, { usable: false });
    test.verifier.changed("1");
  };
  assert.equal(await test.verifier.verify(text), null);
});

Deno.test("createVerifier() ends every grant when it is disposed of, and leaves no timer", async () => {
  const test = setUp();
  const grant = await test.verifier.verify(test.store.add({ expiresAt: new Date(1), expiresIn: 1e6 }));
  test.verifier[Symbol.dispose]();
  assert.equal(grant?.signal.aborted, true);
  assert.equal(test.clock.pending, 0);
});

Deno.test("createVerifier() looks up a bounded number of tokens at a time, and those it knows without", async () => {
  using test = setUp();
  const text = test.store.add();
  assert.equal(test.verifier.isKnown(text), false);
  await test.verifier.verify(text);
  assert.equal(test.verifier.isKnown(text), true);
  assert.equal(test.verifier.isKnown("no token"), false);
  const asked = Array.from({ length: 1000 }, () => test.verifier.verify(createToken()));
  await assert.rejects(test.verifier.verify(createToken()), { code: "53300" });
  assert.ok(await test.verifier.verify(text));
  assert.ok((await Promise.all(asked)).every((grant) => grant === null));
  assert.equal(await test.verifier.verify(createToken()), null);
});
