// A program with an embedded PostgreSQL, for tests of what happens when it is killed or interrupted. It says what it
// does on standard output. Arguments: options as JSON.
import postgres from "postgres";
import { startEmbeddedPostgres } from "../embedded_postgres.ts";

const say = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));

const server = await startEmbeddedPostgres({ ...JSON.parse(Deno.args[0] ?? "{}"), onProgress: say });
Deno.addSignalListener("SIGINT", async () => {
  const sql = postgres(server.url, { max: 1 });
  await sql`select 1`;
  await sql.end();
  say("still connected");
  await server.stop();
  say((await server.closed).reason);
  Deno.exit(0);
});
say(`ready ${server.url}`);
