-- Nobody but the staff sees a published one before; NULL: at once.
ALTER TABLE announcements ADD COLUMN scheduled_at timestamptz;

-- What is to be told of announcements by an event, and when: a reaction's count, or, without a reaction, whether it is listed.
CREATE TABLE announcement_news (
  announcement_id bigint NOT NULL,
  reaction        text NOT NULL,
  due_at          timestamptz NOT NULL,
  PRIMARY KEY (announcement_id, reaction)
);
CREATE INDEX announcement_news_due ON announcement_news (due_at);

-- That those that are listed are over one day.
INSERT INTO announcement_news (announcement_id, reaction, due_at)
SELECT announcement_id, '', listed_until FROM announcements
WHERE published AND deleted_at IS NULL AND listed_until > now();
