import assert from "node:assert/strict";
import { LIMIT_SETTINGS } from "./limits/settings.ts";
import { isLoopback } from "./auth/networks.ts";
import { ConfigError, type Flags, readConfig, SETTINGS } from "./config.ts";

function read(env: Record<string, string> = {}, flags: Flags = {}, around = {}) {
  return readConfig(flags, { env: (name) => env[name], isRoot: false, isTerminal: false, ...around });
}

Deno.test("readConfig() has a default for everything", () => {
  assert.deepEqual(read({ HOME: "/home/jo" }), {
    databaseUrl: null,
    sslmode: null,
    sslrootcert: null,
    sslcert: null,
    sslkey: null,
    dataDir: "/home/jo/.local/share/tailpost",
    pgBinDir: null,
    host: "127.0.0.1",
    port: 8000,
    tlsCert: null,
    tlsKey: null,
    auth: "token",
    source: "notify",
    walKeepBytes: 1_073_741_824,
    migrate: "auto",
    rolePassword: null,
    trustedProxy: "",
    authHeader: null,
    authOrganization: 1,
    corsOrigins: "",
    heartbeatSeconds: 15,
    maxBodyBytes: 5 * 1024 * 1024,
    maxBodiesBytes: 128 * 1024 * 1024,
    bodySeconds: 30,
    maxBatch: 50_000,
    maxMessageBytes: 1024 * 1024,
    maxMetadataBytes: 1024 * 1024,
    ingestRate: 20_000,
    ingestBurst: 100_000,
    maxViewers: 20_000,
    maxViewersPerToken: 2000,
    maxViewersPerAddress: 2000,
    maxWorking: 8,
    maxWaiting: 500,
    waitSeconds: 10,
    queryTimeoutSeconds: 30,
    maxQueryLength: 16_384,
    maxPatterns: 20,
    maxPatternLength: 1000,
    maxRegexpSize: 1000,
    signInAttempts: 60,
    maxConnections: 25_000,
    headerTimeoutSeconds: 10,
    logLevel: "info",
    logFormat: "json",
  });
});

Deno.test("readConfig() makes defaults depend on where it runs", () => {
  assert.equal(read({}, {}, { isRoot: true }).dataDir, "/var/lib/tailpost");
  assert.equal(read({ HOME: "/home/jo", XDG_DATA_HOME: "/data" }).dataDir, "/data/tailpost");
  assert.equal(read({}, {}, { isTerminal: true }).logFormat, "text");
  assert.equal(read({ DATABASE_URL: "postgres://db/logs" }).migrate, "off");
  assert.equal(read({ DATABASE_URL: "postgres://db/logs", TAILPOST_MIGRATE: "auto" }).migrate, "auto");
});

Deno.test("readConfig() takes a flag before the environment, and the first name in it that is set", () => {
  assert.equal(read({ PORT: "1" }).port, 1);
  assert.equal(read({ PORT: "1", TAILPOST_PORT: "2" }).port, 2);
  assert.equal(read({ PORT: "1", TAILPOST_PORT: "" }).port, 1);
  assert.equal(read({ PORT: "1", TAILPOST_PORT: "2" }, { port: "3" }).port, 3);
  assert.equal(read({ TAILPOST_PORT: "junk" }, { port: "3" }).port, 3);
  assert.equal(read({}, { port: "0" }).port, 0);
});

