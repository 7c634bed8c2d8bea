/**
 * What listens for requests: node:http, which gives up clients that do not come to the point, as `Deno.serve` does not. Before Deno 2.9
 * node:http stands on `Deno.serve` itself and has no such bounds; there that is used directly.
 */

import { getLogger } from "@logtape/logtape";
import { Server } from "node:http";
import { Server as SocketServer, type Socket } from "node:net";
import { within } from "./backoff.ts";
import type { Pair } from "./http_server/certificate.ts";
import type { Answers } from "./http_server/exchange.ts";
import { createHttp1 } from "./http_server/http1.ts";
import type { Listening } from "./http_server/listening.ts";
import { createTls, type ListeningTls } from "./http_server/tls.ts";
import type { Reason } from "./limits.ts";

export type { Answers, Handle } from "./http_server/exchange.ts";

/** How {@link listenHttp} listens. */
export interface HttpOptions extends Answers {
  readonly hostname: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Connections at a time; more are closed at once. */
  readonly maxConnections: number;
  /** Seconds in which the header of a request has to come, from the connection on, and so long for the handshake of TLS. */
  readonly headerTimeoutSeconds: number;
  /** For TLS, and HTTP/2 with it; null: neither. */
  readonly pair: Pair | null;
  /** Told of what was over one of the bounds. */
  readonly onRefused: (reason: Reason) => void;
}

/** Something that listens. */
export interface HttpServer {
  readonly hostname: string;
  readonly port: number;
  /** Takes another certificate from now on. Null where that needs a restart: before Deno 2.9, and without TLS. */
  readonly renew: ((pair: Pair) => void) | null;
  /** Takes no more connections, and waits a while for the requests that are open. */
  shutdown(): Promise<void>;
}

/** How long requests may take to end once the server stops, in milliseconds. */
const DRAIN = 1500;

/** Whether node:http has bounds of its own here. */
const hasBounds = Server.prototype instanceof SocketServer;

const logger = getLogger(["tailpost"]);

/**
 * Listens.
 *
 * @throws what `Deno.serve` or node:net throws where it cannot listen; its `code` is EADDRINUSE where something else does
 */
export async function listenHttp(options: HttpOptions): Promise<HttpServer> {
  if (!hasBounds) return listenWithDeno(options);
  const tls: ListeningTls | null = options.pair ? createTls(options, options.pair) : null;
  const listening: Listening = tls ?? createHttp1(options, "http");
  const { server } = listening;
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    if (sockets.size >= options.maxConnections) {
      options.onRefused("connections");
      return void socket.destroy();
    }
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.hostname, () => {
      server.off("error", reject);
      resolve();
    });
  });
  server.on("error", (error) => logger.error("The server failed: {error}", { error }));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no address");
  return {
    hostname: address.address,
    port: address.port,
    renew: tls && ((pair) => tls.renew(pair)),
    async shutdown() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      try {
        await within(DRAIN, listening.close(), "Requests were still open");
      } finally {
        // Browsers keep some open on which nothing was asked.
        for (const socket of sockets) socket.destroy();
      }
      await closed;
    },
  };
}

function listenWithDeno({ hostname, port, pair, handle, onError, badRequest }: HttpOptions): HttpServer {
  const server = Deno.serve(
    { hostname, port, ...pair, onListen: () => {}, onError },
    async (request, info) => hasUrl(request) ? await handle(request, info) : badRequest(),
  );
  return {
    hostname: server.addr.hostname,
    port: server.addr.port,
    renew: null,
    shutdown: () => server.shutdown(),
  };
}

/** Whether a request is for something here. What its target and its Host make up may be no URL: that of CONNECT is none. */
function hasUrl(request: Request): boolean {
  try {
    return request.method !== "CONNECT" && URL.canParse(request.url);
  } catch {
    return false;
  }
}
