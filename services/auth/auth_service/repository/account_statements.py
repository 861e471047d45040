"""Every SQL statement of what guards accounts."""

from __future__ import annotations

ENSURE_WEB_APP = """
INSERT INTO apps (app_id, client_id, secret_hash, name, website, redirect_uris, scopes, grant_types, created_at)
VALUES ($1, $2, $3, $4, '', '{}', '{}', '{}', $5) ON CONFLICT DO NOTHING"""

_ACCOUNT = """
SELECT c.account_id, c.username, c.password_hash, c.data_key, c.email,
       coalesce(s.confirmed, true) AS confirmed, coalesce(s.approved, true) AS approved,
       coalesce(s.rejected, false) AS rejected, coalesce(s.locale, '') AS locale, s.reason,
       s.totp_secret, coalesce(s.totp_enabled, false) AS totp_enabled, coalesce(s.totp_last_step, 0) AS totp_last_step,
       (SELECT count(*) FROM recovery_codes r WHERE r.account_id = c.account_id) AS recovery_codes,
       (SELECT count(*) FROM passkeys p WHERE p.account_id = c.account_id) AS passkeys
FROM credentials c LEFT JOIN account_security s USING (account_id)"""
ACCOUNT_BY_ID = f"{_ACCOUNT} WHERE c.account_id = $1"
ACCOUNT_BY_USERNAME = f"{_ACCOUNT} WHERE c.username = $1"
ACCOUNT_BY_EMAIL = f"{_ACCOUNT} WHERE c.email_digest = $1"

ADD_STATE = """
INSERT INTO account_security (account_id, confirmed, approved, rejected, locale, reason)
VALUES ($1, $2, $3, $4, $5, $6)"""
_UPSERT = """
INSERT INTO account_security AS s (account_id, {columns}) VALUES ($1, {values})
ON CONFLICT (account_id) DO UPDATE SET """
SET_CONFIRMED = _UPSERT.format(columns="confirmed", values="true") + "confirmed = true"
SET_DECISION = """
UPDATE account_security SET approved = $2, rejected = NOT $2 WHERE account_id = $1 AND NOT approved AND NOT rejected"""
APPLICANTS = """
SELECT c.account_id, c.username, c.data_key, s.reason
FROM account_security s JOIN credentials c USING (account_id)
WHERE NOT s.approved AND NOT s.rejected AND account_id > $1 ORDER BY account_id LIMIT $2"""
ACTIVATE_SESSIONS = """
UPDATE sessions s SET scopes = a.scopes FROM apps a, account_security g
WHERE s.account_id = $1 AND s.scopes = $2 AND a.app_id = s.app_id
  AND g.account_id = s.account_id AND g.confirmed AND g.approved AND NOT g.rejected"""
SET_EMAIL = "UPDATE credentials SET email = $2, email_digest = $3 WHERE account_id = $1"
SET_UNCONFIRMED_EMAIL = """
UPDATE credentials c SET email = $2 FROM account_security s
WHERE c.account_id = $1 AND s.account_id = $1 AND NOT s.confirmed"""
SET_PASSWORD = "UPDATE credentials SET password_hash = $2 WHERE account_id = $1"  # noqa: S105 - a statement

ADD_CHALLENGE = """
INSERT INTO challenges (token_hash, purpose, account_id, data_key, payload, expires_at)
VALUES ($1, $2, nullif($3::bigint, 0), $4, $5, $6)"""
_CHALLENGE_COLUMNS = "token_hash, purpose, coalesce(account_id, 0) AS account_id, data_key, payload, expires_at"
CHALLENGE = f"SELECT {_CHALLENGE_COLUMNS} FROM challenges WHERE token_hash = $1 AND purpose = $2 AND expires_at > $3"  # noqa: S608
TAKE_CHALLENGE = f"""
DELETE FROM challenges WHERE token_hash = $1 AND purpose = $2 AND expires_at > $3
RETURNING {_CHALLENGE_COLUMNS}"""  # noqa: S608 - its own columns
DROP_CHALLENGES = "DELETE FROM challenges WHERE account_id = $1 AND purpose = $2"
DROP_ALL_CHALLENGES = "DELETE FROM challenges WHERE account_id = $1"
PURGE_CHALLENGES = """
DELETE FROM challenges WHERE token_hash IN (SELECT token_hash FROM challenges WHERE expires_at < $1 LIMIT $2)"""

