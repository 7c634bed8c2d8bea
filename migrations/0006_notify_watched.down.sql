-- The trigger of 0002, which announces everything.
do $migration$
begin
  -- The trigger runs with the rights and the search_path of whoever inserts. So it looks up nothing but pg_catalog,
  -- operators included, and log_entry() in the schema it was made in.
  execute replace($create$

create or replace function logs_notify() returns trigger
language plpgsql
-- Changes no table. Being stable, its queries use the snapshot of the INSERT: they need none of their own, which is
-- cheaper, and it is the snapshot from before the rows that the payload has to carry.
stable
set search_path = pg_catalog, pg_temp
as $function$
declare
  -- Characters of a message: the argument of the trigger.
  preview integer;
  queue_usage double precision;
  s text;
  running xid8[];
  head text;
  room integer;
  -- The organizations of this statement, ascending, and how many rows each has.
  organizations bigint[];
  added bigint[];
  total bigint;
  -- What this transaction has announced, as ",<organization_id>=<rows>,". A setting, so that it ends with the
  -- transaction and goes back with a savepoint, as notifications do.
  announced text;
  key text;
  before integer;
  after integer;
  -- Organizations whose rows are not sent: "more" was.
  silent bigint[];
  -- The current organization, and what of it waits to be sent; of the others too, while rows of many alternate.
  organization bigint;
  last_organization bigint;
  pack text;
  used integer;
  packs text[];
  slot integer;
  entry text;
  size integer;
  r record;
begin
  -- Somebody listens and does not read. From half a queue on PostgreSQL warns whoever notifies, at a full one commits
  -- fail, and no INSERT is to pay for that. The server that listens watches this number too.
  queue_usage := pg_notification_queue_usage();
  if queue_usage > 0.45 then
    if pg_current_xact_id()::text like '%000' then -- one transaction in a thousand leaves a line in the server's log
      raise log 'tailpost: %.% announces nothing, the notification queue is full to % percent',
        tg_table_schema, tg_table_name, round(100 * queue_usage);
    end if;
    return null;
  end if;

  -- A cursor must not cover rows that come with a later payload. PostgreSQL does not list our own transaction among
  -- the running ones, so as soon as a later one has ended, ours looks visible: it is listed here. And hundreds of
  -- writers must not fill the payload with their ids: a snapshot stays true when xmax is lowered to one that runs.
  s := pg_current_snapshot()::text;
  if pg_visible_in_snapshot(pg_current_xact_id(), s::pg_snapshot) or octet_length(s) > 1000 then
    running := array(
      select xid from (select pg_snapshot_xip(s::pg_snapshot) union select pg_current_xact_id()) as t (xid)
      where xid < pg_snapshot_xmax(s::pg_snapshot)
      order by xid
    );
    s := pg_snapshot_xmin(s::pg_snapshot)::text || ':'
      || coalesce(running[51], pg_snapshot_xmax(s::pg_snapshot))::text || ':'
      || array_to_string(running[1:50], ',');
  end if;
  head := '{"s":"' || s || '",';

  begin
    preview := case
      when length(tg_argv[0]) between 1 and 9 and ltrim(tg_argv[0], '0123456789') = '' then tg_argv[0]::integer
      else 1000
    end;
    -- Most statements insert one row, and this query is all that they need.
    select count(*), min(organization_id), min(log_entry)
    into total, organization, entry
    from (
      select organization_id, "$schema".log_entry(id, "timestamp", level, service, message, preview)
      from new_logs limit 2
    ) as t;
    if total = 0 then
      return null;
    elsif total > 1 then
      select count(*), min(organization_id), max(organization_id) into total, organization, last_organization
      from new_logs;
    end if;
    if total = 1 or organization = last_organization then
      organizations := array[organization];
      added := array[total];
    else
      select array_agg(t.organization_id order by t.organization_id), array_agg(t.count order by t.organization_id)
      into organizations, added
      from (select organization_id, count(*) from new_logs group by organization_id) as t;
    end if;

    -- After 20,000 rows of an organization in one transaction, or with a queue that fills up, one "more" has to do.
    announced := coalesce(nullif(current_setting('tailpost.announced', true), ''), ',');
    for i in 1 .. cardinality(organizations) loop
      key := ',' || organizations[i]::text || '=';
      before := coalesce(nullif(split_part(split_part(announced, key, 2), ',', 1), ''), '0')::integer;
      after := case when queue_usage > 0.25 then 20001 else least(before + added[i], 20001) end;
      if after > 20000 then
        silent := silent || organizations[i];
        if before <= 20000 then
          perform pg_notify('logs_' || organizations[i]::text, head || '"more":true}');
        end if;
      end if;
      -- The latest first and the end cut off: among hundreds of organizations the counts of the oldest are forgotten.
      announced := set_config(
        'tailpost.announced',
        left(key || after::text || replace(announced, key || before::text || ',', ','), 2000),
        true
      );
    end loop;
    if cardinality(silent) = cardinality(organizations) then
      return null;
    end if;

    -- PostgreSQL takes less than 8,000 bytes. {"s":"...","logs":[...]}
    room := 7900 - octet_length(head) - 10;
    if total = 1 and octet_length(convert_to(entry, 'UTF8')) <= room then
      perform pg_notify('logs_' || organizations[1]::text, head || '"logs":[' || entry || ']}');
      return null;
    end if;

    organization := null;
    for r in
      select
        organization_id,
        id,
        "$schema".log_entry(id, "timestamp", level, service, message, preview) as entry
      from new_logs
      where silent is null or organization_id <> all (silent)
    loop
      if r.organization_id is distinct from organization then
        if organization is not null then
          packs[slot] := pack;
        end if;
        organization := r.organization_id;
        slot := width_bucket(organization, organizations); -- a binary search
        pack := packs[slot];
        used := coalesce(octet_length(convert_to(pack, 'UTF8')) + 1, 0);
      end if;
      entry := r.entry;
      size := octet_length(convert_to(entry, 'UTF8'));
      if size is null or size > room then
        entry := '{"id":' || r.id::text || '}';
        size := octet_length(entry);
      end if;
      if used + size > room then
        perform pg_notify('logs_' || organization::text, head || '"logs":[' || pack || ']}');
        pack := entry;
        used := size + 1;
      else
        pack := concat_ws(',', pack, entry);
        used := used + size + 1; -- the comma
      end if;
    end loop;
    packs[slot] := pack;
    for i in 1 .. cardinality(organizations) loop
      if packs[i] is not null then
        perform pg_notify('logs_' || organizations[i]::text, head || '"logs":[' || packs[i] || ']}');
      end if;
    end loop;
  exception when others then
    -- Nothing known leads here but a text that its database's encoding cannot convert to UTF-8.
    raise log 'tailpost: % on %.% cannot announce rows one by one: % (%)',
      tg_name, tg_table_schema, tg_table_name, sqlerrm, sqlstate;
    begin
      for r in select distinct organization_id from new_logs loop
        perform pg_notify('logs_' || r.organization_id::text, head || '"more":true}');
      end loop;
    exception when others then
      raise log 'tailpost: % on %.% cannot announce anything: % (%)',
        tg_name, tg_table_schema, tg_table_name, sqlerrm, sqlstate;
    end;
  end;
  return null;
end
$function$

$create$, '"$schema"', quote_ident(current_schema()));
end
$migration$;

do $migration$
declare
  -- The length of the preview, as it is set.
  preview text := (
    select substring(encode(tgargs, 'escape') from '^[0-9]{1,9}') from pg_trigger
    where tgrelid = 'logs'::regclass and tgname = 'logs_notify'
  );
begin
  execute format($create$

create or replace trigger logs_notify
  after insert on logs
  referencing new table as new_logs
  for each statement execute function logs_notify(%L)

$create$, coalesce(preview, '1000'));
end
$migration$;
