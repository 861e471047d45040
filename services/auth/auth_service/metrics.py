"""What auth counts."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

SIGN_UPS = Counter("rookery_auth_sign_ups_total", "Accounts signed up, or not.", ["outcome"])
SIGN_INS = Counter("rookery_auth_sign_ins_total", "Tries to sign in.", ["outcome"])
TOKENS = Counter("rookery_auth_tokens_total", "Tokens issued.", ["grant"])
REVOKED = Counter("rookery_auth_sessions_revoked_total", "Sessions ended before their time.", ["cause"])
MAILS = Counter("rookery_auth_mails_total", "Mails sent, or not.", ["kind", "outcome"])
PASSWORD_SECONDS = Histogram(
    "rookery_auth_password_seconds",
    "Time to hash or check a password, waiting included.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
