import assert from "node:assert/strict";
import { deadline, until } from "../lib/embedded_postgres/_wait.ts";
import { testServer } from "./postgres.ts";

const exists = (path: string) => Deno.stat(path).then(() => true, () => false);

Deno.test("testServer() makes databases that know nothing of each other, and drops them", async () => {
  await using server = await testServer();
  const names: string[] = [];
  {
    await using one = await server.database();
    await using two = await server.database({ name: "two" });
    names.push(one.name, two.name);
    await one.sql`create table here (id int)`;
    await assert.rejects(two.sql`select * from here`, { code: "42P01" });
    const [role] = await two
      .sql`select current_user::text as name, usesuper from pg_user where usename = current_user`;
    assert.deepEqual({ ...role }, { name: "tailpost", usesuper: false });
  }
  await using admin = await server.database();
  const left = await admin.sql`select datname from pg_database where datname in ${admin.sql(names)}`;
  assert.equal(left.length, 0);
});

for (const mode of ["fast", "immediate"] as const) {
  Deno.test(`testServer() keeps what was committed through a restart (${mode}), on the same port`, async () => {
    await using server = await testServer();
    await using database = await server.database();
    await database.sql`create table kept as select 42 as answer`;
    await server.restart(mode);
    assert.deepEqual([...await database.sql`select answer from kept`], [{ answer: 42 }]);
  });
}

Deno.test("testServer() leaves nothing behind, however its process ends", async () => {
  let disposed: string;
  {
    await using server = await testServer();
    disposed = server.dataDir;
  }
  assert(!await exists(disposed));

  const program = `
    const { testServer } = await import(${JSON.stringify(new URL("postgres.ts", import.meta.url).href)});
    const server = await testServer();
    console.log(server.dataDir);
    await new Promise(() => setInterval(() => {}, 1000));
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", "--config", new URL("../deno.json", import.meta.url).pathname, program],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const dataDir = (await reader.read()).value?.trim() ?? "";
  assert(await exists(`${dataDir}/cluster/data/postmaster.pid`));
  child.kill("SIGKILL");
  await child.status;
  await reader.cancel();
  using limit = deadline(20_000, () => new Error(`${dataDir} is still there`));
  await until(async () => !await exists(dataDir) || undefined, limit.signal);
});
