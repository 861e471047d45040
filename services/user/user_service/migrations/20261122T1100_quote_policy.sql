-- A default, so that the code of before goes on inserting. It needs no rewrite of the table; NOT VALID spares a scan of it under the lock.
ALTER TABLE accounts
  ADD COLUMN quote_policy text NOT NULL DEFAULT 'public',
  ADD CONSTRAINT accounts_quote_policy CHECK (quote_policy IN ('public', 'followers', 'nobody')) NOT VALID;
