/**
 * Another process that takes a viewer's cursor over: reads its stream for a while and prints what it said, a JSON array.
 *
 *     deno run --allow-net tests/faults/away.ts <url> <cursor> <milliseconds>
 */

import type { Said } from "./ledger.ts";
import { follow } from "./stream.ts";

const [url = "", cursor = "", milliseconds = "0"] = Deno.args;
const heard: Said[] = [];
try {
  await follow({ url, cursor, by: "header" }, (said) => heard.push(said), {
    signal: AbortSignal.timeout(Number(milliseconds)),
  });
} catch {
  // What it has heard until then counts.
}
await new Blob([JSON.stringify(heard)]).stream().pipeTo(Deno.stdout.writable);
Deno.exit(0);
