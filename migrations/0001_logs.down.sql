-- Every log is lost with this.
drop function log_timestamp(timestamptz);
drop function log_level(text);
drop table logs;
drop table organizations;
