"""Which passwords are refused: those that are too short or long, and those that guessers try first."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from auth_service.models import MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS
from rookery_common.errors import FieldViolation

MAX_LISTED = 5_000_000
_SHA1 = re.compile(r"[0-9A-Fa-f]{40}")
_DIGEST_BYTES = 12


class PasswordPolicy:
    """Knows the 30,000 most common passwords, and those of an operator's file.

    The file has one a line: as it is, or its SHA-1 in hex (what follows a colon is not looked at), as lists of breached
    passwords come. Kept are digests of twelve bytes: some 80 MB for a million.
    """

    def __init__(self, file: str = "") -> None:
        self._listed = frozenset(_read(Path(file)) if file else ())

    def violations(self, password: str, *names: str) -> list[FieldViolation]:
        """What is wrong with it for someone of these names (username, e-mail address); empty if nothing is."""
        if not password:
            return [FieldViolation("password", "ERR_BLANK", "can't be blank")]
        if len(password) < MIN_PASSWORD_CHARS:
            text = f"is too short (minimum is {MIN_PASSWORD_CHARS} characters)"
            return [FieldViolation("password", "ERR_TOO_SHORT", text)]
        if len(password) > MAX_PASSWORD_CHARS:
            text = f"is too long (maximum is {MAX_PASSWORD_CHARS} characters)"
            return [FieldViolation("password", "ERR_TOO_LONG", text)]
        if self._is_listed(password) or password.lower() in _spellings(names):
            text = "is one of those that are guessed first; choose another one"
            return [FieldViolation("password", "ERR_COMPROMISED", text)]
        return []

    def _is_listed(self, password: str) -> bool:
        normal = unicodedata.normalize("NFKC", password)
        digests = {_short(_sha1(form)) for form in (password, normal, normal.lower())}
        return not digests.isdisjoint(self._listed) or not digests.isdisjoint(_common())


@cache
def _common() -> frozenset[bytes]:
    # All its lists together take 15 MB, which a process that is never told a new password does without.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(_short(_sha1(word)) for word in FREQUENCY_LISTS["passwords"])


def _spellings(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield name.lower()
        yield name.lower().partition("@")[0]


def _read(path: Path) -> Iterator[bytes]:
    """Raises OSError where it can't be read: then the service does not start."""
    with path.open(encoding="utf-8", errors="surrogateescape") as lines:
        for number, line in enumerate(lines):
            if number >= MAX_LISTED:
                return
            word = line.rstrip("\r\n")
            hashed = _SHA1.match(word)
            is_hash = hashed is not None and word[40:41] in ("", ":")
            yield _short(bytes.fromhex(word[:40]) if is_hash else _sha1(word))


def _sha1(word: str) -> bytes:
    """As lists of breached passwords have it; it guards nothing here."""
    return hashlib.sha1(word.encode("utf-8", "surrogateescape"), usedforsecurity=False).digest()


def _short(digest: bytes) -> bytes:
    return digest[:_DIGEST_BYTES]
