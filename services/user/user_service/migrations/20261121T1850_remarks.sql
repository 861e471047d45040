-- What an account keeps of another: a note for itself, and that it endorses it. The position of an endorsement orders
-- their list; it is 0 without one.
CREATE TABLE remarks (
  account_id     bigint NOT NULL,
  target_id      bigint NOT NULL,
  note           text NOT NULL,
  endorsement_id bigint NOT NULL,
  PRIMARY KEY (account_id, target_id),
  CONSTRAINT remarks_of_others CHECK (account_id <> target_id)
);
CREATE INDEX remarks_endorsed ON remarks (account_id, endorsement_id DESC) WHERE endorsement_id > 0;
