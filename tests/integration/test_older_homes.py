"""A home goes back as far as the posts of whom one follows, however old they are."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from harness.operators import operate
from harness.people import Person
from harness.platform import Platform
from harness.waiting import eventually

from post_service.seeding.models import Plan as PostPlan
from user_service.seeding.models import MAX_SEED, Plan

SOON_SECONDS = 30.0
PAGE = 40
POSTS = 700
Read = Callable[..., Any]


def _made_up(seed: int) -> PostPlan:
    """Posts from years ago, of people of whom some post very much."""
    people, posts = Plan(seed, 20, 3), PostPlan(seed, 20, posts=POSTS, likes=0)
    made = operate("user", "seed", str(people.accounts), str(people.follows), str(seed), "--beside-others")
    assert made.returncode == 0, made.stderr
    made = operate("post", "seed", *map(str, (posts.accounts, posts.posts, posts.likes, seed)))
    assert made.returncode == 0, made.stderr
    return posts


def _down(read: Read) -> list[str]:
    """All pages, newest first."""
    found: list[str] = []
    page = read(limit=PAGE)
    while page:
        found += [str(status["id"]) for status in page]
        page = read(limit=PAGE, max_id=found[-1])
    return found


def _up(read: Read) -> list[str]:
    """The same from the oldest on."""
    found: list[str] = []
    page = read(limit=PAGE, min_id=1)
    while page:
        found = [*(str(status["id"]) for status in page), *found]
        page = read(limit=PAGE, min_id=found[0])
    return found


def test_homes_and_lists_go_back_to_the_first_post_of_whom_one_follows(alice: Person, platform: Platform) -> None:
    plan = _made_up(secrets.randbelow(MAX_SEED) + 1)
    made = [(plan.post_id(number), plan.post(number).author_id) for number in range(POSTS)]
    authors = sorted({author for _, author in made})[:4]
    platform.drain()
    for author in authors:
        alice.api.account_follow(author)
    birds = alice.api.list_create("Birds")
    alice.api.list_accounts_add(birds, authors[:2])
    platform.drain()
    own = str(alice.api.status_post("Today")["id"])
    expected = [str(post_id) for post_id, author in sorted(made, reverse=True) if author in authors]
    eventually(lambda: alice.home_ids(1), lambda ids: ids == [own], within=SOON_SECONDS, what="the own post")
    assert len(expected) > 4 * PAGE
    assert _down(alice.api.timeline_home) == [own, *expected]
    assert _up(alice.api.timeline_home) == [own, *expected]
    listed = [str(post_id) for post_id, author in sorted(made, reverse=True) if author in authors[:2]]

    def read_list(**bounds: Any) -> Any:
        return alice.api.timeline_list(birds, **bounds)

    assert _down(read_list) == listed
