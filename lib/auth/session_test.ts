import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ABSOLUTE,
  IDLE,
  readSession,
  renewed,
  type Session,
  sessionCookie,
  setSessionCookie,
  signSession,
  streamLifetime,
} from "./session.ts";

const KEY = new Uint8Array(32).fill(7);
const NOW = 1_800_000_000_000;
const SESSION: Session = { tokenId: 12, issuedAt: NOW - 1000, seenAt: NOW };

Deno.test("readSession() reads what signSession() wrote, and nothing else", () => {
  const text = signSession(SESSION, KEY);
  assert.deepEqual(readSession(text, KEY, NOW), SESSION);
  assert.equal(readSession(text, new Uint8Array(32).fill(8), NOW), null);
  for (
    const other of ["", "1", text + "A", text.slice(0, -1), text.replace("12.", "13."), `${text}.x`, "1.2.3."]
  ) {
    assert.equal(readSession(other, KEY, NOW), null, other);
  }
  const digits = [...text].keys();
  fc.assert(
    fc.property(fc.constantFrom(...digits), fc.constantFrom(..."0123456789.-_aZ"), (at, char) => {
      const changed = text.slice(0, at) + char + text.slice(at + 1);
      // The last character of base64url holds two bits that decode to nothing.
      if (changed === text || at === text.length - 1) return;
      assert.equal(readSession(changed, KEY, NOW), null, changed);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("readSession() ends a session that is idle, too old, or from the future", () => {
  const read = (session: Session, now: number) => readSession(signSession(session, KEY), KEY, now);
  assert.ok(read(SESSION, NOW + IDLE - 1));
  assert.equal(read(SESSION, NOW + IDLE), null);
  const old = { ...SESSION, issuedAt: NOW - ABSOLUTE };
  assert.equal(read(old, NOW), null);
  assert.ok(read({ ...old, issuedAt: old.issuedAt + 1 }, NOW));
  assert.equal(read({ ...SESSION, seenAt: NOW + 61_000 }, NOW), null);
});

Deno.test("renewed() moves a session on after five minutes, and never its beginning", () => {
  assert.equal(renewed(SESSION, NOW + 299_999), null);
  assert.deepEqual(renewed(SESSION, NOW + 300_000), { ...SESSION, seenAt: NOW + 300_000 });
});

Deno.test("streamLifetime() ends a stream before its cookie is idle, and with the session", () => {
  assert.equal(streamLifetime(SESSION, NOW), IDLE / 2);
  assert.equal(streamLifetime(SESSION, SESSION.issuedAt + ABSOLUTE - 5), 5);
  assert.equal(streamLifetime(SESSION, SESSION.issuedAt + ABSOLUTE + 5), 0);
});

Deno.test("sessionCookie() finds the cookie among others, behind TLS only the one that is bound to the host", () => {
  const of = (cookie: string, secure: boolean) => sessionCookie(new Headers({ cookie }), secure);
  assert.equal(of("a=b; tailpost=x; c=d", false), "x");
  assert.equal(of("__Host-tailpost=x;tailpost=y", true), "x");
  assert.equal(of("tailpost=y", true), null);
  assert.equal(of("xtailpost=y; tailpost", false), null);
  assert.equal(sessionCookie(new Headers(), false), null);
});

Deno.test("setSessionCookie() keeps it from scripts and other sites, and off plain HTTP behind TLS", () => {
  assert.equal(setSessionCookie("x", false), "tailpost=x; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax");
  assert.equal(
    setSessionCookie("", true),
    "__Host-tailpost=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure",
  );
});
