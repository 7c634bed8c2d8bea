// The program on the PostgreSQL that it brings, when something dies.

import assert from "node:assert/strict";
import postgres from "postgres";
import { clusterPaths } from "../lib/embedded_postgres/_cluster.ts";
import { postgresOf, postmasterOf, untilNoPostgres } from "./leftovers.ts";
import { type Program, run, runTailpost } from "./server.ts";
import { openViewer } from "./sse.ts";

const SERVE = ["serve", "--auth", "off", "--port", "0"];
const main = new URL("../main.ts", import.meta.url).pathname;

/** A data directory, and the programs that run on it. */
async function dataDir(): Promise<
  AsyncDisposable & { readonly path: string; started(program: Program): Program }
> {
  const path = await Deno.makeTempDir({ prefix: "tailpost-data-" });
  const programs: Program[] = [];
  return {
    path,
    started(program) {
      programs.push(program);
      return program;
    },
    async [Symbol.asyncDispose]() {
      for (const program of programs) await program.end("SIGKILL");
      await untilNoPostgres(path);
      await Deno.remove(path, { recursive: true });
    },
  };
}

async function ready(program: Program): Promise<string> {
  const [, url = ""] = await program.line(/^Tailpost is ready at (http:\S+)$/mu);
  return url;
}

async function post(url: string, message: string): Promise<number> {
  const response = await fetch(`${url}/api/logs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ message }),
  });
  await response.body?.cancel();
  return response.status;
}

Deno.test("serve starts a killed PostgreSQL again, and the next log arrives at a stream that stayed open", async () => {
  await using data = await dataDir();
  const program = data.started(runTailpost(SERVE, { TAILPOST_DATA_DIR: data.path }));
  const url = await ready(program);
  await using viewer = await openViewer(`${url}/api/logs/stream`);
  assert.equal(await post(url, "before"), 201);
  await viewer.untilLog("before");
  const killed = await postmasterOf(data.path);
  Deno.kill(killed, "SIGKILL");
  const status = (value: string) => ({ events }: typeof viewer) =>
    events.some(({ event, data }) => event === "status" && JSON.parse(data).database === value);
  await viewer.until("status reconnecting", status("reconnecting"));
  await viewer.until("status connected", status("connected"));
  assert.notEqual(await postmasterOf(data.path), killed);
  assert.equal(await post(url, "after"), 201);
  await viewer.untilLog("after");
  assert.deepEqual(viewer.logs.map(({ message }) => message), ["before", "after"]);
  assert.match(program.output(), /PostgreSQL stopped, starting it again in \d+ ms/u);
  assert.equal((await program.end("SIGTERM")).code, 0, program.output());
  assert.deepEqual(await postgresOf(data.path), []);
});

Deno.test("serve and demo serve as a role that sees one organization at a time and cannot change the tables", async () => {
  for (const args of [SERVE, ["demo", "--port", "0"]]) {
    await using data = await dataDir();
    // The demo's own folder is below, and PostgreSQL may run as another account than we.
    await Deno.chmod(data.path, 0o711);
    const cluster = clusterPaths(args === SERVE ? data.path : `${data.path}/demo`);
    // The second time the role is there already.
    for (const message of ["first", "second"]) {
      const program = data.started(runTailpost(args, { TAILPOST_DATA_DIR: data.path }));
      assert.equal(await post(await ready(program), message), 201);
      const [password, port] = await Promise.all(
        [cluster.password, cluster.port].map((path) => Deno.readTextFile(path)),
      );
      const sql = postgres({
        ...{ host: "127.0.0.1", port: Number(port), database: "tailpost", max: 1 },
        ...{ username: "postgres", password: password ?? "" },
      });
      const roles = await sql`select distinct usename from pg_stat_activity
        where application_name in ('tailpost', 'tailpost-listener')`;
      assert.deepEqual(roles.map(({ usename }) => usename), ["tailpost_server"]);
      await sql`set role tailpost_server`;
      assert.deepEqual([...await sql`select from logs`], []);
      await assert.rejects(sql`drop table logs`, { code: "42501" });
      await sql.end();
      assert.equal((await program.end("SIGTERM")).code, 0, program.output());
      assert.doesNotMatch(program.output(), /WARN|ERROR/u);
    }
  }
});

Deno.test("a second program on a data directory in use ends with 1, says who has it, and harms nothing", async () => {
  await using data = await dataDir();
  const env = { TAILPOST_DATA_DIR: data.path };
  const first = data.started(runTailpost(SERVE, env));
  const url = await ready(first);
  for (const args of [SERVE, ["migrate", "status"]]) {
    const second = data.started(runTailpost(args, env));
    assert.equal((await second.status).code, 1, second.output());
    const path = await Deno.realPath(data.path);
    const line = `tailpost: Cannot use ${path}: another Tailpost (process ${first.pid}) is running on it.`;
    assert.ok(second.output().startsWith(line), second.output());
    assert.equal(second.output().trim().split("\n").length, 1, second.output());
  }
  assert.equal(await post(url, "still here"), 201);
  assert.equal((await first.end("SIGTERM")).code, 0, first.output());
});

Deno.test("Ctrl-C, which a terminal sends to the whole process group, ends everything with 0", async () => {
  await using data = await dataDir();
  // A session of its own, and so a group of its own, that has the process's id
  const command = [Deno.execPath(), "run", "-A", "--no-check", main, ...SERVE];
  const program = data.started(run("setsid", command, { TAILPOST_DATA_DIR: data.path }));
  const url = await ready(program);
  await using viewer = await openViewer(`${url}/api/logs/stream`);
  Deno.kill(-program.pid, "SIGINT");
  const [{ code, signal }] = await Promise.all([program.status, viewer.ended]);
  assert.deepEqual([code, signal], [0, null], program.output());
  assert.deepEqual(await postgresOf(data.path), []);
  assert.throws(() => Deno.kill(-program.pid, "SIGCONT"), Deno.errors.NotFound, "its process group has more");
  const log = await Deno.readTextFile(`${data.path}/cluster/postgresql.log`);
  assert.match(log, /database system is shut down/u);
});

Deno.test("Ctrl-C while PostgreSQL is unpacked and its cluster is made leaves nothing behind that a start minds", async () => {
  await using data = await dataDir();
  const env = { TAILPOST_DATA_DIR: data.path };
  for (const moment of [/Unpacking PostgreSQL/u, /Creating the database cluster/u, /Starting PostgreSQL/u]) {
    const program = data.started(runTailpost(SERVE, env));
    await program.line(moment);
    const { code } = await program.end("SIGINT");
    assert.ok(code === 130 || code === 0, program.output());
    assert.deepEqual(await postgresOf(data.path), []);
  }
  const program = data.started(runTailpost(SERVE, env));
  assert.equal(await post(await ready(program), "it works"), 201);
  assert.equal((await program.end("SIGTERM")).code, 0, program.output());
});
