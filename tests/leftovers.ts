/** What a program leaves running. */

import { clusterPaths } from "../lib/embedded_postgres/_cluster.ts";
import { belongsTo, processes } from "../lib/embedded_postgres/_leftovers.ts";
import { deadline, until } from "../lib/embedded_postgres/_wait.ts";

/** The arguments of every process of the embedded PostgreSQL of a data directory: server, children, and guard. */
export async function postgresOf(dataDir: string): Promise<string[]> {
  const paths = clusterPaths(await Deno.realPath(dataDir));
  return (await processes()).filter(({ args }) => belongsTo(paths, args)).map(({ pid, args }) =>
    `${pid} ${args}`
  );
}

/** The process id of the server itself, which has written it down. */
export async function postmasterOf(dataDir: string): Promise<number> {
  const { data } = clusterPaths(await Deno.realPath(dataDir));
  return Number.parseInt(await Deno.readTextFile(`${data}/postmaster.pid`));
}

/** Waits until nothing of it runs. Rejects after ten seconds. */
export async function untilNoPostgres(dataDir: string): Promise<void> {
  let left: string[] = [];
  using limit = deadline(10_000, () => new Error(`Still running:\n${left.join("\n")}`));
  await until(
    async () => {
      left = await postgresOf(dataDir);
      return left.length === 0 || undefined;
    },
    limit.signal,
    50,
  );
}
