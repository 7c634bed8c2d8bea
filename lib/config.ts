/** Settings: a flag, then the environment, then a default. The environment is read here and nowhere else. */

import { join } from "node:path";
import { z } from "zod";
import { isLoopback, parseNetworks } from "./auth/networks.ts";
import { parseOrigins } from "./auth/origins.ts";
import {
  DatabaseUrlError,
  parseDatabaseUrl,
  SSL_MODES,
  TLS_PARAMETERS,
  withoutPassword,
} from "./database_url.ts";
import { DEFAULT_LIMITS, LIMIT_SETTINGS, type LimitConfig } from "./limits/settings.ts";
import type { Source } from "./wal_state.ts";

/** Everything that can be set. */
export interface Config extends LimitConfig {
  /** With its parameters for TLS, those of the environment included. `null`: the embedded PostgreSQL in the data directory. */
  readonly databaseUrl: string | null;
  /** Those of the environment, `null` where there are none; see `lib/database_url.ts`. */
  readonly sslmode: string | null;
  readonly sslrootcert: string | null;
  readonly sslcert: string | null;
  readonly sslkey: string | null;
  readonly dataDir: string;
  /** Programs for the embedded PostgreSQL instead of those that Tailpost carries; `null`: Tailpost's own. */
  readonly pgBinDir: string | null;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Files with a certificate and its key; null: no TLS. Both or neither. */
  readonly tlsCert: string | null;
  readonly tlsKey: string | null;
  readonly auth: "token" | "off";
  readonly source: Source;
  /** Bytes of WAL that PostgreSQL may keep for this server with the source `wal`. */
  readonly walKeepBytes: number;
  readonly migrate: "auto" | "off";
  /** Of the role that `migrate --role` makes; null: one is made up. */
  readonly rolePassword: string | null;
  /** Addresses and networks of proxies, between commas; empty: none is trusted. */
  readonly trustedProxy: string;
  /** The header in which they name who is signed in; null: none does. */
  readonly authHeader: string | null;
  /** What those may read. */
  readonly authOrganization: number;
  /** Other origins whose pages may use the API, between commas; empty: none. */
  readonly corsOrigins: string;
  readonly heartbeatSeconds: number;
  readonly logLevel: "debug" | "info" | "warning" | "error";
  readonly logFormat: "text" | "json";
}

/** A setting with a value that is not allowed. The message is one line that names both. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** How one setting is given. */
export interface Setting {
  readonly key: keyof Config;
  /** Names in the environment, the first that is set counts. */
  readonly env: readonly string[];
  /** As commander writes it, absent where there is no flag. */
  readonly flag?: string;
  readonly about: string;
  /** What the default is, for people. */
  readonly default: string;
  /** What is allowed, for people. */
  readonly allowed: string;
  readonly schema: z.ZodType<string | number>;
}

const oneOf = (...values: string[]) => ({ allowed: values.join(" or "), schema: z.enum(values) });
const wholeNumber = (from: number, to: number) => ({
  allowed: `a whole number from ${from} to ${to}`,
  schema: z.string().regex(/^\d{1,15}$/u).transform(Number).refine((n) => n >= from && n <= to),
});

