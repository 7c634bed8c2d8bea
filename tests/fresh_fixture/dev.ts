import { Builder } from "fresh/dev";

// Serves the fixture on the port given, and says so.
await new Builder({ root: import.meta.dirname ?? "." }).listen(() => import("./main.ts"), {
  port: Number(Deno.args[0]),
  hostname: "127.0.0.1",
  // deno-lint-ignore no-console
  onListen: () => console.log("listening"),
});