Deno.test("readConfig() reads every setting from its environment", () => {
  const values: Record<string, [text: string, value: string | number]> = {
    databaseUrl: [
      "postgresql://u:p@db:5432/logs?sslmode=require",
      "postgresql://u:p@db:5432/logs?sslmode=require",
    ],
    sslmode: ["verify-full", "verify-full"],
    sslrootcert: ["/ca.crt", "/ca.crt"],
    sslcert: ["/me.crt", "/me.crt"],
    sslkey: ["/me.key", "/me.key"],
    dataDir: ["/data", "/data"],
    pgBinDir: ["/usr/bin", "/usr/bin"],
    host: ["[::1]", "[::1]"],
    port: ["65535", 65535],
    auth: ["off", "off"],
    source: ["wal", "wal"],
    walKeepBytes: ["1099511627776", 1_099_511_627_776],
    migrate: ["off", "off"],
    rolePassword: ["twelve-chars", "twelve-chars"],
    trustedProxy: ["10.0.0.0/8", "10.0.0.0/8"],
    authOrganization: ["2", 2],
    heartbeatSeconds: ["1", 1],
    corsOrigins: ["https://a.example,http://b.example:81", "https://a.example,http://b.example:81"],
    ...Object.fromEntries(LIMIT_SETTINGS.map(({ key, to }) => [key, [String(to), to]])),
    logLevel: ["debug", "debug"],
    logFormat: ["text", "text"],
  };
  for (const { key, env } of SETTINGS) {
    if (["authHeader", "tlsCert", "tlsKey"].includes(key)) continue; // Not alone, below.
    const [text, value] = values[key] ?? assert.fail(`no value for ${key}`);
    for (const name of env) assert.equal(read({ [name]: text })[key], value, name);
  }
});

Deno.test("readConfig() takes a certificate only with its key", () => {
  const files = { TAILPOST_TLS_CERT: "tls.crt", TAILPOST_TLS_KEY: "tls.key" };
  const { tlsCert, tlsKey } = read(files);
  assert.deepEqual([tlsCert, tlsKey], ["tls.crt", "tls.key"]);
  assert.throws(
    () => read({ ...files, TAILPOST_TLS_KEY: "" }),
    /TAILPOST_TLS_KEY is not set: TLS takes both/u,
  );
  assert.throws(() => read({ ...files, TAILPOST_TLS_CERT: "" }), /TAILPOST_TLS_CERT is not set/u);
});

Deno.test("readConfig() bounds every limit on both sides, and holds its default to them", () => {
  for (const { key, env, default: fallback, from, to } of LIMIT_SETTINGS) {
    assert.ok(from <= fallback && fallback <= to, key);
    for (const value of [from - 1, to + 1]) {
      assert.throws(() => read({ [env]: String(value) }), new RegExp(`from ${from} to ${to}`, "u"), key);
    }
  }
});

Deno.test("readConfig() wants room in memory for one body", () => {
  const env = { TAILPOST_MAX_BODY_BYTES: "2000000", TAILPOST_MAX_BODIES_BYTES: "1999999" };
  assert.throws(
    () => read(env),
    /TAILPOST_MAX_BODIES_BYTES is 1999999 and .* is 2000000: there must be room/u,
  );
});

Deno.test("readConfig() takes origins only as browsers write them", () => {
  const good = ["https://a.example", "http://localhost:3000", "https://a.example, https://b.example:8443"];
  for (const text of good) assert.equal(read({ TAILPOST_CORS_ORIGINS: text }).corsOrigins, text);
  const bad = [
    "*",
    "null",
    "a.example",
    "https://A.example",
    "https://a.example/",
    "https://a.example:443",
    "https://*.example",
    "https://a.example,",
    "https://user@a.example",
    "ftp://a.example",
  ];
  for (const text of bad) assert.throws(() => read({ TAILPOST_CORS_ORIGINS: text }), ConfigError, text);
});

