"""What may stand in a profile's texts. Markup is only text: whoever shows it escapes it."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from user_service.errors import FieldInvalid
from user_service.profiles.models import (
    FIRST_BIRTHDAY,
    MAX_DESCRIPTION_CHARS,
    MAX_DISPLAY_NAME_CHARS,
    MAX_DOMAIN_CHARS,
    MAX_DOMAINS,
    MAX_FIELD_CHARS,
    MAX_FIELDS,
    MAX_NOTE_CHARS,
    MAX_REMARK_CHARS,
)

_LANGUAGE = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?", re.IGNORECASE | re.ASCII)
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# Control characters, halves of surrogates, separators of lines and paragraphs, and what turns the direction of all
# that follows it on a page.
_REFUSED_KINDS = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNING = frozenset(map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]))
_LINES = frozenset("\n\t")


def display_name(text: str) -> str:
    """In one line, at most 30 characters."""
    return _line("display_name", text, MAX_DISPLAY_NAME_CHARS)


def note(text: str) -> str:
    """In lines, at most 500 characters."""
    text = text.replace("\r\n", "\n").strip()
    _check("note", text, MAX_NOTE_CHARS, _LINES)
    return text


def remark(text: str) -> str:
    """A note about somebody else, in lines, at most 2,000 characters."""
    text = text.replace("\r\n", "\n").strip()
    _check("comment", text, MAX_REMARK_CHARS, _LINES)
    return text


def fields(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Names and values, without the pairs of which nothing is left."""
    name = "fields_attributes"
    lines = [(_line(name, key, MAX_FIELD_CHARS), _line(name, value, MAX_FIELD_CHARS)) for key, value in pairs]
    kept = tuple(pair for pair in lines if any(pair))
    if len(kept) > MAX_FIELDS:
        raise FieldInvalid(name, f"must be at most {MAX_FIELDS}", "ERR_TOO_MANY")
    if not all(key and value for key, value in kept):
        raise FieldInvalid(name, "must have a name and a value each", "ERR_BLANK")
    return kept


def description(field: str, text: str) -> str:
    """What a picture shows, in lines, at most 1,500 characters."""
    text = text.replace("\r\n", "\n").strip()
    _check(field, text, MAX_DESCRIPTION_CHARS, _LINES)
    return text


def domains(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of hosts in lower case, each once; without the empty ones."""
    field = "attribution_domains"
    found = tuple(dict.fromkeys(name.strip().lower() for name in names if name.strip()))
    if len(found) > MAX_DOMAINS:
        raise FieldInvalid(field, f"must be at most {MAX_DOMAINS}", "ERR_TOO_MANY")
    if not all(len(name) <= MAX_DOMAIN_CHARS and _DOMAIN.fullmatch(name) for name in found):
        raise FieldInvalid(field, "must be names of hosts such as example.org")
    return found


def language(code: str) -> str:
    """An ISO 639 code, with script and region in their usual case; empty for none."""
    if not code:
        return ""
    match = _LANGUAGE.fullmatch(code)
    if match is None:
        raise FieldInvalid("source.language", "must be a language code such as en or pt-BR")
    primary, script, region = match.groups(default="")
    return "-".join(part for part in (primary.lower(), script.title(), region.upper()) if part)


def birthday(text: str, today: date) -> date | None:
    """A day that can be somebody's birthday; None for an empty text."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or not FIRST_BIRTHDAY <= day <= today:
        raise FieldInvalid("birthday", "must be a day in the past, as YYYY-MM-DD")
    return day


def _line(field: str, text: str, limit: int) -> str:
    text = text.strip()
    _check(field, text, limit, frozenset())
    return text


def _check(field: str, text: str, limit: int, allowed: frozenset[str]) -> None:
    if len(text) > limit:
        raise FieldInvalid(field, f"must have at most {limit} characters", "ERR_TOO_LONG")
    for char in text:
        if char not in allowed and (char in _TURNING or unicodedata.category(char) in _REFUSED_KINDS):
            raise FieldInvalid(field, f"must not hold the character U+{ord(char):04X}")
