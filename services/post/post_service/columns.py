"""Posts that a caller holds already, side by side: numbers in columns, instead of a message for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from post_service.models import PostMarks, PostView
from rookery.post.v1.post_pb2 import PostMarks as MarksMessage
from rookery.post.v1.post_service_pb2 import PostColumns

_FIELDS = MarksMessage.DESCRIPTOR.fields_by_name
# Bit n is field n of the message.
_BITS = {
    marks: sum(1 << _FIELDS[name].number for name, is_set in marks._asdict().items() if is_set)
    for marks in map(PostMarks._make, product((False, True), repeat=len(PostMarks._fields)))
}


def fill(columns: PostColumns, views: Sequence[PostView]) -> list[PostView]:
    """Writes the views of which numbers say all, one in every column (a column of noughts is left out); the others are
    answered.
    """
    fitting, others = list[PostView](), list[PostView]()
    for view in views:
        (fitting if view.known and view.poll is None and view.quote is None else others).append(view)
    if fitting:
        _write(columns, fitting)
    return others


def _write(columns: PostColumns, views: Sequence[PostView]) -> None:
    columns.post_ids.extend([view.post.post_id for view in views])
    counts = [view.counts for view in views]
    if any(map(any, counts)):
        replies, reblogs, favourites, quotes = zip(*counts, strict=True)
        columns.replies.extend(_unless_nought(replies))
        columns.reblogs.extend(_unless_nought(reblogs))
        columns.favourites.extend(_unless_nought(favourites))
        columns.quotes.extend(_unless_nought(quotes))
    marks = [view.marks for view in views]
    if any(map(any, marks)):
        columns.marks.extend([_BITS[each] for each in marks])


def _unless_nought(numbers: Sequence[int]) -> Iterable[int]:
    return numbers if any(numbers) else ()
