// For nchan: listens, and publishes every log over HTTP. PUBLISH_URL is where.
import http from "node:http";
import pg from "pg";

const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
const listener = new pg.Client({ connectionString: process.env.DATABASE_URL });
await listener.connect();
listener.on("notification", ({ payload }) => {
  const publishing = http.request(
    process.env.PUBLISH_URL,
    { agent, method: "POST" },
    (answer) => answer.resume(),
  );
  publishing.on("error", (error) => console.error(error.message));
  publishing.end(payload);
});
await listener.query("LISTEN logs_1");
console.log("listening at nothing: publishes");
process.on("SIGTERM", () => process.exit(0));
