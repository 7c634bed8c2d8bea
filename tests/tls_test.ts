// TLS of its own: HTTP/1.1 and HTTP/2 by one port, with certificates that are renewed while it runs.

import assert from "node:assert/strict";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { browserTest } from "./browser.ts";
import { type Authority, type Certificate, createAuthority } from "./certificates.ts";
import { connectHttp2, type Http2Answer, type Http2Connection } from "./http2.ts";
import { testServer } from "./postgres.ts";
import { metric, portOf, runTailpost, startTailpost, type TestTailpost } from "./server.ts";
import { statuses, talk, writeAll } from "./socket.ts";
import { makeToken } from "./tokens.ts";

const postgres = await testServer();
const folder = await Deno.makeTempDir({ prefix: "tailpost-tls-" });
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const authority = await createAuthority(folder, "authority");
const ca = await Deno.readTextFile(authority.cert);
const NAMES = { subject: "localhost", names: "DNS:localhost,IP:127.0.0.1" };
const certificate = await authority.issue(NAMES);

interface Tls extends TestTailpost {
  /** Trusts its certificate. */
  readonly client: Deno.HttpClient;
}

async function startTls(
  { cert, key }: Certificate = certificate,
  { env = {}, args = [] }: { env?: Record<string, string>; args?: string[] } = {},
): Promise<Tls> {
  const tailpost = await startTailpost(postgres, {
    env,
    args: ["--tls-cert", cert, "--tls-key", key, ...args],
  });
  const client = Deno.createHttpClient({ caCerts: [ca] });
  return Object.defineProperties({ client }, {
    ...Object.getOwnPropertyDescriptors(tailpost),
    [Symbol.asyncDispose]: {
      value: async () => {
        client.close();
        await tailpost[Symbol.asyncDispose]();
      },
    },
  }) as Tls;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000;
  while (!await holds()) assert.ok(performance.now() < end, `Still not so: ${holds}`);
}

/** What one says over TLS without HTTP/2, and what comes back until the end. */
async function talkTls(port: number, text: string): Promise<string> {
  using socket = await Deno.connectTls({ hostname: "localhost", port, caCerts: [ca] });
  await writeAll(socket, new TextEncoder().encode(text));
  return await new Response(socket.readable).text();
}

/** The serial number of the certificate that new connections are shown. */
function shown(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: "localhost", port, ca }, () => {
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      resolve(serialNumber);
    });
    socket.once("error", reject);
  });
}

