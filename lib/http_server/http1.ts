/** HTTP/1.1, and who is given up that does not come to the point. */

import { getLogger } from "@logtape/logtape";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { HttpOptions } from "../http_server.ts";
import { answer } from "./exchange.ts";
import { HEADER_BYTES, IDLE } from "./bounds.ts";
import { createTurns } from "./turns.ts";

/** How often the time of headers is looked at, in milliseconds. */
const CHECK = 500;

/** Requests that may wait on a connection for their turn. */
const MOST_PIPELINED = 100;

/** How long a client may take to read why its connection ends, in milliseconds. */
const GOODBYE = 1000;

/** See {@link createHttp1}. */
export interface Http1 {
  /** Listens, or is handed connections by `emit("connection")`. */
  readonly server: Server;
  /** Ends every connection with the answer that it is at. Resolves once all of those are out. */
  close(): Promise<unknown>;
}

const logger = getLogger(["tailpost"]);

/** Makes a server of node:http with bounds. It does not count connections: that is done where they come in. */
export function createHttp1(options: HttpOptions, scheme: "http" | "https"): Http1 {
  const server = createServer({
    headersTimeout: options.headerTimeoutSeconds * 1000,
    // Bodies have a time of their own, and streams none.
    requestTimeout: 0,
    keepAliveTimeout: IDLE,
    connectionsCheckingInterval: CHECK,
    maxHeaderSize: HEADER_BYTES,
    noDelay: true,
  });
  const turns = createTurns(MOST_PIPELINED);
  let isClosing = false;
  const take = (req: IncomingMessage, res: ServerResponse, expectsContinue: boolean) =>
    turns.take(req.socket, async (signal) => {
      if (isClosing) res.shouldKeepAlive = false;
      try {
        await answer({ req, res, scheme, expectsContinue, signal }, options);
      } catch (error) {
        logger.error("An answer broke off: {error}", { error });
        req.socket.destroy();
      }
    });
  server.on("request", (req, res) => take(req, res, false));
  server.on("checkContinue", (req, res) => take(req, res, true));
  server.on("connect", (_, socket: Socket) => refuse(socket, "400 Bad Request", turns.isTaken(socket)));
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === "ERR_HTTP_REQUEST_TIMEOUT") options.onRefused("header_time");
    refuse(socket, statusOf(error.code), turns.isTaken(socket));
  });
  return {
    server,
    close() {
      isClosing = true;
      server.close();
      server.closeIdleConnections();
      return turns.allOver();
    },
  };
}

/** Answers what is no request, unless an answer to another is under way on that connection, and ends it. */
function refuse(socket: Socket, status: string, isAnswering: boolean): void {
  if (!socket.writable || isAnswering) return void socket.destroy();
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  const timer = setTimeout(() => socket.destroy(), GOODBYE);
  socket.once("close", () => clearTimeout(timer));
}

function statusOf(code: string | undefined): string {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return "408 Request Timeout";
  if (code === "HPE_HEADER_OVERFLOW") return "431 Request Header Fields Too Large";
  return "400 Bad Request";
}
