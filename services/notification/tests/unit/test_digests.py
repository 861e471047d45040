"""Digests: of what was missed and is wanted, when it is wanted, once, and late rather than never."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from notification_service.digest_models import Frequency, Letter, Mailbox
from notification_service.letters import Letters
from notification_service.models import Kind, MarkedTimeline
from notification_service.preference_models import Channel, QuietHours
from notification_service.push_models import Author
from notification_service.repository.digests import DigestRepository
from notification_service.repository.markers import MarkerRepository
from notification_service.repository.notifications import NotificationRepository
from notification_service.repository.policies import PolicyRepository
from notification_service.repository.preferences import PreferenceRepository
from notification_service.service.digest_lane import DigestLane
from notification_service.service.digest_schedule import DigestSchedule, Slots
from notification_service.service.digest_writer import DigestWriter
from notification_service.service.markers import Markers
from notification_service.service.sieve import Sieve
from notification_service.service.staff import Staff
from notification_service.service.tell import Teller
from notification_service.service.unsubscribing import UnsubscribeTokens
from rookery_common.errors import InvalidArgument, Unavailable
from rookery_common.testing import FakeClock

ALICE, BOB, CAROL, DAN = 101, 102, 103, 104
NAMES = {BOB: "Bob", CAROL: "Carol <b>", DAN: "Dan\u202e\nBcc"}
HOUR, DAY, WEEK = 3_600, 86_400, 7 * 86_400


class People:
    def __init__(self) -> None:
        self.muted: set[int] = set()

    async def author(self, recipient_id: int, account_id: int) -> Author | None:
        is_muted = account_id in self.muted
        return Author(NAMES[account_id], "", is_muted=is_muted, is_followed=True, is_follower=True)


class Post:
    """Auth, as far as it sends mails."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.box: Mailbox | None = Mailbox("alice", "en-GB", clock.now() - timedelta(days=1))
        self.sent: dict[int, Letter] = {}
        self.handed_over: list[int] = []
        self.away = False
        self.refused: set[int] = set()

    async def mailbox(self, recipient_id: int) -> Mailbox | None:
        if self.away:
            raise Unavailable("auth is away")
        return self.box

    async def send(self, mail_id: int, recipient_id: int, letter: Letter) -> None:
        if recipient_id in self.refused:
            raise InvalidArgument("the subject is too long")
        self.handed_over.append(mail_id)
        self.sent.setdefault(mail_id, letter)

    @property
    def texts(self) -> list[str]:
        return [letter.text for letter in self.sent.values()]


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def post(clock: FakeClock) -> Post:
    return Post(clock)


@pytest.fixture
def lane(
    digests: DigestRepository,
    preferences: PreferenceRepository,
    notifications: NotificationRepository,
    marked: MarkerRepository,
    policies: PolicyRepository,
    authors: Any,
    people: People,
    staff: Staff,
    post: Post,
    tokens: UnsubscribeTokens,
    slots: Slots,
    clock: FakeClock,
) -> DigestLane:
    url = "https://rookery.test"
    writer = DigestWriter(
        digests,
        preferences,
        notifications,
        marked,
        people,
        Sieve(policies, authors, authors, staff, clock),
        post,
        Letters(title="Rookery", public_url=url),
        tokens,
        slots,
        clock,
        public_url=url,
    )
    return DigestLane(digests, writer, slots, clock)


async def test_what_was_missed_is_told_by_who_did_it(
    schedule: DigestSchedule, lane: DigestLane, teller: Teller, acts: Any, post: Post, clock: FakeClock
) -> None:
    await schedule.choose(ALICE, Frequency.DAILY)
    made = [acts.make(Kind.FOLLOW, BOB), acts.make(Kind.MENTION, CAROL)]
    made += [acts.make(Kind.FAVOURITE, who) for who in (BOB, CAROL, DAN, DAN)]
    await teller.tell_acts(made)
    clock.advance(2 * HOUR)
    await lane.run_due()
    [letter] = post.sent.values()
    assert letter.subject == "What you missed on Rookery"
    said = [line for line in letter.text.splitlines() if line.startswith("- ")]
    assert said == [
        "- Carol <b> mentioned you",
        "- Bob follows you",
        "- Dan Bcc, Carol <b> and 1 more like posts of yours",
    ]
    assert "Carol &lt;b&gt; mentioned you" in letter.html
    assert "<b>" not in letter.html
    assert letter.unsubscribe_url.startswith("https://rookery.test/mails/unsubscribe?token=")
    assert letter.unsubscribe_url in letter.text
    await schedule.unsubscribe(letter.unsubscribe_url.partition("token=")[2])
    assert await schedule.frequency(ALICE) is Frequency.OFF


