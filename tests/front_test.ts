// The front of the server, over raw sockets: who does not come to the point is given up, and nobody else notices.

import assert from "node:assert/strict";
import { testServer } from "./postgres.ts";
import { metric, portOf, startTailpost, type TestTailpost } from "./server.ts";
import { isReset, statuses, talk, writeAll } from "./socket.ts";
import { openViewer } from "./sse.ts";

const postgres = await testServer();

const refusals = (tailpost: TestTailpost, reason: string) =>
  metric(tailpost, `tailpost_refused_total{reason="${reason}"}`);

async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000;
  while (!await holds()) assert.ok(performance.now() < end, `Still not so: ${holds}`);
}

Deno.test("a connection that does not end its header in time gets 408, also while it sends on, and is counted", async () => {
  await using tailpost = await startTailpost(postgres, { env: { TAILPOST_HEADER_TIMEOUT_SECONDS: "1" } });
  await using viewer = await openViewer(`${tailpost.url}/api/logs/stream`);
  const port = portOf(tailpost);
  const beginnings = ["", "G", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\nX-A: "];
  const answers = await Promise.all(beginnings.map((text) => talk(port, text, { seconds: 20 })));
  for (const [i, { text, closed }] of answers.entries()) {
    assert.ok(closed, JSON.stringify(beginnings[i]));
    assert.deepEqual(statuses(text), [408], JSON.stringify(beginnings[i]));
  }
  // A byte now and then is no way out, and neither is a first request that was answered.
  const answered = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
  assert.deepEqual(await Promise.all([trickle(port, ""), trickle(port, answered)]), [[408], [200, 408]]);
  assert.equal(await refusals(tailpost, "header_time"), 6);
  // Who has said what it wants may wait as long as it likes.
  await tailpost.sql`insert into logs (message) values ('after')`;
  await viewer.untilLog("after");
});

/** Begins a request after `text` and sends a byte of its header every 100 ms, until the server has enough. */
async function trickle(port: number, text: string): Promise<number[]> {
  using socket = await Deno.connect({ port });
  await writeAll(socket, new TextEncoder().encode(`${text}GET / HTTP/1.1\r\nX: `));
  const more = setInterval(() => socket.write(new TextEncoder().encode("a")).catch(() => {}), 100);
  const late = setTimeout(() => socket.close(), 20_000);
  let answer = "";
  try {
    const buffer = new Uint8Array(4096);
    for (let read = await socket.read(buffer); read !== null; read = await socket.read(buffer)) {
      answer += new TextDecoder().decode(buffer.subarray(0, read));
    }
  } catch (error) {
    if (!isReset(error)) throw error;
  } finally {
    clearInterval(more);
    clearTimeout(late);
  }
  return statuses(answer);
}

Deno.test("a header that is too large gets 431, and one in time and size its answer", async () => {
  await using tailpost = await startTailpost(postgres);
  const get = (bytes: number) =>
    `GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-A: ${"a".repeat(bytes)}\r\n\r\n`;
  assert.deepEqual(statuses((await talk(portOf(tailpost), get(60_000))).text), [200]);
  for (const bytes of [90_000, 1_000_000]) {
    assert.deepEqual(statuses((await talk(portOf(tailpost), get(bytes))).text), [431]);
  }
});

Deno.test("connections over TAILPOST_MAX_CONNECTIONS are closed at once and counted, and there is room again after", async () => {
  await using tailpost = await startTailpost(postgres, { env: { TAILPOST_MAX_CONNECTIONS: "10" } });
  await using viewer = await openViewer(`${tailpost.url}/api/logs/stream`);
  const port = portOf(tailpost);
  const idle: Deno.Conn[] = [];
  try {
    for (;;) {
      const socket = await Deno.connect({ port });
      idle.push(socket);
      const first = await Promise.race([firstOf(socket), answersOn(socket)]);
      if (first === "closed") break;
      assert.ok(idle.length <= 10, "More connections than there may be");
    }
    await tailpost.sql`insert into logs (message) values ('while full')`;
    await viewer.untilLog("while full");
  } finally {
    for (const socket of idle) socket.close();
  }
  await until(async () =>
    (await talk(port, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).text !== ""
  );
  assert.ok(await refusals(tailpost, "connections") >= 1);
});

/** What the server does of its own accord: closes, where there is no room. */
async function firstOf(socket: Deno.Conn): Promise<"closed" | "answered"> {
  try {
    return await socket.read(new Uint8Array(4096)) === null ? "closed" : "answered";
  } catch (error) {
    if (isReset(error)) return "closed";
    throw error;
  }
}

/** Asks for something. The answer is read by whoever reads already. */
async function answersOn(socket: Deno.Conn): Promise<never> {
  await writeAll(socket, new TextEncoder().encode("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")).catch(
    () => {},
  );
  return await new Promise<never>(() => {});
}

Deno.test("requests of one connection are answered in their order, and no more than 100 may wait", async () => {
  await using tailpost = await startTailpost(postgres);
  const port = portOf(tailpost);
  const get = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
  const paths = ["/api/logs", "/healthz", "/nothing", "/readyz", "/api/logs?limit=0"];
  const { text } = await talk(
    port,
    paths.map((path) => get(path)).join("") + get("/", "Connection: close\r\n"),
  );
  assert.deepEqual(statuses(text), [200, 200, 404, 200, 400, 302]);
  // Behind a stream nothing is ever answered: what waits there is bounded.
  const many = get("/api/logs/stream") + get("/api/logs/stream").repeat(2000);
  assert.equal((await talk(port, many, { seconds: 20 })).closed, true);
  await until(async () => await metric(tailpost, "tailpost_viewers") === 0);
  assert.equal(await metric(tailpost, "tailpost_subscriptions_total"), 1);
});

Deno.test("a stream ends at once for the server when its client goes, also while nothing is logged", async () => {
  await using tailpost = await startTailpost(postgres, { env: { TAILPOST_HEARTBEAT_SECONDS: "3600" } });
  for (let i = 0; i < 3; i++) {
    const { text } = await talk(portOf(tailpost), "GET /api/logs/stream HTTP/1.1\r\nHost: x\r\n\r\n", {
      until: /event: ready/u,
    });
    assert.deepEqual(statuses(text), [200]);
  }
  await until(async () => await metric(tailpost, "tailpost_viewers") === 0);
});

Deno.test("a viewer that reads nothing takes bounded memory, and gets the rest once it reads", async () => {
  await using tailpost = await startTailpost(postgres);
  using socket = await Deno.connect({ port: portOf(tailpost) });
  await writeAll(socket, new TextEncoder().encode("GET /api/logs/stream HTTP/1.1\r\nHost: x\r\n\r\n"));
  await using viewer = await openViewer(`${tailpost.url}/api/logs/stream`);
  await until(async () => await metric(tailpost, "tailpost_viewers") === 2);
  // 50 MB of events. What the system takes on the way, and the viewer's own buffer, are a few.
  for (let batch = 0; batch < 20; batch++) {
    await tailpost.sql`insert into logs (message) select repeat('x', 900) from generate_series(1, 2500)`;
    await tailpost.sql`insert into logs (message) values (${`batch ${batch}`})`;
    await viewer.untilLog(`batch ${batch}`);
  }
  await tailpost.sql`insert into logs (message) values ('last')`;
  const sent = await metric(tailpost, "tailpost_logs_sent_total");
  assert.ok(sent > 50_000 && sent < 70_000, `${sent} logs were sent`);
  let text = "";
  const buffer = new Uint8Array(1 << 20);
  const late = setTimeout(() => socket.close(), 30_000);
  while (!text.includes('"message":"last"')) {
    const read = await socket.read(buffer);
    assert.ok(read !== null, "The stream ended");
    text = text.slice(-1000) + new TextDecoder().decode(buffer.subarray(0, read));
  }
  clearTimeout(late);
});

Deno.test("a body is asked for only when it is wanted", async () => {
  await using tailpost = await startTailpost(postgres);
  const port = portOf(tailpost);
  const head = (path: string, length: number) =>
    `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;
  assert.deepEqual(statuses((await talk(port, head("/api/logs", 15), { until: /\r\n\r\n/u })).text), [100]);
  assert.deepEqual(
    statuses((await talk(port, head("/api/logs", 15) + '{"message":"x"}', { until: /ids/u })).text),
    [100, 201],
  );
  // The answer comes instead of the invitation, and the connection, whose rest would be a body, ends.
  for (const [path, length, status] of [["/nothing", 15, 404], ["/api/logs", 6_000_000, 413]] as const) {
    const { text, closed } = await talk(port, head(path, length));
    assert.deepEqual(statuses(text), [status]);
    assert.ok(closed);
  }
});

Deno.test("pages and files are packed for who takes them so, streams never, and HEAD has no body", async () => {
  await using tailpost = await startTailpost(postgres);
  const head = async (method: string, path: string, accepted: string) => {
    const request =
      `${method} ${path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: ${accepted}\r\nConnection: close\r\n\r\n`;
    const { text } = await talk(portOf(tailpost), request, { until: /\r\n\r\n[\s\S]*/u });
    return text;
  };
  const gzip = /^content-encoding: gzip\r$/imu;
  for (const path of ["/logs/live", "/styles.css"]) {
    assert.match(await head("GET", path, "gzip, deflate, br"), gzip, path);
    assert.match(await head("GET", path, "gzip"), /^vary: .*accept-encoding/imu);
    for (const accepted of ["", "identity", "gzip;q=0", "*;q=0"]) {
      assert.doesNotMatch(await head("GET", path, accepted), gzip, `${path} ${accepted}`);
    }
    assert.match(await head("HEAD", path, "gzip"), /^HTTP\/1\.1 200 [\s\S]*\r\n\r\n$/u);
  }
  const styles = async (accepted: string) =>
    await (await fetch(`${tailpost.url}/styles.css`, { headers: { "accept-encoding": accepted } })).text();
  assert.equal(await styles("gzip"), await styles("identity"));
  assert.doesNotMatch(await head("GET", "/api/logs/stream", "gzip"), gzip);
});

Deno.test("nothing is left of viewers that went, and connections without a request do not hold up the end", async () => {
  await using tailpost = await startTailpost(postgres);
  const sockets = await Promise.all(
    Array.from({ length: 10 }, () => Deno.connect({ port: portOf(tailpost) })),
  );
  const stays = await openViewer(`${tailpost.url}/api/logs/stream`);
  for (let round = 0; round < 20; round++) {
    await using _goes = await openViewer(`${tailpost.url}/api/logs/stream`);
  }
  await until(async () => await metric(tailpost, "tailpost_viewers") === 1);
  const { code } = await tailpost.stop();
  assert.equal(code, 0);
  // It waits for answers that are under way, and says so when some do not end.
  assert.doesNotMatch(tailpost.output(), /Stopped all the same/u);
  await stays.ended;
  for (const socket of sockets) socket.close();
});
