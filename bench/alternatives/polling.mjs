// Polling: for every viewer a query each second for what has come since.
import Fastify from "fastify";
import pg from "pg";

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
const newest = async () => (await pool.query("select coalesce(max(id), 0) as id from logs")).rows[0].id;

const app = Fastify();
app.get("/stream", async (request, reply) => {
  let last = await newest();
  reply.hijack();
  reply.raw.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
  reply.raw.write("event: ready\ndata: {}\n\n");
  let asking = false;
  const timer = setInterval(async () => {
    if (asking) return;
    asking = true;
    const { rows } = await pool.query("select * from logs where id > $1 order by id", [last]);
    for (const log of rows) reply.raw.write(`data: ${JSON.stringify(log)}\n\n`);
    if (rows.length > 0) last = rows[rows.length - 1].id;
    asking = false;
  }, 1000);
  request.raw.on("close", () => clearInterval(timer));
});
console.log(`listening at ${await app.listen({ host: "127.0.0.1", port: 0, backlog: 4096 })}`);
process.on("SIGTERM", () => process.exit(0));