Deno.test("readConfig() stops at a bad value with one line that names it and what is allowed", () => {
  const bad: [name: string, value: string][] = [
    ["DATABASE_URL", "mysql://db"],
    ["PGSSLMODE", "allow"],
    ["TAILPOST_HOST", "a b"],
    ["TAILPOST_PORT", "65536"],
    ["TAILPOST_PORT", "-1"],
    ["TAILPOST_PORT", "80.5"],
    ["PORT", "http"],
    ["TAILPOST_AUTH", "none"],
    ["TAILPOST_SOURCE", "WAL"],
    ["TAILPOST_WAL_KEEP_BYTES", "16777215"],
    ["TAILPOST_WAL_KEEP_BYTES", "1099511627777"],
    ["TAILPOST_WAL_KEEP_BYTES", "1GB"],
    ["TAILPOST_MIGRATE", "yes"],
    ["TAILPOST_TRUSTED_PROXY", "localhost"],
    ["TAILPOST_AUTH_HEADER", "Authorization"],
    ["TAILPOST_AUTH_ORGANIZATION", "0"],
    ["TAILPOST_HEARTBEAT_SECONDS", "0"],
    ["TAILPOST_MAX_VIEWERS", "1e3"],
    ["TAILPOST_LOG_LEVEL", "warn"],
    ["TAILPOST_LOG_FORMAT", "xml"],
  ];
  for (const [name, value] of bad) {
    assert.throws(() => read({ [name]: value }), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.ok(error.message.startsWith(`${name} is ${JSON.stringify(value)}: allowed is `), error.message);
      assert.ok(!error.message.includes("\n"));
      return true;
    });
  }
  assert.throws(() => read({}, { port: "x" }), /^ConfigError: --port is "x": allowed is a whole number/u);
  assert.throws(() => read({}, { port: "" }), ConfigError);
});

Deno.test("readConfig() adds the environment's TLS to a database URL, whose own parameters count first", () => {
  const at = (url: string, env: Record<string, string>, flags: Flags = {}) =>
    read({ DATABASE_URL: url, ...env }, flags).databaseUrl;
  const env = { PGSSLMODE: "verify-ca", PGSSLROOTCERT: "/my ca.crt" };
  assert.equal(at("postgres://db/a", env), "postgres://db/a?sslmode=verify-ca&sslrootcert=%2Fmy%20ca.crt");
  assert.equal(
    at("postgres://db/a?sslmode=verify-full&x=1", env),
    "postgres://db/a?sslmode=verify-full&x=1&sslrootcert=%2Fmy%20ca.crt",
  );
  assert.equal(
    at("postgres://db/a?sslmode=", { PGSSLMODE: "require" }),
    "postgres://db/a?sslmode=&sslmode=require",
  );
  assert.equal(read({ PGSSLMODE: "verify-ca" }).databaseUrl, null);
  const flags = { databaseUrl: "postgres://me:secret@db/a?sslmode=verify-ca" };
  assert.throws(
    () => at("postgres://other/b", {}, flags),
    /^ConfigError: sslmode in --database-url is "verify-ca" and sslrootcert in --database-url is not set: allowed is/u,
  );
});

Deno.test("readConfig() takes auth off on a loopback host alone", () => {
  for (const host of ["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"]) {
    assert.equal(read({ TAILPOST_AUTH: "off", TAILPOST_HOST: host }).host, host);
  }
  for (
    const host of [
      "0.0.0.0",
      "::",
      "192.168.1.1",
      "127.0.0.1.example.org",
      "localhost.example.org",
      "1127.0.0.1",
    ]
  ) {
    assert.throws(() => read({ TAILPOST_AUTH: "off", TAILPOST_HOST: host }), ConfigError, host);
    assert.equal(isLoopback(host), false);
  }
});

Deno.test("readConfig() shows no password of a database URL", () => {
  const bad = [
    "mysql://jo:secret@db/logs",
    "mysql://jo:se:cr@secret@db/logs",
    "mysql://jo:secr/secret@db/logs",
    "jo:secret@db/logs",
    "mysql://db/logs?user=jo&password=secret&x=1",
    "host=db password=secret user=jo",
    "host=db password = 'my secret' user=jo",
  ];
  for (const url of bad) {
    assert.throws(
      () => read({ DATABASE_URL: url }),
      (error: Error) => !error.message.includes("secret"),
      url,
    );
  }
});

Deno.test("readConfig() takes a header of sign-on only with the proxies that may send it", () => {
  const header = { TAILPOST_AUTH_HEADER: "X-Forwarded-User" };
  assert.throws(
    () => read(header),
    /^ConfigError: TAILPOST_AUTH_HEADER is .* TAILPOST_TRUSTED_PROXY is not set/u,
  );
  assert.equal(read({ ...header, TAILPOST_TRUSTED_PROXY: "::1" }).authHeader, "X-Forwarded-User");
});
