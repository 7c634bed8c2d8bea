// The command line, from source: what it refuses, what it says, and how it ends.

import assert from "node:assert/strict";
import { type Config, SETTINGS } from "../lib/config.ts";
import { migrateUp } from "../lib/migrations.ts";
import { testServer } from "./postgres.ts";
import { runTailpost, startTailpost } from "./server.ts";
import { openViewer } from "./sse.ts";

const server = await testServer();

/** Nothing in these tests may reach a database of the machine's. */
const NOWHERE = { TAILPOST_DATA_DIR: "/nonexistent/tailpost" };

/** Runs a command to its end, and gives its output. */
async function outcome(
  args: readonly string[],
  code: number,
  env: Record<string, string> = {},
): Promise<string> {
  const program = runTailpost(args, { ...NOWHERE, ...env });
  assert.equal((await program.status).code, code, program.output());
  return program.output();
}

/** Asserts that a command is refused in one line. */
async function refused(
  args: readonly string[],
  line: RegExp,
  env: Record<string, string> = {},
): Promise<void> {
  const output = await outcome(args, 2, env);
  assert.match(output, line);
  assert.equal(output.trim().split("\n").length, 1, output);
}

/** A value that is not allowed, `null` where everything that is not empty is. */
const BAD: Readonly<Record<keyof Config, string | null>> = {
  databaseUrl: "mysql://me:secret@db/app",
  sslmode: "allow",
  sslrootcert: null,
  sslcert: null,
  sslkey: null,
  dataDir: null,
  pgBinDir: null,
  host: "two words",
  port: "65536",
  tlsCert: null,
  tlsKey: null,
  auth: "on",
  source: "poll",
  walKeepBytes: "16777215",
  migrate: "yes",
  rolePassword: "secret",
  trustedProxy: "10.0.0.0/33",
  authHeader: "X Y",
  authOrganization: "0",
  heartbeatSeconds: "0",
  corsOrigins: "*",
  maxBodyBytes: "1023",
  maxBodiesBytes: "5MB",
  bodySeconds: "0",
  maxBatch: "-1",
  maxMessageBytes: "1048577",
  maxMetadataBytes: "1",
  ingestRate: "1.5",
  ingestBurst: "0",
  maxViewers: "1e3",
  maxViewersPerToken: "0",
  maxViewersPerAddress: "none",
  maxWorking: "0",
  maxWaiting: "-1",
  waitSeconds: "61",
  queryTimeoutSeconds: "0",
  maxQueryLength: "255",
  maxPatterns: "21",
  maxPatternLength: "0",
  maxRegexpSize: "1001",
  signInAttempts: "0",
  maxConnections: "9",
  headerTimeoutSeconds: "301",
  logLevel: "loud",
  logFormat: "xml",
};

for (const { key, env, flag, allowed } of SETTINGS) {
  const bad = BAD[key];
  if (bad === null) continue;
  const shown = JSON.stringify(bad).replace("secret", "***");
  const ways = [...env, ...flag ? [flag.split(" ")[0] ?? ""] : []];
  Deno.test(`a bad value of ${ways.join(", ")} is refused with what is allowed`, async () => {
    for (const way of ways) {
      const [args, env] = way.startsWith("-") ? [[way, bad], {}] : [[], { [way]: bad }];
      const output = await outcome(["serve", ...args], 2, env);
      assert.equal(output, `tailpost: ${way} is ${shown}: allowed is ${allowed}\n`);
    }
  });
}

Deno.test("an empty flag is refused, and an empty variable is as good as none", async () => {
  await refused(["serve", "--data-dir", ""], /^tailpost: --data-dir is "": allowed is a folder$/mu);
  const empty = Object.fromEntries(SETTINGS.flatMap(({ env }) => env.map((name) => [name, ""])));
  await refused(["serve", "--source", "x"], /^tailpost: --source is "x"/u, empty);
});

