"""Who may reply depends on whom one follows."""

from __future__ import annotations

import pytest
from post_fakes.store import Store

from post_service.errors import ReplyNotAllowed
from post_service.models import Draft
from post_service.reply_models import ReplyPolicy
from post_service.service.create_post import PostWriter
from rookery_common.auth import Identity
from rookery_common.errors import Unavailable


async def test_followers_reply_where_the_author_lets_them(
    writer: PostWriter,
    store: Store,
    follows: dict[int, set[int]],
    alice: Identity,
    bob: Identity,
    carol: Identity,
) -> None:
    first = (await writer.make(alice, Draft(text="News", reply_policy=ReplyPolicy.FOLLOWERS))).post
    follows[bob.account_id].add(alice.account_id)
    answer = (await writer.make(bob, Draft(text="An answer", in_reply_to_id=first.post_id))).post
    for parent in (first, answer):
        with pytest.raises(ReplyNotAllowed):
            await writer.make(carol, Draft(text="Another", in_reply_to_id=parent.post_id))
    store.unknown_accounts.add(alice.account_id)
    with pytest.raises(Unavailable):
        await writer.make(carol, Draft(text="Another", in_reply_to_id=answer.post_id))
