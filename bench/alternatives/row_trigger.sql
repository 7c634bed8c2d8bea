-- The usual trigger: a notification a row.
create or replace function notify_log() returns trigger language plpgsql as $$
begin
  perform pg_notify('logs_' || new.organization_id, row_to_json(new)::text);
  return new;
end;
$$;

create or replace trigger notify_log after insert on logs for each row execute function notify_log();
