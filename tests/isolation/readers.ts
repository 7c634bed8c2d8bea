/** Who reads: every way on which logs leave the server, with everything that could lead to another organization's. */

import type { Dice } from "../faults/chance.ts";
import type { Way } from "./oracle.ts";
import type { Tenant, World } from "./world.ts";

/** Query parameters for a reader: filters of its own, filters for others, and other organizations. */
function queryOf({ tenants }: World, { mark }: Tenant, dice: Dice): URLSearchParams {
  const query = new URLSearchParams();
  const other = dice.pick(tenants);
  const filter: [name: string, value: string] | null = dice.pick([
    null,
    null,
    ["q", "mark"],
    ["q", mark],
    ["q", other.mark],
    ["q", "/mark-./"],
    ["service", `${mark},${other.mark}`],
    ["not", mark],
    ["not", "nothing"],
    ["level", "info,warn,error"],
  ]);
  if (filter) query.append(...filter);
  for (let i = dice.pick([0, 1, 1, 2]); i > 0; i--) {
    query.append(
      dice.pick(["organizationId", "organizationId", "organizationId", "organization_id", "org"]),
      String(dice.pick(tenants).id),
    );
  }
  return query;
}

/** A page of history. */
export async function readHistory(world: World, tenant: Tenant, dice: Dice): Promise<void> {
  const query = queryOf(world, tenant, dice);
  if (dice.chance(0.5)) query.set("limit", String(dice.int(1, 300)));
  if (dice.chance(0.3)) query.set("before", String(world.ids.at(-1) ?? 1));
  if (dice.chance(0.3)) query.set("after", String(world.ids.at(0) ?? 1));
  if (dice.chance(0.3)) query.set("order", "asc");
  if (dice.chance(0.3)) query.set("at", String(Date.now() - dice.int(0, 60_000)));
  await ask(world, tenant, dice, "history", `/api/logs?${query}`);
}

/** What the newest logs hold: services are marked. */
export async function readValues(world: World, tenant: Tenant, dice: Dice): Promise<void> {
  await ask(world, tenant, dice, "values", `/api/logs/values?${queryOf(world, tenant, dice)}`);
}

/** A file of logs. */
export async function readExport(world: World, tenant: Tenant, dice: Dice): Promise<void> {
  const query = queryOf(world, tenant, dice);
  if (dice.chance(0.5)) query.set("format", "csv");
  if (dice.chance(0.5)) query.set("from", String(Date.now() - dice.int(0, 60_000)));
  await ask(world, tenant, dice, "export", `/api/logs/export?${query}`);
}

/** One log, anybody's. */
export async function readLog(world: World, tenant: Tenant, dice: Dice): Promise<void> {
  const id = world.ids.length > 0 ? dice.pick(world.ids) : 1;
  await ask(world, tenant, dice, "log", `/api/logs/${id}?${queryOf(world, tenant, dice)}`);
}

/** Saved views. */
export async function readViews(world: World, tenant: Tenant, dice: Dice): Promise<void> {
  await ask(world, tenant, dice, "views", `/api/views?${queryOf(world, tenant, dice)}`);
}

/** A page for people. */
export async function readPage(world: World, tenant: Tenant, dice: Dice): Promise<void> {
  const path = dice.pick(["/logs/live", "/logs/live", "/settings/tokens", "/metrics", "/readyz"]);
  await ask(
    world,
    tenant,
    dice,
    "page",
    `${path}?q=${tenant.mark}&organizationId=${dice.pick(world.tenants).id}`,
  );
}

async function ask(world: World, tenant: Tenant, dice: Dice, way: Way, path: string): Promise<void> {
  const response = await fetch(world.url + path, { headers: headersOf(tenant, dice), redirect: "manual" });
  world.oracle.judge(tenant.id, way, await response.text(), path);
  // Without its listener it is not ready, which is as it should be.
  const isBroken = response.status >= 500 && !(response.status === 503 && path.startsWith("/readyz"));
  if (isBroken) world.problems.push(`${path}: ${response.status}`);
}

function headersOf(tenant: Tenant, dice: Dice): Record<string, string> {
  const headers = { ...dice.pick(tenant.readers) };
  return dice.chance(0.1)
    ? { ...headers, "x-organization-id": "1", "x-forwarded-user": "somebody" }
    : headers;
}

/** A stream for a while: from now, from a tail, or from a cursor, which may be another organization's. */
export async function watch(world: World, tenant: Tenant, dice: Dice): Promise<void> {
  const query = queryOf(world, tenant, dice);
  const headers = headersOf(tenant, dice);
  const from = dice.chance(0.8) ? tenant : dice.pick(world.tenants);
  const cursor = from.cursors.length > 0 ? dice.pick(from.cursors) : null;
  if (dice.chance(0.4)) query.set("tail", String(dice.int(0, 1000)));
  else if (cursor !== null && dice.chance(0.8)) {
    if (dice.chance(0.5)) headers["last-event-id"] = cursor;
    else query.set("lastEventId", cursor);
  }
  const path = `/api/logs/stream?${query}`;
  const response = await fetch(world.url + path, { headers });
  if (response.status !== 200 || !response.body) {
    world.oracle.judge(tenant.id, "stream", await response.text(), path);
    if (response.status >= 500) world.problems.push(`${path}: ${response.status}`);
    return;
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const timer = setTimeout(() => void reader.cancel(), dice.int(200, 1500));
  try {
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      // A block is judged whole: a mark may come in two parts.
      const end = (rest + value).lastIndexOf("\n\n");
      const whole = (rest + value).slice(0, end + 1);
      rest = (rest + value).slice(end + 1);
      if (whole === "") continue;
      world.oracle.judge(tenant.id, "stream", whole, path);
      const [, newest] = [...whole.matchAll(/^id: (.+)$/gmu)].at(-1) ?? [];
      if (newest !== undefined) tenant.cursors.push(newest);
      // An old one too, for what is read from the table alone.
      if (tenant.cursors.length > 20) tenant.cursors.splice(dice.int(0, 19), 1);
    }
  } finally {
    clearTimeout(timer);
    await reader.cancel();
  }
}
