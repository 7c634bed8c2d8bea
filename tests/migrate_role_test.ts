// `tailpost migrate --role`, and the program as that role.

import assert from "node:assert/strict";
import postgres from "postgres";
import { testServer } from "./postgres.ts";
import { runTailpost } from "./server.ts";
import { openViewer } from "./sse.ts";
import { makeToken } from "./tokens.ts";

const server = await testServer();

/** A database whose owner may make roles, as `tailpost migrate --role` needs it, and is no superuser. */
async function ownedDatabase() {
  const db = await server.database();
  const admin = postgres(db.superuserUrl, { max: 1 });
  await admin`alter role tailpost createrole`;
  await admin.end();
  return db;
}

/** Runs a command to its end, and gives its output. */
async function outcome(args: readonly string[], code: number, env: Record<string, string>): Promise<string> {
  const program = runTailpost(args, env);
  assert.equal((await program.status).code, code, program.output());
  return program.output();
}

Deno.test("migrate --role makes a role, shows its password once, and serve does all as that role", async () => {
  await using db = await ownedDatabase();
  const env = { DATABASE_URL: db.url };
  const name = `role_${db.name}`;
  const dry = await outcome(["migrate", "--role", name, "--dry-run"], 0, env);
  assert.match(dry, new RegExp(`create table[^]*The role ${name} comes after these`, "iu"));
  const made = await outcome(["migrate", "--role", name], 0, env);
  const [, password = ""] = /Its password is shown this once:\n([0-9a-f]{48})\n/u.exec(made) ?? [];
  assert.ok(made.includes(`Made the role ${name}.`) && password !== "", made);
  const again = await outcome(["migrate", "--role", name], 0, env);
  assert.match(again, new RegExp(`^The role ${name} may do what the server needs$`, "mu"));
  assert.doesNotMatch(again, /password/u);
  const asRole = { DATABASE_URL: Object.assign(new URL(db.url), { username: name, password }).href };
  try {
    await using stack = new AsyncDisposableStack();
    const program = runTailpost(["serve", "--port", "0"], asRole);
    stack.defer(async () => void await program.end("SIGTERM"));
    const [, url = ""] = await program.line(/Tailpost is ready at (http:\S+)/u);
    const [, code = ""] = await program.line(/login\?code=(\S+)/u);
    // The first administrator, a session and a token, made by the role itself.
    const signedIn = await fetch(`${url}/login`, {
      method: "POST",
      body: new URLSearchParams({ code }),
      headers: { origin: url },
    });
    const [admin = ""] = /tp_[\w-]{43}/u.exec(await signedIn.text()) ?? [];
    const read = await makeToken(db.sql);
    const ready = await fetch(`${url}/readyz`, { headers: { "x-api-key": admin } });
    assert.deepEqual([ready.status, (await ready.json()).status], [200, "ready"]);
    await using viewer = await openViewer(`${url}/api/logs/stream`, { "x-api-key": read });
    const sent = await fetch(`${url}/api/logs`, {
      method: "POST",
      body: JSON.stringify([{ message: "one" }, { message: "m".repeat(2000), service: "s".repeat(9000) }]),
      headers: { "content-type": "application/json", "x-api-key": admin },
    });
    assert.equal(sent.status, 201, await sent.text());
    await viewer.untilLog("one");
    await viewer.until("a log that no announcement holds", ({ logs }) => logs.length === 2);
    assert.doesNotMatch(program.output(), /WARN|ERROR/u);
    // What changes tables and organizations takes their owner.
    assert.match(
      await outcome(["org", "create", "x"], 1, asRole),
      /^tailpost: The account of DATABASE_URL may not do this .*use the one that migrates/mu,
    );
  } finally {
    const superuser = postgres(db.superuserUrl, { max: 1, onnotice: () => {} });
    await superuser.unsafe(`drop owned by ${name}; drop role ${name}`).simple();
    await superuser.end();
  }
});

Deno.test("migrate --role takes the password that it is given, and keeps it to itself", async () => {
  await using db = await ownedDatabase();
  const name = `role_${db.name}`;
  const env = { DATABASE_URL: db.url, TAILPOST_ROLE_PASSWORD: "correct-horse-battery" };
  const output = await outcome(["migrate", "--role", name], 0, env);
  const dry = await outcome(["migrate", "--role", name, "--dry-run"], 0, env);
  assert.match(dry, new RegExp(`^alter role ${name} login password '\\*\\*\\*';$`, "mu"));
  assert.doesNotMatch(output + dry, /correct-horse|SCRAM/u);
  const url = new URL(db.url);
  const sql = postgres(
    Object.assign(url, { username: name, password: env.TAILPOST_ROLE_PASSWORD }).href,
    { max: 1 },
  );
  assert.deepEqual([...await sql`select from logs`], []);
  await sql.end();
  const superuser = postgres(db.superuserUrl, { max: 1, onnotice: () => {} });
  await superuser.unsafe(`drop owned by ${name}; drop role ${name}`).simple();
  await superuser.end();
});

Deno.test("migrate --role refuses names that need quotes, other actions and the embedded PostgreSQL", async () => {
  const nowhere = { TAILPOST_DATA_DIR: "/nonexistent/tailpost" };
  const somewhere = { DATABASE_URL: "postgres://localhost/x" };
  for (const name of ["Two words", "", 'a"b', "x".repeat(51)]) {
    assert.match(
      await outcome(["migrate", "--role", name], 2, somewhere),
      /^tailpost: --role is .*: allowed is/u,
    );
  }
  assert.match(
    await outcome(["migrate", "down", "--role", "a"], 2, somewhere),
    /allowed is it with up alone/u,
  );
  assert.match(await outcome(["migrate", "--role", "a"], 2, nowhere), /--role takes DATABASE_URL/u);
});
