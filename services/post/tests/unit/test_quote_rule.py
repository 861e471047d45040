"""Who may quote depends on what the two are to each other."""

from __future__ import annotations

import pytest
from post_fakes.store import Store

from post_service.errors import QuoteNotFound
from post_service.models import Draft
from post_service.quote_models import QuotePolicy
from post_service.service.create_post import PostWriter
from rookery_common.auth import Identity
from rookery_common.errors import Unavailable


async def test_followers_quote_where_the_author_lets_them(
    writer: PostWriter, follows: dict[int, set[int]], alice: Identity, bob: Identity, carol: Identity
) -> None:
    post = (await writer.make(alice, Draft(text="Mine", quote_policy=QuotePolicy.FOLLOWERS))).post
    follows[bob.account_id].add(alice.account_id)
    for who in (alice, bob):
        assert (await writer.make(who, Draft(text="Look", quoted_id=post.post_id))).post.quote is not None
    with pytest.raises(QuoteNotFound):
        await writer.make(carol, Draft(text="Look", quoted_id=post.post_id))


async def test_a_block_keeps_one_from_quoting(
    writer: PostWriter, store: Store, alice: Identity, bob: Identity, carol: Identity
) -> None:
    post = (await writer.make(alice, Draft(text="Mine"))).post
    store.blocks.add((alice.account_id, bob.account_id))
    with pytest.raises(QuoteNotFound):
        await writer.make(bob, Draft(text="Look", quoted_id=post.post_id))
    store.away.add("user")
    with pytest.raises(Unavailable):
        await writer.make(carol, Draft(text="Look", quoted_id=post.post_id))
