"""Which texts have a word that somebody does not want to meet."""

import pytest

from rookery_common.words import folded, word


@pytest.mark.parametrize(
    ("keyword", "whole", "text", "met"),
    [
        ("crow", True, "A Crow!", True),
        ("crow", True, "crowd", False),
        ("crow", True, "crowd, scarecrow, crow", True),
        ("crow", False, "scarecrow", True),
        ("a crow", True, "there is a CROW", True),
        ("#crow", True, "see #crow", True),
        ("#crow", True, "x#crow", True),  # a hash is no letter: what stands before it is another word
        ("crow_", True, "crow_nest", False),
        ("c++", True, "I like C++!", True),
        ("c++", True, "c++x", True),
        ("stra\u00dfe", True, "STRASSE", True),
        ("\u9ce5", True, "\u767d\u9ce5", False),
        ("\u9ce5", False, "\u767d\u9ce5", True),
        (".*", False, "anything", False),
        ("two lines", True, "two\nlines", False),
    ],
)
def test_words_are_found_as_mastodon_finds_them(keyword: str, whole: bool, text: str, met: bool) -> None:
    assert word(keyword, whole=whole).is_in(folded(text)) is met
