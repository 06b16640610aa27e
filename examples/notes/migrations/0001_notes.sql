create table note (id integer primary key, text text not null, sent integer not null default 0);
