from __future__ import annotations

import pytest

from post_service.errors import InvalidField
from post_service.models import MAX_POST_BYTES, Draft
from post_service.service.drafts import body_hash, check_draft, tags_in, usernames_in


def refused(draft: Draft) -> tuple[str, str]:
    with pytest.raises(InvalidField) as caught:
        check_draft(draft)
    return caught.value.fields[0].field, caught.value.fields[0].code


@pytest.mark.parametrize(
    "text", ["x", "x" * 500, "https://example.com/" + "x" * 1000, "\U0001f469\u200d\U0001f467" * 500]
)
def test_a_text_of_1_to_500_characters_is_accepted(text: str) -> None:
    assert check_draft(Draft(text=text)).text == text


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_an_empty_text_is_refused(text: str) -> None:
    assert refused(Draft(text=text)) == ("status", "ERR_BLANK")


@pytest.mark.parametrize("text", ["x" * 501, "x" * 10_000, "a" + "\u0301" * MAX_POST_BYTES])
def test_a_text_that_is_too_long_is_refused(text: str) -> None:
    assert refused(Draft(text=text)) == ("status", "ERR_TOO_LONG")


def test_the_warning_counts_too() -> None:
    assert check_draft(Draft(text="x" * 400, spoiler_text="y" * 100)).sensitive
    assert refused(Draft(text="x" * 400, spoiler_text="y" * 101)) == ("status", "ERR_TOO_LONG")
    assert refused(Draft(text="x", spoiler_text="y" * 501)) == ("spoiler_text", "ERR_TOO_LONG")


def test_media_need_no_text_and_a_warning_alone_becomes_it() -> None:
    assert check_draft(Draft(media_ids=(1,))).text == ""
    draft = check_draft(Draft(media_ids=(1,), spoiler_text="look"))
    assert (draft.text, draft.spoiler_text, draft.sensitive) == ("look", "", True)
    assert refused(Draft(spoiler_text="look")) == ("status", "ERR_BLANK")


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (Draft(text="a\x00b"), "status"),
        (Draft(text="\ud800"), "status"),
        (Draft(text="x", spoiler_text="a\x00b"), "spoiler_text"),
        (Draft(text="x", language="e\x00"), "language"),
        (Draft(text="x", application_name="\x00"), "application_name"),
        (Draft(text="x", request_id="\x00"), "request_id"),
        (Draft(text="x", request_id="k" * 201), "request_id"),
        (Draft(text="x", application_website="w" * 2001), "application_website"),
        (Draft(text="x", in_reply_to_id=-1), "in_reply_to_id"),
        (Draft(text="x", media_ids=(1, 2, 3, 4, 5)), "media_ids"),
        (Draft(text="x", media_ids=(1, 1)), "media_ids"),
        (Draft(text="x", media_ids=(0,)), "media_ids"),
    ],
)
def test_what_is_wrong_is_named(draft: Draft, field: str) -> None:
    assert refused(draft)[0] == field


@pytest.mark.parametrize(
    ("given", "kept"), [("", ""), ("EN", "en"), ("pt-br", "pt-BR"), ("zh-hant-tw", "zh-Hant-TW"), ("es-419", "es-419")]
)
def test_languages_are_kept_in_canonical_case(given: str, kept: str) -> None:
    assert check_draft(Draft(text="x", language=given)).language == kept


@pytest.mark.parametrize("language", ["e", "english", "en_GB", "en-", "en-GBR", "12", "en-GB-x"])
def test_other_languages_are_refused(language: str) -> None:
    assert refused(Draft(text="x", language=language)) == ("language", "ERR_INVALID")


def test_mentions_and_hashtags_are_bounded() -> None:
    many = Draft(text=" ".join(f"@user{number}" for number in range(21)))
    with pytest.raises(InvalidField, match="20"):
        usernames_in(many, "rookery.example")
    tagged = Draft(text=" ".join(f"#tag{number}" for number in range(31)))
    with pytest.raises(InvalidField, match="30"):
        tags_in(tagged)
    assert tags_in(Draft(text="#b", spoiler_text="#a")) == ("a", "b")


def test_the_body_hash_tells_bodies_apart_and_not_keys() -> None:
    draft = Draft(text="x", request_id="one")
    assert body_hash(draft) == body_hash(Draft(text="x", request_id="two"))
    others = [
        Draft(text="y"),
        Draft(text="x", sensitive=True),
        Draft(text="x", media_ids=(1,)),
        Draft(spoiler_text="x"),
    ]
    assert len({body_hash(other) for other in [draft, *others]}) == 5
