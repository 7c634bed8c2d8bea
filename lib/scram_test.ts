import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import postgres from "postgres";
import { testServer } from "../tests/postgres.ts";
import { scramVerifier } from "./scram.ts";

const server = await testServer();

Deno.test("scramVerifier() is what PostgreSQL makes of the same password and salt, and lets that password in", async () => {
  await using db = await server.database();
  const admin = postgres(db.superuserUrl, { max: 1, onnotice: () => {} });
  const password = "p'a$s~w!";
  const stored = async () =>
    (await admin`select rolpassword as verifier from pg_authid where rolname = 'scrammed'`)[0]?.verifier;
  try {
    await admin.unsafe(`create role scrammed login password 'p''a$s~w!'`);
    const salt = /^SCRAM-SHA-256\$4096:([^$]+)\$/u.exec(await stored())?.[1] ?? "";
    assert.equal(scramVerifier(password, Buffer.from(salt, "base64")), await stored());
    const verifier = scramVerifier(password);
    assert.notEqual(verifier, scramVerifier(password), "each has a salt of its own");
    await admin.unsafe(`alter role scrammed password '${verifier}'`);
    assert.equal(await stored(), verifier);
    const login = (password: string) =>
      postgres(Object.assign(new URL(db.url), { username: "scrammed", password }).href, { max: 1 });
    for (const [given, good] of [[password, true], [`${password}x`, false]] as const) {
      const sql = login(encodeURIComponent(given));
      const asked = sql`select 1`;
      if (good) await asked;
      else await assert.rejects(asked, { code: "28P01" });
      await sql.end();
    }
  } finally {
    await admin`drop role scrammed`;
    await admin.end();
  }
});

Deno.test("scramVerifier() refuses what PostgreSQL would normalise first", () => {
  for (const password of ["", "two words", "pässword", "\u212a"]) {
    assert.throws(() => scramVerifier(password), RangeError);
  }
});
