/**
 * What a database URL says about TLS, as libpq reads it (PostgreSQL manual, 34.1.2 and 34.19), and the URL without that, for postgres.js,
 * which reads it in another way: to it `verify-ca` is a word, and any other word is TLS without an answer to whom. Pure.
 */

/** The allowed values of `sslmode`. `allow`, which begins in plain text, is not among them. */
export const SSL_MODES = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;

/** See {@link SSL_MODES}. */
export type SslMode = (typeof SSL_MODES)[number];

/** How connections are encrypted, and what is verified of the server. Files are named here and read elsewhere. */
export interface DatabaseTls {
  readonly mode: Exclude<SslMode, "disable">;
  /** Whether the certificate has to come from an authority of {@link rootCert}. */
  readonly verify: boolean;
  /** A file of authorities; `null`: those of the system. */
  readonly rootCert: string | null;
  /** The client's certificate and its key, files both. */
  readonly client: { readonly cert: string; readonly key: string } | null;
}

/** See {@link parseDatabaseUrl}. */
export interface DatabaseAddress {
  /** For postgres.js. */
  readonly url: string;
  /** `null`: in plain text. */
  readonly tls: DatabaseTls | null;
}

/** Parameters of a URL that are about TLS. */
export const TLS_PARAMETERS = ["sslmode", "sslrootcert", "sslcert", "sslkey"] as const;

/** One of {@link TLS_PARAMETERS}. */
export type TlsParameter = (typeof TLS_PARAMETERS)[number];

/** A parameter with a value that is not allowed. The message names both, and never a password. */
export class DatabaseUrlError extends Error {
  override readonly name = "DatabaseUrlError";
}

/** Those of libpq that say the same as their absence; postgres.js would send them to the server, which knows none of them. */
const NEUTRAL: Readonly<Record<string, RegExp>> = {
  channel_binding: /^(?:disable|prefer)?$/u,
  gssencmode: /^(?:disable|prefer)?$/u,
  sslcompression: /^0?$/u,
  sslnegotiation: /^(?:postgres)?$/u,
  sslsni: /^1?$/u,
};

/**
 * Takes a database URL apart. `named` tells how people know a parameter, for errors.
 *
 * @throws {DatabaseUrlError} on a parameter about encryption that is not known or not allowed
 */
export function parseDatabaseUrl(
  url: string,
  named: (parameter: string) => string = (parameter) => `${parameter} of the database URL`,
): DatabaseAddress {
  const start = url.indexOf("?");
  const query = new URLSearchParams(start < 0 ? "" : url.slice(start));
  const values: Partial<Record<TlsParameter, string>> = {};
  for (const [name, value] of [...query]) {
    const neutral = NEUTRAL[name];
    if (isTlsParameter(name)) {
      // As for libpq the last one counts, and one without a value is as good as none.
      if (value !== "") values[name] = value;
    } else if (neutral ? !neutral.test(value) : /^(?:require)?ssl/u.test(name)) {
      throw new DatabaseUrlError(
        `${named(name)} is ${JSON.stringify(value)}, which is not supported: allowed is ` +
          `${neutral ? "to leave it out" : TLS_PARAMETERS.join(", ")}`,
      );
    } else if (!neutral) continue;
    query.delete(name);
  }
  const rest = query.toString();
  return {
    url: start < 0 ? url : url.slice(0, start) + (rest && `?${rest}`),
    tls: readTls(values, named),
  };
}

function isTlsParameter(name: string): name is TlsParameter {
  return (TLS_PARAMETERS as readonly string[]).includes(name);
}

function readTls(
  { sslmode, sslrootcert, sslcert, sslkey }: Readonly<Partial<Record<TlsParameter, string>>>,
  named: (parameter: string) => string,
): DatabaseTls | null {
  const system = sslrootcert === "system";
  const mode = SSL_MODES.find((mode) => mode === (sslmode ?? (system ? "verify-full" : undefined)));
  if (mode === undefined) {
    if (sslmode !== undefined) {
      throw new DatabaseUrlError(
        `${named("sslmode")} is ${JSON.stringify(sslmode)}: allowed is ${SSL_MODES.join(" or ")}`,
      );
    }
    const [name, value] = sslrootcert ? ["sslrootcert", sslrootcert] : ["sslcert", sslcert ?? sslkey];
    if (value === undefined) return null;
    // Without this nothing would be encrypted, and nobody would be told.
    throw new DatabaseUrlError(
      `${named(name)} is ${JSON.stringify(value)} and ${named("sslmode")} is not set: allowed with it is ` +
        "verify-full, which checks the server's certificate and name, or verify-ca",
    );
  }
  if (mode === "disable") return null;
  if (system && mode !== "verify-full") {
    throw new DatabaseUrlError(
      `${named("sslmode")} is "${mode}" and ${
        named("sslrootcert")
      } is "system": anybody can get a certificate ` +
        "from a public authority for a name of their own, so allowed with it is verify-full",
    );
  }
  if (mode === "verify-ca" && sslrootcert === undefined) {
    throw new DatabaseUrlError(
      `${named("sslmode")} is "verify-ca" and ${
        named("sslrootcert")
      } is not set: allowed is a file with the ` +
        "certificate of the server's authority",
    );
  }
  if ((sslcert === undefined) !== (sslkey === undefined)) {
    const [is, isNot] = sslcert === undefined ? ["sslkey", "sslcert"] : ["sslcert", "sslkey"];
    throw new DatabaseUrlError(
      `${named(is)} is ${JSON.stringify(sslcert ?? sslkey)} and ${
        named(isNot)
      } is not set: allowed is both, a file each`,
    );
  }
  return {
    mode,
    verify: mode.startsWith("verify") || (mode === "require" && sslrootcert !== undefined),
    rootCert: system ? null : sslrootcert ?? null,
    client: sslcert !== undefined && sslkey !== undefined ? { cert: sslcert, key: sslkey } : null,
  };
}

/** A database URL for people to read. Also of a text that is no URL nothing is shown that may be a password. */
export function withoutPassword(url: string): string {
  return url
    .replace(/^([a-z][a-z0-9+.-]*:\/\/|(?![a-z][a-z0-9+.-]*:\/\/))([^:@/?]*):.*@/isu, "$1$2:***@")
    .replace(/(password\s*=\s*)(?:'[^']*'|[^&\s]*)/giu, "$1***");
}
