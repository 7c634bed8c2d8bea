-- The table of the alternatives, and the trigger of those that listen: a notification a row.
create table logs (
  id bigserial primary key,
  organization_id integer not null default 1,
  "timestamp" timestamptz not null default now(),
  level text not null,
  service text not null,
  message text not null,
  metadata jsonb
);

create function notify_log() returns trigger language plpgsql as $$
begin
  perform pg_notify('logs_' || new.organization_id, row_to_json(new)::text);
  return new;
end;
$$;

create trigger notify_log after insert on logs for each row execute function notify_log();
