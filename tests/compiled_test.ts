// The compiled program, alone: in an empty folder, with an empty environment, away from the project and its tools.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import config from "../deno.json" with { type: "json" };
import { createAuthority } from "./certificates.ts";
import { connectHttp2 } from "./http2.ts";
import { postgresOf, postmasterOf, untilNoPostgres } from "./leftovers.ts";
import { type Program, run } from "./server.ts";
import { openViewer } from "./sse.ts";

const project = new URL("../", import.meta.url).pathname;

/** Why nothing can be compiled here, `null` when it can. */
async function obstacle(): Promise<string | null> {
  if (Deno.env.get("DENORT_BIN")) return null;
  try {
    await (await fetch("https://dl.deno.land/release-latest.txt", { signal: AbortSignal.timeout(5000) }))
      .text();
    return null;
  } catch (error) {
    return `DENORT_BIN is not set, and dl.deno.land cannot be reached (${(error as Error).message})`;
  }
}

const reason = await obstacle();
// deno-lint-ignore no-console
if (reason !== null) console.warn(`The compiled program is not tested: ${reason}`);
const ignore = reason !== null;

/** Compiles once, and gives a copy that lies where nothing else is. */
let compiled: Promise<string> | undefined;
const program = () => compiled ??= compileProgram();

async function compileProgram(): Promise<string> {
  // All of the environment: what reaches the registry is needed where packages are not in Deno's cache yet.
  const env = Deno.env.toObject();
  const compile = run(Deno.execPath(), ["run", "-A", "--no-check", "compile.ts"], env, project);
  assert.equal((await compile.status).code, 0, compile.output());
  assert.match(compile.output(), /^Wrote .*dist\/tailpost: \d+\.\d MB, version /mu);
  const folder = await Deno.makeTempDir({ prefix: "tailpost-compiled-" });
  addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  await Deno.chmod(folder, 0o755);
  await Deno.copyFile(join(project, "dist/tailpost"), join(folder, "tailpost"));
  return join(folder, "tailpost");
}

/** Somewhere to run it. */
interface Place extends AsyncDisposable {
  /** A folder. */
  readonly home: string;
  readonly dataDir: string;
  run(args: readonly string[]): Promise<Program>;
  /** Runs it until its end, and gives its output. */
  outcome(args: readonly string[], code?: number): Promise<string>;
  /** Serves, and gives the address. */
  serve(args: readonly string[]): Promise<{ readonly program: Program; readonly url: string }>;
}

/** An account that runs the program: `null` is the one that runs the tests. */
type Account = { readonly name: string; readonly id: number | null };

async function place({ id }: Account): Promise<Place> {
  const home = await Deno.makeTempDir({ prefix: "tailpost-home-" });
  await Deno.chmod(home, 0o755);
  if (id !== null) await Deno.chown(home, id, id);
  const dataDir = join(home, "data");
  const as = id === null ? [] : ["/usr/bin/setpriv", `--reuid=${id}`, `--regid=${id}`, "--clear-groups"];
  const started: Program[] = [];
  const start: Place["run"] = async (args) => {
    const variables = [`HOME=${home}`, `TAILPOST_DATA_DIR=${dataDir}`];
    const line = [...as, "/usr/bin/env", "-i", ...variables, await program(), ...args];
    const child = run(line[0]!, line.slice(1), {}, home);
    started.push(child);
    return child;
  };
  return {
    home,
    dataDir,
    run: start,
    async outcome(args, code = 0) {
      const child = await start(args);
      assert.equal((await child.status).code, code, child.output());
      return child.output();
    },
    async serve(args) {
      const child = await start(args);
      const [, url = ""] = await child.line(/^Tailpost is ready at (https?:\S+)$/mu);
      return { program: child, url };
    },
    async [Symbol.asyncDispose]() {
      for (const child of started) await child.end("SIGKILL");
      if (await Deno.stat(dataDir).catch(() => null)) await untilNoPostgres(dataDir);
      await Deno.remove(home, { recursive: true });
    },
  };
}

