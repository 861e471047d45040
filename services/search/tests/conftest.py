from __future__ import annotations

from typing import Any

import pytest

from rookery.post.v1.events_pb2 import PostCreated, PostDeleted, PostUpdated, PostVisible
from rookery.post.v1.post_pb2 import Post, PostState, Visibility
from rookery.user.v1.account_pb2 import Account
from rookery.user.v1.events_pb2 import AccountCreated, AccountUpdated
from rookery_common.kafka.events import Event, new_event
from rookery_common.testing import FakeClock
from rookery_common.testing.process import random_master_key
from search_service.consumers import POST_TOPIC, USER_TOPIC

REQUIRED = {
    "SEARCH_ELASTICSEARCH_URL": "http://127.0.0.1:9200",
}


class Make:
    """Posts and accounts as their owners have them, and the events by which they tell of them."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    def post(self, post_id: int, text: str = "", **fields: Any) -> Post:
        """A visible public post of the first version, unless told otherwise."""
        values: dict[str, Any] = {
            "state": PostState.POST_STATE_VISIBLE,
            "visibility": Visibility.VISIBILITY_PUBLIC,
            "author_id": 101,
            "version": 1,
        }
        post = Post(post_id=post_id, text=text, **{**values, **fields})
        if not post.HasField("create_time"):
            post.create_time.FromMilliseconds(self._clock.unix_ms() + post_id)
        return post

    def post_event(self, post: Post) -> Event:
        """What post tells when a post has come to be so."""
        kind = PostCreated if post.version == 1 else PostVisible if post.version % 2 else PostUpdated
        message = PostDeleted(post=post) if post.state == PostState.POST_STATE_DELETED else kind(post=post)
        return self._event(POST_TOPIC, post.post_id, message, post.version)

    def account(self, account_id: int, username: str, **fields: Any) -> Account:
        return Account(account_id=account_id, username=username, **{"version": 1, **fields})

    def account_event(self, account: Account) -> Event:
        """What user tells when an account has come to be so."""
        message = (AccountCreated if account.version == 1 else AccountUpdated)(account=account)
        return self._event(USER_TOPIC, account.account_id, message, account.version)

    def _event(self, topic: str, key: int, message: Any, version: int) -> Event:
        return new_event(topic, str(key), message, version=version, clock=self._clock, source=topic.partition(".")[0])


@pytest.fixture
def make(clock: FakeClock) -> Make:
    return Make(clock)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What search must be told, and nothing else."""
    for name, value in {**REQUIRED, "SEARCH_MASTER_KEY": random_master_key()}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch
