"""What people remember of somebody or of a post brings them back to it, if they may see it."""

from __future__ import annotations

import secrets
from typing import Any

import httpx2
import pytest
from harness.people import Person, Town, jpeg
from harness.platform import Platform
from harness.waiting import eventually
from mastodon import Mastodon

SOON_SECONDS = 10.0
"""An event, its indexing, and the engine's refresh; in fact it is one or two seconds."""
GONE_SECONDS = 5.0


def found(person: Person, query: str, **options: Any) -> list[str]:
    """Ids of the statuses that the person finds."""
    answer = person.api.search_v2(query, result_type="statuses", **options)
    return [str(status["id"]) for status in answer["statuses"]]


def soon(person: Person, query: str, posts: list[Any]) -> None:
    """Exactly these posts are found, newest first."""
    ids = [str(post["id"]) for post in posts]
    eventually(lambda: found(person, query), lambda seen: seen == ids, within=SOON_SECONDS, what=f"search for {query}")


@pytest.fixture
def word() -> str:
    """A word that nobody else has ever written."""
    return f"rare{secrets.token_hex(6)}"


def test_post_is_found_by_its_words_and_its_hashtag(alice: Person, bob: Person, word: str) -> None:
    posted = alice.api.status_post(f"The kingfisher said {word.upper()} to me #tag{word}")
    soon(bob, word, [posted])
    for query in (
        f"kingfisher the {word}",
        f'"said {word}"',
        f"#tag{word}",
        f"{word} -heron",
        # Names come by events of their own, which may be later.
        f"from:{alice.username} {word}",
    ):
        soon(bob, query, [posted])
    for query in (f"{word} heron", f'"{word} said"', f"{word} -kingfisher", f"from:me {word}", f"{word} has:media"):
        assert found(bob, query) == [], query


def test_operators_narrow_a_search(alice: Person, bob: Person, word: str) -> None:
    media = alice.api.media_post(jpeg(), mime_type="image/jpeg", description=f"A {word}picture")
    plain = alice.api.status_post(word, language="en")
    pictured = alice.api.status_post(word, media_ids=[media["id"]], language="de", sensitive=True)
    answered = bob.api.status_post(word, in_reply_to_id=plain["id"], language="pt-BR")
    soon(bob, word, [answered, pictured, plain])
    expected = {
        f"{word} has:media": [pictured],
        f"{word}picture": [pictured],
        f"{word} -has:image": [answered, plain],
        f"{word} language:en": [plain],
        f"{word} language:pt": [answered],
        f"{word} is:reply": [answered],
        f"{word} is:sensitive": [pictured],
        f"{word} from:me": [answered],
        f"{word} in:library": [answered],
        f"{word} -from:@{alice.username}": [answered],
        f"{word} after:2020-01-01": [answered, pictured, plain],
        f"{word} before:2020-01-01": [],
    }
    for query, posts in expected.items():
        soon(bob, query, posts)
    assert found(bob, word, max_id=answered["id"], min_id=plain["id"]) == [str(pictured["id"])]
    assert found(bob, word, account_id=bob.account_id) == [str(answered["id"])]
    pages = [bob.api.search_v2(word, result_type="statuses", offset=n, min_id=None)["statuses"] for n in (0, 1, 3)]
    assert [len(page) for page in pages] == [3, 2, 0]


@pytest.mark.parametrize("visibility", ["unlisted", "private", "direct"])
def test_post_that_is_not_public_is_found_by_its_author_alone(
    platform: Platform, alice: Person, bob: Person, word: str, visibility: str
) -> None:
    bob.api.account_follow(alice.account_id)
    posted = alice.api.status_post(f"{word} @{bob.username} #tag{word}", visibility=visibility)
    soon(alice, word, [posted])
    assert found(bob, word) == []
    assert found(bob, f"#tag{word}") == []
    assert bob.api.search_v2(f"tag{word}", result_type="hashtags")["hashtags"] == []


def test_deleted_post_is_found_by_nobody_and_counts_for_no_hashtag(alice: Person, bob: Person, word: str) -> None:
    kept = alice.api.status_post(f"{word} #tag{word} kept")
    deleted = alice.api.status_post(f"{word} #tag{word} deleted #only{word}")
    bob.api.status_reblog(deleted["id"])
    soon(bob, word, [deleted, kept])
    alice.api.status_delete(deleted["id"])
    eventually(
        lambda: found(bob, word),
        lambda ids: ids == [str(kept["id"])],
        within=GONE_SECONDS,
        what="the deletion, to others",
    )
    soon(alice, word, [kept])
    assert found(alice, f"#only{word}") == []

    def tags() -> list[tuple[str, int]]:
        """By the index alone: nothing else checks what is only counted."""
        names = (f"tag{word}", f"only{word}")
        answers = [alice.api.search_v2(name, result_type="hashtags")["hashtags"] for name in names]
        return [(tag["name"], int(tag["history"][0]["uses"])) for answer in answers for tag in answer]

    eventually(tags, lambda seen: seen == [(f"tag{word}", 1)], within=GONE_SECONDS, what="the hashtags")


