"""The rules of usernames."""

from __future__ import annotations

import pytest

from user_service.errors import UsernameInvalid
from user_service.usernames import check_username


@pytest.mark.parametrize(
    "username", ["a", "alice", "Alice_01", "_", "0" * 30, "administratrix", "mall", "modern", "rooky", "user1"]
)
def test_letters_digits_and_underscores_are_a_username(username: str) -> None:
    check_username(username)


@pytest.mark.parametrize(
    ("username", "code"),
    [
        ("", "ERR_BLANK"),
        ("   ", "ERR_BLANK"),
        ("a" * 31, "ERR_TOO_LONG"),
        ("a" * 100_000, "ERR_TOO_LONG"),
        ("al ice", "ERR_INVALID"),
        ("alice@example.org", "ERR_INVALID"),
        ("alice-b", "ERR_INVALID"),
        ("alícia", "ERR_INVALID"),
        ("alice\n", "ERR_INVALID"),
        ("\u0131stanbul", "ERR_INVALID"),
        ("\u212aelvin", "ERR_INVALID"),
        ("Admin", "ERR_RESERVED"),
        ("MAYOR", "ERR_RESERVED"),
        ("adm1n", "ERR_RESERVED"),
        ("_Admin_", "ERR_RESERVED"),
        ("supp0rt", "ERR_RESERVED"),
        ("R00kery", "ERR_RESERVED"),
        ("officiaI", "ERR_RESERVED"),
        ("officlal", "ERR_RESERVED"),
        ("rnoderator", "ERR_RESERVED"),
        ("rnay_0r", "ERR_RESERVED"),
    ],
)
def test_anything_else_is_refused_with_its_rule(username: str, code: str) -> None:
    with pytest.raises(UsernameInvalid) as caught:
        check_username(username, frozenset({"mayor"}))
    assert [(violation.field, violation.code) for violation in caught.value.fields] == [("username", code)]
