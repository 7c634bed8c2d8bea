drop trigger logs_notify on logs;
drop function logs_notify();
drop function log_entry(bigint, timestamptz, text, text, text, integer);
