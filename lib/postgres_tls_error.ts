/** What can be wrong with TLS to PostgreSQL, and what to do about it. Pure. */

import type { DatabaseTls } from "./database_url.ts";
import type { DatabaseProblem } from "./sse.ts";

/** TLS cannot be had as it was asked for. Trying again does not help; the message says what does. */
export class DatabaseTlsError extends Error {
  override readonly name = "DatabaseTlsError";
  readonly code = "DATABASE_TLS";
}

/** What a handshake failed with: a {@link DatabaseTlsError}, or an error of the network as it is. */
export function explainHandshake(
  cause: unknown,
  { rootCert, client }: DatabaseTls,
  { host, port }: { readonly host: string; readonly port: number },
): Error {
  if (cause instanceof DatabaseTlsError) return cause;
  const error = cause instanceof Error ? cause : new Error(String(cause));
  const code = "code" in error ? String(error.code) : "";
  if (/^(?:E[A-Z]+$|EAI_)/u.test(code)) return error;
  // As Deno names them where it gives them no code.
  if (/^(?:ConnectionReset|ConnectionAborted|BrokenPipe|UnexpectedEof|TimedOut)$/u.test(error.name)) {
    return Object.assign(error, { code: "ECONNRESET" });
  }
  const reason = error.message;
  const at = `PostgreSQL at ${host}:${port}`;
  const explained = (message: string) => new DatabaseTlsError(`${message} (${reason})`, { cause });
  if (/alert/iu.test(`${code} ${reason}`)) {
    return explained(
      client
        ? `${at} refused TLS: sslcert has to be a certificate that its ssl_ca_file knows the authority of`
        : `${at} refused TLS: it may want a client certificate, sslcert and sslkey`,
    );
  }
  if (/ALTNAME|not valid for/u.test(`${code} ${reason}`)) {
    return explained(
      `The certificate of ${at} is not for the name ${host}: connect by a name that stands in it, or have ` +
        "sslmode=verify-ca check its authority alone",
    );
  }
  if (/cert|issuer|signature|verif/iu.test(`${code} ${reason}`)) {
    return explained(
      `The certificate of ${at} is expired, or not from ${
        rootCert === null ? "an authority that this system knows" : `an authority in sslrootcert ${rootCert}`
      }: renew it, or name the file of its authority in sslrootcert`,
    );
  }
  return explained(`TLS with ${at} failed`);
}

/**
 * The problem that an error of a connection tells of, `null` where it is another one: TLS that cannot be had, or that the server's
 * pg_hba.conf asks for. The latter is told by its message alone, so only in English.
 */
export function tlsProblem(error: unknown): DatabaseProblem | null {
  if (!(error instanceof Error)) return null;
  if (error instanceof DatabaseTlsError) return { code: "tls", message: error.message };
  if (!("code" in error) || error.code !== "28000") return null;
  if (/no encryption$/u.test(error.message)) {
    return {
      code: "tls",
      message:
        `PostgreSQL takes no connection in plain text from here: add sslmode=verify-full to DATABASE_URL, and ` +
        `sslrootcert where its authority is not a public one (${error.message})`,
    };
  }
  if (/client certificate/u.test(error.message)) {
    return {
      code: "tls",
      message:
        `PostgreSQL wants a client certificate: name it and its key in sslcert and sslkey (${error.message})`,
    };
  }
  return null;
}
