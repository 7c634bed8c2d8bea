/**
 * What Tailpost is compared with: minimal servers of our own in the usual designs, under the same load on the same machine. They run on
 * Node.js with packages of npm, and in nginx with the module nchan; what is not installed is left out, and said.
 */

import postgres from "postgres";
import { type Child, start } from "./child.ts";
import type { RunningTarget, Target, TargetOptions } from "./targets.ts";

const SOURCE = new URL("alternatives/", import.meta.url);
const START_TIMEOUT = 30_000;
const INSTALL_TIMEOUT = 180_000;
const PACKAGES = ["fastify@5", "pg@8"];
const NCHAN = "/usr/lib/nginx/modules/ngx_nchan_module.so";

/** Everything to compare with, as far as it is installed. */
export async function alternatives(say: (text: string) => void): Promise<readonly Target[]> {
  if (!await runs("node", "--version") || !await runs("npm", "--version")) {
    say("Left out: all alternatives, which want Node.js and npm");
    return [];
  }
  const found = [
    nodeTarget("article", "row trigger, a write per viewer and log (Node.js, Fastify, pg)"),
    nodeTarget("polling", "a query per viewer and second (Node.js, Fastify, pg)"),
  ];
  if (await runs("nginx", "-v") && await exists(NCHAN)) found.push(nchan);
  else say("Left out: nchan (on Debian: apt-get install nginx-light libnginx-mod-nchan)");
  return found;
}

/** A server that says where it listens, from `alternatives/<name>.mjs`. */
function nodeTarget(name: string, about: string): Target {
  return {
    name,
    about,
    async start(options) {
      await createTable(options.databaseUrl);
      const server = await runNode(name, options);
      return {
        ...server.address,
        path: "/stream",
        ready: "event: ready",
        application: "alternative",
        pids: [server.child.pid],
        [Symbol.asyncDispose]: () => server.child[Symbol.asyncDispose](),
      };
    },
  };
}

const nchan: Target = {
  name: "nchan",
  about: "nginx with nchan, fed over HTTP by a listener (C; the listener Node.js, pg)",
  async start(options) {
    await createTable(options.databaseUrl);
    await using resources = new AsyncDisposableStack();
    const port = freePort();
    const configuration = `${options.directory}/nginx.conf`;
    await Deno.mkdir(options.directory, { recursive: true });
    await Deno.writeTextFile(configuration, nginxConfiguration(options.directory, port));
    const nginx = resources.use(
      start("nginx", ["-c", configuration, "-p", options.directory, "-e", `${options.directory}/error.log`]),
    );
    await untilListening(port);
    const relay = await runNode("relay", options, { PUBLISH_URL: `http://127.0.0.1:${port}/publish` });
    resources.use(relay.child);
    const ended = resources.move();
    return {
      hostname: "127.0.0.1",
      port,
      path: "/stream",
      ready: ": hi",
      application: "alternative",
      pids: [nginx.pid, ...childrenOf(nginx.pid), relay.child.pid],
      [Symbol.asyncDispose]: () => ended.disposeAsync(),
    };
  },
};

function nginxConfiguration(directory: string, port: number): string {
  return `load_module ${NCHAN};
daemon off;
worker_processes auto;
worker_rlimit_nofile 20000;
pid ${directory}/nginx.pid;
events { worker_connections 15000; }
http {
  access_log off;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /publish { nchan_publisher; nchan_channel_id logs; nchan_message_buffer_length 10000; nchan_message_timeout 30s; }
    location = /stream { nchan_subscriber eventsource; nchan_channel_id logs; nchan_subscriber_first_message newest; }
  }
}
`;
}

/** The usual trigger of those that listen, to be made on a table `logs`. */
export function rowTrigger(): Promise<string> {
  return Deno.readTextFile(new URL("row_trigger.sql", SOURCE));
}

/** The schema, in an empty database. */
async function createTable(databaseUrl: string): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  try {
    await sql.unsafe(await Deno.readTextFile(new URL("schema.sql", SOURCE)));
    await sql.unsafe(await rowTrigger());
  } finally {
    await sql.end({ timeout: 5 });
  }
}

async function runNode(
  name: string,
  { databaseUrl }: TargetOptions,
  settings: Readonly<Record<string, string>> = {},
): Promise<{ child: Child; address: Pick<RunningTarget, "hostname" | "port"> }> {
  const directory = await install();
  await Deno.copyFile(new URL(`${name}.mjs`, SOURCE), `${directory}/${name}.mjs`);
  const child = start("node", [`${directory}/${name}.mjs`], {
    settings: { DATABASE_URL: databaseUrl, PGAPPNAME: "alternative", ...settings },
  });
  try {
    const at = await child.line((line) => /^listening at (.+)$/u.exec(line)?.[1], START_TIMEOUT);
    const url = URL.parse(at);
    return { child, address: { hostname: url?.hostname ?? "", port: Number(url?.port ?? 0) } };
  } catch (error) {
    await child[Symbol.asyncDispose]();
    throw error;
  }
}

/** The packages of npm, in a cache of the user's. */
async function install(): Promise<string> {
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? "/tmp"}/.cache`;
  const directory = `${cache}/tailpost-bench`;
  if (await exists(`${directory}/node_modules/pg`) && await exists(`${directory}/node_modules/fastify`)) {
    return directory;
  }
  await Deno.mkdir(directory, { recursive: true });
  await using npm = start("npm", [
    "install",
    "--no-audit",
    "--no-fund",
    "--no-save",
    "--prefix",
    directory,
    ...PACKAGES,
  ]);
  await npm.finish(INSTALL_TIMEOUT);
  return directory;
}

async function runs(program: string, argument: string): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: [argument], stdout: "null", stderr: "null" }).output())
      .success;
  } catch {
    return false;
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function untilListening(port: number): Promise<void> {
  const end = performance.now() + START_TIMEOUT;
  for (;;) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** The workers of a process (Linux). */
function childrenOf(pid: number): number[] {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).trim().split(/\s+/u).filter(Boolean)
      .map(
        Number,
      );
  } catch {
    return [];
  }
}