Deno.test("what a database URL says of TLS is refused with what is allowed, and without its password", async () => {
  const url = "postgres://me:secret@db/app";
  for (
    const [parameters, env, line] of [
      [
        "sslmode=verify",
        {},
        /^tailpost: sslmode in DATABASE_URL is "verify": allowed is disable or prefer or /u,
      ],
      [
        "ssl=true",
        {},
        /^tailpost: ssl in DATABASE_URL is "true", which is not supported: allowed is sslmode, /u,
      ],
      [
        "",
        { PGSSLMODE: "verify-ca" },
        /^tailpost: PGSSLMODE is "verify-ca" and sslrootcert in DATABASE_URL is not /u,
      ],
      [
        "sslmode=require",
        { PGSSLROOTCERT: "system" },
        /^tailpost: sslmode in DATABASE_URL is "require" and PGSSLROOT/u,
      ],
      [
        "sslrootcert=/nowhere/ca.crt",
        {},
        /^tailpost: sslrootcert in .* is "\/nowhere\/ca.crt" and sslmode in .* not set/u,
      ],
      [
        "sslmode=verify-full",
        { PGSSLROOTCERT: "/nowhere/ca.crt" },
        /^tailpost: sslrootcert is "\/nowhere\/ca.crt", which cannot be read: allowed is a file of PEM .*ENOENT/u,
      ],
      [
        "sslmode=require&sslcert=/dev/null&sslkey=/dev/null",
        {},
        /^tailpost: sslcert is "\/dev\/null", which holds none: allowed is a file of PEM/u,
      ],
    ] as const
  ) {
    for (const command of ["serve", "migrate"]) {
      const output = await outcome([command], 2, { ...env, DATABASE_URL: `${url}?${parameters}` });
      assert.match(output, line);
      assert.doesNotMatch(output, /secret/u);
      assert.equal(output.trim().split("\n").length, 1, output);
    }
  }
  await refused(
    ["token", "list", "--database-url", `${url}?sslmode=x`],
    /^tailpost: sslmode in --database-url is "x"/u,
  );
});

Deno.test("what no command knows is refused with what there is", async () => {
  await refused(
    ["srve"],
    /^tailpost: there is no command "srve": allowed is serve or migrate or doctor or token or org or demo/u,
  );
  await refused(["migrate", "sideways"], /'sideways'.* up, down, status/u);
  await refused(["migrate", "down", "--steps", "0"], /^tailpost: --steps is "0": allowed is a whole number/u);
  await refused(["demo", "--rate", "fast"], /^tailpost: --rate is "fast": allowed is a number from/u);
  assert.match(
    await outcome(["serve", "--prot", "1"], 2),
    /unknown option '--prot'\n\(Did you mean --port\?\)/u,
  );
  assert.match(await outcome(["--auht", "off"], 2), /unknown option '--auht'\n\(Did you mean --auth\?\)/u);
});

Deno.test("tailpost --help lists every setting, and the help of serve every flag", async () => {
  const [help, serve] = await Promise.all([outcome(["--help"], 0), outcome(["serve", "--help"], 0)]);
  for (const { env, flag, about } of SETTINGS) {
    const name = flag?.split(" ")[0];
    const line = help.split("\n").find((line) => line.includes(`${env[0]}`) && line.includes(about)) ?? "";
    for (const way of [...env, ...name ? [name] : []]) assert.ok(line.includes(way), `${way} in:\n${help}`);
    if (flag) assert.ok(serve.includes(`  ${flag} `), `${flag} in:\n${serve}`);
  }
});

Deno.test("serve without sign-in is refused on a host that others reach", async () => {
  for (const host of ["0.0.0.0", "::", "192.168.1.2", "example.com"]) {
    await refused(
      ["serve", "--auth", "off", "--host", host],
      /TAILPOST_AUTH .*only a loopback host is allowed/u,
    );
  }
});

Deno.test("serve on a port in use ends with 1 and says so", async () => {
  await using database = await server.database();
  await migrateUp(database.sql);
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = String(taken.addr.port);
  const output = await outcome(["serve", "--auth", "off", "--port", port], 1, { DATABASE_URL: database.url });
  assert.match(output, new RegExp(`^tailpost: Cannot listen on 127\\.0\\.0\\.1:${port}: .* --port`, "mu"));
});

Deno.test("serve on a database with pending migrations says what to run, and does that with --migrate auto", async () => {
  await using database = await server.database();
  const env = { DATABASE_URL: database.url };
  const args = ["serve", "--auth", "off", "--port", "0"];
  const output = await outcome(args, 1, env);
  assert.match(
    output,
    /^tailpost: Cannot serve: \d+ migrations are pending\. Run tailpost migrate, or serve with /u,
  );
  assert.equal((await database.sql`select to_regclass('logs') as logs`)[0]?.logs, null);
  const program = runTailpost([...args, "--migrate", "auto"], env);
  await program.line(/Tailpost is ready at /u);
  assert.equal((await program.end("SIGTERM")).code, 0, program.output());
});

