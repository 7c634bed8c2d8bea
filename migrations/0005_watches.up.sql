-- Who watches, for the trigger: where nobody does it returns at once (0006), and an INSERT pays next to nothing.
-- What a server says here counts for a minute and a half, and is said again while the server lives.

-- Reading a sequence takes no query. It is part of no snapshot: what is written to it holds at once, for everybody.
-- Its value: in the lower 31 bits the second since 2020 until which somebody watches, above them a bit for each
-- organization that is watched, at organization_id & 31. Those that share a bit with a watched one are announced too.
create sequence tailpost_watched as bigint minvalue 0 start 0;
select setval('tailpost_watched', 0);

comment on sequence tailpost_watched is 'Which organizations are watched, and until when: see logs_watched()';

-- Read on behalf of whoever inserts a log.
grant select on tailpost_watched to public;

-- Bound to pg_catalog by being parsed now; the planner puts it in the place of its call. Who may not read the sequence
-- finds everything watched.
create function logs_watched() returns bigint
language sql volatile parallel restricted
return case
  when coalesce(
    (pg_catalog.pg_sequence_last_value('tailpost_watched'::regclass) & 2147483647)
      < pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) - 1577836800,
    false
  ) then 0
  else coalesce(pg_catalog.pg_sequence_last_value('tailpost_watched'::regclass) >> 31, 4294967295)
end;

comment on function logs_watched() is 'A bit for each watched organization, at organization_id & 31; 0 where nobody watches';

-- What the value is made of. Nothing in it is worth keeping: a server that lost its connection says it again.
create unlogged table tailpost_watches (
  instance uuid primary key,
  bits bigint not null,
  until timestamptz not null
);

comment on table tailpost_watches is 'A row for each connection of a server that watches: see tailpost_watch()';

do $migration$
begin
  -- With the rights of the tables' owner: whoever may read logs may watch, and cannot take away what others watch.
  execute replace(replace(replace($create$

create function tailpost_watch(watcher uuid, organization_ids bigint[]) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
  held boolean;
begin
  -- One at a time, and what the others have said has to be seen here: a snapshot from before would take it away.
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception 'tailpost_watch() has to be called in a transaction that is read committed'
      using errcode = 'invalid_transaction_state';
  end if;
  perform pg_advisory_xact_lock('"$schema".tailpost_watches'::regclass::oid::bigint);
  select until > clock_timestamp() + interval '30 seconds' into held
  from "$schema".tailpost_watches where instance = watcher;
  delete from "$schema".tailpost_watches where until < clock_timestamp() or instance = watcher;
  insert into "$schema".tailpost_watches (instance, bits, until)
  select watcher, bit_or(1::bigint << (id & 31)::integer), clock_timestamp() + interval '90 seconds'
  from unnest(organization_ids) as id
  having count(*) > 0;
  perform setval(
    '"$schema".tailpost_watched',
    coalesce(bit_or(bits) << 31 | (extract(epoch from max(until)) - 1577836800)::bigint, 0)
  )
  from "$schema".tailpost_watches;
  return coalesce(held, false);
end
$function$

$create$,
    $$'"$schema".tailpost_watches'$$, quote_literal(quote_ident(current_schema()) || '.tailpost_watches')),
    $$'"$schema".tailpost_watched'$$, quote_literal(quote_ident(current_schema()) || '.tailpost_watched')),
    '"$schema"', quote_ident(current_schema()));
end
$migration$;

comment on function tailpost_watch(uuid, bigint[]) is
  'Says for 90 seconds what a connection of a server watches, none to end it. True where what it said before still holds for half a minute';

grant execute on function logs_watched(), tailpost_watch(uuid, bigint[]) to public;
