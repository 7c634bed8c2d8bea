import assert from "node:assert/strict";
import { join } from "node:path";
import { spawnGuarded } from "./_process.ts";
import { until } from "./_wait.ts";

Deno.test("spawnGuarded() kills a program that heeds nothing else", async () => {
  const folder = await Deno.makeTempDir();
  const log = join(folder, "log");
  const program = spawnGuarded({
    command: "/bin/sh",
    args: ["-c", "trap 'echo interrupted' INT; trap '' QUIT; echo begun; while :; do sleep 0.01; done"],
    cwd: "/",
    account: undefined,
    env: {},
    log,
    atEnd: "fast",
    patienceMs: 100,
  });
  await until(async () => (await Deno.readTextFile(log).catch(() => "")).includes("begun") || undefined);
  await program.stop("fast");
  assert.equal((await program.exited).code, 128 + 9);
  await Deno.remove(folder, { recursive: true });
});
