"""Somebody who was made up: an operator acts as one of them, by a token that nobody else gets."""

from __future__ import annotations

import re
import secrets

from harness.operators import operate
from harness.people import Person
from harness.waiting import eventually
from mastodon import Mastodon

from post_service.seeding.models import Plan as PostPlan
from user_service.seeding.models import MAX_SEED, Plan

COUNTED_SECONDS = 30.0


def _check_posts(people: Plan, reader: Person, rook: Mastodon) -> None:
    """Posts of them are made up, too: everybody is told of these as of any, and their likes are counted."""
    plan = PostPlan(people.seed, people.accounts, posts=3, likes=40)
    words = [str(number) for number in (plan.accounts, plan.posts, plan.likes, plan.seed)]
    for _ in range(2):
        made = operate("post", "seed", *words)
        assert made.returncode == 0, made.stderr
    shown = [reader.api.status(plan.post_id(number)) for number in range(3)]
    assert [each["favourites_count"] for each in shown] == [plan.likes_of(number) for number in range(3)]
    liked = {fact.account_id for fact in plan.facts(0)}
    assert {int(each["id"]) for each in reader.api.status_favourited_by(plan.post_id(0))} == liked
    assert rook.status(plan.post_id(0))["favourited"] == (people.account_id(7) in liked)
    author = plan.post(0).author_id
    posts = sum(plan.post(number).author_id == author for number in range(3)) + (author == people.account_id(7))
    eventually(
        lambda: reader.api.account(author)["statuses_count"],
        lambda count: count == posts,
        within=COUNTED_SECONDS,
        what="the posts to be counted",
    )


def test_an_operator_acts_as_somebody_made_up_and_as_nobody_who_signed_up(alice: Person) -> None:
    plan = Plan(secrets.randbelow(MAX_SEED) + 1, 40, 3)
    made = operate("user", "seed", str(plan.accounts), str(plan.follows), str(plan.seed), "--beside-others")
    assert made.returncode == 0, made.stderr
    rook = next(plan.people(7, 8))
    told = operate("auth", "seeded-token", rook.username)
    assert told.returncode == 0, told.stderr
    found = re.search(r"^token: (\S+) ", told.stdout, re.MULTILINE)
    assert found is not None
    api = Mastodon(access_token=found[1], api_base_url=alice.api.api_base_url)
    assert str(api.account_verify_credentials()["id"]) == str(rook.account_id)
    posted = api.status_post("Made up")
    assert alice.api.status(posted["id"])["account"]["username"] == rook.username
    _check_posts(plan, alice, api)
    refused = operate("auth", "seeded-token", alice.username)
    assert refused.returncode != 0
    assert "token:" not in refused.stdout
