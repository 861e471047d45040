"""Whoever is kept from an author by a block does nothing with the author's posts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from post_service.errors import PostNotFound
from post_service.models import Post, Visibility
from post_service.service.read_posts import PostReader
from rookery_common.auth import Identity
from rookery_common.errors import Unavailable

if TYPE_CHECKING:
    from post_fakes.store import Store

Write = Callable[..., Awaitable[Post]]
AUTHOR, OTHER = 101, 102


@pytest.mark.parametrize("block", [(AUTHOR, OTHER), (OTHER, AUTHOR)])
@pytest.mark.parametrize("visibility", [Visibility.PUBLIC, Visibility.DIRECT])
async def test_a_block_of_either_keeps_a_post_from_being_acted_on(
    reader: PostReader, write: Write, store: Store, block: tuple[int, int], visibility: Visibility
) -> None:
    post = await reader.original((await write(visibility=visibility)).post_id)
    other, author = Identity(OTHER, 1, 1), Identity(AUTHOR, 1, 1)
    await reader.require_visible(other, post)
    store.blocks.add(block)
    await reader.require_visible(author, post)
    with pytest.raises(PostNotFound):
        await reader.require_visible(other, post)


async def test_nothing_is_done_with_a_post_while_it_is_not_known_whether_it_may_be_seen(
    reader: PostReader, write: Write, store: Store
) -> None:
    post = await reader.original((await write()).post_id)
    store.unknown_accounts.add(AUTHOR)
    with pytest.raises(Unavailable):
        await reader.require_visible(Identity(OTHER, 1, 1), post)
    store.away.add("user")
    with pytest.raises(Unavailable):
        await reader.require_visible(Identity(OTHER, 1, 1), post)
    await reader.require_visible(Identity(AUTHOR, 1, 1), post)
