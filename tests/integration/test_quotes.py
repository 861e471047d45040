"""Quotes, as far as the authors of what is quoted let them."""

from __future__ import annotations

import pytest
from harness.people import Person
from harness.waiting import eventually
from mastodon.errors import MastodonNotFoundError

SOON = 30.0


def test_a_status_is_quoted_until_its_author_takes_it_away(alice: Person, bob: Person, carol: Person) -> None:
    quoted = str(alice.api.status_post("A kingfisher by the river")["id"])
    quoting = bob.api.status_post("Look at that", quoted_status_id=quoted)
    assert quoting["quote"]["state"] == "accepted"
    assert str(quoting["quote"]["quoted_status"]["id"]) == quoted
    assert carol.api.status(quoted)["quotes_count"] == 1
    assert [each["id"] for each in carol.api.status_quotes(quoted)] == [quoting["id"]]
    revoked = alice.api.status_quote_revoke(quoted, quoting["id"])
    assert revoked["quote"] == {"state": "revoked", "quoted_status": None}
    eventually(
        lambda: carol.api.status(quoting["id"])["quote"]["state"],
        lambda state: state == "revoked",
        within=SOON,
        what="the quote revoked for everybody",
    )
    assert carol.api.status(quoted)["quotes_count"] == 0
    closed = alice.api.status_update_quote_approval_policy(quoted, "nobody")
    assert closed["quote_approval"] == {"automatic": [], "manual": [], "current_user": "automatic"}
    with pytest.raises(MastodonNotFoundError):
        bob.api.status_post("Again", quoted_status_id=quoted)


def test_a_quote_shows_nobody_what_they_may_not_see(alice: Person, bob: Person) -> None:
    private = str(alice.api.status_post("For my followers", visibility="private")["id"])
    quoting = alice.api.status_post(f"@{bob.username} look", quoted_status_id=private)
    assert (quoting["visibility"], quoting["quote"]["state"]) == ("private", "accepted")
    assert bob.api.status(quoting["id"])["quote"] == {"state": "unauthorized", "quoted_status": None}
    edited = alice.api.status_update(quoting["id"], f"@{bob.username} look there")
    assert edited["quote"]["state"] == "accepted"
    for who, state, number in ((alice, "accepted", private), (bob, "unauthorized", None)):
        revisions = who.api.status_history(quoting["id"])
        assert [revision["quote"]["state"] for revision in revisions] == [state] * 2
        quoted = [revision["quote"]["quoted_status"] for revision in revisions]
        assert [each and str(each["id"]) for each in quoted] == [number] * 2
    alice.api.status_delete(private)
    eventually(
        lambda: bob.api.status(quoting["id"])["quote"]["state"],
        lambda state: state == "deleted",
        within=SOON,
        what="the quoted status gone",
    )
