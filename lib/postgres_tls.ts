/** TLS to PostgreSQL: the request for it, the handshake and what is verified in it (PostgreSQL manual, 34.19 and 54.2.10). */

import { readFileSync } from "node:fs";
import { isIP, type Socket } from "node:net";
import { nextTick } from "node:process";
import { Duplex } from "node:stream";
import { connect, type ConnectionOptions } from "node:tls";
import type { DatabaseTls } from "./database_url.ts";
import { DatabaseTlsError, explainHandshake } from "./postgres_tls_error.ts";

/** SSLRequest: its length, and a number that stands for it. */
const SSL_REQUEST = new Uint8Array([0, 0, 0, 8, 4, 210, 22, 47]);

/** Where a connection leads to. */
export interface TlsPeer {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads the files that TLS needs. That is done for each connection, so that renewed certificates are used without a restart.
 *
 * @throws {DatabaseTlsError} when one cannot be read
 */
export function tlsOptions({ verify, rootCert, client }: DatabaseTls): ConnectionOptions {
  const read = (name: string, path: string, holds: string) => {
    try {
      return readFileSync(path, "utf8");
    } catch (cause) {
      throw new DatabaseTlsError(
        `${name} is ${JSON.stringify(path)}, which cannot be read: ` +
          `allowed is a file of PEM with ${holds} (${
            cause instanceof Error ? cause.message : String(cause)
          })`,
        { cause },
      );
    }
  };
  const pem = (name: string, path: string, label: string, holds: string) => {
    const text = read(name, path, holds);
    if (new RegExp(`^-----BEGIN ${label}-----`, "mu").test(text)) return text;
    throw new DatabaseTlsError(
      `${name} is ${JSON.stringify(path)}, which holds none: allowed is a file of PEM with ${holds}`,
    );
  };
  const certificate = "(?:X509 |TRUSTED )?CERTIFICATE";
  return {
    rejectUnauthorized: verify,
    ...verify && rootCert !== null
      ? { ca: pem("sslrootcert", rootCert, certificate, "the certificates of authorities") }
      : {},
    ...client
      ? {
        cert: pem("sslcert", client.cert, certificate, "the client's certificate"),
        key: pem("sslkey", client.key, "(?:RSA |EC )?PRIVATE KEY", "its key, without a passphrase"),
      }
      : {},
  };
}

/**
 * A socket as postgres.js wants one, over a raw one that is about to connect. What is written before TLS stands waits for it. Destroyed
 * with a {@link DatabaseTlsError} when TLS cannot be had as asked for; nothing was written then.
 */
export class TlsConnection extends Duplex {
  /** Bytes that were written to it, before their encryption. */
  bytesWritten = 0;
  readonly host: string;
  readonly port: number;
  readonly #raw: Socket;
  readonly #tls: DatabaseTls;
  /** Where bytes go to and come from, once it is known. */
  #inner: Duplex | null = null;
  #waiting: ((inner: Duplex) => void)[] = [];
  #heard = false;
  /** Whether our reader takes more. */
  #wanted = false;

  constructor(raw: Socket, tls: DatabaseTls, { host, port }: TlsPeer) {
    // The event "close" of sockets tells whether there was an error: postgres.js waits longer from try to try then.
    super({ allowHalfOpen: false, emitClose: false });
    this.#raw = raw;
    this.#tls = tls;
    this.host = host;
    this.port = port;
    raw.once("connect", () => raw.write(SSL_REQUEST));
    raw.once("data", (answer: Uint8Array) => this.#negotiate(answer));
    raw.on("error", (error) => this.#fail(error));
    raw.once("close", () => this.#closed());
  }

  /** For postgres.js, which ends only what is open. What is said until TLS stands waits, the end too. */
  get readyState(): "open" | "closed" {
    return this.destroyed ? "closed" : "open";
  }

  setKeepAlive(enable: boolean, milliseconds: number): void {
    this.#raw.setKeepAlive(enable, milliseconds);
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.bytesWritten += chunk.length;
    this.#whenUp((inner) => inner.write(chunk, done));
  }

  override _read(): void {
    this.#wanted = true;
    this.#pull();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#whenUp((inner) => inner.end(() => done()));
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#waiting = [];
    this.#inner?.destroy();
    this.#raw.destroy();
    done(error);
    nextTick(() => this.emit("close", error !== null));
  }

  #whenUp(run: (inner: Duplex) => void): void {
    if (this.#inner) run(this.#inner);
    else this.#waiting.push(run);
  }

  /** The server has answered the request for TLS by a letter. */
  #negotiate(answer: Uint8Array): void {
    const letter = answer.length === 1 ? String.fromCharCode(answer[0] ?? 0) : "";
    if (letter === "N" && this.#tls.mode === "prefer") return this.#use(this.#raw);
    if (letter === "N") {
      return this.#fail(
        new DatabaseTlsError(
          `PostgreSQL at ${this.host}:${this.port} does not offer TLS, and sslmode is ${this.#tls.mode}: set ssl = on ` +
            "in its postgresql.conf, or sslmode=disable where nobody can listen on the way",
        ),
      );
    }
    // More than the letter was not sent by the one that TLS is about to be made with (CVE-2021-23222).
    if (letter !== "S") return this.#fail(hungUp());
    const name = isIP(this.host) ? {} : { servername: this.host };
    // Without a name of its own Deno compares with the host, which may be an address here.
    const any = this.#tls.mode === "verify-full" ? {} : { checkServerIdentity: () => undefined };
    let secure;
    try {
      secure = connect({ ...tlsOptions(this.#tls), socket: this.#raw, host: this.host, ...name, ...any });
    } catch (error) {
      return this.#fail(error);
    }
    secure.once("secureConnect", () => this.#use(secure));
    secure.on("error", (error) => this.#fail(error));
    secure.once("close", () => this.#closed());
  }

  #closed(): void {
    if (!this.#inner) this.#fail(hungUp());
    // Not every end is told of by "end".
    else if (!this.readableEnded) this.push(null);
  }

  #use(inner: Duplex): void {
    if (this.destroyed) return;
    this.#inner = inner;
    inner.on("readable", () => this.#pull());
    inner.once("end", () => this.push(null));
    for (const run of this.#waiting.splice(0)) run(inner);
  }

  /** Hands on what has come, as long as it is wanted. Deno 2.4 mixes chunks up where pause() and resume() come close upon each other. */
  #pull(): void {
    while (this.#inner && this.#wanted) {
      const chunk: Uint8Array | null = this.#inner.read();
      if (chunk === null) return;
      this.#heard = true;
      // Pushed, it may be asked for more before this returns.
      this.#wanted = false;
      if (this.push(chunk)) this.#wanted = true;
    }
  }

  #fail(error: unknown): void {
    // The server's verdict on us, and with old versions of Deno ours on it, come after all else of the handshake.
    this.destroy(this.#heard ? asError(error) : explainHandshake(error, this.#tls, this));
  }
}

const asError = (error: unknown) => error instanceof Error ? error : new Error(String(error));

const hungUp = () => Object.assign(new Error("The server hung up"), { code: "ECONNRESET" });
