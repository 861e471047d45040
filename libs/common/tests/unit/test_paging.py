"""Cursors come back as they were given, or not at all."""

from __future__ import annotations

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rookery_common.errors import InvalidArgument
from rookery_common.paging import MAX_LIMIT, CursorCodec, InvalidCursor, Page

CODEC = CursorCodec(b"k" * 32)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/. \n\x00é"


@given(
    st.text(max_size=30),
    st.integers(0, 2**63 - 1),
    st.dictionaries(st.text(max_size=8), st.one_of(st.integers(), st.text(max_size=30)), max_size=5),
)
def test_a_cursor_gives_back_its_values(route: str, viewer: int, values: dict[str, int | str]) -> None:
    assert CODEC.decode(route, viewer, CODEC.encode(route, viewer, values)) == values


def test_ten_thousand_mutations_of_a_cursor_never_decode() -> None:
    cursor, rng = CODEC.encode("/home", 7, {"id": 123456789, "at": "x"}), random.Random(20)
    for _ in range(10_000):
        mutated = mutate(cursor, rng)
        if mutated == cursor:
            continue
        with pytest.raises(InvalidCursor):
            CODEC.decode("/home", 7, mutated)


def mutate(text: str, rng: random.Random) -> str:
    place = rng.randrange(len(text))
    match rng.randrange(5):
        case 0:
            return text[:place] + rng.choice(ALPHABET) + text[place + 1 :]
        case 1:
            return text[:place] + text[place + 1 :]
        case 2:
            return text[:place] + rng.choice(ALPHABET) + text[place:]
        case 3:
            return text[:place]
        case _:
            data = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            return base64.urlsafe_b64encode(bytes(data)).rstrip(b"=").decode()


@given(st.text(max_size=60))
def test_any_text_is_refused_cleanly(text: str) -> None:
    with pytest.raises(InvalidCursor) as caught:
        CODEC.decode("/home", 7, text)
    assert caught.value.fields[0].field == "cursor"


def test_a_cursor_is_bound_to_route_viewer_and_key() -> None:
    cursor = CODEC.encode("/home", 7, {"id": 1})
    for codec, route, viewer in [(CODEC, "/home", 8), (CODEC, "/lists", 7), (CursorCodec(b"j" * 32), "/home", 7)]:
        with pytest.raises(InvalidCursor):
            codec.decode(route, viewer, cursor)


def test_a_cursor_has_a_bounded_length() -> None:
    with pytest.raises(ValueError, match="too long"):
        CODEC.encode("/home", 7, {"x": "y" * 1000})
    with pytest.raises(InvalidCursor):
        CODEC.decode("/home", 7, "A" * 100_000)


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("limit", {"limit": 0}),
        ("limit", {"limit": -1}),
        ("limit", {"limit": MAX_LIMIT + 1}),
        ("max_id", {"limit": 20, "max_id": -1}),
        ("since_id", {"limit": 20, "since_id": 2**63}),
        ("min_id", {"limit": 20, "min_id": 2**64}),
    ],
)
def test_a_page_out_of_bounds_names_its_field(field: str, arguments: dict[str, int]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Page(**arguments)
    assert [violation.field for violation in caught.value.fields] == [field]


def test_a_page_takes_any_ids_within_63_bits() -> None:
    assert Page(limit=MAX_LIMIT, max_id=2**63 - 1, since_id=0, min_id=1).max_id == 2**63 - 1
