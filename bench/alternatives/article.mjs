// The usual design: one connection that listens, and for every viewer a JSON.stringify() and a write of every log.
import Fastify from "fastify";
import pg from "pg";

const listener = new pg.Client({ connectionString: process.env.DATABASE_URL });
const viewers = new Set();
await listener.connect();
listener.on("notification", ({ payload }) => {
  const log = JSON.parse(payload);
  for (const viewer of viewers) viewer.write(`data: ${JSON.stringify(log)}\n\n`);
});
await listener.query("LISTEN logs_1");

const app = Fastify();
app.get("/stream", (request, reply) => {
  reply.hijack();
  reply.raw.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
  reply.raw.write("event: ready\ndata: {}\n\n");
  viewers.add(reply.raw);
  request.raw.on("close", () => viewers.delete(reply.raw));
});
console.log(`listening at ${await app.listen({ host: "127.0.0.1", port: 0, backlog: 4096 })}`);
process.on("SIGTERM", () => process.exit(0));
