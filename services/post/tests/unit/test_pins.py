"""What accounts show first: their own, five at most, whoever asks at once. By the link over the engines too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from post_service.errors import NotPinnable, PostNotFound, TooManyPins
from post_service.models import MAX_PINS, Post, PostMarks, PostQuery, Visibility
from post_service.service.delete_post import PostRemover
from post_service.service.engage import Engagement
from post_service.service.pins import Pins
from post_service.service.read_posts import PostReader, ViewerQuery
from rookery_common.auth import Identity
from rookery_common.errors import AppError
from rookery_common.testing import FakeClock

Write = Callable[..., Awaitable[Post]]


async def marks(reader: PostReader, viewer: Identity, post_id: int) -> PostMarks:
    (answer,) = await reader.batch_get([ViewerQuery(viewer, [PostQuery(post_id)])])
    assert not isinstance(answer, AppError)
    return answer[0].marks


async def test_pins_are_listed_the_latest_first_and_marked_for_their_author(
    pins: Pins,
    engagement: Engagement,
    reader: PostReader,
    write: Write,
    alice: Identity,
    bob: Identity,
    clock: FakeClock,
) -> None:
    one, two = (await write()).post_id, (await write()).post_id
    await engagement.favourite(alice, one, active=True)
    for post_id in (one, two, one):  # Pinning again changes nothing.
        clock.advance(1)
        await pins.pin(alice, post_id)
    assert await pins.visible(None, 101) == [two, one]
    assert await marks(reader, alice, one) == PostMarks(favourited=True, pinned=True)
    assert await marks(reader, alice, two) == PostMarks(pinned=True)
    assert await marks(reader, bob, one) == PostMarks()
    for _ in range(2):
        await pins.unpin(alice, one)
    assert await pins.visible(None, 101) == [two]
    assert await marks(reader, alice, one) == PostMarks(favourited=True)


async def test_only_what_others_may_see_of_ones_own_is_pinned(
    pins: Pins, write: Write, alice: Identity, bob: Identity
) -> None:
    post = await write()
    direct, reblog = await write(visibility=Visibility.DIRECT), await write(reblog_of_id=post.post_id)
    for who, number in ((bob, post.post_id), (alice, direct.post_id), (alice, reblog.post_id)):
        with pytest.raises(NotPinnable):
            await pins.pin(who, number)
    for act in (pins.pin, pins.unpin):
        with pytest.raises(PostNotFound):
            await act(alice, 12345)
    with pytest.raises(PostNotFound):
        await pins.unpin(bob, post.post_id)


async def test_pins_are_shown_to_those_who_may_see_the_posts(
    pins: Pins, write: Write, alice: Identity, carol: Identity
) -> None:
    private = (await write(visibility=Visibility.PRIVATE)).post_id
    await pins.pin(alice, private)
    assert await pins.visible(alice, 101) == [private]
    assert (await pins.visible(carol, 101), await pins.visible(None, 101)) == ([], [])


async def test_there_are_never_more_than_five_and_what_is_deleted_gives_way(
    pins: Pins, remover: PostRemover, write: Write, alice: Identity
) -> None:
    posts = [(await write()).post_id for _ in range(MAX_PINS + 2)]
    answers = await asyncio.gather(*(pins.pin(alice, post_id) for post_id in posts), return_exceptions=True)
    shown = await pins.visible(None, 101)
    assert len(shown) <= MAX_PINS
    assert {post_id for post_id, answer in zip(posts, answers, strict=True) if answer is None} == set(shown)
    left = [post_id for post_id in posts if post_id not in await pins.visible(None, 101)]
    while len(await pins.visible(None, 101)) < MAX_PINS:
        await pins.pin(alice, left.pop())
    with pytest.raises(TooManyPins):
        await pins.pin(alice, left[0])
    await remover.delete(alice, (await pins.visible(None, 101))[0])
    await pins.pin(alice, left[0])
    assert left[0] in await pins.visible(None, 101)
