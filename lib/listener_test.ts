import assert from "node:assert/strict";
import type postgres from "postgres";
import { testServer } from "../tests/postgres.ts";
import { type Proxy, startProxy } from "../tests/proxy.ts";
import { connectListener } from "./database.ts";
import { createListener, type Listener, type ListenerOptions } from "./listener.ts";
import { channelOf } from "./notification.ts";

const server = await testServer();

type Heard =
  | { readonly kind: "connected" }
  | { readonly kind: "listening"; readonly organizationId: number }
  | { readonly kind: "notified"; readonly organizationId: number; readonly payload: string }
  | { readonly kind: "disconnected"; readonly reason: string };

interface TestListener extends AsyncDisposable {
  readonly listener: Listener;
  readonly heard: Heard[];
  /** Waits for so many things of a kind in all. */
  until(kind: Heard["kind"], count: number): Promise<void>;
}

function startListener(url: string, options: Partial<ListenerOptions> = {}): TestListener {
  const heard: Heard[] = [];
  let changed = Promise.withResolvers<void>();
  const hear = (what: Heard) => {
    heard.push(what);
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const listener = createListener({
    connect: (hooks) => connectListener(url, hooks),
    events: {
      listening: (organizationId) => hear({ kind: "listening", organizationId }),
      notified: (organizationId, payload) => hear({ kind: "notified", organizationId, payload }),
      missed: () => {},
      announced: () => {},
      changed: () => {},
      disconnected: (reason) => hear({ kind: "disconnected", reason }),
    },
    onConnected: () => hear({ kind: "connected" }),
    delay: () => 10,
    ...options,
  });
  return {
    listener,
    heard,
    async until(kind, count) {
      while (heard.filter((one) => one.kind === kind).length < count) await changed.promise;
    },
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  };
}

const backends = (sql: postgres.Sql, name: string) =>
  sql<{ pid: number; query: string }[]>`
    select pid, query from pg_stat_activity where application_name = 'tailpost-listener' and datname = ${name}`;

const notify = (sql: postgres.Sql, organizationId: number, payload: string) =>
  sql`select pg_notify(${channelOf(organizationId)}, ${payload})`;

const payloads = ({ heard }: TestListener) =>
  heard.flatMap((one) => one.kind === "notified" ? [`${one.organizationId} ${one.payload}`] : []);

Deno.test("createListener() listens to what is watched, before it connects and after, and to nothing else", async () => {
  await using db = await server.database();
  await using test = startListener(db.url);
  const { listener } = test;
  listener.watch(1);
  await test.until("listening", 1);
  listener.watch(2);
  await test.until("listening", 2);
  for (const [organizationId, payload] of [[1, "a"], [3, "b"], [2, "c"]] as const) {
    await notify(db.sql, organizationId, payload);
  }
  await db.sql`select pg_notify('logs_x', 'd'), pg_notify('other', 'e')`;
  await notify(db.sql, 1, "f");
  await test.until("notified", 3);
  assert.deepEqual(payloads(test), ["1 a", "2 c", "1 f"]);
  assert.deepEqual([listener.connected, listener.connections], [true, 1]);
});

Deno.test("createListener() does not hear of what is watched no more, and hears again of what is watched again", async () => {
  await using db = await server.database();
  await using test = startListener(db.url);
  const { listener } = test;
  listener.watch(1);
  listener.watch(2);
  await test.until("listening", 2);
  listener.unwatch(1);
  listener.watch(3); // One connection answers in order: UNLISTEN is done when this is.
  await test.until("listening", 3);
  await notify(db.sql, 1, "unheard");
  listener.watch(1);
  listener.unwatch(1);
  listener.watch(1);
  await test.until("listening", 4);
  await notify(db.sql, 1, "heard");
  await test.until("notified", 1);
  assert.deepEqual(payloads(test), ["1 heard"]);
});

Deno.test("createListener() keeps to one backend, whatever is watched", async () => {
  await using db = await server.database();
  await using test = startListener(db.url, { probeInterval: 5 });
  for (let organizationId = 1; organizationId <= 200; organizationId++) test.listener.watch(organizationId);
  await test.until("listening", 200);
  assert.equal((await backends(db.sql, db.name)).length, 1);
});

Deno.test("createListener() connects again when its backend is ended, and listens to all that is watched", async () => {
  await using db = await server.database();
  await using test = startListener(db.url);
  const { listener } = test;
  listener.watch(1);
  listener.watch(2);
  await test.until("listening", 2);
  for (let round = 1; round <= 3; round++) {
    const [backend] = await backends(db.sql, db.name);
    await db.sql`select pg_terminate_backend(${backend?.pid ?? 0}, 5000)`;
    await test.until("disconnected", round);
    if (round === 2) listener.watch(9);
    if (round === 2) listener.unwatch(9);
    await test.until("listening", 2 + 2 * round);
    await notify(db.sql, 2, `round ${round}`);
    await test.until("notified", round);
  }
  assert.deepEqual(payloads(test), ["2 round 1", "2 round 2", "2 round 3"]);
  assert.equal(listener.connections, 4);
  assert.equal((await backends(db.sql, db.name)).length, 1);
  const kinds = test.heard.map(({ kind }) => kind).filter((kind) => kind !== "notified");
  const round = ["disconnected", "connected", "listening", "listening"];
  assert.deepEqual(kinds, ["connected", "listening", "listening", ...round, ...round, ...round]);
});

Deno.test("createListener() waits for a server that is away, and for one that was restarted", async () => {
  await using server = await testServer();
  await using db = await server.database();
  await db.sql.end();
  await server.stop();
  const attempts: number[] = [];
  await using test = startListener(db.url, {
    delay(attempt) {
      attempts.push(attempt);
      return 20;
    },
  });
  test.listener.watch(1);
  await test.until("disconnected", 3);
  assert.equal(test.listener.connected, false);
  assert.deepEqual(attempts.slice(0, 2), [0, 1]);
  await server.start();
  await test.until("listening", 1);
  attempts.length = 0;
  await server.restart("immediate");
  await test.until("listening", 2);
  assert.equal(attempts[0], 0, "the waits begin anew after a connection that stood");
  assert.equal(test.listener.connected, true);
});

Deno.test("createListener() finds out that its connection is a black hole, and connects anew", async () => {
  await using db = await server.database();
  await using proxy = startProxy(db.url);
  let silent = 0;
  const onSilent = () => silent++;
  await using test = startListener(proxy.url, { probeInterval: 20, probeTimeout: 150, onSilent });
  test.listener.watch(1);
  await test.until("listening", 1);
  void proxy.blackHole();
  await test.until("disconnected", 2); // The second: what is tried meanwhile is given up too.
  assert.match(JSON.stringify(test.heard), /No answer to the liveness query/u);
  assert.equal(silent, 1, "it says so of a connection that stood");
  proxy.heal();
  await test.until("listening", 2);
  await notify(db.sql, 1, "through");
  await test.until("notified", 1);
});

Deno.test("createListener() gives up a LISTEN that is not answered", async () => {
  await using db = await server.database();
  await using proxy = startProxy(db.url);
  await using test = startListener(proxy.url, {
    probeInterval: 60_000,
    probeTimeout: 100,
    onConnected: () => {
      if (proxy.connections === 1) void proxy.blackHole();
    },
  });
  test.listener.watch(1);
  await test.until("disconnected", 1);
  assert.match(JSON.stringify(test.heard), /LISTEN timed out/u);
  proxy.heal();
  await test.until("listening", 1);
});

Deno.test("createListener() does not hammer a server that hangs up at once", async () => {
  await using db = await server.database();
  await using proxy = startProxy(db.url);
  proxy.hangUp();
  await using test = startListener(proxy.url, { delay: (attempt) => 10 * attempt });
  await test.until("disconnected", 4);
  assert.ok(proxy.connections <= 5, `${proxy.connections} connections`);
  proxy.heal();
  test.listener.watch(1);
  await test.until("listening", 1);
});

Deno.test("createListener() connects anew where PostgreSQL refuses to LISTEN", async () => {
  await using db = await server.database();
  let refuse = false;
  await using test = startListener(db.url, {
    connect: (hooks) => {
      const sql = connectListener(db.url, hooks);
      return new Proxy(sql, {
        apply(target, self, args) {
          const [strings] = args as [TemplateStringsArray | string];
          const asked = typeof strings === "string" ? "" : strings[0];
          if (refuse && asked?.startsWith("listen")) return target`select 1/0`;
          return Reflect.apply(target, self, args);
        },
      });
    },
  });
  await test.until("connected", 1);
  refuse = true;
  test.listener.watch(1);
  await test.until("disconnected", 2);
  assert.match(JSON.stringify(test.heard), /division by zero/u);
  refuse = false;
  await test.until("listening", 1);
});

Deno.test("createListener() hands on payloads of any content, and does not end with a listener's error", async () => {
  await using db = await server.database();
  let thrown = false;
  const seen: string[] = [];
  await using test = startListener(db.url);
  const wanted = ["", "junk", '{"s":', "é\u{1f600}\u2028\r\n", "x".repeat(7999)];
  test.listener.watch(1);
  await test.until("listening", 1);
  for (const payload of wanted) await notify(db.sql, 1, payload);
  await test.until("notified", wanted.length);
  assert.deepEqual(payloads(test), wanted.map((payload) => `1 ${payload}`));

  await using other = startListener(db.url, {
    events: {
      listening: () => other.heard.push({ kind: "listening", organizationId: 1 }),
      notified(_, payload) {
        seen.push(payload);
        if (!thrown) {
          thrown = true;
          throw new Error("A listener's own error");
        }
      },
      missed: () => {},
      announced: () => {},
      changed: () => {},
      disconnected: () => {},
    },
    probeInterval: 10,
  });
  other.listener.watch(1);
  await other.until("connected", 1);
  while (!seen.includes("after")) {
    await notify(db.sql, 1, "before");
    await notify(db.sql, 1, "after");
  }
});

Deno.test("createListener() leaves nothing behind, in whatever state it is disposed of", async () => {
  await using db = await server.database();
  await using proxy = startProxy(db.url);
  const gone = async () => {
    while ((await backends(db.sql, db.name)).length > 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const states: ((test: TestListener, proxy: Proxy) => unknown)[] = [
    () => {},
    (test) => test.until("connected", 1),
    (test) => test.until("listening", 1),
    async (test, proxy) => {
      await test.until("listening", 1);
      void proxy.blackHole();
    },
    () => new Promise((resolve) => setTimeout(resolve)), // Within the black hole, while it connects.
    async (test, proxy) => {
      proxy.hangUp();
      await test.until("disconnected", 1);
    },
  ];
  for (const reach of states) {
    {
      await using test = startListener(proxy.url, { probeInterval: 60_000 });
      test.listener.watch(1);
      await reach(test, proxy);
    }
  }
  await using test = startListener(db.url);
  await test.until("connected", 1);
  await test.listener[Symbol.asyncDispose]();
  await test.listener[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await gone();
  assert.ok(!test.heard.some(({ kind }) => kind === "disconnected"), "an end that was asked for is no loss");
});