ELEVATE = """
INSERT INTO elevations (session_id, until) VALUES ($1, $2)
ON CONFLICT (session_id) DO UPDATE SET until = excluded.until"""
ELEVATED_UNTIL = "SELECT until FROM elevations WHERE session_id = $1"

REVOKE_SESSIONS = """
UPDATE sessions SET revoked_at = $2 WHERE account_id = $1 AND revoked_at IS NULL AND session_id <> $3
RETURNING session_id"""
USE_DUE = """
SELECT c.data_key FROM credentials c LEFT JOIN session_uses u ON u.session_id = $1
WHERE c.account_id = $2 AND (u.used_at IS NULL OR u.used_at <= $3)"""
NOTE_USE = """
INSERT INTO session_uses (session_id, seen, used_at) VALUES ($1, $2, $3)
ON CONFLICT (session_id) DO UPDATE SET seen = excluded.seen, used_at = excluded.used_at"""
SESSIONS = """
SELECT s.session_id, s.app_id, a.name AS app_name, a.website AS app_website, s.created_at,
       coalesce(u.used_at, s.created_at) AS used_at, c.data_key, u.seen
FROM sessions s JOIN apps a USING (app_id) JOIN credentials c USING (account_id)
LEFT JOIN session_uses u USING (session_id)
WHERE s.account_id = $1 AND s.revoked_at IS NULL AND a.revoked_at IS NULL AND s.expires_at > $2
ORDER BY used_at DESC, s.session_id DESC LIMIT $3"""

BEGIN_TOTP = (
    _UPSERT.format(columns="totp_secret", values="$2") + "totp_secret = excluded.totp_secret WHERE NOT s.totp_enabled"
)
ENABLE_TOTP = """
UPDATE account_security SET totp_enabled = true, totp_last_step = $2
WHERE account_id = $1 AND totp_secret IS NOT NULL AND NOT totp_enabled"""
USE_TOTP = "UPDATE account_security SET totp_last_step = $2 WHERE account_id = $1 AND totp_last_step < $2"
DISABLE_TOTP = """
UPDATE account_security SET totp_enabled = false, totp_secret = NULL WHERE account_id = $1 AND totp_enabled"""
ADD_RECOVERY_CODE = "INSERT INTO recovery_codes (account_id, code_digest) VALUES ($1, $2)"
USE_RECOVERY_CODE = "DELETE FROM recovery_codes WHERE account_id = $1 AND code_digest = $2"
DROP_RECOVERY_CODES = "DELETE FROM recovery_codes WHERE account_id = $1"

UNCOUNT_TRY = "UPDATE sign_in_tries SET tries = tries - 1 WHERE key = $1 AND tries > 0"

ADD_MAIL = """
INSERT INTO mails (mail_id, kind, account_id, data_key, address, locale, created_at, next_try_at)
VALUES ($1, $2, nullif($3::bigint, 0), $4, $5, $6, $7, $7)"""
# Chosen apart, since as a subquery some plans would choose anew for each row that they look at.
CLAIM_MAILS = """
WITH due AS (SELECT mail_id FROM mails WHERE next_try_at <= $1 ORDER BY next_try_at LIMIT $3 FOR UPDATE SKIP LOCKED)
UPDATE mails SET next_try_at = $2, tries = tries + 1 WHERE mail_id IN (SELECT mail_id FROM due)
RETURNING mail_id, kind, coalesce(account_id, 0) AS account_id, data_key, address, locale, created_at, tries"""
DELAY_MAIL = "UPDATE mails SET next_try_at = $2 WHERE mail_id = $1"
DROP_MAIL = "DELETE FROM mails WHERE mail_id = $1"

ADD_INVITATION = "INSERT INTO invitations (code_hash, uses_left, expires_at) VALUES ($1, $2, $3)"
INVITATION_HOLDS = "SELECT EXISTS (SELECT FROM invitations WHERE code_hash = $1 AND uses_left > 0 AND expires_at > $2)"
USE_INVITATION = """
UPDATE invitations SET uses_left = uses_left - 1 WHERE code_hash = $1 AND uses_left > 0 AND expires_at > $2"""
