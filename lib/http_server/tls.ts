/** TLS in front of HTTP/1.1 and HTTP/2: the client says in the handshake which of them it speaks (ALPN, RFC 7301). */

import { createServer, type TLSSocket } from "node:tls";
import type { HttpOptions } from "../http_server.ts";
import type { Pair } from "./certificate.ts";
import { createHttp1 } from "./http1.ts";
import { createHttp2 } from "./http2.ts";
import type { Listening } from "./listening.ts";

/** What listens for TLS. */
export interface ListeningTls extends Listening {
  /** Takes another certificate for the connections that come from now on. */
  renew(pair: Pair): void;
}

/** Makes it. */
export function createTls(options: HttpOptions, pair: Pair): ListeningTls {
  const http1 = createHttp1(options, "https");
  const http2 = createHttp2(options);
  // Only a server that listens looks at the time of headers, and this one is handed its connections.
  http1.server.emit("listening");
  const server = createServer({
    ...pair,
    ALPNProtocols: ["h2", "http/1.1"],
    minVersion: "TLSv1.2",
    handshakeTimeout: options.headerTimeoutSeconds * 1000,
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    // Whoever serves it hears of errors, too: here they are of no interest.
    socket.on("error", () => {});
    socket.setNoDelay(true);
    (socket.alpnProtocol === "h2" ? http2 : http1).server.emit("connection", socket);
  });
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket: TLSSocket | undefined) => {
    if (error.code === "ERR_TLS_HANDSHAKE_TIMEOUT" || /handshake timeout/iu.test(error.message)) {
      options.onRefused("header_time");
    }
    socket?.destroy();
  });
  return {
    server,
    renew: (pair) => server.setSecureContext({ ...pair, minVersion: "TLSv1.2" }),
    close() {
      return Promise.all([http2.close(), http1.close()]);
    },
  };
}