Deno.test("TLS serves HTTP/1.1 and HTTP/2 by one port, and nothing without TLS", async () => {
  await using tailpost = await startTls();
  const port = portOf(tailpost);
  assert.ok(tailpost.url.startsWith("https://"), tailpost.url);
  await using http2 = await connectHttp2(tailpost.url, ca);
  assert.equal(http2.session.alpnProtocol, "h2");
  const body = JSON.stringify({ message: "over HTTP/2" });
  const headers = { "content-type": "application/json" };
  const posted = await http2.request("/api/logs", { method: "POST", headers, body });
  assert.equal(posted.status, 201);
  const first = await talkTls(port, "GET /api/logs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  assert.deepEqual(statuses(first), [200]);
  assert.match(first, /over HTTP\/2/u);
  const page = await http2.request("/logs/live", { headers: { "accept-encoding": "gzip" } });
  assert.equal(page.headers["content-encoding"], "gzip");
  assert.equal((await http2.request("/logs/live", { method: "HEAD" })).status, 200);
  assert.equal(await (await http2.request("/nothing", { method: "HEAD" })).text, "");
  // Who does not wish to speak TLS is not waited for.
  const { text, closed } = await talk(port, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  assert.ok(closed);
  assert.doesNotMatch(text, /^HTTP\/1\.1 2/u);
});

Deno.test("TLS is 1.2 at least", async () => {
  await using tailpost = await startTls();
  const handshake = async (version: string) => {
    const args = ["s_client", "-connect", `localhost:${portOf(tailpost)}`, version];
    const { success } = await new Deno.Command("openssl", {
      args: [...args, "-cipher", "DEFAULT@SECLEVEL=0", "-CAfile", authority.cert, "-verify_return_error"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  };
  assert.deepEqual(
    [
      await handshake("-tls1"),
      await handshake("-tls1_1"),
      await handshake("-tls1_2"),
      await handshake("-tls1_3"),
    ],
    [false, false, true, true],
  );
});

Deno.test("over TLS cookies are Secure and bound to the host, and browsers are told to stay", async () => {
  await using tailpost = await startTls(certificate, { args: ["--auth", "token"] });
  await using http2 = await connectHttp2(tailpost.url, ca);
  const token = await makeToken(tailpost.sql);
  const origin = tailpost.url;
  const answer = await http2.request("/login", {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", origin },
    body: `token=${token}`,
  });
  assert.equal(answer.status, 303);
  assert.match(String(answer.headers["set-cookie"]), /^__Host-[^;]+;.*\bSecure\b/u);
  // HTTP/2 may send a cookie in parts.
  const [session = ""] = String(answer.headers["set-cookie"]).split(";");
  const cookie = ["a=1", session] as unknown as string;
  assert.equal((await http2.request("/api/logs", { headers: { cookie } })).status, 200);
  const named = await http2.request("/healthz", { headers: { ":authority": "logs.example.org" } });
  assert.equal(named.headers["strict-transport-security"], "max-age=31536000");
  const here = await http2.request("/healthz");
  assert.equal(here.headers["strict-transport-security"], undefined);
});

/** Opens so many streams on one connection. */
async function openStreams(connection: Http2Connection, count: number): Promise<Http2Answer[]> {
  const answers = await Promise.all(
    Array.from({ length: count }, () => connection.request("/api/logs/stream")),
  );
  for (const answer of answers) assert.equal(answer.status, 200);
  await Promise.all(answers.map((answer) => answer.until("event: ready")));
  return answers;
}

Deno.test("HTTP/2 carries hundreds of viewers on few connections, and each ends by itself", async () => {
  await using tailpost = await startTls(certificate, { env: { TAILPOST_HEARTBEAT_SECONDS: "3600" } });
  const viewers = () => metric(tailpost, "tailpost_viewers");
  await using one = await connectHttp2(tailpost.url, ca);
  await using other = await connectHttp2(tailpost.url, ca);
  const [ones, others] = await Promise.all([openStreams(one, 150), openStreams(other, 150)]);
  assert.equal(await viewers(), 300);
  await tailpost.sql`insert into logs (message) values ('to all')`;
  await Promise.all([...ones, ...others].map((viewer) => viewer.until("to all")));
  // Nothing is written any more: whoever goes is missed without.
  for (const { stream } of ones.slice(0, 50)) stream.close();
  await until(async () => await viewers() === 250);
  one.session.destroy();
  await until(async () => await viewers() === 150);
  await tailpost.sql`insert into logs (message) values ('to the rest')`;
  await Promise.all(others.map((viewer) => viewer.until("to the rest")));
  // Stopped, it ends them in order, in the time that it has.
  const status = await tailpost.stop();
  assert.deepEqual([status.code, status.signal], [0, null]);
  const texts = await Promise.all(others.map((viewer) => viewer.text));
  for (const text of texts) assert.ok(text.endsWith("\n\n"), text.slice(-100));
  await other.closed;
});

Deno.test("a viewer over HTTP/2 that reads nothing takes bounded memory, and gets the rest once it reads", async () => {
  await using tailpost = await startTls();
  await using slow = await connectHttp2(tailpost.url, ca);
  const [stalled] = await openStreams(slow, 1);
  stalled!.stream.pause();
  await using other = await connectHttp2(tailpost.url, ca);
  const [viewer] = await openStreams(other, 1);
  for (let batch = 0; batch < 10; batch++) {
    await tailpost.sql`insert into logs (message) select repeat('x', 900) from generate_series(1, 2500)`;
    await tailpost.sql`insert into logs (message) values (${`batch ${batch}.`})`;
    await viewer!.until(`batch ${batch}.`);
  }
  const sent = await metric(tailpost, "tailpost_logs_sent_total");
  assert.ok(sent > 25_000 && sent < 35_000, `${sent} logs were sent`);
  await tailpost.sql`insert into logs (message) values ('the last')`;
  stalled!.stream.resume();
  await stalled!.until("the last");
});

/** What `tailpost serve` says of a certificate of which it has no use. */
async function refusal(env: Record<string, string>): Promise<string> {
  const program = runTailpost(["serve", "--port", "0"], { DATABASE_URL: postgres.url, ...env });
  const { code } = await program.status;
  return `${code} ${program.output().trim()}`;
}

Deno.test("a certificate or a key that is missing, something else or another's stops the start", async () => {
  const other = await authority.issue(NAMES);
  const nowhere = join(folder, "nowhere.pem");
  const start = (cert: string, key: string) => refusal({ TAILPOST_TLS_CERT: cert, TAILPOST_TLS_KEY: key });
  const { cert, key } = certificate;
  assert.match(
    await start(nowhere, key),
    /^1 tailpost: Cannot read TAILPOST_TLS_CERT: No such file .*nowhere\.pem'?$/u,
  );
  assert.match(await start(cert, nowhere), /^1 tailpost: Cannot read TAILPOST_TLS_KEY: /u);
  assert.match(
    await start(key, key),
    /^1 tailpost: TAILPOST_TLS_CERT is .*, which holds no certificate in PEM$/u,
  );
  assert.match(
    await start(cert, cert),
    /^1 tailpost: TAILPOST_TLS_KEY is .*, which holds no private key in PEM /u,
  );
  assert.match(
    await start(cert, other.key),
    /^1 tailpost: TAILPOST_TLS_KEY is .*, which is not the key of /u,
  );
  assert.match(
    await refusal({ TAILPOST_TLS_CERT: cert }),
    /^2 tailpost: TAILPOST_TLS_CERT is .* and TAILPOST_TLS_KEY is not set: TLS takes both, /u,
  );
  assert.match(await refusal({ TAILPOST_TLS_KEY: key }), /^2 tailpost: TAILPOST_TLS_KEY is /u);
});

/** Puts a pair where the server looks for it as certbot and Kubernetes do: by a link that is exchanged. */
async function place(live: string, { cert, key }: Certificate): Promise<void> {
  const version = await Deno.makeTempDir({ dir: folder });
  await Deno.copyFile(cert, join(version, "tls.crt"));
  await Deno.copyFile(key, join(version, "tls.key"));
  await Deno.symlink(version, `${live}.new`);
  await Deno.rename(`${live}.new`, live);
}

async function serialOf(authority: Authority): Promise<{ pair: Certificate; serial: string }> {
  const pair = await authority.issue(NAMES);
  const { X509Certificate } = await import("node:crypto");
  return { pair, serial: new X509Certificate(await Deno.readTextFile(pair.cert)).serialNumber };
}

Deno.test("a certificate that is renewed is used for new connections, and a bad one never", async () => {
  const [first, second, third] = [
    await serialOf(authority),
    await serialOf(authority),
    await serialOf(authority),
  ];
  const live = join(folder, "live");
  await place(live, first.pair);
  await using tailpost = await startTls({ cert: join(live, "tls.crt"), key: join(live, "tls.key") });
  const port = portOf(tailpost);
  assert.equal(await shown(port), first.serial);
  await using http2 = await connectHttp2(tailpost.url, ca);
  const [viewer] = await openStreams(http2, 1);

  // By itself.
  await place(live, second.pair);
  await until(async () => await shown(port) === second.serial);
  // One that does not fit, looked at twice.
  await place(live, { cert: third.pair.cert, key: first.pair.key });
  await until(async () => {
    Deno.kill(tailpost.pid, "SIGHUP");
    await shown(port);
    return /The certificate stays as it is: .*TAILPOST_TLS_KEY is .*, which is not the key/u.test(
      tailpost.output(),
    );
  });
  assert.equal(await shown(port), second.serial);
  // And at once when it is told to.
  await place(live, third.pair);
  Deno.kill(tailpost.pid, "SIGHUP");
  await until(async () => await shown(port) === third.serial);
  // Nobody who was there noticed.
  await tailpost.sql`insert into logs (message) values ('through all of it')`;
  await viewer!.until("through all of it");
});

browserTest(
  "the live page over TLS speaks HTTP/2, and its stream shares the connection",
  async (_t, browser) => {
    await using tailpost = await startTls();
    const page = await browser.open(`${tailpost.url}/logs/live`, { ignoreHTTPSErrors: true });
    await page.locator('.chip[data-status="Live"]').waitFor();
    await tailpost.sql`insert into logs (message) values ('to a browser')`;
    await page.locator(".row", { hasText: "to a browser" }).waitFor();
    const protocols = await page.evaluate(() =>
      ["navigation", "resource"].flatMap((type) =>
        performance.getEntriesByType(type).map((entry) => entry.toJSON().nextHopProtocol)
      )
    );
    assert.ok(protocols.length > 2);
    assert.deepEqual([...new Set(protocols)], ["h2"]);
    // More tabs than HTTP/1.1 has connections for.
    const pages = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const tab = await page.context().newPage();
        await tab.goto(`${tailpost.url}/logs/live`);
        return tab;
      }),
    );
    await Promise.all(pages.map((tab) => tab.locator('.chip[data-status="Live"]').waitFor()));
    await tailpost.sql`insert into logs (message) values ('to nine tabs')`;
    await Promise.all(pages.map((tab) => tab.locator(".row", { hasText: "to nine tabs" }).waitFor()));
  },
);
