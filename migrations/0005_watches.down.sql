drop function tailpost_watch(uuid, bigint[]);
drop table tailpost_watches;
drop function logs_watched();
drop sequence tailpost_watched;
