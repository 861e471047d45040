"""Posts that a caller holds are answered in columns where numbers say all of them."""

from __future__ import annotations

from typing import Any

import pytest

from post_service import columns
from post_service.models import PostCounts, PostMarks, PostState, PostView, SealedPost, Visibility
from post_service.poll_models import PollTally
from post_service.quote_models import QuoteState
from rookery.post.v1 import post_pb2
from rookery.post.v1.post_service_pb2 import PostColumns


def view(post_id: int, **values: Any) -> PostView:
    post = SealedPost(post_id, 1, 101, Visibility.PUBLIC, PostState.VISIBLE, post_id, 0, (), b"", 0, 0)
    return PostView(post, PostCounts(), known=True)._replace(**values)


def test_a_column_of_noughts_is_left_out() -> None:
    message = PostColumns()
    assert columns.fill(message, []) == []
    assert message == PostColumns()
    assert columns.fill(message, [view(1), view(2, counts=PostCounts(favourites=3)), view(3)]) == []
    assert message == PostColumns(post_ids=[1, 2, 3], favourites=[0, 3, 0])


@pytest.mark.parametrize("name", PostMarks._fields)
def test_each_mark_is_the_bit_of_its_field(name: str) -> None:
    message = PostColumns()
    columns.fill(message, [view(1, marks=PostMarks()._replace(**{name: True}))])
    assert list(message.marks) == [1 << post_pb2.PostMarks.DESCRIPTOR.fields_by_name[name].number]


def test_what_numbers_do_not_say_is_a_message() -> None:
    for special in ({"known": False}, {"poll": PollTally()}, {"quote": QuoteState.ACCEPTED}):
        message, told = PostColumns(), view(2, **special)
        assert columns.fill(message, [view(1), told]) == [told]
        assert list(message.post_ids) == [1]
