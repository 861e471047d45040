"""What may stand in a profile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from user_service.errors import FieldInvalid
from user_service.profiles import texts

TODAY = date(2026, 3, 1)
REFUSED = ["\0", "\x1b[31m", "\x7f", "\u2028", "\u202e", "\u2066", "\ud800"]


@pytest.mark.parametrize("bad", REFUSED)
@pytest.mark.parametrize(
    ("check", "field"),
    [
        (texts.display_name, "display_name"),
        (texts.note, "note"),
        (lambda text: texts.fields(((text, "x"),)), "fields_attributes"),
        (lambda text: texts.fields((("x", text),)), "fields_attributes"),
    ],
)
def test_characters_that_would_spoil_a_page_are_refused(check: Callable[[str], object], field: str, bad: str) -> None:
    with pytest.raises(FieldInvalid) as caught:
        check(f"a{bad}b")
    assert [violation.field for violation in caught.value.fields] == [field]


def test_only_a_note_has_lines() -> None:
    assert texts.note(" one\r\ntwo\tthree\n") == "one\ntwo\tthree"
    with pytest.raises(FieldInvalid):
        texts.display_name("one\ntwo")


def test_markup_emoji_and_all_scripts_are_text() -> None:
    name = "<script>א\N{ZERO WIDTH JOINER}👩\N{ZERO WIDTH JOINER}🚀"
    assert texts.display_name(name) == name


@pytest.mark.parametrize(("check", "limit"), [(texts.display_name, 30), (texts.note, 500)])
def test_texts_have_limits(check: Callable[[str], str], limit: int) -> None:
    assert check("é" * limit) == "é" * limit
    with pytest.raises(FieldInvalid, match=str(limit)):
        check("é" * (limit + 1))


def test_blank_fields_are_left_out_and_half_ones_refused() -> None:
    assert texts.fields((("Site ", " x"), (" ", ""))) == (("Site", "x"),)
    for half in (("Site", ""), ("", "x")):
        with pytest.raises(FieldInvalid, match="fields_attributes"):
            texts.fields((half,))
    with pytest.raises(FieldInvalid, match="at most 4"):
        texts.fields((("a", "b"),) * 5)
    with pytest.raises(FieldInvalid, match="255"):
        texts.fields((("a" * 256, "b"),))


@pytest.mark.parametrize(("code", "kept"), [("", ""), ("EN", "en"), ("pt-br", "pt-BR"), ("zh-hant-tw", "zh-Hant-TW")])
def test_languages_are_kept_in_their_usual_case(code: str, kept: str) -> None:
    assert texts.language(code) == kept


@pytest.mark.parametrize("code", ["english", "e", "en_US", "en-", "\u0440t", "en\n"])
def test_what_is_no_language_is_refused(code: str) -> None:
    with pytest.raises(FieldInvalid, match=r"source\.language"):
        texts.language(code)


def test_a_birthday_is_a_day_in_the_past() -> None:
    assert texts.birthday("", TODAY) is None
    assert texts.birthday("1990-02-28", TODAY) == date(1990, 2, 28)
    for text in ("1990-02-30", "19900228", "1899-12-31", "2026-03-02", "1990-02-28T00:00"):
        with pytest.raises(FieldInvalid, match="birthday"):
            texts.birthday(text, TODAY)
