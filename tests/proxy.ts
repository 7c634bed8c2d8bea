/** A TCP proxy between a client and PostgreSQL that can fail as networks do. */

/** See {@link startProxy}. */
export interface Proxy extends AsyncDisposable {
  /** The database URL that was given, through the proxy. */
  readonly url: string;
  /** Connections that were taken, in all. */
  readonly connections: number;
  /** From now on nothing is forwarded, and nothing is closed either: a cable that was pulled. */
  blackHole(): void;
  /** New connections are forwarded again; those that were cut off stay as they are. */
  heal(): void;
  /** Cuts every connection once it has carried this many bytes from the database, without a word. */
  cutAfter(bytes: number): void;
  /** Takes connections and hangs up at once, as a proxy without a server behind it does. */
  hangUp(): void;
}

/** Starts a proxy on a free port. */
export function startProxy(databaseUrl: string): Proxy {
  const target = new URL(databaseUrl);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.TcpConn>();
  const running = new Set<Promise<void>>();
  let mode = "forward" as "forward" | "black hole" | "hang up";
  let left = Infinity;
  let connections = 0;

  async function pump(from: Deno.TcpConn, to: Deno.TcpConn, link: { dead: boolean }, isAnswer: boolean) {
    const buffer = new Uint8Array(16 * 1024);
    try {
      for (;;) {
        const count = await from.read(buffer);
        if (count === null) break;
        if (link.dead) continue;
        if (isAnswer) left -= count;
        if (left <= 0) break;
        for (let sent = 0; sent < count;) sent += await to.write(buffer.subarray(sent, count));
      }
    } catch {
      // The other side is gone, or the proxy is.
    }
    if (!link.dead || disposed) { for (const end of [from, to]) close(end); }
  }

  function close(connection: Deno.TcpConn) {
    if (open.delete(connection)) connection.close();
  }

  const links = new Set<{ dead: boolean }>();
  let disposed = false;

  function track(promise: Promise<void>) {
    running.add(promise);
    void promise.finally(() => running.delete(promise));
  }

  track((async () => {
    for await (const client of listener) {
      connections++;
      open.add(client);
      if (mode === "hang up") {
        close(client);
        continue;
      }
      const link = { dead: mode === "black hole" };
      links.add(link);
      const server = await Deno.connect({ hostname: target.hostname, port: Number(target.port) });
      open.add(server);
      track(pump(client, server, link, false));
      track(pump(server, client, link, true));
    }
  })());

  return {
    url:
      Object.assign(new URL(databaseUrl), { host: `127.0.0.1:${(listener.addr as Deno.NetAddr).port}` }).href,
    get connections() {
      return connections;
    },
    blackHole() {
      mode = "black hole";
      for (const link of links) link.dead = true;
    },
    heal() {
      mode = "forward";
    },
    cutAfter(bytes) {
      left = bytes;
    },
    hangUp() {
      mode = "hang up";
    },
    async [Symbol.asyncDispose]() {
      if (disposed) return;
      disposed = true;
      listener.close();
      for (const connection of [...open]) close(connection);
      await Promise.all(running);
    },
  };
}
