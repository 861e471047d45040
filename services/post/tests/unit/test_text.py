from __future__ import annotations

import pytest

from post_service.models import MAX_TAG_CHARS
from post_service.service.text import count_chars, find_tags, find_usernames

DOMAIN = "rookery.example"


@pytest.mark.parametrize(
    ("text", "chars"),
    [
        ("", 0),
        ("Hello", 5),
        ("line\r\nline", 9),
        ("Grüße", 5),
        ("Gru\u0308ße", 5),  # a letter and its accent
        ("\U0001f469\u200d\U0001f469\u200d\U0001f467", 1),  # a family
        ("\U0001f44d\U0001f3fd", 1),  # a thumb with a skin tone
        ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", 2),  # two flags
        ("\U0001f3f4\U000e0067\U000e0062\U000e007f", 1),  # a flag of a region
        ("1\ufe0f\u20e3", 1),  # a keycap
        ("\u1112\u1161\u11ab\uae00", 2),  # jamo that make a syllable, and a whole one
        ("ไทย", 3),
        ("நி", 1),
        ("\n\u0301", 2),  # nothing joins a line's end
    ],
)
def test_characters_are_counted_as_people_see_them(text: str, chars: int) -> None:
    assert count_chars(text) == chars


@pytest.mark.parametrize(
    ("text", "chars"),
    [
        ("https://example.com/a/very/long/path?with=a&query=that#goes-on-and-on", 23),
        ("see https://example.com.", 4 + 23 + 1),
        ("(https://example.com/a_(b))", 1 + 23 + 1),
        ("http://a.b https://c.d", 23 + 1 + 23),
        ("https://localhost/x", 19),  # no link: a name without a dot
        ("xhttps://example.com", 20),
        ("@bob@elsewhere.example hi", 4 + 3),
        ("@bob hi", 7),
        ("mail bob@example.com", 20),
    ],
)
def test_links_count_23_and_mentions_without_their_domain(text: str, chars: int) -> None:
    assert count_chars(text) == chars


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@Bob and @carol, hello", ["Bob", "carol"]),
        ("@bob @BOB @bob.", ["bob"]),
        (f"@bob@{DOMAIN} @carol@{DOMAIN.upper()}", ["bob", "carol"]),
        ("@bob@elsewhere.example", []),
        ("bob@example.com", []),
        ("https://example.com/@bob", []),
        ("https://example.com/@bob @carol", ["carol"]),
        ("@", []),
        ("(@bob)", ["bob"]),
        ("@a_b.c-d!", ["a_b.c-d"]),
        ("@" + "x" * 31, []),
        ("日本@bob", []),
        ("日本 @bob", ["bob"]),
    ],
)
def test_local_accounts_that_are_mentioned_are_found(text: str, names: list[str]) -> None:
    assert find_usernames(text, DOMAIN) == names


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#Rook and #rook and #Nest", ["rook", "nest"]),
        ("#日本語 #русский #हिन्दी #ไทย", ["日本語", "русский", "हिन्दी", "ไทย"]),
        ("\uff03rook #\uff52\uff4f\uff4f\uff4b\uff12", ["rook", "rook2"]),  # full-width
        ("#1 #2024 #2024goals #_", ["2024goals"]),
        ("a#b /#c &#39; ##d", ["d"]),
        ("https://example.com/#fragment #real", ["real"]),
        ("#rook, #nest.", ["rook", "nest"]),
        ("#col·lecció #mid· end", ["col·lecció", "mid"]),
        ("#\ufe0f\u20e3 #", []),
        ("#" + "a" * MAX_TAG_CHARS, ["a" * MAX_TAG_CHARS]),
        ("#" + "a" * (MAX_TAG_CHARS + 1), []),
        ("(#rook)", ["rook"]),
        ("#a#b", ["a"]),
    ],
)
def test_hashtags_are_found_in_any_script(text: str, tags: list[str]) -> None:
    assert find_tags(text) == tags


def test_a_hostile_text_costs_little() -> None:
    brackets = "https://a.b" + ")" * 16_000
    for text in (
        "#" * 16_000,
        "@" * 16_000,
        "https://" * 2_000,
        "a." * 8_000,
        "@a." * 5_000,
        "\u0301" * 8_000,
        brackets,
    ):
        assert count_chars(text) >= 1
        assert len(find_usernames(text, DOMAIN)) + len(find_tags(text)) <= 1
