-- Every saved view is lost with this.
drop table tailpost_views;
