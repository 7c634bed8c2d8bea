/** A client of HTTP/2 for tests: many requests on one connection. */

import type { Buffer } from "node:buffer";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";

/** A connection. */
export interface Http2Connection extends AsyncDisposable {
  readonly session: ClientHttp2Session;
  /** Settles when it is over, whoever ended it. */
  readonly closed: Promise<void>;
  /** Sends a request, and resolves once its answer has begun. */
  request(path: string, options?: Http2Request): Promise<Http2Answer>;
}

/** What there is to say of a request beside its path. */
export interface Http2Request {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** An answer that comes in. */
export interface Http2Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly stream: ClientHttp2Stream;
  /** Settles when it is over, with what came. */
  readonly text: Promise<string>;
  /** Waits until what came has `text` in it. Rejects when it ends before. */
  until(text: string): Promise<void>;
}

/** Opens a connection to a server whose certificate is signed by `ca` (PEM). */
export async function connectHttp2(url: string, ca: string): Promise<Http2Connection> {
  const session = connect(url, { ca });
  const closed = new Promise<void>((resolve) => session.once("close", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    session.once("connect", () => resolve());
    session.once("error", reject);
  });
  // What the server does to it is what tests are about.
  session.on("error", () => {});
  return {
    session,
    closed,
    request(path, { method = "GET", headers = {}, body } = {}) {
      const stream = session.request({ ":path": path, ":method": method, ...headers });
      stream.end(body);
      return answerOf(stream);
    },
    async [Symbol.asyncDispose]() {
      session.destroy();
      await closed;
    },
  };
}

function answerOf(stream: ClientHttp2Stream): Promise<Http2Answer> {
  let came = "";
  let isOver = false;
  let told = Promise.withResolvers<void>();
  const tell = () => {
    told.resolve();
    told = Promise.withResolvers();
  };
  stream.on("data", (chunk: Buffer) => {
    came += chunk.toString();
    tell();
  });
  const text = new Promise<string>((resolve) =>
    stream.once("close", () => {
      isOver = true;
      tell();
      resolve(came);
    })
  );
  return new Promise((resolve, reject) => {
    stream.once("error", reject);
    stream.once("close", () => reject(new Error("It was closed without an answer")));
    stream.once("response", (headers) => {
      stream.on("error", () => {});
      resolve({
        status: Number(headers[":status"]),
        headers,
        stream,
        text,
        async until(what) {
          while (!came.includes(what)) {
            if (isOver) throw new Error(`It ended without ${what}`);
            await told.promise;
          }
        },
      });
    });
  });
}
