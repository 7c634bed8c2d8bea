/** `deno task test:fuzz --requests N --seed N --concurrency N`. */

import { parseArgs } from "node:util";
import { print } from "../../lib/cli/output.ts";
import { startWorld } from "../attacks/world.ts";
import { testServer } from "../postgres.ts";
import { fuzz, growth } from "./run.ts";

const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "100000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    concurrency: { type: "string", default: "8" },
  },
});
const [requests, seed, concurrency] = [values.requests, values.seed, values.concurrency].map(Number);
if (!(Number(requests) > 0 && Number(concurrency) > 0 && Number.isInteger(seed))) {
  print("--requests, --seed and --concurrency take whole numbers");
  Deno.exit(2);
}

/** So much more at the end than after the warm-up is not noise any more. */
const isGrowth = ({ from, to }: { from: number; to: number }) => to > from * 1.15 + 32;

async function main(requests: number, seed: number, concurrency: number): Promise<boolean> {
  await using postgres = await testServer();
  await using world = await startWorld(postgres);
  print(`Seed ${seed}, ${requests} requests, ${concurrency} at once`);
  const began = performance.now();
  const report = await fuzz(world, {
    requests,
    seed,
    concurrency,
    onProgress(done, memory) {
      if (done % 5000 === 0) print(`${done} requests, ${memory.toFixed(0)} MiB`);
    },
  });
  const { memory, statuses, slowest, files, problems } = report;
  const grown = growth(memory);
  print(`Requests   ${report.requests} in ${((performance.now() - began) / 1000).toFixed(0)} s`);
  const sorted = [...statuses].sort(([a], [b]) => a - b);
  print(`Answers    ${sorted.map(([status, count]) => `${status || "closed"}: ${count}`).join(", ")}`);
  print(`Slowest    ${slowest.time.toFixed(0)} ms, ${slowest.request}`);
  print(
    `Memory     ${
      [0, memory.length >> 1, memory.length - 1].map((i) => memory[i]?.toFixed(0)).join(", ")
    } MiB at the beginning, in the middle, at the end`,
  );
  print(
    `           ${grown.from.toFixed(0)} MiB after the warm-up, ${grown.to.toFixed(0)} MiB in the last part`,
  );
  print(`Open files ${files.before} before, ${files.after} after`);
  for (const problem of problems) print(`PROBLEM    ${problem}`);
  // The pool and kept connections may add a few.
  const leaks = files.before !== null && files.after !== null &&
    files.after > files.before + concurrency + 20;
  if (leaks) print("PROBLEM    files stay open");
  const grows = requests >= 20_000 && isGrowth(grown);
  if (grows) print("PROBLEM    memory grows");
  return problems.length === 0 && !leaks && !grows;
}

Deno.exitCode = await main(Number(requests), Number(seed), Number(concurrency)) ? 0 : 1;
