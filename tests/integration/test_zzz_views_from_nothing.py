"""What services keep of others' facts is made again from nothing, by an operator's commands; named to run last."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections import Counter

import httpx2
import pytest
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster
from harness.people import Person
from harness.platform import Platform, required
from harness.waiting import eventually

from user_service.seeding.models import MAX_SEED, Plan

pytestmark = pytest.mark.local

SECONDS = 60.0
GRAPH = ("following_by_reader", "followers_by_author")


def _begin(*words: str) -> subprocess.Popen[str]:
    """An operator's command."""
    command = [sys.executable, "-m", "rookery_common.operator", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  # our own words


def _said(command: subprocess.Popen[str]) -> str:
    """The last line of what a command says, which ends well."""
    said, _ = command.communicate(timeout=2 * SECONDS)
    assert command.returncode == 0, said
    return said.splitlines()[-1]


def _forget_the_graph() -> None:
    """As if feed's copy of who follows whom had been lost."""
    login = PlainTextAuthProvider(os.environ["ROOKERY_TEST_CQL_USERNAME"], os.environ["ROOKERY_TEST_CQL_PASSWORD"])
    port = int(required("ROOKERY_TEST_CQL_PORT"))
    cluster = Cluster([required("ROOKERY_TEST_CQL_HOSTS")], port=port, auth_provider=login, protocol_version=4)
    session = cluster.connect()
    for table in GRAPH:
        session.execute(f"TRUNCATE {required('FEED_CQL_KEYSPACE')}.{table}", timeout=SECONDS)
    cluster.shutdown()


@pytest.mark.alone
def test_people_are_made_up_in_bulk_and_who_follows_whom_is_taken_over_from_nothing(
    platform: Platform, http: httpx2.Client, alice: Person, bob: Person
) -> None:
    alice.api.account_follow(bob.account_id)
    platform.drain()
    plan = Plan(1 + secrets.randbelow(MAX_SEED), accounts=100, follows=4)
    load = _begin("user", "seed", str(plan.accounts), str(plan.follows), str(plan.seed), "--beside-others")
    _forget_the_graph()
    assert _said(load).startswith("100 accounts and 400 follows are there")
    assert int(_said(_begin("feed", "rebuild-follows")).partition(" ")[0]) > 400
    posted = str(bob.api.status_post("Who still hears me?")["id"])
    eventually(lambda: alice.home_ids(), lambda ids: posted in ids, within=SECONDS, what="alice's home")

    edges = list(plan.edges(0, plan.accounts))
    star, followers = Counter(edge.followee_id for edge in edges).most_common(1)[0]
    username = next(person.username for person in plan.people(0, plan.accounts) if person.account_id == star)
    shown = http.get("/api/v1/accounts/lookup", params={"acct": username}).json()
    assert (shown["id"], shown["followers_count"], shown["following_count"]) == (str(star), followers, plan.follows)
    page = http.get(f"/api/v1/accounts/{star}/followers", params={"limit": 80}).json()
    assert {int(each["id"]) for each in page} == {edge.follower_id for edge in edges if edge.followee_id == star}
