/** Requests, good and broken, as fast-check makes them up. */

import fc from "fast-check";

/** Who sends a request. */
export const SENDERS = ["nobody", "wrong", "read", "ingest", "admin", "cookie"] as const;

/** See {@link SENDERS}. */
export type Sender = (typeof SENDERS)[number];

/** One request. */
export interface FuzzRequest {
  readonly sender: Sender;
  /** Over a socket of its own, byte by byte as it is here; else over `fetch`, which keeps connections. */
  readonly raw: boolean;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | null;
}

const NASTY = [
  "'",
  '"',
  "\\",
  "\0",
  "\r\n",
  "\n\n",
  "%",
  "%00",
  "%ff",
  "%c0%ae",
  "..",
  "../../etc/passwd",
  "..%2f..%2f",
  "<script>",
  "__proto__",
  "constructor",
  "\u202e",
  "\ud800",
  "\ufeff",
  "1e3",
  "-1",
  "0x10",
  "9007199254740993",
  "NaN",
  "null",
  "/(a+)+$/",
  "/[/",
  "/(?=x)/",
  "/x{1000}{1000}/",
  "info,error",
  "1:2:",
  "1:1:1,2",
  "99999999999999999999:1:",
  "'; drop table logs; --",
  "{}",
  "[]",
  "true",
  ",",
  "\\,",
  "/",
  "//",
  "a".repeat(1001),
  "x".repeat(5000),
]; // deno-fmt-ignore

const text = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...NASTY) },
  { weight: 3, arbitrary: fc.string({ unit: "binary", maxLength: 60 }) },
  { weight: 2, arbitrary: fc.string({ maxLength: 20 }) },
  { weight: 1, arbitrary: fc.integer().map(String) },
);

const PATHS = [
  "/",
  "/logs/live",
  "/login",
  "/logout",
  "/settings/tokens",
  "/healthz",
  "/readyz",
  "/metrics",
  "/api/logs",
  "/api/logs/stream",
  "/api/logs/values",
  "/api/logs/rate",
  "/api/logs/export",
  "/api/logs/1",
  "/api/logs/2",
  "/logs/1",
  "/help/proxies",
  "/api/views",
  "/api/views/1",
  "/styles.css",
  "/favicon.svg",
  "/theme.js",
]; // deno-fmt-ignore
const PARAMETERS = ["organizationId", "before", "after", "limit", "level", "service", "q", "not", "tail", "from", "to", "order", "at", "format", "buckets", "lastEventId", "next", "code", "__frsh_c"];

const escaped = text.map((part) => encodeURIComponent(part.toWellFormed()));
const path = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...PATHS) },
  { weight: 1, arbitrary: escaped.map((part) => `/api/logs/${part}`) },
  { weight: 1, arbitrary: escaped.map((part) => `/api/views/${part}`) },
  { weight: 1, arbitrary: fc.array(escaped, { maxLength: 4 }).map((parts) => `/${parts.join("/")}`) },
  // deno-lint-ignore no-control-regex -- what a socket can be told and `fetch` escapes by itself
  { weight: 1, arbitrary: text.map((part) => `/${part.replace(/[\u0000-\u0020]/gu, "").toWellFormed()}`) },
);
const good = fc.constantFrom(
  "organizationId=1",
  "limit=5",
  "order=asc",
  "at=1767225600000",
  "level=info",
  "tail=3",
  "q=x",
  "not=y",
  "not.level=debug",
  "not.service=web",
  "meta.user.id=1",
  "not.meta.ok=true",
  "fields=user.id,ok",
  "filter=level:warn%2B%20-x%20meta.ok=true",
  "service=api",
);
const query = fc.array(
  fc.oneof(
    good,
    fc.tuple(fc.constantFrom(...PARAMETERS), escaped).map(([name, value]) => `${name}=${value}`),
    escaped,
  ),
  { maxLength: 5 },
).map((parts) => parts.length === 0 ? "" : `?${parts.join("&")}`);

const log = fc.record({
  message: fc.oneof(
    text,
    fc.string({ unit: "binary", minLength: 1, maxLength: 3000 }),
    fc.anything({ maxDepth: 1 }),
  ),
  level: fc.oneof(fc.constantFrom("info", "error", "Warning", "x"), text),
  service: text,
  timestamp: fc.oneof(fc.date({ noInvalidDate: true }).map((date) => date.toISOString()), fc.double(), text),
  metadata: fc.oneof(fc.dictionary(text, fc.jsonValue()), fc.jsonValue()),
  [NASTY[10] ?? ""]: text,
}, { requiredKeys: ["message"] });
const goodLog = fc.record({
  message: fc.string({ unit: "binary", minLength: 1 }),
  service: fc.constantFrom("api", "web"),
});
const json = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "{";
  }
};
// Numbers would name the tokens that the fuzzer itself uses.
const id = text.filter((part) => !/^\s*\d+\s*$/u.test(part));
const form = fc.record({
  action: fc.constantFrom("create", "revoke", "x"),
  name: text,
  scope: fc.constantFrom("read", "admin", "x"),
  organization: text,
  expires: fc.constantFrom("1d", "", "x"),
  id,
  token: text,
  code: text,
  next: text,
}, { requiredKeys: [] })
  .map((fields) => new URLSearchParams(fields as Record<string, string>).toString()); // deno-fmt-ignore
