"""What people do is in the counts of the last minutes, once, whatever becomes of Kafka's offsets and of analytics."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from harness.moderators import appoint
from harness.people import Person, Town
from harness.platform import Platform, required
from harness.waiting import eventually

ADMIN, OPERATOR = "/api/v1/admin/measures", "/api/rookery/v1/operator/measures"
INTERACTIONS = "/api/rookery/v1/interactions"
COUNTS, TOPIC = "analytics.counts", "analytics.interactions.v1"
TOPICS = ("user.events.v1", "post.events.v1", "post.engagement.v1", TOPIC)
MINUTES = 60
CATCH_UP_SECONDS = 90.0
Totals = dict[str, int]


@pytest.fixture(scope="module")
def moderator(platform: Platform) -> Person:
    return appoint(platform.url)


def _headers(person: Person) -> dict[str, str]:
    return {"Authorization": f"Bearer {person.token}"}


class Counts:
    """The measures of yesterday and today, as a moderator sees them: a test may run over midnight."""

    def __init__(self, platform: Platform, http: httpx2.Client, moderator: Person) -> None:
        self._platform, self._http, self._moderator = platform, http, moderator

    def now(self) -> Totals:
        """After everything that was done until now."""
        self._platform.drain()
        return self.seen()

    def seen(self) -> Totals:
        """As they are at the moment."""
        today = datetime.now(UTC).date()
        keys = ["new_users", "new_posts", "follows", "favourites", "interactions", "impressions", "active_users"]
        body = {"keys": keys, "start_at": str(today - timedelta(days=1)), "end_at": str(today)}
        answer = eventually(
            lambda: self._http.post(ADMIN, json=body, headers=_headers(self._moderator)),
            lambda answer: answer.status_code != 503,  # the gateway is a moment behind a service that was started
            within=30,
            what="an answer of analytics",
        )
        answer.raise_for_status()
        return {measure["key"]: int(measure["total"]) for measure in answer.json()}

    def minutes(self, key: str) -> list[int]:
        """A measure's last minutes, the oldest first."""
        answer = self._http.get(f"{OPERATOR}?keys={key}&minutes={MINUTES}", headers=_headers(self._moderator))
        answer.raise_for_status()
        [measure] = answer.json()["measures"]
        return [window["value"] for window in measure["windows"]]

    def tell(self, person: Person, post_id: str, kind: str, times: int = 1, key: str = "") -> int:
        """A client's interactions; the answer's status."""
        body = {"interactions": [{"post_id": post_id, "kind": kind, "surface": "home"}] * times}
        headers = _headers(person) | ({"Idempotency-Key": key} if key else {})
        return self._http.post(INTERACTIONS, json=body, headers=headers).status_code


@pytest.fixture
def counts(platform: Platform, http: httpx2.Client, moderator: Person) -> Counts:
    return Counts(platform, http, moderator)


def _gain(before: Totals, after: Totals) -> Totals:
    return {key: after[key] - before[key] for key in before if after[key] != before[key]}


@contextmanager
def _away(platform: Platform, process: str) -> Iterator[None]:
    platform.stop(process)
    try:
        yield
    finally:
        platform.start(process)


def test_what_people_do_is_counted_in_their_minute(
    platform: Platform, counts: Counts, town: Town, moderator: Person
) -> None:
    before, minutes = counts.now(), sum(counts.minutes("new_posts"))
    alice, bob = town.newcomer("alice"), town.newcomer("bob")
    bob.api.account_follow(alice.account_id)
    first = alice.api.status_post("A count of one")
    alice.api.status_post("A count of two")
    bob.api.status_reply(first, "And three")
    assert counts.tell(bob, str(first["id"]), "open", times=3) == 202
    assert counts.tell(bob, str(first["id"]), "impression", times=5) == 202
    after = counts.now()
    assert _gain(before, after) == {
        "new_users": 2,
        "active_users": 2,
        "new_posts": 3,
        "follows": 1,
        "interactions": 4,
        "impressions": 5,
    }
    assert sum(counts.minutes("new_posts")) - minutes == 3
    assert sum(counts.minutes("new_posts")[-5:]) >= 3


def test_mastodon_py_reads_measures(counts: Counts, alice: Person, moderator: Person) -> None:
    alice.api.status_post("To be measured")
    totals = counts.now()
    today = datetime.now(UTC)
    yesterday = today - timedelta(days=1)
    measures = moderator.api.admin_measures(yesterday, today, active_users=True, new_users=True, opened_reports=True)
    assert {measure.key: int(measure.total) for measure in measures} == {
        "active_users": totals["active_users"],
        "new_users": totals["new_users"],
    }
    assert all(len(measure.data) == 2 for measure in measures)


def test_measures_are_for_moderators(http: httpx2.Client, town: Town, alice: Person) -> None:
    body = {"keys": ["new_users"], "start_at": "2026-03-01", "end_at": "2026-03-01"}
    ambitious = Town(town.url, (*town.scopes, "admin:read")).newcomer("ambitious")
    for person in (alice, ambitious):
        assert http.post(ADMIN, json=body, headers=_headers(person)).status_code == 403
        assert http.get(OPERATOR, headers=_headers(person)).status_code == 403
    assert http.get(OPERATOR).status_code == 401


