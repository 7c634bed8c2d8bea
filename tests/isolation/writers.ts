/** Who writes: applications by SQL, several organizations in one statement, and shippers by HTTP. */

import type { Dice } from "../faults/chance.ts";
import type { Tenant, World } from "./world.ts";

/** Ids that are kept to ask for. */
const MOST_IDS = 200;

/** More rows of an organization in one transaction than are announced one by one. */
const BULK = 21_000;

/** Writes logs of all organizations by SQL: one statement, or transactions that overlap. */
export async function writeBySql(world: World, dice: Dice): Promise<void> {
  const rows = Array.from({ length: dice.int(1, 12) }, () => {
    const { id, mark } = dice.pick(world.tenants);
    // Some are too large for an announcement, and are read back by their ids.
    const service = dice.chance(0.004) ? `${mark} ${"s".repeat(9000)}` : mark;
    return { id, mark, service, message: `${mark} ${dice.chance(0.1) ? "m".repeat(3000) : dice.hex(8)}` };
  });
  const insert = () =>
    world.sql<{ id: string }[]>`
      insert into logs (organization_id, message, service, metadata)
      select id, message, service, json_build_object('of', mark)
      from json_to_recordset(${
      JSON.stringify(rows)
    }::text::json) as r (id int, mark text, message text, service text)
      returning id`;
  for (const { id } of await insert()) remember(world, Number(id));
}

/** Writes more rows of one organization than are announced, and a few of the others, in one statement. */
export async function writeMany({ sql, tenants }: World, dice: Dice): Promise<void> {
  const many = dice.pick(tenants);
  for (const { id, mark } of tenants) {
    await sql`insert into logs (organization_id, message, service)
      select ${id}, ${mark} || ' ' || n, ${mark} from generate_series(1, ${
      id === many.id ? BULK : 5
    }::int) as n`;
  }
}

/** Sends logs by HTTP, now and then to an organization that is not the sender's. */
export async function writeByHttp(world: World, tenant: Tenant, dice: Dice): Promise<void> {
  const logs = Array.from({ length: dice.int(1, 10) }, () => ({
    message: `${tenant.mark} ${dice.hex(8)}`,
    service: tenant.mark,
    level: dice.pick(["info", "warn", "error"]),
    metadata: { of: tenant.mark },
  }));
  const asLines = dice.chance(0.5);
  const target = dice.chance(0.3) ? `?organizationId=${dice.pick(world.tenants).id}` : "";
  const response = await fetch(`${world.url}/api/logs${target}`, {
    method: "POST",
    headers: { ...tenant.ingest, "content-type": asLines ? "application/x-ndjson" : "application/json" },
    body: asLines ? logs.map((log) => JSON.stringify(log)).join("\n") : JSON.stringify(logs),
  });
  const answer = await response.json();
  for (const id of answer.ids ?? []) remember(world, id);
  // Where the server forgot to look, the database refuses, and the server knows no better than 500.
  const isForgotten = world.walls === "database" && target !== "";
  if (response.status >= 500 && !isForgotten) world.problems.push(`POST ${target}: ${response.status}`);
}

/** Renames a view, anybody's, which only one's own may become. */
export async function writeView(world: World, tenant: Tenant, dice: Dice): Promise<void> {
  const target = dice.chance(0.5) ? `?organizationId=${dice.pick(world.tenants).id}` : "";
  const response = await fetch(`${world.url}/api/views/${dice.int(1, world.tenants.length)}${target}`, {
    method: "PUT",
    headers: { ...dice.pick(tenant.readers), "content-type": "application/json" },
    body: JSON.stringify({ name: `${tenant.mark} ${dice.hex(8)}`, query: `q=${tenant.mark}` }),
  });
  await response.body?.cancel();
  if (response.status >= 500) world.problems.push(`PUT a view ${target}: ${response.status}`);
}

/** Looks whether every log is where it belongs, and every view. */
export async function judgeWritten({ sql, oracle }: World): Promise<number> {
  const rows = await sql<{ id: string; mark: string; count: string }[]>`
    select organization_id as id, substring(message from 'mark-[0-9]+-[0-9a-f]{8}') as mark, count(*)
    from logs group by 1, 2`;
  for (const { id, mark, count } of rows) oracle.judge(Number(id), "written", mark, `${count} logs`);
  const views = await sql<{ id: string; name: string; query: string }[]>`
    select organization_id as id, name, query from tailpost_views`;
  for (const { id, name, query } of views) oracle.judge(Number(id), "written", `${name} ${query}`, "a view");
  return rows.reduce((sum, { count }) => sum + Number(count), 0);
}

function remember({ ids }: World, id: number): void {
  ids.push(id);
  if (ids.length > MOST_IDS) ids.shift();
}