const body = fc.oneof(
  { weight: 3, arbitrary: fc.constant(null) },
  { weight: 2, arbitrary: goodLog.map(json) },
  { weight: 2, arbitrary: fc.array(log, { maxLength: 5 }).map(json) },
  { weight: 1, arbitrary: fc.array(goodLog, { maxLength: 5 }).map((logs) => logs.map(json).join("\n")) },
  { weight: 1, arbitrary: text },
  { weight: 2, arbitrary: form },
  { weight: 1, arbitrary: fc.nat(5000).map((depth) => "[".repeat(depth)) },
);

const TYPES = [
  "application/json",
  "application/x-ndjson",
  "application/x-www-form-urlencoded",
  "text/plain",
  "application/json; charset=x",
];
const value = text.map((part) => part.replace(/[^\u0020-\u007e\u00a0-\u00ff]/gu, "").trim());
const header = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...TYPES).map((type) => ["content-type", type] as const) },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom(
        "last-event-id",
        "cookie",
        "origin",
        "sec-fetch-site",
        "accept",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-user",
        "if-none-match",
        "range",
        "authorization",
        "content-encoding",
        "x-any",
        "upgrade",
      ),
      value,
    ),
  },
); // deno-fmt-ignore
const rawHeader = fc.oneof(
  header,
  fc.constantFrom(["transfer-encoding", "chunked"], ["transfer-encoding", "x"], ["content-length", "3"], ["content-length", "-1"], ["expect", "100-continue"],
    ["host", "evil.example"], ["host", ""], ["connection", "upgrade"], ["te", "trailers"], [" x", "y"], ["x y", "z"]).map(([a = "", b = ""]) => [a, b] as const),
); // deno-fmt-ignore

const method = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom("GET", "POST") },
  { weight: 1, arbitrary: fc.constantFrom("HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND") },
);

const common = { sender: fc.constantFrom(...SENDERS), method, body };

/** What is right but for what its fields hold, so that much gets as far as the database. */
const sent = fc.record({
  sender: fc.constantFrom("ingest" as const, "admin" as const),
  raw: fc.boolean(),
  method: fc.constant("POST"),
  target: fc.constant("/api/logs"),
  headers: fc.constant([["content-type", "application/json"]] as const),
  body: fc.oneof(
    goodLog.map(json),
    fc.array(fc.record({ message: text, service: text, metadata: fc.dictionary(text, fc.jsonValue()) }), {
      maxLength: 5,
    }).map(json),
    log.map(json),
  ),
});
const view = fc.record({
  name: fc.oneof(text, fc.anything({ maxDepth: 1 })),
  query: fc.oneof(query, text),
  isDefault: fc.oneof(fc.boolean(), fc.anything({ maxDepth: 1 })),
}, { requiredKeys: ["name"] });
const saved = fc.record({
  sender: fc.constantFrom("read" as const, "admin" as const),
  raw: fc.boolean(),
  method: fc.constantFrom("POST", "PUT"),
  target: fc.constantFrom("/api/views", "/api/views/1", "/api/views/2"),
  headers: fc.constant([["content-type", "application/json"]] as const),
  body: view.map(json),
});
const made = fc.record({
  sender: fc.constant("admin" as const),
  raw: fc.constant(false),
  method: fc.constant("POST"),
  target: fc.constantFrom("/settings/tokens", "/login"),
  headers: fc.constant([["content-type", "application/x-www-form-urlencoded"]] as const),
  body: form,
});

/** Any of them, some over a socket. */
export const anyRequest: fc.Arbitrary<FuzzRequest> = fc.oneof(
  { weight: 1, arbitrary: sent },
  { weight: 1, arbitrary: made },
  { weight: 1, arbitrary: saved },
  {
    weight: 7,
    arbitrary: fc.record({
      ...common,
      raw: fc.constant(false),
      target: fc.tuple(path, query).map((parts) => parts.join("")),
      headers: fc.array(header, { maxLength: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      ...common,
      raw: fc.constant(true),
      method: fc.oneof(
        method,
        fc.constantFrom("", "get", "G\u00cbT", "PRI", "X".repeat(300), "CONNECT", "TRACE"),
      ),
      target: fc.oneof(
        fc.tuple(path, query).map((parts) => parts.join("")),
        fc.constantFrom(
          "*",
          "",
          "http://evil.example/api/logs",
          "evil.example:80",
          "\\",
          "/\\evil",
          "//evil.example/x",
          "http://",
          "/a b",
          "?",
          "#",
        ),
      ),
      headers: fc.array(rawHeader, { maxLength: 4 }),
    }),
  },
);
