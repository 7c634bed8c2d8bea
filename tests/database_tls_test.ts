// PostgreSQL over TLS: what each sslmode accepts of a real server, and that nothing else changes.

import assert from "node:assert/strict";
import { dirname } from "node:path";
import type postgres from "postgres";
import { connectListener, createPool, isAway, notifyOnce, warmUp } from "../lib/database.ts";
import { createListener } from "../lib/listener.ts";
import { DatabaseTlsError, tlsProblem } from "../lib/postgres_tls_error.ts";
import { NAMES, tlsServer, urlWith } from "./postgres_tls.ts";
import { startProxy } from "./proxy.ts";
import { runTailpost, startTailpost } from "./server.ts";
import { openViewer } from "./sse.ts";

const server = await tlsServer();
const root = server.authority.cert;
const full = { sslmode: "verify-full", sslrootcert: root };

/** Whether a connection is encrypted, as the server sees it. */
async function isEncrypted(sql: postgres.Sql): Promise<boolean | undefined> {
  const [row] = await sql<{ ssl: boolean }[]>`select ssl from pg_stat_ssl where pid = pg_backend_pid()`;
  return row?.ssl;
}

/** Connects, and says whether it is encrypted. */
async function connect(url: string): Promise<boolean | undefined> {
  const sql = createPool(url, { size: 1 });
  try {
    return await isEncrypted(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Asserts that TLS is refused, for this reason. */
async function refused(url: string, reason: RegExp): Promise<void> {
  await assert.rejects(connect(url), (error) => {
    assert.ok(error instanceof DatabaseTlsError, String(error));
    assert.match(error.message, reason);
    return true;
  });
}

/** Whether this Deno lets a program decide what names it takes; 2.4 checks them always, and sends no client certificates. */
const ignore = Deno.version.deno.startsWith("2.4.");

Deno.test("verify-full encrypts pool and listener, by name and by address, and LISTEN works", async () => {
  await using db = await server.postgres.database();
  for (const host of ["localhost", "127.0.0.1"]) {
    const url = urlWith(db, full, host);
    assert.equal(await connect(url), true);
    const heard = Promise.withResolvers<string>();
    const over = new AbortController();
    const hooks = { onnotify: heard.resolve, onclose: () => {}, signal: over.signal };
    const listener = connectListener(url, hooks);
    assert.equal(await isEncrypted(listener), true);
    await listener`listen channel`.simple();
    await notifyOnce(url, "channel");
    assert.equal(await heard.promise, "channel");
    await listener.end();
  }
});

Deno.test("large questions and answers come whole through TLS", async () => {
  await using db = await server.postgres.database();
  const sql = createPool(urlWith(db, full), { size: 2 });
  const text = Array.from({ length: 300_000 }, (_, i) => i.toString(36)).join("");
  const asked = Array.from({ length: 8 }, () => sql<{ text: string }[]>`select ${text}::text as text`);
  for (const rows of await Promise.all(asked)) assert.ok(rows[0]?.text === text);
  await sql.end();
});

Deno.test("a certificate of an unknown authority is refused wherever one is verified, and taken by require", async () => {
  await using db = await server.postgres.database();
  const of = (sslmode: string, sslrootcert?: string) =>
    urlWith(db, { sslmode, ...sslrootcert ? { sslrootcert } : {} });
  const { cert } = server.stranger;
  for (const mode of ["verify-full", "verify-ca", "require"]) {
    await refused(
      of(mode, cert),
      /not from an authority in sslrootcert .*stranger.*: renew it, or name the file/u,
    );
  }
  await refused(of("verify-full", "system"), /not from an authority that this system knows/u);
  await refused(of("verify-full"), /not from an authority that this system knows/u);
  for (const mode of ["require", "prefer"]) assert.equal(await connect(of(mode)), true, mode);
  assert.equal(await connect(of("require", root)), true);
  assert.equal(await connect(of("disable")), false);
  assert.equal(await connect(db.url), false);
});

Deno.test("an authority of one's own is the only one that counts", { ignore }, async () => {
  await using db = await server.postgres.database();
  const url = (sslrootcert: string) => urlWith(db, { sslmode: "verify-full", sslrootcert });
  // A program to which the server's authority is one of the system's.
  const ask = async (url: string) => {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `const { createPool } = await import(Deno.args[0]);
        const sql = createPool(Deno.args[1], { size: 1 });
        console.log(await sql\`select 1\`.then(() => "connected", (error) => error.name));
        await sql.end({ timeout: 1 });`,
        import.meta.resolve("../lib/database.ts"),
        url,
      ],
      env: { DENO_CERT: root },
      cwd: dirname(import.meta.dirname ?? ""),
      stderr: "inherit",
    }).output();
    return new TextDecoder().decode(stdout).trim();
  };
  assert.equal(await ask(url("system")), "connected");
  assert.equal(await ask(url(server.stranger.cert)), "DatabaseTlsError");
});

