/** HTTP/2 (RFC 9113): many requests on one connection. What node:http2 does not bound is bounded here. */

import { getLogger } from "@logtape/logtape";
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  createServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import type { HttpOptions } from "../http_server.ts";
import { createBuckets } from "../limits/buckets.ts";
import { HEADER_BYTES, IDLE } from "./bounds.ts";
import { answer } from "./exchange.ts";

/** Requests that are open at a time on one connection: a browser's tabs, or the viewers behind a proxy. */
export const MOST_STREAMS = 256;

/** Requests of a connection that a client may give up at once, and from then on a second. Whoever does so for its own sake is cut off. */
const GIVEN_UP = { burst: 1000, rate: 33 };

/** See {@link createHttp2}. */
export interface Http2 {
  /** Is handed connections by `emit("connection")`. */
  readonly server: Http2Server;
  /** Ends every connection with the answers that it is at. Resolves once all are closed. */
  close(): Promise<unknown>;
}

const logger = getLogger(["tailpost"]);

/** Makes a server of node:http2 with bounds. */
export function createHttp2(options: HttpOptions): Http2 {
  const server = createServer({
    settings: { maxConcurrentStreams: MOST_STREAMS, maxHeaderListSize: HEADER_BYTES, enablePush: false },
  });
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    // What the client did to it is no failure of ours; it is closed.
    session.on("error", () => {});
    bound(session, options);
  });
  // Those of HTTP/1.1 are made alike (Node's "compatibility API").
  const take = async (req: Http2ServerRequest, res: Http2ServerResponse, expectsContinue: boolean) => {
    const gone = new AbortController();
    res.once("close", () => gone.abort());
    const pair = { req: req as unknown as IncomingMessage, res: res as unknown as ServerResponse };
    try {
      await answer({ ...pair, scheme: "https", expectsContinue, signal: gone.signal }, options);
      // A body that nobody wants any more is not to come.
      if (!req.complete) res.stream?.close();
    } catch (error) {
      logger.error("An answer broke off: {error}", { error });
      res.stream?.destroy();
    }
  };
  server.on("request", (req, res) => void take(req, res, false));
  server.on("checkContinue", (req, res) => void take(req, res, true));
  return {
    server,
    close() {
      return Promise.all(
        [...sessions].map((session) => new Promise<void>((resolve) => session.close(resolve))),
      );
    },
  };
}

/** Ends a connection on which nothing is asked, and one that asks only to give up. */
function bound(session: ServerHttp2Session, options: HttpOptions): void {
  let open = 0;
  let timer = setTimeout(() => {
    options.onRefused("header_time");
    session.destroy();
  }, options.headerTimeoutSeconds * 1000);
  const resets = createBuckets({ ...GIVEN_UP, most: 1, now: () => performance.now() });
  session.on("stream", (stream) => {
    open++;
    clearTimeout(timer);
    stream.once("close", () => {
      if (stream.aborted && resets.take("", 1) > 0) {
        options.onRefused("stream_resets");
        return session.destroy();
      }
      if (--open === 0 && !session.destroyed) timer = setTimeout(() => session.close(), IDLE);
    });
  });
  session.once("close", () => clearTimeout(timer));
}