const SERVE = ["serve", "--auth", "off", "--port", "0"];

async function post(url: string, message: string): Promise<void> {
  const response = await fetch(`${url}/api/logs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ message }),
  });
  assert.equal(response.status, 201, await response.text());
}

/** Ends it as an operator would, and checks that it went well. */
async function stop(child: Program): Promise<void> {
  const asked = performance.now();
  const { code, signal } = await child.end("SIGTERM");
  assert.deepEqual([code, signal], [0, null], child.output());
  assert.ok(performance.now() - asked < 5000, "it took more than 5 seconds to stop");
}

Deno.test({
  name: "the compiled program carries the parts it runs with, and no part of the project's tools or tests",
  ignore,
  async fn() {
    const file = await Deno.readFile(await program());
    const bytes = Buffer.from(file.buffer);
    const has = (text: string) => bytes.includes(text);
    for (const name of ["prom-client", "zod"]) assert.ok(has(`"name": "${name}"`), `${name} is missing`);
    for (const name of ["esbuild", "playwright-core", "fast-check"]) {
      assert.ok(!has(`"name": "${name}"`), `${name} is in there`);
    }
    assert.ok(!has("lib/fresh/bundle.ts"), "the builder is in there");
    assert.ok(!has(project), "it names the folder it was compiled in");
  },
});

const mine: Account = { name: Deno.uid() === 0 ? "root" : "an ordinary user", id: null };
const accounts = Deno.uid() === 0 ? [mine, { name: "an ordinary user", id: 65534 }] : [mine];

for (const account of accounts) {
  const test = (name: string, fn: (place: Place) => Promise<void>) =>
    Deno.test({
      name: `the compiled program, run by ${account.name}, ${name}`,
      ignore,
      async fn() {
        await using somewhere = await place(account);
        await fn(somewhere);
      },
    });

  test("tells its version and its help, and touches nothing", async ({ outcome, dataDir }) => {
    assert.equal(await outcome(["--version"]), `${config.version}\n`);
    assert.match(await outcome(["--help"]), /^Usage: tailpost .*\n[^]*\bserve\b[^]*\bmigrate\b[^]*\bdemo\b/u);
    assert.match(await outcome(["serve", "--port", "x"], 2), /^tailpost: --port is "x": allowed is /u);
    await assert.rejects(Deno.stat(dataDir), Deno.errors.NotFound);
  });

  test("migrates its embedded database, and leaves no process", async ({ outcome, dataDir }) => {
    assert.match(await outcome(["migrate", "status"]), /^0001_logs +pending$/mu);
    assert.deepEqual(await postgresOf(dataDir), []);
    assert.match(await outcome(["migrate", "up"]), /^Applied 0001_logs$/mu);
    assert.match(await outcome(["migrate", "status"]), /^0001_logs +applied \d{4}-/mu);
    assert.deepEqual(await postgresOf(dataDir), []);
  });

  test("serves page, bundles and stream, stops cleanly and keeps the logs", async ({ serve, dataDir }) => {
    const first = await serve(SERVE);
    const page = await (await fetch(`${first.url}/logs/live`)).text();
    const linked = [...page.matchAll(/(?:src|href)="(\/[^"]+\.(?:js|css|svg)[^"]*)"/gu)].map((match) =>
      match[1]!
    );
    const modules = [...page.matchAll(/"(\/_fresh\/js\/[^"]+\.js)"/gu)].map((match) => match[1]!);
    const files = new Set([...linked, ...modules]);
    assert.ok([...files].some((path) => path.includes(".css")), page);
    assert.ok(modules.length > 0, page);
    for (const path of files) {
      const response = await fetch(new URL(path, first.url));
      const served = await response.bytes();
      assert.equal(response.status, 200, path);
      if (!path.startsWith("/_fresh/")) continue;
      const built = await Deno.readFile(join(project, path));
      assert.ok(Buffer.from(served).equals(Buffer.from(built)), `${path} is not what was built`);
    }
    const viewer = await openViewer(`${first.url}/api/logs/stream`);
    await post(first.url, "before the restart");
    await viewer.untilLog("before the restart");
    assert.notDeepEqual(await postgresOf(dataDir), []);
    await stop(first.program);
    await viewer.ended;
    assert.deepEqual(await postgresOf(dataDir), []);

    const second = await serve(SERVE);
    await using again = await openViewer(`${second.url}/api/logs/stream?tail=10`);
    await again.untilLog("before the restart");
    await stop(second.program);
  });

  test("serves HTTPS and HTTP/2", async ({ serve, home }) => {
    const authority = await createAuthority(home, "authority");
    const { cert, key } = await authority.issue({ subject: "localhost", names: "IP:127.0.0.1" });
    if (account.id !== null) await Deno.chown(key, account.id, account.id);
    const { program, url } = await serve([...SERVE, "--tls-cert", cert, "--tls-key", key]);
    assert.match(url, /^https:/u);
    await using http2 = await connectHttp2(url, await Deno.readTextFile(authority.cert));
    const stream = await http2.request("/api/logs/stream");
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ message: "over TLS" });
    assert.equal((await http2.request("/api/logs", { method: "POST", headers, body })).status, 201);
    await stream.until("over TLS");
    await stop(program);
  });

  test("brings logs by itself as a demo", async ({ serve }) => {
    const demo = await serve(["demo", "--port", "0"]);
    const viewer = await openViewer(`${demo.url}/api/logs/stream`);
    await viewer.until("ten logs", ({ logs }) => logs.length >= 10);
    await stop(demo.program);
    await viewer.ended;
  });

  test("killed, takes PostgreSQL with it, and starts again", async ({ serve, dataDir }) => {
    const first = await serve(SERVE);
    await post(first.url, "before the kill");
    assert.notDeepEqual(await postgresOf(dataDir), []);
    assert.equal((await first.program.end("SIGKILL")).signal, "SIGKILL");
    await untilNoPostgres(dataDir);

    const second = await serve(SERVE);
    await using viewer = await openViewer(`${second.url}/api/logs/stream?tail=10`);
    await viewer.untilLog("before the kill");
    await post(second.url, "after the kill");
    await viewer.untilLog("after the kill");
    await stop(second.program);
  });

  test("ends a PostgreSQL that outlived its guard and its Tailpost", async ({ serve, dataDir }) => {
    const first = await serve(SERVE);
    await post(first.url, "before the kill");
    const orphan = await postmasterOf(dataDir);
    for (const line of await postgresOf(dataDir)) {
      if (line.includes("tailpost-guard")) Deno.kill(Number.parseInt(line), "SIGKILL");
    }
    await first.program.end("SIGKILL");
    assert.ok(
      (await postgresOf(dataDir)).some((line) => Number.parseInt(line) === orphan),
      "it is no orphan",
    );

    const second = await serve(SERVE);
    assert.ok(!(await postgresOf(dataDir)).some((line) => Number.parseInt(line) === orphan));
    await using viewer = await openViewer(`${second.url}/api/logs/stream?tail=10`);
    await viewer.untilLog("before the kill");
    await stop(second.program);
  });
}

Deno.test("compile.ts says what to do when there is no run-time stub", async () => {
  const compile = run(Deno.execPath(), ["run", "-A", "--no-check", "compile.ts"], {
    ...Deno.env.toObject(),
    DENORT_BIN: join(project, "no-such-denort"),
  }, project);
  const { code } = await compile.status;
  assert.equal(code, 1, compile.output());
  const [last = ""] = compile.output().trim().split("\n").slice(-1);
  assert.match(
    last,
    /^Cannot compile: .*\(denort\) cannot be downloaded\. Set DENORT_BIN to .* dl\.deno\.land$/u,
  );
});
