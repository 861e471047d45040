-- Accounts that were deleted: what they wrote in reports goes with the report's resolution, or at once where it was resolved before.
CREATE TABLE erased_accounts (
  account_id bigint PRIMARY KEY,
  erased_at  timestamptz NOT NULL
);
