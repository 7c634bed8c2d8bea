-- The table of the alternatives.
create table if not exists logs (
  id bigserial primary key,
  organization_id integer not null default 1,
  "timestamp" timestamptz not null default now(),
  level text not null,
  service text not null,
  message text not null,
  metadata jsonb
);
