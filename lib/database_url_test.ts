import assert from "node:assert/strict";
import { DatabaseUrlError, parseDatabaseUrl, withoutPassword } from "./database_url.ts";

const DB = "postgres://jo:secret@db:5432/logs";

const tlsOf = (query: string) => parseDatabaseUrl(`${DB}?${query}`).tls;

Deno.test("parseDatabaseUrl() leaves to postgres.js what is not about TLS", () => {
  const url = "postgres://jo:p%3Fw@a:1,b:2/logs";
  assert.deepEqual(parseDatabaseUrl(url), { url, tls: null });
  assert.equal(parseDatabaseUrl(`${url}?sslmode=require`).url, url);
  const { url: rest } = parseDatabaseUrl(
    `${url}?options=-c%20a%3D1&sslmode=verify-ca&target_session_attrs=primary&sslrootcert=/c`,
  );
  assert.deepEqual([...new URLSearchParams(rest.split("?")[1])], [
    ["options", "-c a=1"],
    ["target_session_attrs", "primary"],
  ]);
  // The server knows none of these parameters of libpq, and would refuse the connection.
  assert.equal(parseDatabaseUrl(`${DB}?channel_binding=prefer&gssencmode=disable&sslsni=1`).url, DB);
});

Deno.test("parseDatabaseUrl() reads the modes of libpq, and what each of them verifies", () => {
  const modes: [query: string, mode: string | null, verify?: boolean, rootCert?: string | null][] = [
    ["", null],
    ["sslmode=", null],
    ["sslmode=disable", null],
    ["sslmode=disable&sslrootcert=/ca", null],
    ["sslmode=prefer", "prefer", false, null],
    ["sslmode=prefer&sslrootcert=/ca", "prefer", false, "/ca"],
    ["sslmode=require", "require", false, null],
    ["sslmode=require&sslrootcert=/ca", "require", true, "/ca"],
    ["sslmode=verify-ca&sslrootcert=/ca", "verify-ca", true, "/ca"],
    ["sslmode=verify-full&sslrootcert=/ca", "verify-full", true, "/ca"],
    ["sslmode=verify-full&sslrootcert=system", "verify-full", true, null],
    ["sslmode=verify-full", "verify-full", true, null],
    ["sslrootcert=system", "verify-full", true, null],
    ["sslmode=disable&sslmode=verify-full", "verify-full", true, null],
  ];
  for (const [query, mode, verify, rootCert] of modes) {
    const expected = mode === null ? null : { mode, verify, rootCert, client: null };
    assert.deepEqual(tlsOf(query), expected, query);
  }
  const client = tlsOf("sslmode=require&sslcert=/me.crt&sslkey=/me.key")?.client;
  assert.deepEqual(client, { cert: "/me.crt", key: "/me.key" });
});

Deno.test("parseDatabaseUrl() refuses what would encrypt or verify less than it says", () => {
  const bad: [query: string, message: RegExp][] = [
    [
      "sslmode=allow",
      /^sslmode of the database URL is "allow": allowed is disable or prefer or require or verify-ca/u,
    ],
    ["sslmode=REQUIRE", /"REQUIRE": allowed is/u],
    ["sslmode=toString", /"toString": allowed is/u],
    ["sslmode=verify-ca", /"verify-ca" and sslrootcert .* is not set: allowed is a file/u],
    [
      "sslmode=verify-ca&sslrootcert=system",
      /"verify-ca" and sslrootcert .* is "system".*allowed .* is verify-full/u,
    ],
    ["sslmode=require&sslrootcert=system", /"require" and sslrootcert .* is "system"/u],
    [
      "sslrootcert=/ca",
      /^sslrootcert .* is "\/ca" and sslmode .* is not set: allowed with it is verify-full/u,
    ],
    ["sslcert=/c&sslkey=/k", /^sslcert .* is "\/c" and sslmode .* is not set/u],
    ["sslmode=require&sslcert=/c", /^sslcert .* is "\/c" and sslkey .* is not set: allowed is both/u],
    ["sslmode=require&sslkey=/k", /^sslkey .* is "\/k" and sslcert .* is not set: allowed is both/u],
    [
      "ssl=true",
      /^ssl .* is "true", which is not supported: allowed is sslmode, sslrootcert, sslcert, sslkey$/u,
    ],
    ["requiressl=1", /^requiressl .* is not supported/u],
    ["sslmode=require&sslcrl=/crl", /^sslcrl .* is "\/crl", which is not supported/u],
    [
      "sslmode=require&sslnegotiation=direct",
      /^sslnegotiation .* is "direct".*: allowed is to leave it out$/u,
    ],
    [
      "sslmode=require&channel_binding=require",
      /^channel_binding .* is "require".*: allowed is to leave it out$/u,
    ],
  ];
  for (const [query, message] of bad) {
    assert.throws(() => tlsOf(query), (error) => {
      assert.ok(error instanceof DatabaseUrlError);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /secret/u);
      return true;
    });
  }
});

Deno.test("withoutPassword() leaves the rest to be read", () => {
  assert.equal(withoutPassword("postgres://jo:secret@db:5432/logs"), "postgres://jo:***@db:5432/logs");
  assert.equal(withoutPassword("postgres://jo@db:5432/logs"), "postgres://jo@db:5432/logs");
  assert.equal(withoutPassword("postgres://db:5432/logs"), "postgres://db:5432/logs");
  assert.equal(
    withoutPassword("postgres://db/logs?password=secret&a=1"),
    "postgres://db/logs?password=***&a=1",
  );
});