@pytest.mark.parametrize(("frequency", "seconds"), [(Frequency.DAILY, DAY), (Frequency.WEEKLY, WEEK)])
async def test_nothing_is_told_twice_and_the_next_comes_after_a_day_or_a_week(
    schedule: DigestSchedule,
    lane: DigestLane,
    teller: Teller,
    acts: Any,
    post: Post,
    clock: FakeClock,
    frequency: Frequency,
    seconds: int,
) -> None:
    await schedule.choose(ALICE, frequency)
    await teller.tell_acts([acts.make(Kind.FOLLOW, BOB)])
    clock.advance(2 * HOUR)
    await lane.run_due()
    await teller.tell_acts([acts.make(Kind.MENTION, CAROL)])
    clock.advance(seconds - 2 * HOUR)
    await lane.run_due()
    assert len(post.sent) == 1
    clock.advance(3 * HOUR)
    await lane.run_due()
    clock.advance(seconds + HOUR)
    await lane.run_due()
    first, second = post.texts
    assert ("Bob follows" in first, "Bob follows" in second, "Carol" in second) == (True, False, True)


async def test_without_anything_missed_there_is_no_mail(
    schedule: DigestSchedule, lane: DigestLane, teller: Teller, acts: Any, post: Post, clock: FakeClock
) -> None:
    await teller.tell_acts([acts.make(Kind.FOLLOW, BOB)])
    post.box = Mailbox("alice", "", clock.now() + timedelta(seconds=1))  # seen since
    await schedule.choose(ALICE, Frequency.DAILY)
    clock.advance(2 * HOUR)
    await lane.run_due()
    assert post.handed_over == []


async def test_what_is_marked_as_read_muted_hidden_or_not_wanted_is_not_told(
    schedule: DigestSchedule,
    lane: DigestLane,
    teller: Teller,
    acts: Any,
    authors: Any,
    people: People,
    preferences: PreferenceRepository,
    markers: Markers,
    lists: Any,
    post: Post,
    clock: FakeClock,
) -> None:
    await schedule.choose(ALICE, Frequency.DAILY)
    await teller.tell_acts([acts.make(Kind.FOLLOW, BOB)])
    read = (await lists.page()).notifications[0].notification_id
    await markers.put(ALICE, {MarkedTimeline.NOTIFICATIONS: read})
    hidden = acts.make(Kind.MENTION, BOB)
    authors.hidden.add(hidden.subject_id)
    people.muted.add(DAN)
    await preferences.change(ALICE, {(Kind.REBLOG, Channel.MAIL): False})
    await teller.tell_acts([hidden, acts.make(Kind.QUOTE, DAN), acts.make(Kind.REBLOG, BOB), acts.make(Kind.POLL, BOB)])
    clock.advance(2 * HOUR)
    await lane.run_due()
    assert post.handed_over == []


async def test_in_quiet_hours_it_waits_until_they_are_over(
    schedule: DigestSchedule,
    lane: DigestLane,
    teller: Teller,
    acts: Any,
    preferences: PreferenceRepository,
    post: Post,
    clock: FakeClock,
) -> None:
    minute = clock.now().hour * 60 + clock.now().minute
    await preferences.set_quiet(ALICE, QuietHours(minute, (minute + 240) % 1_440, "UTC"))
    await schedule.choose(ALICE, Frequency.DAILY)
    await teller.tell_acts([acts.make(Kind.FOLLOW, BOB)])
    for _ in range(3):
        clock.advance(HOUR)
        await lane.run_due()
    assert post.sent == {}
    clock.advance(3 * HOUR)
    await lane.run_due()
    assert len(post.sent) == 1


