import assert from "node:assert/strict";
import { clusterPaths } from "./_cluster.ts";
import { belongsTo, processes, processesByPs } from "./_leftovers.ts";

Deno.test("belongsTo() knows a cluster's processes from all others", () => {
  const paths = clusterPaths("/var/lib/tailpost");
  const postmaster = (data: string, name: string) =>
    `/x/postgres -D ${data} -c port=1 -c cluster_name=${name}`;
  assert(belongsTo(paths, postmaster(paths.data, paths.name)));
  assert(belongsTo(paths, `postgres: ${paths.name}: walwriter`));
  for (
    const args of [
      postmaster(paths.data, "other"),
      postmaster(`${paths.data}2`, `${paths.name}2`),
      `/usr/lib/postgresql/15/bin/postgres -D ${paths.data}`,
      "postgres: walwriter",
      `postgres: ${clusterPaths("/var/lib/other").name}: walwriter`,
      `vim ${paths.data}/postgresql.conf`,
    ]
  ) assert(!belongsTo(paths, args), args);
});

Deno.test("processesByPs() sees what processes() sees", async () => {
  const marker = `marker ${crypto.randomUUID()}`;
  const child = new Deno.Command("/bin/sh", { args: ["-c", "read -r _; exit", marker], stdin: "piped" })
    .spawn();
  const expected = { pid: child.pid, args: `/bin/sh -c read -r _; exit ${marker}` };
  for (const list of [processes, processesByPs]) {
    assert.deepEqual((await list()).filter(({ args }) => args.endsWith(marker)), [expected]);
  }
  await child.stdin.close();
  await child.status;
});
