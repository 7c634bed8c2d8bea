/** What attacks are made on: the real program with two organizations, and tokens of both. */

import assert from "node:assert/strict";
import type { TestServer } from "../postgres.ts";
import { metric, portOf, startTailpost, type TestTailpost } from "../server.ts";
import { makeToken } from "../tokens.ts";

/** What no caller of the first organization may ever see. */
export const FOREIGN = "foreign-6f1c2e";

/** A name that no stranger may learn. */
export const ORGANIZATION_NAME = "organization-name-93b7";

/** See the module's comment. */
export interface World extends AsyncDisposable {
  readonly tailpost: TestTailpost;
  readonly url: string;
  readonly port: number;
  readonly tokens: { readonly read: string; readonly ingest: string; readonly admin: string };
  /** Asks with a token, and gives status, headers and text. */
  ask(path: string, init?: RequestInit & { token?: string }): Promise<Answer>;
  /** Stores entries with the ingest token. */
  send(entries: unknown): Promise<Answer>;
  /** A number of `/metrics`. */
  metric(name: string): Promise<number>;
  /** Signs in with a token and gives the cookie. */
  signIn(token: string): Promise<string>;
}

/** An answer that was read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Starts it. */
export async function startWorld(postgres: TestServer, env: Record<string, string> = {}): Promise<World> {
  // These tests are one client that is wrong all the time.
  const patient = { TAILPOST_SIGN_IN_ATTEMPTS: "10000" };
  const tailpost = await startTailpost(postgres, { args: ["--auth", "token"], env: { ...patient, ...env } });
  const { sql, url } = tailpost;
  await sql`update organizations set name = ${ORGANIZATION_NAME} where id = 1`;
  await sql`insert into organizations (name) values ('other')`;
  const tokens = {
    read: await makeToken(sql),
    ingest: await makeToken(sql, { scope: "ingest" }),
    admin: await makeToken(sql, { scope: "admin" }),
  };
  await sql`insert into logs (organization_id, service, message) values (2, ${FOREIGN}, ${FOREIGN})`;
  await sql`insert into logs (message) values ('ours')`;
  await sql`insert into tailpost_views (organization_id, name, query) values (2, ${FOREIGN}, ${`q=${FOREIGN}`})`;
  const ask: World["ask"] = async (path, { token, ...init } = {}) => {
    const headers = new Headers(init.headers);
    if (token !== undefined) headers.set("x-api-key", token);
    const response = await fetch(url + path, {
      redirect: "manual",
      signal: AbortSignal.timeout(10_000),
      ...init,
      headers,
    });
    const isStream = response.headers.get("content-type") === "text/event-stream";
    if (isStream) await response.body?.cancel();
    const text = isStream ? "" : await response.text();
    return { status: response.status, headers: response.headers, text };
  };
  return {
    tailpost,
    url,
    port: portOf(tailpost),
    tokens,
    ask,
    send: (entries) =>
      ask("/api/logs", {
        method: "POST",
        token: tokens.ingest,
        body: typeof entries === "string" ? entries : JSON.stringify(entries),
        headers: { "content-type": "application/json" },
      }),
    metric: (name) => metric(tailpost, name, { "x-api-key": tokens.read }),
    async signIn(token) {
      const { status, headers } = await ask("/login", {
        method: "POST",
        body: new URLSearchParams({ token }),
      });
      assert.equal(status, 303);
      return headers.getSetCookie()[0]?.split(";")[0] ?? "";
    },
    [Symbol.asyncDispose]: () => tailpost[Symbol.asyncDispose](),
  };
}
