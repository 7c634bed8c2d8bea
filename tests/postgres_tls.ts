/** A real PostgreSQL that speaks TLS. */

import { join } from "node:path";
import { type Authority, type Certificate, createAuthority } from "./certificates.ts";
import { type TestDatabase, type TestServer, testServer } from "./postgres.ts";

/** See {@link tlsServer}. */
export interface TlsServer extends AsyncDisposable {
  readonly postgres: TestServer;
  /** Whose certificates it has and knows. */
  readonly authority: Authority;
  /** An authority that nobody knows of. */
  readonly stranger: Authority;
  /** Starts the server again with another certificate, or without TLS, and with these lines of pg_hba.conf. */
  serve(certificate: Certificate | null, rules?: readonly string[]): Promise<void>;
}

/** Who may come in how, unless a test says otherwise: as everywhere, and `tailpost` with TLS alone. */
export const TLS_ALONE = ["hostssl all tailpost all scram-sha-256", "host all postgres all scram-sha-256"];

/** Names of the server that {@link tlsServer} starts. */
export const NAMES = "DNS:localhost,IP:127.0.0.1";

/** The URL of a database with other parameters, or by another name of the server. */
export function urlWith(
  { url }: Pick<TestDatabase, "url">,
  parameters: Record<string, string>,
  host?: string,
): string {
  const changed = new URL(url);
  if (host !== undefined) changed.hostname = host;
  for (const [name, value] of Object.entries(parameters)) changed.searchParams.set(name, value);
  return changed.href;
}

/** Starts a PostgreSQL whose certificate is for {@link NAMES}, which takes connections with TLS and without. */
export async function tlsServer(): Promise<TlsServer> {
  const postgres = await testServer();
  // Removed with the server's files, in whatever way this ends.
  const folder = join(postgres.dataDir, "certificates");
  await Deno.mkdir(folder);
  const [authority, stranger] = await Promise.all([
    createAuthority(folder, "authority"),
    createAuthority(folder, "stranger"),
  ]);
  const data = join(postgres.dataDir, "cluster/data");
  const hba = await Deno.readTextFile(join(data, "pg_hba.conf"));

  /** A file as PostgreSQL's account has it, which alone may read it. */
  async function write(name: string, text: string): Promise<void> {
    const path = join(data, name);
    await Deno.writeTextFile(path, text);
    await Deno.chmod(path, 0o600);
    const { uid, gid } = await Deno.stat(data);
    if (uid !== null && gid !== null) await Deno.chown(path, uid, gid);
  }

  async function serve(certificate: Certificate | null, rules: readonly string[] = []): Promise<void> {
    await postgres.stop();
    if (certificate) {
      await write("server.crt", await Deno.readTextFile(certificate.cert));
      await write("server.key", await Deno.readTextFile(certificate.key));
      await write("root.crt", await Deno.readTextFile(authority.cert));
    }
    await write("postgresql.auto.conf", certificate ? "ssl = on\nssl_ca_file = 'root.crt'\n" : "");
    await write("pg_hba.conf", rules.length > 0 ? rules.join("\n") + "\n" : hba);
    await postgres.start();
  }

  await serve(await authority.issue({ subject: "postgres", names: NAMES }));
  return {
    postgres,
    authority,
    stranger,
    serve,
    [Symbol.asyncDispose]: () => postgres[Symbol.asyncDispose](),
  };
}
