"""What is known for composing an answer, and what was asked for before it is composed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from gateway_service.cache import AccountFragment, PostFragment
from gateway_service.columns import Relation, Skeleton, Ties, View
from gateway_service.filters import Filters
from rookery.post.v1.post_service_pb2 import BatchGetPostsResult
from rookery.user.v1.user_service_pb2 import AccountView

T = TypeVar("T")


@dataclass(slots=True)
class Facts:
    """What is known for composing one answer to one viewer."""

    views: dict[int, View] = field(default_factory=dict)
    posts: dict[int, PostFragment] = field(default_factory=dict)
    accounts: dict[int, AccountFragment] = field(default_factory=dict)
    relations: dict[int, Relation] = field(default_factory=dict)
    filters: Filters | None = None


@dataclass(slots=True)
class Ahead:
    """A page of a home with what its entries need, asked for beside others', before it is composed.

    What could not be had is what it failed with.
    """

    skeleton: Skeleton | Exception
    known: dict[int, PostFragment | None] = field(default_factory=dict)
    people: set[int] = field(default_factory=set)
    posts: BatchGetPostsResult | Exception = field(default_factory=BatchGetPostsResult)
    ties: Ties | Exception = field(default_factory=lambda: Ties({}))
    # With the accounts that need not be asked for; and the others, as they are held.
    facts: Facts = field(default_factory=Facts)
    old: dict[int, AccountFragment | None] = field(default_factory=dict)
    accounts: Sequence[AccountView] | Exception = ()
    # In seconds of the monotonic clock.
    asked_at: float = 0.0


def had(result: T | Exception) -> T:
    """What was asked for; raises what that failed with."""
    if isinstance(result, Exception):
        raise result
    return result