Deno.test("a certificate for another name is refused by verify-full, and taken by verify-ca", async () => {
  await using own = await tlsServer();
  const db = await own.postgres.database();
  await db.sql.end();
  await own.serve(await own.authority.issue({ subject: "localhost", names: "DNS:db.example,IP:127.0.0.2" }));
  const of = (sslmode: string, host: string) =>
    urlWith(db, { sslmode, sslrootcert: own.authority.cert }, host);
  for (const host of ["localhost", "127.0.0.1"]) {
    await refused(
      of("verify-full", host),
      new RegExp(`not for the name ${host}: connect by a name that stands in`, "u"),
    );
    if (ignore) continue;
    assert.equal(await connect(of("verify-ca", host)), true);
    assert.equal(await connect(of("require", host)), true);
  }
  await own.serve(await own.authority.issue({ subject: "localhost", names: NAMES, expired: true }));
  for (const mode of ["verify-full", "verify-ca"]) {
    await refused(of(mode, "localhost"), /is expired, or not from/u);
  }
  assert.equal(await connect(urlWith(db, { sslmode: "require" })), true);
});

Deno.test("a server without TLS is refused, but by prefer", async () => {
  await using own = await tlsServer();
  const db = await own.postgres.database();
  await db.sql.end();
  await own.serve(null);
  const offer =
    /does not offer TLS, and sslmode is .*: set ssl = on in its postgresql\.conf, or sslmode=disable/u;
  for (const mode of ["require", "verify-ca", "verify-full"]) {
    await refused(urlWith(db, { sslmode: mode, sslrootcert: own.authority.cert }), offer);
  }
  assert.equal(await connect(urlWith(db, { sslmode: "prefer" })), false);
});

Deno.test(
  "a server that wants TLS and a client's certificate says so, and takes it",
  { ignore },
  async () => {
    await using own = await tlsServer();
    const db = await own.postgres.database();
    await db.sql.end();
    const certificate = await own.authority.issue({ subject: "postgres", names: NAMES });
    await own.serve(certificate, ["hostssl all tailpost all cert", "host all postgres all scram-sha-256"]);
    const told = async (url: string, reason: RegExp) =>
      await assert.rejects(connect(url), (error) => {
        const problem = tlsProblem(error);
        assert.equal(problem?.code, "tls");
        assert.match(problem.message, reason);
        return true;
      });
    const of = (client: { cert: string; key: string }) =>
      urlWith(db, {
        sslmode: "verify-full",
        sslrootcert: own.authority.cert,
        sslcert: client.cert,
        sslkey: client.key,
      });
    await told(db.url, /no connection in plain text from here: add sslmode=verify-full to DATABASE_URL/u);
    await told(
      urlWith(db, { sslmode: "verify-full", sslrootcert: own.authority.cert }),
      /wants a client certificate: name it and its key in sslcert and sslkey/u,
    );
    assert.equal(await connect(of(await own.authority.issue({ subject: "tailpost" }))), true);
    await told(
      of(await own.stranger.issue({ subject: "tailpost" })),
      /refused TLS: sslcert has to be a certificate that/u,
    );
    const another = await own.authority.issue({ subject: "somebody" });
    await assert.rejects(connect(of(another)), /certificate authentication failed/u);
  },
);

