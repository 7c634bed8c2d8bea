/** The filters of the viewers, each as a query string and once more as SQL that owes nothing to the server's own code. */

/** A filter that viewers watch. */
export interface WatchedFilter {
  readonly query: string;
  /** What `logs` holds for it, by PostgreSQL's own means. */
  readonly where: string;
}

const level = (...names: string[]) => `lower(level) in (${names.map((name) => `'${name}'`).join(", ")})`;

/** Every filter lets the marker through that {@link markerText} makes. */
export const FILTERS: readonly WatchedFilter[] = [
  { query: "", where: "true" },
  { query: "level=error", where: level("error", "err") },
  { query: "service=api,web", where: "service in ('api', 'web')" },
  { query: "q=NEEDLE", where: "message ilike '%needle%'" },
  { query: "q=/order [0-9]*7/", where: "message ~ 'order [0-9]*7'" },
  { query: "q=/ORDER|late/i", where: "message ~* 'order|late'" },
  { query: "q=größe", where: "strpos(message, 'größe') > 0" },
  { query: "not=noise", where: "message not ilike '%noise%'" },
  {
    query: "not=/^%23[0-9]%2B noise/&not=late",
    where: "message !~ '^#[0-9]+ noise' and message not ilike '%late%'",
  },
  {
    query: "level=warn,error&service=api&q=needle&not=late",
    where: `${level("warn", "warning", "error", "err")} and service = 'api' and message ilike '%needle%'
      and message not ilike '%late%'`,
  },
];

/** The organizations in which there are viewers and writers. */
export const ORGANIZATIONS = [1, 2] as const;
