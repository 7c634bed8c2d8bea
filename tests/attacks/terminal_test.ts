// What a terminal is told: names from the database, and the program's own log lines.

import assert from "node:assert/strict";
import { insertToken } from "../../lib/auth/token_store.ts";
import { testServer } from "../postgres.ts";
import { runTailpost } from "../server.ts";
import { talk } from "../socket.ts";
import { startWorld } from "./world.ts";

const postgres = await testServer();

const ESCAPES = [
  "\u001b]0;title\u0007",
  "\u001b[2J\u001b[H",
  "\u009b31m",
  "\u009d0;x\u009c",
  "\u0007",
  "\b\b\b",
  "\r2026",
  "\u001b]52;c;cm0=\u0007",
  "\u001bP$q\u001b\\",
  "\u001b[6n",
  "\u001b]8;;http://evil.example\u001b\\x",
  "\u202egnp",
  "\u2067x",
  "\u007f",
  "a\nb",
  "\u000b\u000c",
  "\u001bc",
]; // deno-fmt-ignore
// deno-lint-ignore no-control-regex -- what must not be there
const OBEYED = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/u;

Deno.test("the commands show names of tokens and organizations, and a terminal obeys none of them", async () => {
  await using world = await startWorld(postgres);
  const { sql, database } = world.tailpost;
  for (const [i, text] of ESCAPES.entries()) {
    const name = `x${text}${i}`;
    await sql`insert into organizations (name) values (${name})`;
    await insertToken(sql, { organizationId: i + 3, name, scope: "read", expiresIn: null });
  }
  const run = async (args: string[]) => {
    const program = runTailpost(args, { DATABASE_URL: database.url });
    const { code } = await program.status;
    assert.doesNotMatch(program.output(), OBEYED, args.join(" "));
    return { code, output: program.output() };
  };
  const lists = await Promise.all([run(["token", "list"]), run(["org", "list"])]);
  for (const { code, output } of lists) {
    assert.equal(code, 0, output);
    // A name with a line break is one line too.
    assert.equal(
      output.trim().split("\n").length,
      ESCAPES.length + (output.startsWith("ID  TOKEN") ? 4 : 3),
      output,
    );
  }
  const asJson = await run(["token", "list", "--json"]);
  const names = JSON.parse(asJson.output).map(({ name }: { name: string }) => name);
  for (const [i, text] of ESCAPES.entries()) assert.ok(names.includes(`x${text}${i}`), JSON.stringify(text));
  await run(["token", "revoke", "\u001b[2J\u009b31m"]);
  await run(["org", "create", `made \u001b]0;x\u0007\u009b1m`]);
  await run(["org", "rename", "1", `renamed \u009d\u202e`]);
  await run(["\u001b[2J\u009b31m"]);
  await run(["serve", "--port", "\u001b[2J\u009b31m"]);
});

Deno.test("no request writes a line of its own into the log", async () => {
  for (const TAILPOST_LOG_FORMAT of ["text", "json"]) {
    await using world = await startWorld(postgres, { TAILPOST_LOG_FORMAT, TAILPOST_LOG_LEVEL: "debug" });
    // What makes the server fail, so that it writes about the request.
    await world.tailpost.sql`alter table logs rename to logs_away`;
    const forged = "%0a2026-01-01 [ERR] forged%0d%1b[2J\u009b31m";
    for (
      const path of [`/api/logs/1?q=${forged}`, `/api/logs?q=${forged}&service=${forged}`, `/api/${forged}`]
    ) {
      await world.ask(path, {
        token: world.tokens.read,
        headers: { "user-agent": "x\u009b31m", referer: "y" },
      });
    }
    await world.ask("/api/logs", {
      method: "POST",
      token: world.tokens.ingest,
      body: JSON.stringify({ message: "\n2026 forged \u001b[2J\u009b31m", service: "\r\nforged" }),
      headers: { "content-type": "application/json" },
    });
    await talk(
      world.port,
      `GET /api/logs/1\u009b31m HTTP/1.1\r\nHost: x\r\nX-Api-Key: ${world.tokens.read}\r\nConnection: close\r\n\r\n`,
    );
    await world.tailpost.sql`alter table logs_away rename to logs`;
    const output = world.tailpost.output();
    assert.match(output, /failed/u);
    assert.doesNotMatch(output, OBEYED);
    assert.doesNotMatch(output, /^\S*.{0,30}forged/mu);
    for (const token of Object.values(world.tokens)) assert.ok(!output.includes(token));
  }
});
