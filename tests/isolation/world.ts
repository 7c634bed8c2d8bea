/** What is scanned: the real program on a real PostgreSQL, with organizations that all write and watch. */

import postgres from "postgres";
import { migrateUp } from "../../lib/migrations.ts";
import type { TestServer } from "../postgres.ts";
import { runTailpost } from "../server.ts";
import { serverRole } from "../server_role.ts";
import { makeToken } from "../tokens.ts";
import { markOf, Oracle } from "./oracle.ts";

/** Which walls stand: the server's checks, the database's row-level security, both or none. */
export type Walls = "both" | "server" | "database" | "none";

/** An organization. */
export interface Tenant {
  readonly id: number;
  /** In everything it writes, and in its name. */
  readonly mark: string;
  /** Ways to say who one is: by token, by session. */
  readonly readers: readonly Readonly<Record<string, string>>[];
  readonly ingest: Readonly<Record<string, string>>;
  /** The newest cursor of each of its streams. */
  readonly cursors: string[];
}

/** See the module's comment. */
export interface World extends AsyncDisposable {
  readonly walls: Walls;
  readonly url: string;
  /** As the owner of the tables. */
  readonly sql: postgres.Sql;
  readonly tenants: readonly Tenant[];
  /** Ids of logs of all organizations, the newest ones. */
  readonly ids: number[];
  readonly oracle: Oracle;
  /** What should not have been, besides foreign logs. */
  readonly problems: string[];
  /** Ends the listener's connection, so that everybody is caught up from the table. */
  cutListener(): Promise<void>;
}

const ENTRY = new URL("./server.ts", import.meta.url);

/** Starts it. */
export async function startWorld(
  server: TestServer,
  walls: Walls,
  { organizations = 3 } = {},
): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const db = stack.use(await server.database());
  await migrateUp(db.sql);
  const role = stack.use(await serverRole(db));
  const admin = postgres(db.superuserUrl, { max: 1, onnotice: () => {} });
  stack.defer(() => admin.end());
  const program = runTailpost(["serve", "--auth", "token", "--port", "0"], {
    // The owner of the tables is not bound by their policies.
    DATABASE_URL: walls === "both" || walls === "database" ? role.url : db.url,
    ISOLATION_CHECKS: walls === "both" || walls === "server" ? "on" : "off",
  }, ENTRY);
  stack.defer(async () => void await program.end("SIGTERM"));
  const [, url = ""] = await program.line(/Tailpost is ready at (http:\S+)/u);
  const tenants: Tenant[] = [];
  for (let id = 1; id <= organizations; id++) tenants.push(await settle(db.sql, url, id));
  const owned = stack.move();
  return {
    walls,
    url,
    sql: db.sql,
    tenants,
    ids: [],
    oracle: new Oracle(),
    problems: [],
    async cutListener() {
      await admin`select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'tailpost-listener' and datname = current_database()`;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function settle(sql: postgres.Sql, url: string, id: number): Promise<Tenant> {
  const mark = markOf(id);
  await sql`insert into organizations (id, name) values (${id}, ${mark})
    on conflict (id) do update set name = excluded.name`;
  await sql`insert into tailpost_views (organization_id, name, query, is_default)
    values (${id}, ${mark}, ${`q=${mark}`}, true)`;
  const read = await makeToken(sql, { organizationId: id });
  const ingest = await makeToken(sql, { organizationId: id, scope: "ingest" });
  const response = await fetch(`${url}/login`, {
    method: "POST",
    body: new URLSearchParams({ token: read }),
    redirect: "manual",
  });
  await response.body?.cancel();
  const cookie = response.headers.getSetCookie()[0]?.split(";")[0];
  if (cookie === undefined) throw new Error(`Cannot sign in: ${response.status}`);
  return {
    id,
    mark,
    readers: [{ authorization: `Bearer ${read}` }, { "x-api-key": read }, { cookie }],
    ingest: { "x-api-key": ingest },
    cursors: [],
  };
}