async def test_while_auth_is_away_it_waits_and_comes_once_afterwards(
    schedule: DigestSchedule, lane: DigestLane, teller: Teller, acts: Any, post: Post, clock: FakeClock
) -> None:
    await schedule.choose(ALICE, Frequency.DAILY)
    await teller.tell_acts([acts.make(Kind.FOLLOW, BOB)])
    post.away = True
    clock.advance(HOUR)
    for _ in range(3):
        clock.advance(HOUR)
        with pytest.raises(Unavailable):
            await lane.run_due()
    post.away = False
    for _ in range(3):
        await lane.run_due()
    assert len(post.handed_over) == 1


async def test_a_mail_that_is_refused_holds_up_nobody_and_what_it_told_comes_with_the_next(
    schedule: DigestSchedule, lane: DigestLane, teller: Teller, acts: Any, post: Post, clock: FakeClock
) -> None:
    for recipient_id in (ALICE, DAN):
        await schedule.choose(recipient_id, Frequency.DAILY)
        await teller.tell_acts([acts.make(Kind.FOLLOW, BOB, recipient_id)])
    post.refused = {ALICE}
    clock.advance(2 * HOUR)
    await lane.run_due()
    assert len(post.sent) == 1
    post.refused = set()
    clock.advance(DAY + HOUR)
    await lane.run_due()
    assert len(post.sent) == 2


async def test_a_death_before_it_is_noted_hands_over_the_same_mail_again(
    schedule: DigestSchedule,
    lane: DigestLane,
    digests: DigestRepository,
    teller: Teller,
    acts: Any,
    post: Post,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await schedule.choose(ALICE, Frequency.DAILY)
    await teller.tell_acts([acts.make(Kind.FOLLOW, BOB)])
    clock.advance(2 * HOUR)

    async def dies(*_args: Any) -> None:
        raise Unavailable("the process is gone")

    with monkeypatch.context() as patch:
        patch.setattr(type(digests), "advance", dies)
        with pytest.raises(Unavailable):
            await lane.run_due()
    await lane.run_due()
    assert len(post.handed_over) == 2
    assert len(post.sent) == 1


async def test_who_gets_no_mails_or_wants_none_any_more_is_passed_by(
    schedule: DigestSchedule, lane: DigestLane, teller: Teller, acts: Any, post: Post, clock: FakeClock
) -> None:
    await schedule.choose(ALICE, Frequency.DAILY)
    await teller.tell_acts([acts.make(Kind.FOLLOW, BOB)])
    box, post.box = post.box, None
    clock.advance(2 * HOUR)
    await lane.run_due()
    post.box = box
    clock.advance(DAY)
    await schedule.choose(ALICE, Frequency.OFF)
    await lane.run_due()
    assert post.handed_over == []
    await schedule.choose(ALICE, Frequency.WEEKLY)
    clock.advance(2 * HOUR)
    await lane.run_due()
    assert len(post.sent) == 1


@pytest.mark.parametrize(("locale", "word"), [("de-AT", "Hallo"), ("de", "Hallo"), ("fr", "Hello"), ("", "Hello")])
async def test_a_letter_is_in_its_readers_language(
    schedule: DigestSchedule,
    lane: DigestLane,
    teller: Teller,
    acts: Any,
    post: Post,
    clock: FakeClock,
    locale: str,
    word: str,
) -> None:
    assert post.box is not None
    post.box = replace(post.box, locale=locale)
    kinds: Mapping[Kind, int] = dict.fromkeys(
        (Kind.MENTION, Kind.MESSAGE, Kind.QUOTE, Kind.FOLLOW_REQUEST, Kind.FOLLOW, Kind.FAVOURITE, Kind.REBLOG), BOB
    )
    await schedule.choose(ALICE, Frequency.DAILY)
    await teller.tell_acts([acts.make(kind, who) for kind, who in kinds.items()])
    clock.advance(2 * HOUR)
    await lane.run_due()
    [text] = post.texts
    assert text.startswith(f"{word} alice,")
    assert text.count("\n- Bob ") == 7