Deno.test("createPool() gives up connections with TLS on which nothing comes any more", async () => {
  await using db = await server.postgres.database();
  await using proxy = startProxy(urlWith(db, full));
  const sql = createPool(proxy.url, { size: 2, statementTimeout: 100, patience: 100 });
  await warmUp(sql);
  await sql`select pg_sleep(0.05)`;
  const left = proxy.blackHole();
  await Promise.all(Array.from({ length: 4 }, () => assert.rejects(sql`select 1`, isAway)));
  // Both ends are closed, and not just let go of.
  await left;
  proxy.heal();
  assert.equal(await isEncrypted(sql), true);
  await sql.end();
});

Deno.test("createPool() fails where nothing answers to the request for TLS, or somebody hangs up at it", async () => {
  await using db = await server.postgres.database();
  await using proxy = startProxy(urlWith(db, full));
  const sql = createPool(proxy.url, { size: 1 });
  void proxy.blackHole();
  await assert.rejects(sql`select 1`, { code: "CONNECT_TIMEOUT" });
  proxy.hangUp();
  // Noticed by the end itself, and not by the time that a connection may take.
  await assert.rejects(sql`select 1`, { code: "ECONNRESET" });
  proxy.heal();
  // Within the handshake: the letter that says yes, and a little more.
  for (const bytes of [1, 2, 500]) {
    proxy.cutAfter(bytes);
    await assert.rejects(sql`select 1`, { code: "ECONNRESET" });
  }
  await sql.end();
});

Deno.test("createPool() leaves no connection behind that ends within the handshake", async () => {
  await using db = await server.postgres.database();
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = Object.assign(new URL(urlWith(db, full)), { port: String(silent.addr.port) }).href;
  const sql = createPool(url, { size: 1 });
  const asked = assert.rejects(sql`select 1`, isAway);
  using connection = await silent.accept();
  const request = new Uint8Array(16);
  assert.equal(await connection.read(request), 8);
  await sql.end({ timeout: 0 });
  await asked;
  assert.equal(await connection.read(request), null);
});

Deno.test("the listener finds a connection with TLS that is open on our side alone, and listens on another", async () => {
  await using db = await server.postgres.database();
  await using proxy = startProxy(urlWith(db, full));
  const heard = Promise.withResolvers<string>();
  let listening = Promise.withResolvers<void>();
  const lost = Promise.withResolvers<string>();
  await using listener = createListener({
    connect: (hooks) => connectListener(proxy.url, hooks),
    events: {
      listening: () => listening.resolve(),
      notified: (_id, payload) => heard.resolve(payload),
      announced: () => {},
      missed: () => {},
      changed: () => {},
      disconnected: (reason) => lost.resolve(reason),
    },
    probeInterval: 10,
    probeTimeout: 200,
    delay: () => 10,
  });
  listener.watch(1);
  await listening.promise;
  listening = Promise.withResolvers();
  const left = proxy.blackHole();
  assert.equal(await lost.promise, "No answer to the liveness query");
  await left;
  proxy.heal();
  await listening.promise;
  await db.sql`select pg_notify('logs_1', 'again')`;
  assert.equal(await heard.promise, "again");
});

Deno.test("createPool() cancels a query over TLS, and goes on", async () => {
  await using db = await server.postgres.database();
  const sql = createPool(urlWith(db, full), { size: 1 });
  await warmUp(sql);
  const query = sql`select pg_sleep(30)`.execute();
  while (
    (await db.sql`select from pg_stat_activity where query like '%pg_sleep(30)' and state = 'active'`)
      .length < 1
  );
  query.cancel();
  await assert.rejects(query, { code: "57014" });
  assert.equal(await isEncrypted(sql), true);
  await sql.end();
});