def test_account_is_found_by_the_beginning_of_its_name(town: Town, alice: Person) -> None:
    other = town.newcomer(f"kite{secrets.token_hex(4)}")
    beginning = other.username[:10]

    def accounts(query: str) -> list[str]:
        return [str(account["id"]) for account in alice.api.search_v2(query, result_type="accounts")["accounts"]]

    eventually(lambda: accounts(beginning), lambda ids: ids == [other.account_id], within=SOON_SECONDS, what="account")
    for query in (other.username.upper(), f"@{other.username}", f"{beginning}@{town.url.partition('://')[2]}"):
        assert accounts(query) == [other.account_id], query
    assert accounts(f"{other.username}@elsewhere.example") == []
    assert [str(each["id"]) for each in alice.api.account_search(beginning)] == [other.account_id]
    assert alice.api.account_search(beginning, following=True) == []
    alice.api.account_follow(other.account_id)
    assert [str(each["id"]) for each in alice.api.account_search(beginning, following=True)] == [other.account_id]


def test_hashtag_is_found_with_its_history(alice: Person, bob: Person, word: str) -> None:
    alice.api.status_post(f"#tag{word} once")
    alice.api.status_post(f"#Tag{word} twice, and #tag{word}longer")
    last = bob.api.status_post(f"#tag{word}")
    soon(bob, f"from:me #tag{word}", [last])
    tags = eventually(
        lambda: bob.api.search_v2(f"#tag{word}", result_type="hashtags")["hashtags"],
        lambda tags: len(tags) == 2 and int(tags[0]["history"][0]["uses"]) == 3,
        within=SOON_SECONDS,
        what="the hashtag",
    )
    assert [tag["name"] for tag in tags] == [f"tag{word}", f"tag{word}longer"]
    assert len(tags[0]["history"]) == 7
    assert int(tags[0]["history"][0]["accounts"]) == 2
    assert [int(day["uses"]) for day in tags[0]["history"][1:]] == [0] * 6


def test_stranger_finds_accounts_and_hashtags_only(
    http: httpx2.Client, platform: Platform, alice: Person, word: str
) -> None:
    posted = alice.api.status_post(f"#tag{word}")
    soon(alice, f"#tag{word}", [posted])
    stranger = Mastodon(api_base_url=platform.url, access_token=None)
    answer = stranger.search_v2(f"tag{word}", resolve=False)
    assert [tag["name"] for tag in answer["hashtags"]] == [f"tag{word}"]
    assert answer["statuses"] == []

    def accounts() -> list[str]:
        answer = stranger.search_v2(alice.username, result_type="accounts", resolve=False)
        return [str(account["id"]) for account in answer["accounts"]]

    eventually(accounts, lambda ids: ids == [alice.account_id], within=SOON_SECONDS, what="the account")
    for refused in ({"resolve": "true"}, {"offset": "5"}):
        assert http.get("/api/v2/search", params={"q": "x", **refused}).status_code == 401
    assert http.get("/api/v1/accounts/search", params={"q": "x"}).status_code == 401


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"q": " "}, "q"),
        ({"q": "x" * 201}, "q"),
        ({"q": "before:yesterday"}, "q"),
        ({"q": "during:2026-02-30"}, "q"),
        ({"q": "x", "offset": "401", "type": "statuses"}, "offset"),
        ({"q": "x", "type": "birds"}, "type"),
    ],
)
def test_bad_search_is_refused_by_field(http: httpx2.Client, alice: Person, params: dict[str, str], field: str) -> None:
    answer = http.get("/api/v2/search", params=params, headers={"authorization": f"Bearer {alice.token}"})
    assert answer.status_code == 422
    assert list(answer.json()["details"]) == [field]


@pytest.mark.parametrize(
    "query", ["*:*", '") OR 1=1', "text:/.*/", "a~2 b^9", "{", "\\", "-", '"', ":::", "#", "@", "\U0001f426"]
)
def test_what_looks_like_syntax_is_only_text(http: httpx2.Client, alice: Person, query: str) -> None:
    answer = http.get("/api/v2/search", params={"q": query}, headers={"authorization": f"Bearer {alice.token}"})
    assert answer.status_code == 200
    assert set(answer.json()) == {"accounts", "statuses", "hashtags"}
