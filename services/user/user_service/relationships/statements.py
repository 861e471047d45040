"""The SQL of relationships."""

from __future__ import annotations

# Arrays come by a subquery: where the planner sees how long they are, it makes a plan for each length anew, which takes
# ten times as long as reading the rows.
TIES = """
SELECT q.account_id, q.other_id, a.locked,
       f.follow_id, f.followed_at, f.reblogs, f.notify, f.languages, f.active, f.version, f.requested, f.requested_at,
       r.follow_id AS back_follow_id, r.followed_at AS back_followed_at, r.reblogs AS back_reblogs,
       r.notify AS back_notify, r.languages AS back_languages, r.active AS back_active, r.version AS back_version,
       r.requested AS back_requested, r.requested_at AS back_requested_at,
       b.block_id, b.blocked_at, b.active AS block_active, b.version AS block_version,
       e.block_id AS back_block_id, e.blocked_at AS back_blocked_at, e.active AS back_block_active,
       e.version AS back_block_version,
       m.mute_id, m.muted_at, m.notifications, m.expires_at, m.active AS mute_active, m.version AS mute_version,
       k.note, k.endorsement_id
FROM unnest((SELECT $1::bigint[]), (SELECT $2::bigint[])) AS q (account_id, other_id)
JOIN accounts a ON a.account_id = q.other_id
JOIN accounts o ON o.account_id = q.account_id
LEFT JOIN follows_by_follower f ON f.follower_id = q.account_id AND f.followee_id = q.other_id
LEFT JOIN follows_by_follower r ON r.follower_id = q.other_id AND r.followee_id = q.account_id
LEFT JOIN blocks_by_blocker b ON b.blocker_id = q.account_id AND b.blocked_id = q.other_id
LEFT JOIN blocks_by_blocker e ON e.blocker_id = q.other_id AND e.blocked_id = q.account_id
LEFT JOIN mutes m ON m.muter_id = q.account_id AND m.muted_id = q.other_id
LEFT JOIN remarks k ON k.account_id = q.account_id AND k.target_id = q.other_id
"""
SAVE_FOLLOW = """
INSERT INTO follows_by_follower (follower_id, followee_id, follow_id, followed_at, reblogs, notify, languages, active,
                                 version, requested, requested_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (follower_id, followee_id) DO UPDATE SET
  follow_id = excluded.follow_id, followed_at = excluded.followed_at, reblogs = excluded.reblogs,
  notify = excluded.notify, languages = excluded.languages, active = excluded.active, version = excluded.version,
  requested = excluded.requested, requested_at = excluded.requested_at
"""
ADD_FOLLOWER = "INSERT INTO follows_by_followee (followee_id, follower_id, follow_id) VALUES ($1, $2, $3)"
REMOVE_FOLLOWER = "DELETE FROM follows_by_followee WHERE followee_id = $1 AND follower_id = $2"
# What rests on a follow ends with it.
END_WITH_FOLLOW = """
WITH unlisted AS (DELETE FROM list_members WHERE account_id = $1 AND member_id = $2)
UPDATE remarks SET endorsement_id = 0 WHERE account_id = $1 AND target_id = $2 AND endorsement_id > 0
"""
ADD_REQUEST = "INSERT INTO follow_requests (followee_id, follower_id, follow_id) VALUES ($1, $2, $3)"
REMOVE_REQUEST = "DELETE FROM follow_requests WHERE followee_id = $1 AND follower_id = $2"
SAVE_BLOCK = """
INSERT INTO blocks_by_blocker (blocker_id, blocked_id, block_id, blocked_at, active, version)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (blocker_id, blocked_id) DO UPDATE SET
  block_id = excluded.block_id, blocked_at = excluded.blocked_at, active = excluded.active, version = excluded.version
"""
ADD_BLOCKER = "INSERT INTO blocks_by_blocked (blocked_id, blocker_id) VALUES ($1, $2)"
REMOVE_BLOCKER = "DELETE FROM blocks_by_blocked WHERE blocked_id = $1 AND blocker_id = $2"
SAVE_MUTE = """
INSERT INTO mutes (muter_id, muted_id, mute_id, muted_at, notifications, expires_at, active, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (muter_id, muted_id) DO UPDATE SET
  mute_id = excluded.mute_id, muted_at = excluded.muted_at, notifications = excluded.notifications,
  expires_at = excluded.expires_at, active = excluded.active, version = excluded.version
"""
SAVE_REMARK = """
INSERT INTO remarks (account_id, target_id, note, endorsement_id) VALUES ($1, $2, $3, $4)
ON CONFLICT (account_id, target_id) DO UPDATE SET note = excluded.note, endorsement_id = excluded.endorsement_id
"""
RELATIONSHIPS = """
SELECT q.viewer_id, q.account_id, f.active AS following, f.requested, f.reblogs, f.notify, f.languages,
       r.follower_id IS NOT NULL AS followed_by, w.follower_id IS NOT NULL AS requested_by,
       b.blocked_id IS NOT NULL AS blocking, e.blocker_id IS NOT NULL AS blocked_by,
       m.muted_id IS NOT NULL AS muting, m.notifications, m.expires_at, x.member_id IS NOT NULL AS exclusively_listed,
       k.note, k.endorsement_id
FROM unnest((SELECT $1::bigint[]), (SELECT $2::bigint[])) AS q (viewer_id, account_id)
JOIN accounts a ON a.account_id = q.account_id
LEFT JOIN follows_by_follower f
  ON f.follower_id = q.viewer_id AND f.followee_id = q.account_id AND (f.active OR f.requested)
LEFT JOIN follows_by_followee r ON r.followee_id = q.viewer_id AND r.follower_id = q.account_id
LEFT JOIN follow_requests w ON w.followee_id = q.viewer_id AND w.follower_id = q.account_id
LEFT JOIN blocks_by_blocker b ON b.blocker_id = q.viewer_id AND b.blocked_id = q.account_id AND b.active
LEFT JOIN blocks_by_blocked e ON e.blocked_id = q.viewer_id AND e.blocker_id = q.account_id
LEFT JOIN mutes m ON m.muter_id = q.viewer_id AND m.muted_id = q.account_id AND m.active
LEFT JOIN remarks k ON k.account_id = q.viewer_id AND k.target_id = q.account_id
LEFT JOIN LATERAL (
  SELECT member_id FROM list_members WHERE account_id = q.viewer_id AND member_id = q.account_id AND exclusive LIMIT 1
) x ON true
"""
FOLLOWERS = """
SELECT follower_id AS account_id, follow_id AS position FROM follows_by_followee
WHERE followee_id = $1 AND follow_id < $2 ORDER BY follow_id DESC LIMIT $3
"""
FOLLOWING = """
SELECT followee_id AS account_id, follow_id AS position FROM follows_by_follower
WHERE follower_id = $1 AND follow_id < $2 AND active ORDER BY follow_id DESC LIMIT $3
"""
REQUESTS = """
SELECT follower_id AS account_id, follow_id AS position FROM follow_requests
WHERE followee_id = $1 AND follow_id < $2 ORDER BY follow_id DESC LIMIT $3
"""
BLOCKS = """
SELECT blocked_id AS account_id, block_id AS position FROM blocks_by_blocker
WHERE blocker_id = $1 AND block_id < $2 AND active ORDER BY block_id DESC LIMIT $3
"""
MUTES = """
SELECT muted_id AS account_id, mute_id AS position, expires_at FROM mutes
WHERE muter_id = $1 AND mute_id < $2 AND active AND (expires_at IS NULL OR expires_at > $4)
ORDER BY mute_id DESC LIMIT $3
"""
ENDORSEMENTS = """
SELECT target_id AS account_id, endorsement_id AS position FROM remarks
WHERE account_id = $1 AND endorsement_id < $2 AND endorsement_id > 0 ORDER BY endorsement_id DESC LIMIT $3
"""
# Whoever hides whom they follow, or who follows them, is in nobody's answer.
FAMILIAR_FOLLOWERS = """
WITH mine AS MATERIALIZED (
  SELECT f.followee_id FROM follows_by_follower f
  WHERE f.follower_id = $1 AND f.active ORDER BY f.follow_id DESC LIMIT $3
)
SELECT q.account_id, t.follower_id
FROM unnest((SELECT $2::bigint[])) AS q (account_id)
JOIN accounts a ON a.account_id = q.account_id AND NOT a.hide_collections
LEFT JOIN blocks_by_blocked e ON e.blocked_id = $1 AND e.blocker_id = q.account_id
CROSS JOIN LATERAL (
  SELECT b.follower_id
  FROM mine
  JOIN follows_by_followee b ON b.followee_id = q.account_id AND b.follower_id = mine.followee_id
  JOIN accounts o ON o.account_id = b.follower_id AND NOT o.hide_collections
  ORDER BY b.follow_id DESC LIMIT $4
) t
WHERE e.blocker_id IS NULL
"""
EXPIRED_MUTES = """
SELECT muter_id, muted_id FROM mutes
WHERE active AND expires_at IS NOT NULL AND expires_at <= $1 ORDER BY expires_at LIMIT $2
"""
LOCKED = "SELECT NOT EXISTS (SELECT FROM accounts WHERE account_id = $1 AND NOT locked)"
ACCOUNT_EXISTS = "SELECT EXISTS (SELECT FROM accounts WHERE account_id = $1)"
HIDES_COLLECTIONS = "SELECT EXISTS (SELECT FROM accounts WHERE account_id = $1 AND hide_collections)"
BLOCKED_BY = "SELECT EXISTS (SELECT FROM blocks_by_blocked WHERE blocked_id = $1 AND blocker_id = $2)"