Deno.test("serve over TLS survives restarts of PostgreSQL, and tells of a certificate that it does not take", async () => {
  await using own = await tlsServer();
  const env = { PGSSLMODE: "verify-full", PGSSLROOTCERT: own.authority.cert };
  await using tailpost = await startTailpost(own.postgres, { env });
  const readyz = async () => (await (await fetch(`${tailpost.url}/readyz`)).json()).error?.code ?? null;
  const encrypted = async () => [
    ...await tailpost.sql`
        select application_name as name, bool_and(ssl) as ssl from pg_stat_ssl join pg_stat_activity using (pid)
        where application_name like 'tailpost%' group by 1 order by 1`,
  ];
  await using viewer = await openViewer(`${tailpost.url}/api/logs/stream`);
  const told = (code: string | null, database: string) =>
    viewer.until(`${database}, problem ${code}`, () => {
      const { data } = viewer.events.filter(({ event }) => event === "status" || event === "ready").at(-1) ??
        {};
      const status = JSON.parse(data ?? "{}");
      return status.database === database && (status.problem?.code ?? null) === code;
    });
  const insert = (message: string) => tailpost.sql`insert into logs (message) values (${message})`;
  assert.deepEqual(await encrypted(), [{ name: "tailpost", ssl: true }, {
    name: "tailpost-listener",
    ssl: true,
  }]);
  assert.equal(await readyz(), null);
  await insert("before");
  await viewer.untilLog("before");

  await own.postgres.stop("immediate");
  await told(null, "reconnecting");
  await own.postgres.start();
  await insert("after a crash");
  await told(null, "connected");
  await viewer.untilLog("after a crash");

  await own.serve(await own.stranger.issue({ subject: "postgres", names: NAMES }));
  await insert("while its certificate was another one's");
  await told("tls", "reconnecting");
  assert.equal(await readyz(), "tls");
  assert.match(
    tailpost.output(),
    /The certificate of PostgreSQL at .* not from an authority in sslrootcert .*\(tls\)/u,
  );
  // Requests are answered as those to a database that is away.
  const history = await fetch(`${tailpost.url}/api/logs`);
  assert.deepEqual([history.status, (await history.json()).error.code], [503, "database_unavailable"]);
  assert.equal(tailpost.output().split("(tls)").length, 2, "one line a change");

  await own.serve(await own.authority.issue({ subject: "postgres", names: NAMES }));
  await told(null, "connected");
  await insert("and back");
  await viewer.untilLog("and back");
  assert.equal(await readyz(), null);
  assert.deepEqual(viewer.logs.map(({ message }) => message), [
    "before",
    "after a crash",
    "while its certificate was another one's",
    "and back",
  ]);
  assert.equal(viewer.events.filter(({ event }) => event === "gap").length, 0);
});

Deno.test("commands end at once where TLS is not as asked for, and say what to do", async () => {
  await using db = await server.postgres.database();
  await using own = await tlsServer();
  const alone = await own.postgres.database();
  await alone.sql.end();
  const certificate = await own.authority.issue({ subject: "postgres", names: NAMES });
  await own.serve(certificate, [
    "hostssl all tailpost all scram-sha-256",
    "host all postgres all scram-sha-256",
  ]);
  const strange = urlWith(db, { sslmode: "verify-full", sslrootcert: server.stranger.cert });
  for (
    const [url, reason] of [[strange, /name the file of its authority/u], [
      alone.url,
      /add sslmode=/u,
    ]] as const
  ) {
    for (const command of [["serve", "--port", "0"], ["migrate"], ["token", "list"]]) {
      const program = runTailpost(command, { DATABASE_URL: url });
      assert.equal((await program.status).code, 1);
      assert.match(program.output(), /^tailpost: Cannot connect to postgres:\/\/tailpost:\*\*\*@/u);
      assert.match(program.output(), reason);
      assert.equal(program.output().trim().split("\n").length, 1, program.output());
    }
  }
  const program = runTailpost(["migrate"], { DATABASE_URL: urlWith(db, full) });
  assert.equal((await program.status).code, 0, program.output());
});
