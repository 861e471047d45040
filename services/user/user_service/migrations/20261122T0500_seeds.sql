-- Loads of people who are made up: what each was begun with, and how far it has come.
CREATE TABLE seeds (
  seed           integer PRIMARY KEY,
  accounts       integer NOT NULL,
  follows        integer NOT NULL,
  accounts_done  integer NOT NULL DEFAULT 0,
  followers_done integer NOT NULL DEFAULT 0
);
