-- Every token and every session is lost with this.
drop table tailpost_keys;
drop table tailpost_tokens;
drop function tailpost_tokens_changed();