/** All settings, in the order of the help. */
export const SETTINGS: readonly Setting[] = [
  {
    key: "databaseUrl",
    env: ["DATABASE_URL"],
    flag: "--database-url <url>",
    about: "the PostgreSQL that holds the logs",
    default: "an embedded PostgreSQL in the data directory",
    allowed: "postgres://user:password@host:port/database",
    schema: z.string().regex(/^postgres(?:ql)?:\/\/\S+$/u),
  },
  {
    key: "sslmode",
    env: ["PGSSLMODE"],
    about: "how connections to it are encrypted, unless DATABASE_URL has ?sslmode=",
    default: "disable",
    ...oneOf(...SSL_MODES),
  },
  {
    key: "sslrootcert",
    env: ["PGSSLROOTCERT"],
    about: "whose certificates PostgreSQL may have, unless DATABASE_URL has ?sslrootcert=",
    default: "the system's authorities",
    allowed: "a file of PEM, or system",
    schema: z.string().min(1),
  },
  {
    key: "sslcert",
    env: ["PGSSLCERT"],
    about: "the client's certificate for it, unless DATABASE_URL has ?sslcert=",
    default: "none",
    allowed: "a file of PEM",
    schema: z.string().min(1),
  },
  {
    key: "sslkey",
    env: ["PGSSLKEY"],
    about: "the key of that certificate, unless DATABASE_URL has ?sslkey=",
    default: "none",
    allowed: "a file of PEM",
    schema: z.string().min(1),
  },
  {
    key: "dataDir",
    env: ["TAILPOST_DATA_DIR"],
    flag: "--data-dir <folder>",
    about: "where the embedded PostgreSQL lives",
    default: "/var/lib/tailpost as root, else ~/.local/share/tailpost",
    allowed: "a folder",
    schema: z.string().min(1),
  },
  {
    key: "pgBinDir",
    env: ["PG_BINDIR"],
    about: "the folder of another PostgreSQL's programs for the embedded database",
    default: "the PostgreSQL that Tailpost carries",
    allowed: "a folder",
    schema: z.string().min(1),
  },
  {
    key: "host",
    env: ["TAILPOST_HOST"],
    flag: "--host <address>",
    about: "the address to listen on",
    default: "127.0.0.1",
    allowed: "a host name or an address",
    schema: z.string().regex(/^[\w.:[\]-]+$/u),
  },
  {
    key: "port",
    env: ["TAILPOST_PORT", "PORT"],
    flag: "--port <number>",
    about: "the port to listen on, 0 picks a free one",
    default: "8000",
    ...wholeNumber(0, 65535),
  },
  {
    key: "tlsCert",
    env: ["TAILPOST_TLS_CERT"],
    flag: "--tls-cert <file>",
    about: "the certificate, for HTTPS and HTTP/2: PEM, its chain after it",
    default: "none, plain HTTP",
    allowed: "a file",
    schema: z.string().min(1),
  },
  {
    key: "tlsKey",
    env: ["TAILPOST_TLS_KEY"],
    flag: "--tls-key <file>",
    about: "its private key: PEM, without a passphrase",
    default: "none",
    allowed: "a file",
    schema: z.string().min(1),
  },
  {
    key: "auth",
    env: ["TAILPOST_AUTH"],
    flag: "--auth <mode>",
    about: "who may read and write, off: whoever reaches the port (loopback hosts only)",
    default: "token",
    ...oneOf("token", "off"),
  },
  {
    key: "source",
    env: ["TAILPOST_SOURCE"],
    flag: "--source <source>",
    about: "how logs are heard",
    default: "notify",
    ...oneOf("notify", "wal"),
  },
  {
    key: "walKeepBytes",
    env: ["TAILPOST_WAL_KEEP_BYTES"],
    about:
      "WAL that PostgreSQL may keep for this server with --source wal; over it the slot is given up, and logs come from the table",
    default: "1073741824",
    ...wholeNumber(16_777_216, 1_099_511_627_776),
  },
  {
    key: "migrate",
    env: ["TAILPOST_MIGRATE"],
    flag: "--migrate <mode>",
    about: "whether serve changes the tables when it has to",
    default: "auto with the embedded PostgreSQL, else off",
    ...oneOf("auto", "off"),
  },
  {
    key: "rolePassword",
    env: ["TAILPOST_ROLE_PASSWORD"],
    about: "the password of the role that migrate --role makes",
    default: "one is made up and printed once",
    allowed: "12 to 200 printable ASCII characters without spaces",
    schema: z.string().regex(/^[\x21-\x7e]{12,200}$/u),
  },
  {
    key: "trustedProxy",
    env: ["TAILPOST_TRUSTED_PROXY"],
    about: "proxies whose X-Forwarded-Proto, X-Forwarded-For and sign-on are believed",
    default: "none",
    allowed: "addresses and networks between commas, such as 127.0.0.1,10.0.0.0/8",
    schema: z.string().refine((text) => parseNetworks(text) !== null),
  },
  {
    key: "authHeader",
    env: ["TAILPOST_AUTH_HEADER"],
    about: "the header in which a trusted proxy names who is signed in",
    default: "none",
    allowed: "the name of a header, such as X-Forwarded-User",
    schema: z.string().regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/u).refine((name) =>
      !/^(?:authorization|cookie|host|x-api-key)$/iu.test(name)
    ),
  },
  {
    key: "authOrganization",
    env: ["TAILPOST_AUTH_ORGANIZATION"],
    about: "the organization whose logs they may read",
    default: "1",
    ...wholeNumber(1, 999_999_999),
  },
  {
    key: "corsOrigins",
    env: ["TAILPOST_CORS_ORIGINS"],
    about: "other origins whose pages may use the API with a token",
    default: "none",
    allowed: "origins between commas, such as https://logs.example.org",
    schema: z.string().refine((text) => parseOrigins(text) !== null),
  },
  {
    key: "heartbeatSeconds",
    env: ["TAILPOST_HEARTBEAT_SECONDS"],
    about: "between two heartbeats on a stream",
    default: "15",
    ...wholeNumber(1, 3600),
  },
  ...LIMIT_SETTINGS.map(({ key, env, about, default: fallback, from, to }) => ({
    key,
    env: [env],
    about,
    default: String(fallback),
    ...wholeNumber(from, to),
  })),
  {
    key: "logLevel",
    env: ["TAILPOST_LOG_LEVEL"],
    about: "the least severe of Tailpost's own log lines",
    default: "info",
    ...oneOf("debug", "info", "warning", "error"),
  },
  {
    key: "logFormat",
    env: ["TAILPOST_LOG_FORMAT"],
    about: "the form of Tailpost's own log lines",
    default: "text on a terminal, else json",
    ...oneOf("text", "json"),
  },
];

/** Flags as commander hands them over. */
export type Flags = Readonly<Partial<Record<keyof Config, string>>>;

