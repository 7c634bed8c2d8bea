/** A TCP proxy between a client and PostgreSQL that can fail as networks do. */

/** See {@link startProxy}. */
export interface Proxy extends AsyncDisposable {
  /** The database URL that was given, through the proxy. */
  readonly url: string;
  /** Connections that were taken, in all. */
  readonly connections: number;
  /**
   * From now on nothing is forwarded, and nothing is closed either: a cable that was pulled. With a name only connections
   * whose `application_name` it is. Settles once the clients of all that were open have hung up.
   */
  blackHole(application?: string): Promise<void>;
  /** Whether something is forwarded for a client of this `application_name`. */
  forwards(application: string): boolean;
  /** New connections are forwarded again; those that were cut off stay as they are. */
  heal(): void;
  /** Cuts every connection once it has carried this many bytes from the database, without a word. */
  cutAfter(bytes: number): void;
  /** Takes connections and hangs up at once, as a proxy without a server behind it does. */
  hangUp(): void;
}

/** A client's connection and the one to the database that belongs to it. */
interface Link {
  dead: boolean;
  /** As the client named itself; null until it has said a word. */
  application: string | null;
  /** The client has hung up. */
  readonly left: PromiseWithResolvers<void>;
}

/** Of a StartupMessage (PostgreSQL manual, Message Formats): names and values, each ended by a zero byte. */
function applicationOf(startup: Uint8Array): string {
  return /\0application_name\0([^\0]*)\0/u.exec(new TextDecoder().decode(startup))?.[1] ?? "";
}

/** Starts a proxy on a free port. */
export function startProxy(databaseUrl: string): Proxy {
  const target = new URL(databaseUrl);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.TcpConn>();
  const running = new Set<Promise<void>>();
  let mode = "forward" as "forward" | "black hole" | "hang up";
  /** Whose new connections are not forwarded either. */
  const holes = new Set<string>();
  let left = Infinity;
  let connections = 0;

  async function pump(from: Deno.TcpConn, to: Deno.TcpConn, link: Link, isAnswer: boolean) {
    const buffer = new Uint8Array(16 * 1024);
    try {
      for (;;) {
        const count = await from.read(buffer);
        if (count === null) break;
        if (!isAnswer) {
          link.application ??= applicationOf(buffer.subarray(0, count));
          if (holes.has(link.application)) link.dead = true;
        }
        if (link.dead) continue;
        if (isAnswer) left -= count;
        if (left <= 0) break;
        for (let sent = 0; sent < count;) sent += await to.write(buffer.subarray(sent, count));
      }
    } catch {
      // The other side is gone, or the proxy is.
    }
    if (!isAnswer) {
      links.delete(link);
      link.left.resolve();
    }
    // The database is not told of a client that has gone either; a client that has is closed here too.
    if (!link.dead || disposed) { for (const end of [from, to]) close(end); }
    else if (!isAnswer) close(from);
  }

  function close(connection: Deno.TcpConn) {
    if (open.delete(connection)) connection.close();
  }

  const links = new Set<Link>();
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
      const link: Link = { dead: mode === "black hole", application: null, left: Promise.withResolvers() };
      let server: Deno.TcpConn;
      try {
        server = await Deno.connect({ hostname: target.hostname, port: Number(target.port) });
      } catch {
        // The database is away.
        close(client);
        continue;
      }
      // It hands on what comes in pieces of its own: none of them is to wait for the answer to the one before.
      for (const end of [client, server]) end.setNoDelay(true);
      links.add(link);
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
    async blackHole(application) {
      if (application === undefined) mode = "black hole";
      else holes.add(application);
      const cut = [...links].filter((link) => application === undefined || link.application === application);
      for (const link of cut) link.dead = true;
      await Promise.all(cut.map(({ left }) => left.promise));
    },
    forwards: (application) => [...links].some((link) => !link.dead && link.application === application),
    heal() {
      mode = "forward";
      holes.clear();
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