def test_a_batch_that_is_told_again_under_its_key_counts_once(counts: Counts, alice: Person) -> None:
    before = counts.now()
    for _ in range(3):
        assert counts.tell(alice, "77", "impression", times=4, key="the same batch") == 202
    assert counts.now()["impressions"] - before["impressions"] == 4


def test_all_topics_read_again_from_their_first_offset_change_no_count(
    platform: Platform, counts: Counts, alice: Person
) -> None:
    alice.api.status_post("Read twice")
    counts.tell(alice, "78", "open", times=10)
    before = counts.now()
    with _away(platform, "analytics"):
        _rewind()
    assert counts.now() == before


@pytest.mark.timeout(300)
def test_analytics_killed_while_it_counts_counts_each_event_once(
    platform: Platform, counts: Counts, alice: Person
) -> None:
    before = counts.now()
    for number in range(20):
        assert counts.tell(alice, str(100 + number), "impression", times=5) == 202
        if number in (5, 12):
            platform.kill("analytics")
            platform.start("analytics")
    # The broker waits for the heartbeat of the dead before it gives away what was theirs.
    eventually(
        lambda: counts.seen()["impressions"] - before["impressions"],
        lambda gain: gain >= 100,
        within=CATCH_UP_SECONDS,
        what="all impressions",
    )
    assert counts.now()["impressions"] - before["impressions"] == 100


def test_what_is_spoilt_is_put_aside_with_its_reason_and_the_rest_counted(
    platform: Platform, counts: Counts, alice: Person
) -> None:
    before, letters = counts.now(), _dead_letters()
    counts.tell(alice, "79", "impression", times=3)
    producer = Producer({"bootstrap.servers": required("ROOKERY_TEST_KAFKA_BOOTSTRAP")})
    producer.produce(TOPIC, b"\xff not an event", b"79")
    producer.flush(30)
    counts.tell(alice, "79", "impression", times=4)
    assert counts.now()["impressions"] - before["impressions"] == 7
    assert _dead_letters()[len(letters) :] == ["UNDECODABLE: ce_specversion is not 1.0"]


def test_every_event_is_in_one_whole_file_of_the_archive(platform: Platform, counts: Counts, alice: Person) -> None:
    before = _archived()
    counts.tell(alice, "80", "open", times=50)
    counts.now()
    # Stopped, it archives what it has gathered.
    with _away(platform, "analytics"):
        assert _archived() - before >= 50


@pytest.mark.timeout(300)
@pytest.mark.alone
@pytest.mark.local
def test_without_kafka_nothing_is_taken_and_measures_are_still_shown(
    platform: Platform, counts: Counts, alice: Person
) -> None:
    before = counts.now()
    with _away(platform, "kafka"):
        assert counts.tell(alice, "81", "impression", key="again") == 503
        assert counts.seen()["impressions"] == before["impressions"]
    eventually(
        lambda: counts.tell(alice, "81", "impression", key="again"),
        lambda status: status == 202,
        within=CATCH_UP_SECONDS,
        what="taking interactions again",
    )
    eventually(
        lambda: counts.seen()["impressions"] - before["impressions"],
        lambda gain: gain == 1,
        within=CATCH_UP_SECONDS,
        what="the impression that was told twice",
    )


def _rewind() -> None:
    """The group, whose members are gone, reads all of its topics again."""
    admin = AdminClient({"bootstrap.servers": required("ROOKERY_TEST_KAFKA_BOOTSTRAP")})
    found = admin.list_topics(timeout=10).topics
    first = [TopicPartition(topic, number, 0) for topic in TOPICS for number in found[topic].partitions]
    [future] = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(COUNTS, first)]).values()
    future.result(30)


def _dead_letters() -> list[str]:
    """Why each dead letter of the group is one, in order."""
    config = {"bootstrap.servers": required("ROOKERY_TEST_KAFKA_BOOTSTRAP"), "group.id": "analytics.counts.dlq-test"}
    consumer = KafkaConsumer({**config, "enable.auto.commit": False})
    try:
        partition = TopicPartition(f"{COUNTS}.dlq", 0, 0)
        _, end = consumer.get_watermark_offsets(partition, timeout=10)
        consumer.assign([partition])
        messages = consumer.consume(end, 10) if end else []
    finally:
        consumer.close()
    headers: list[dict[str, Any]] = [dict(message.headers() or []) for message in messages]
    return [each["dlq_reason"].decode() for each in headers]


def _archived() -> int:
    """How many events the archive holds, by the operator's command that reads all of its files back."""
    command = [sys.executable, "-m", "analytics_service", "verify-archive"]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, timeout=100, check=True)  # noqa: S603
    last = done.stdout.splitlines()[-1]
    assert last.endswith("all files are whole")
    return int(last.split()[0])