/** What defaults depend on. */
export interface Surroundings {
  readonly env: (name: string) => string | undefined;
  readonly isRoot: boolean;
  readonly isTerminal: boolean;
}

/** The process's own surroundings. */
export function surroundings(): Surroundings {
  return {
    env: (name) => Deno.env.get(name),
    isRoot: Deno.build.os !== "windows" && Deno.uid() === 0,
    isTerminal: Deno.stderr.isTerminal(),
  };
}

/**
 * Reads all settings.
 *
 * @throws {ConfigError} on a value that is not allowed
 */
export function readConfig(flags: Flags, from: Surroundings = surroundings()): Config {
  const values: Partial<Record<keyof Config, string | number>> = {};
  for (const setting of SETTINGS) {
    const value = readSetting(setting, flags, from);
    if (value !== undefined) values[setting.key] = value;
  }
  const config = {
    databaseUrl: null,
    sslmode: null,
    sslrootcert: null,
    sslcert: null,
    sslkey: null,
    dataDir: defaultDataDir(from),
    pgBinDir: null,
    host: "127.0.0.1",
    port: 8000,
    tlsCert: null,
    tlsKey: null,
    auth: "token",
    source: "notify",
    walKeepBytes: 1_073_741_824,
    migrate: values.databaseUrl === undefined ? "auto" : "off",
    rolePassword: null,
    trustedProxy: "",
    authHeader: null,
    authOrganization: 1,
    corsOrigins: "",
    heartbeatSeconds: 15,
    ...DEFAULT_LIMITS,
    logLevel: "info",
    logFormat: from.isTerminal ? "text" : "json",
    ...values,
  } as Config;
  if (config.auth === "off" && !isLoopback(config.host)) {
    throw new ConfigError(
      `TAILPOST_AUTH is "off" and TAILPOST_HOST is "${config.host}": without sign-in only a loopback host is allowed, ` +
        "127.0.0.1, ::1 or localhost",
    );
  }
  if ((config.tlsCert === null) !== (config.tlsKey === null)) {
    const [given, missing] = config.tlsKey === null ? ["CERT", "KEY"] : ["KEY", "CERT"];
    const file = JSON.stringify(config.tlsCert ?? config.tlsKey);
    throw new ConfigError(
      `TAILPOST_TLS_${given} is ${file} and TAILPOST_TLS_${missing} is not set: ` +
        "TLS takes both, a certificate and its key",
    );
  }
  if (config.authHeader !== null && config.trustedProxy === "") {
    throw new ConfigError(
      `TAILPOST_AUTH_HEADER is "${config.authHeader}" and TAILPOST_TRUSTED_PROXY is not set: ` +
        "anybody could send that header. Name the proxy's address",
    );
  }
  if (config.maxBodiesBytes < config.maxBodyBytes) {
    throw new ConfigError(
      `TAILPOST_MAX_BODIES_BYTES is ${config.maxBodiesBytes} and TAILPOST_MAX_BODY_BYTES is ${config.maxBodyBytes}: ` +
        "there must be room for one body",
    );
  }
  return { ...config, databaseUrl: config.databaseUrl && withTls(config.databaseUrl, config, flags) };
}

/** A database URL with the environment's parameters for TLS where it has none of its own. */
function withTls(url: string, config: Config, flags: Flags): string {
  const own = new URLSearchParams(url.split("?").slice(1).join("?"));
  const added = TLS_PARAMETERS.filter((name) => !own.get(name) && config[name] !== null);
  const way = flags.databaseUrl === undefined ? "DATABASE_URL" : "--database-url";
  const named = (name: string) =>
    added.some((key) => key === name) ? `PG${name.toUpperCase()}` : `${name} in ${way}`;
  const full = added.reduce(
    (url, name) => `${url}${url.includes("?") ? "&" : "?"}${name}=${encodeURIComponent(config[name] ?? "")}`,
    url,
  );
  try {
    parseDatabaseUrl(full, named);
  } catch (error) {
    if (error instanceof DatabaseUrlError) throw new ConfigError(error.message, { cause: error });
    throw error;
  }
  return full;
}

function readSetting(setting: Setting, flags: Flags, from: Surroundings): string | number | undefined {
  const flag = flags[setting.key];
  const name = flag === undefined ? setting.env.find((name) => from.env(name)) : setting.flag?.split(" ")[0];
  const text = flag ?? (name && from.env(name));
  if (name === undefined || text === undefined) return undefined;
  const result = setting.schema.safeParse(text);
  if (result.success) return result.data;
  const hidden = setting.key === "rolePassword" ? "***" : text;
  const shown = setting.key === "databaseUrl" ? withoutPassword(text) : hidden;
  throw new ConfigError(`${name} is ${JSON.stringify(shown)}: allowed is ${setting.allowed}`);
}

function defaultDataDir(from: Surroundings): string {
  if (from.isRoot) return "/var/lib/tailpost";
  const home = from.env("HOME") ?? from.env("USERPROFILE") ?? ".";
  return join(from.env("XDG_DATA_HOME") || join(home, ".local", "share"), "tailpost");
}
