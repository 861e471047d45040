-- The day (UTC) of an account's last post, written once a day: what the directory is ordered by. Empty until the next post.
ALTER TABLE accounts ADD COLUMN last_status_on date;
CREATE INDEX accounts_directory_new ON accounts (account_id DESC) WHERE discoverable;
CREATE INDEX accounts_directory_active ON accounts (last_status_on DESC NULLS LAST, account_id DESC) WHERE discoverable;

-- How many there are of all, in slots as the counts of accounts; the number is the slots' sum.
CREATE TABLE community_counts (
  slot     smallint PRIMARY KEY,
  accounts bigint NOT NULL DEFAULT 0,
  statuses bigint NOT NULL DEFAULT 0
);
INSERT INTO community_counts (slot, accounts, statuses)
SELECT 0, (SELECT count(*) FROM accounts), (SELECT coalesce(sum(statuses), 0) FROM account_counts);
