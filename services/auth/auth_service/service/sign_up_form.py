"""What a sign-up form must contain, told in the public API's codes and words."""

from __future__ import annotations

import re

from auth_service.errors import ValidationFailed
from auth_service.models import (
    MAX_LOCALE_CHARS,
    MAX_REASON_CHARS,
    MAX_REQUEST_ID_CHARS,
    MAX_USERNAME_CHARS,
    SignUpForm,
)
from auth_service.service.emails import parse_email
from auth_service.service.password_policy import PasswordPolicy
from rookery_common.errors import FieldViolation

TAKEN = ("ERR_TAKEN", "has already been taken")
_BLANK = ("ERR_BLANK", "can't be blank")
_USERNAME = re.compile(r"[A-Za-z0-9_]+")


def checked_email(form: SignUpForm, policy: PasswordPolicy, *, reason_needed: bool = False) -> str:
    """The form's e-mail address in its normal form. Raises ValidationFailed with all that is wrong with the form."""
    email = parse_email(form.email)
    violations = [
        *_check_username(form.username),
        *_check_email(form.email, email),
        *([] if form.identity else policy.violations(form.password, form.username, email or "")),
        *_check_length("locale", form.locale, MAX_LOCALE_CHARS),
        *_check_length("reason", form.reason, MAX_REASON_CHARS),
        *_check_length("request_id", form.request_id, MAX_REQUEST_ID_CHARS),
    ]
    if not form.request_id:
        violations.append(FieldViolation("request_id", *_BLANK))
    if reason_needed and not form.reason.strip():
        violations.append(FieldViolation("reason", *_BLANK))
    if not form.agreement:
        violations.append(FieldViolation("agreement", "ERR_ACCEPTED", "must be accepted"))
    if violations or email is None:
        raise ValidationFailed(*violations)
    return email


def _check_username(username: str) -> list[FieldViolation]:
    if not username.strip():
        return [FieldViolation("username", *_BLANK)]
    if not _USERNAME.fullmatch(username):
        return [FieldViolation("username", "ERR_INVALID", "must contain only letters, numbers and underscores")]
    return _check_length("username", username, MAX_USERNAME_CHARS)


def _check_email(text: str, parsed: str | None) -> list[FieldViolation]:
    if not text.strip():
        return [FieldViolation("email", *_BLANK)]
    return [] if parsed is not None else [FieldViolation("email", "ERR_INVALID", "is not a valid e-mail address")]


def _check_length(field: str, value: str, maximum: int) -> list[FieldViolation]:
    if len(value) <= maximum:
        return []
    return [FieldViolation(field, "ERR_TOO_LONG", f"is too long (maximum is {maximum} characters)")]