Deno.test("a wrong password is said in one line, without the password", async () => {
  await using database = await server.database();
  const url = Object.assign(new URL(database.url), { password: "wrong-secret" }).href;
  for (const command of [["serve", "--auth", "off"], ["migrate", "status"]]) {
    const output = await outcome(command, 1, { DATABASE_URL: url });
    assert.match(
      output,
      /^tailpost: Cannot connect to postgres:\/\/tailpost:\*\*\*@127\.0\.0\.1:\d+\/\w+: password auth/u,
    );
    assert.equal(output.trim().split("\n").length, 1, output);
    assert.ok(!output.includes("wrong-secret"), output);
  }
});

Deno.test("a database that is away is waited for, without telling the password, until a signal", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  taken.close();
  const env = { DATABASE_URL: `postgres://me:wrong-secret@127.0.0.1:${port}/app` };
  const program = runTailpost(["serve", "--auth", "off"], { ...NOWHERE, ...env });
  await program.line(
    new RegExp(`^Waiting for PostgreSQL at postgres://me:\\*\\*\\*@127\\.0\\.0\\.1:${port}/app: .`, "mu"),
  );
  const { code } = await program.end("SIGTERM");
  assert.equal(code, 130, program.output());
  assert.ok(!program.output().includes("wrong-secret"), program.output());
});

Deno.test("migrate tells, tries, applies and takes back", async () => {
  await using database = await server.database();
  const env = { DATABASE_URL: database.url };
  const migrate = (...args: string[]) => outcome(["migrate", ...args], 0, env);
  const states = async () => (await migrate("status")).trim().split("\n").map((line) => line.split(/ +/u)[1]);
  const before = await states();
  assert.ok(before.length >= 2 && before.every((state) => state === "pending"), String(before));
  assert.match(await migrate("up", "--dry-run"), /^-- 0001_logs\n[^]*create table logs\b[^]*^-- 0002_/imu);
  assert.deepEqual(await states(), before);
  assert.match(await migrate(), /^Applied 0001_logs\nApplied 0002_/mu);
  assert.ok((await states()).every((state) => state === "applied"));
  assert.equal(await migrate("up"), "Nothing to do: the tables are up to date\n");
  assert.match(await migrate("down", "--dry-run"), /^-- \d{4}_/u);
  assert.ok((await states()).every((state) => state === "applied"));
  assert.match(await migrate("down"), /^Took back \d{4}_\w+\n$/u);
  assert.equal((await states()).at(-1), "pending");
  await migrate("down", "--steps", String(before.length));
  assert.deepEqual(await states(), before);
  assert.equal(await migrate("down"), "Nothing to do: nothing was applied\n");
});

