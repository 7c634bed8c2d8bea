-- The trigger of 0002 for organizations that are watched alone, and for fewer microseconds.
--
-- Channels and payloads stay as they are (0002). An INSERT that ran before its organization was watched sends nothing,
-- whenever it commits: a server that begins to watch looks for it in the table, until all such transactions have ended.

do $migration$
begin
  -- Whatever the search_path of whoever inserts is, it looks up nothing but pg_catalog, operators included, and what is
  -- named with the schema that it was made in.
  execute replace($create$

create or replace function logs_notify() returns trigger
language plpgsql
-- Changes no table. Being stable, its queries use the snapshot of the INSERT: they need none of their own, which is
-- cheaper, and it is the snapshot from before the rows that the payload has to carry.
stable
-- Who inserts, through a view perhaps, need not be able to read what is read here.
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
  declare
    -- A bit for each watched organization.
    watched bigint;
    -- Characters of a message: the argument of the trigger.
    preview integer;
    queue_usage double precision;
    s text;
    running xid8[];
    head text;
    room integer;
    -- Whether the statement has more than one row.
    many boolean;
    -- The organizations of this statement that are watched, and how many rows each has.
    organizations bigint[];
    added bigint[];
    -- What this transaction has announced, as ",<organization_id>=<rows>,". A setting, so that it ends with the
    -- transaction and goes back with a savepoint, as notifications do.
    announced text;
    key text;
    before integer;
    after integer;
    -- Organizations whose rows are not sent: "more" was.
    silent bigint[];
    -- The current organization and its logs as JSON: those from "first" to "next", of so many bytes, wait to be sent.
    organization bigint;
    entries text[];
    entry text;
    size integer;
    first integer;
    next integer;
    used integer;
  begin
    -- Each expression is made ready once a transaction, which takes longer than to evaluate it. So the way of a single row
    -- has as few as possible; and it calls pg_notify() as a condition, for PERFORM is a query.
    watched := "$schema".logs_watched();
    if watched = 0 then
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

    if tg_argv[0] is distinct from '1000' and length(tg_argv[0]) between 1 and 9
      and ltrim(tg_argv[0], '0123456789') = ''
    then
      preview := tg_argv[0]::integer;
    end if;
    -- Most statements insert one row, and this query is all that they need.
    for organization, entry in
      select organization_id, "$schema".log_entry(id, "timestamp", level, service, message, coalesce(preview, 1000))
      from new_logs
      where watched >> (organization_id & 31)::integer & 1 = 1
    loop
      many := many is not null;
      exit when many;
    end loop;
    if many is null then
      return null;
    end if;
    -- A transaction of less than a second is not counted: it cannot have announced too much one by one. And whatever the
    -- encoding, so short a log fits.
    if not many and octet_length(entry) < 2200 and clock_timestamp() < now() + interval '1 second'
      and current_setting('tailpost.queue_checked', true) = (date_part('epoch', now()) / 10)::bigint::text
    then
      if pg_notify('logs_' || organization, '{"s":"' || s || '","logs":[' || entry || ']}') is null then
      end if;
      return null;
    end if;

    -- Somebody listens and does not read. From half a queue on PostgreSQL warns whoever notifies, at a full one commits
    -- fail, and no INSERT is to pay for that. The server that listens watches this number too.
    -- Asking takes locks that commits wait for. Ten seconds make no difference to 8 GB.
    queue_usage := pg_notification_queue_usage();
    perform set_config(
      'tailpost.queue_checked',
      case when queue_usage < 0.25 then (date_part('epoch', now()) / 10)::bigint::text else '' end,
      false
    );
    if queue_usage > 0.45 then
      if pg_current_xact_id()::text like '%000' then -- one transaction in a thousand leaves a line in the server's log
        raise log 'tailpost: %.% announces nothing, the notification queue is full to % percent',
          tg_table_schema, tg_table_name, round(100 * queue_usage);
      end if;
      return null;
    end if;

    select array_agg(t.organization_id), array_agg(t.count)
    into organizations, added
    from (
      select organization_id, count(*) from new_logs
      where watched >> (organization_id & 31)::integer & 1 = 1
      group by organization_id
    ) as t;

    -- After 20,000 rows of an organization in one transaction, or with a queue that fills up, one "more" has to do.
    head := '{"s":"' || s || '",';
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
    for organization, entries in
      select organization_id, array_agg(
        case when octet_length(convert_to(t.entry, 'UTF8')) <= room then t.entry else '{"id":' || id::text || '}' end
        order by id
      )
      from (
        select organization_id, id,
          "$schema".log_entry(id, "timestamp", level, service, message, coalesce(preview, 1000)) as entry
        from new_logs
        where watched >> (organization_id & 31)::integer & 1 = 1
          and (silent is null or organization_id <> all (silent))
        offset 0 -- or the planner makes the JSON of a log for each mention of it
      ) as t
      group by organization_id
    loop
      first := 1;
      next := 0;
      used := -1; -- no comma before the first
      foreach entry in array entries loop
        next := next + 1;
        size := octet_length(convert_to(entry, 'UTF8'));
        used := used + 1 + size;
        if used > room then
          perform pg_notify(
            'logs_' || organization::text,
            head || '"logs":[' || array_to_string(entries[first:next - 1], ',') || ']}'
          );
          first := next;
          used := size;
        end if;
      end loop;
      perform pg_notify(
        'logs_' || organization::text,
        head || '"logs":[' || array_to_string(entries[first:], ',') || ']}'
      );
    end loop;
  exception when others then
    -- Nothing known leads here but a text that its database's encoding cannot convert to UTF-8.
    raise log 'tailpost: % on %.% cannot announce rows one by one: % (%)',
      tg_name, tg_table_schema, tg_table_name, sqlerrm, sqlstate;
    begin
      s := coalesce(s, replace(
        '$:$:', '$', least(pg_current_xact_id(), pg_snapshot_xmin(pg_current_snapshot()))::text
      ));
      for organization in select distinct organization_id from new_logs loop
        perform pg_notify('logs_' || organization::text, '{"s":"' || s || '","more":true}');
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

-- Most often nobody watches at all: then the function is not even called. The condition is evaluated with the rights of
-- whoever inserts, and must not fail for want of one.
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
  for each statement
  when (case when has_sequence_privilege('tailpost_watched'::regclass, 'select')
    then pg_sequence_last_value('tailpost_watched'::regclass) <> 0 else true end)
  execute function logs_notify(%L)

$create$, coalesce(preview, '1000'));
end
$migration$;