Deno.test("token makes, lists and revokes, shows a token once and keeps it nowhere", async () => {
  await using database = await server.database();
  const env = { DATABASE_URL: database.url };
  const token = (...args: string[]) => outcome(["token", ...args], 0, env);
  assert.match(
    await outcome(["token", "list"], 1, env),
    /^tailpost: There is no table for this yet: run tailpost migrate$/mu,
  );
  await migrateUp(database.sql);
  assert.match(await token("list"), /^There are no tokens\. Make one with tailpost token create$/mu);
  const made = await token("create", "--name", "ci \u001b[31m", "--scope", "ingest", "--expires", "90d");
  const text = /^(tp_[0-9A-Za-z]{43})$/mu.exec(made)?.[1] ?? "";
  assert.match(
    made,
    /^Token 1, .*: ingest in organization 1 until \d{4}-\d\d-\d\dT\d\d:\d\dZ\. It is shown this once:$/mu,
  );
  await token("create", "--name", "me", "--scope", "admin");
  const listed = await token("list");
  assert.match(
    listed,
    /^ID +TOKEN +NAME +SCOPE +ORG +STATE +LAST USED\n2 +tp_\w{6}\.\.\. +me +admin +all +good +never\n1 /mu,
  );
  assert.match(listed, /ci \\u001b\[31m +ingest +1 +until /u);
  assert.ok(!listed.includes(text) && !listed.includes("\u001b"));
  assert.equal(JSON.parse(await token("list", "--json"))[1].scope, "ingest");
  const [row] = await database
    .sql`select row_to_json(tailpost_tokens)::text as row from tailpost_tokens where id = 1`;
  assert.ok(!row?.row.includes(text.slice(9)));
  assert.match(await token("revoke", `${text.slice(0, 9)}...`), /^Revoked token 1, /u);
  assert.match(await token("list"), /ingest +1 +revoked /u);
  const unknown = await outcome(["token", "revoke", `tp_${"x".repeat(43)}`], 1, env);
  assert.equal(unknown, "tailpost: There is no token tp_xxxxxx\n");
  const makeWith = (...args: string[]) => ["token", "create", "--name", "x", ...args];
  assert.match(
    await outcome(makeWith("--scope", "read", "--org", "7"), 1, env),
    /^tailpost: There is no organization 7\n$/u,
  );
  await refused(
    makeWith("--scope", "read", "--expires", "soon"),
    /^tailpost: --expires is "soon": allowed is /u,
  );
  await refused(
    makeWith("--scope", "read", "--org", "0"),
    /^tailpost: The organization is "0": allowed is /u,
  );
  await refused(makeWith("--scope", "admin", "--org", "1"), /^tailpost: --org is "1": allowed is nothing /u);
  await refused(makeWith("--scope", "root"), /Allowed choices are read, ingest, admin/u);
});

Deno.test("org makes, lists and renames, and no two have one name", async () => {
  await using database = await server.database();
  await migrateUp(database.sql);
  const env = { DATABASE_URL: database.url };
  const org = (...args: string[]) => outcome(["org", ...args], 0, env);
  assert.match(await org("create", "acme"), /^2$/mu);
  assert.match(await org("list"), /^ID +NAME +SINCE\n1 +default +\d{4}-\d\d-\d\d\n2 +acme +/u);
  assert.match(await org("rename", "2", "acme inc"), /^Organization 2 is now "acme inc"$/mu);
  assert.deepEqual(JSON.parse(await org("list", "--json")).map(({ name }: { name: string }) => name), [
    "default",
    "acme inc",
  ]);
  const taken = 'tailpost: There is an organization "default" already\n';
  assert.equal(await outcome(["org", "create", " default "], 1, env), taken);
  assert.equal(await outcome(["org", "rename", "2", "default"], 1, env), taken);
  assert.match(
    await outcome(["org", "rename", "9", "x"], 1, env),
    /^tailpost: There is no organization 9$/mu,
  );
  await refused(
    ["org", "rename", "acme", "x"],
    /^tailpost: The organization is "acme": allowed is its id/u,
    env,
  );
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`serve ends every stream cleanly on ${signal}, and ends with 0 within 5 seconds`, async () => {
    await using tailpost = await startTailpost(server);
    const viewers = await Promise.all(
      Array.from({ length: 10 }, () => openViewer(`${tailpost.url}/api/logs/stream`)),
    );
    await tailpost.sql`insert into logs (message) values ('the last one')`;
    await Promise.all(viewers.map((viewer) => viewer.untilLog("the last one")));
    const asked = performance.now();
    const status = await tailpost.stop(signal);
    assert.ok(performance.now() - asked < 5000);
    assert.deepEqual([status.code, status.signal], [0, null]);
    // A connection that is reset, or a body without its end, would reject
    await Promise.all(viewers.map(({ ended }) => ended));
  });
}

Deno.test("serve ends with 0 though a client never reads its stream", async () => {
  await using tailpost = await startTailpost(server);
  const { hostname, port } = new URL(tailpost.url);
  using stuck = await Deno.connect({ hostname, port: Number(port) });
  await stuck.write(new TextEncoder().encode("GET /api/logs/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  await using viewer = await openViewer(`${tailpost.url}/api/logs/stream`);
  for (let sent = 1000; sent <= 20_000; sent += 1000) {
    await tailpost.sql`insert into logs (message) select repeat('x', 900) from generate_series(1, 1000)`;
    await viewer.until(`${sent} logs`, ({ logs }) => logs.length === sent);
  }
  const asked = performance.now();
  assert.equal((await tailpost.stop("SIGTERM")).code, 0);
  assert.ok(performance.now() - asked < 5000);
});

Deno.test("migrate waits for another program that migrates, until a signal", async () => {
  await using database = await server.database();
  const env = { DATABASE_URL: database.url };
  await database.sql.begin(async (sql) => {
    await sql`select pg_advisory_xact_lock(${"8386099895604310900"}::bigint)`;
    const program = runTailpost(["migrate"], env);
    await program.line(/^Waiting for another program that migrates/mu);
    assert.equal((await program.end("SIGINT")).code, 130, program.output());
  });
  assert.equal((await database.sql`select to_regclass('logs') as logs`)[0]?.logs, null);
});
