"""Whoever changes their profile is seen so by everybody, at once; what they choose for themselves is theirs alone."""

from __future__ import annotations

import io
import secrets

import httpx2
import pytest
from harness.people import Person
from harness.waiting import eventually
from mastodon import MastodonAPIError
from PIL import Image

SEEN_SECONDS = 5.0
FOUND_SECONDS = 10.0
ORIENTATION, MAKE = 0x0112, 0x010F


def picture(colour: str) -> bytes:
    """A photograph with what a camera writes into it."""
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE] = 6, "Camera"
    out = io.BytesIO()
    Image.new("RGB", (900, 600), colour).save(out, "JPEG", exif=exif)
    return out.getvalue()


def test_a_changed_profile_is_seen_by_others_and_found(alice: Person, bob: Person) -> None:
    name = f"Rook{secrets.token_hex(4)}"
    posted = alice.api.status_post("Before")
    assert bob.api.status(posted["id"])["account"]["display_name"] == ""
    changed = alice.api.account_update_credentials(
        display_name=name,
        note="<script>alert(1)</script>\nhttps://alice.example",
        fields=[("Site", "https://alice.example"), ("Says", '"><img src=x onerror=alert(1)>')],
        bot=True,
        discoverable=True,
        indexable=True,
    )
    assert changed["source"]["note"] == "<script>alert(1)</script>\nhttps://alice.example"
    seen = bob.api.account(alice.account_id)
    assert (seen["display_name"], seen["bot"], seen["discoverable"]) == (name, True, True)
    assert seen["note"].startswith("<p>&lt;script&gt;")
    assert 'href="https://alice.example"' in seen["fields"][0]["value"]
    assert "<img" not in seen["fields"][1]["value"]
    eventually(
        lambda: bob.api.status(posted["id"])["account"]["display_name"],
        lambda shown: shown == name,
        within=SEEN_SECONDS,
        what="the name beside a post",
    )
    eventually(
        lambda: [str(each["id"]) for each in bob.api.account_search(name)],
        lambda found: found == [alice.account_id],
        within=FOUND_SECONDS,
        what="the account by its new name",
    )


def test_pictures_are_cut_stripped_replaced_and_taken_away(alice: Person, bob: Person, http: httpx2.Client) -> None:
    alice.api.account_update_credentials(avatar=picture("red"), avatar_mime_type="image/jpeg")
    alice.api.account_update_credentials(header=picture("blue"), header_mime_type="image/jpeg", display_name="Alice")
    seen = bob.api.account(alice.account_id)
    sizes = {"avatar": (400, 400), "header": (1500, 500)}
    for name, size in sizes.items():
        with Image.open(io.BytesIO(httpx2.get(seen[name], timeout=15).content)) as shown:
            assert shown.size == size
            assert not shown.getexif()
    alice.api.account_update_credentials(avatar=picture("green"), avatar_mime_type="image/jpeg")
    assert bob.api.account(alice.account_id)["avatar"] not in ("", seen["avatar"])
    assert bob.api.account(alice.account_id)["header"] == seen["header"]
    for name in sizes:
        answer = http.delete(f"/api/v1/profile/{name}", headers={"authorization": f"Bearer {alice.token}"})
        assert answer.status_code == 200
        assert bob.api.account(alice.account_id)[name].endswith("missing.png")


def test_settings_are_told_to_their_owner_alone(alice: Person, bob: Person, http: httpx2.Client) -> None:
    headers = {"authorization": f"Bearer {alice.token}"}
    chosen = {"source": {"privacy": "private", "sensitive": True, "language": "pt-br"}, "birthday": "1990-05-17"}
    answer = http.patch("/api/v1/accounts/update_credentials", json=chosen, headers=headers)
    assert answer.status_code == 200
    source = alice.api.account_verify_credentials()["source"]
    assert (source["privacy"], source["sensitive"], source["language"]) == ("private", True, "pt-BR")
    assert source["birthday"] == "1990-05-17"
    preferred = alice.api.preferences()
    assert preferred["posting:default:visibility"] == "private"
    for token in (bob.token, None):
        shown = http.get(
            f"/api/v1/accounts/{alice.account_id}", headers={"authorization": f"Bearer {token}"} if token else {}
        )
        assert "1990-05-17" not in shown.text
        assert "source" not in shown.json()


def test_posts_are_as_their_author_has_chosen_unless_they_say_it(
    alice: Person, bob: Person, http: httpx2.Client
) -> None:
    headers = {"authorization": f"Bearer {alice.token}"}
    chosen = {"source": {"privacy": "private", "sensitive": True, "language": "pt-br"}}
    assert http.patch("/api/v1/accounts/update_credentials", json=chosen, headers=headers).status_code == 200
    said = {"visibility": "public", "sensitive": False, "language": "en"}
    for asked, expected in (({}, ("private", True, "pt-BR")), (said, ("public", False, "en"))):
        status = http.post("/api/v1/statuses", json={"status": "A crow", **asked}, headers=headers).json()
        assert (status["visibility"], status["sensitive"], status["language"]) == expected
        shown = http.get(f"/api/v1/statuses/{status['id']}", headers={"authorization": f"Bearer {bob.token}"})
        assert shown.status_code == (200 if asked else 404)


def test_reblogs_are_seen_by_whom_their_author_has_chosen_unless_they_say_it(
    alice: Person, bob: Person, carol: Person, http: httpx2.Client
) -> None:
    headers = {"authorization": f"Bearer {alice.token}"}
    chosen = {"source": {"privacy": "private"}}
    assert http.patch("/api/v1/accounts/update_credentials", json=chosen, headers=headers).status_code == 200
    public, unlisted = (bob.api.status_post("A crow", visibility=each)["id"] for each in ("public", "unlisted"))
    own = alice.api.status_post("For followers", visibility="private")["id"]
    for post_id, said, expected in (
        (public, {}, "private"),
        (unlisted, {"visibility": "public"}, "public"),
        (own, {"visibility": "public"}, "private"),
    ):
        reblog = http.post(f"/api/v1/statuses/{post_id}/reblog", json=said, headers=headers).json()
        assert reblog["visibility"] == expected
        shown = http.get(f"/api/v1/statuses/{reblog['id']}", headers={"authorization": f"Bearer {carol.token}"})
        assert shown.status_code == (200 if expected == "public" else 404)


def test_a_profile_is_changed_as_a_whole_with_its_picture(alice: Person, bob: Person, http: httpx2.Client) -> None:
    headers = {"authorization": f"Bearer {alice.token}"}
    alice.api.featured_tag_create("birds")
    answer = http.patch(
        "/api/v1/profile",
        data={"note": "<b>Birds</b>", "avatar_description": "A red square", "show_featured": "false"},
        files={"avatar": ("me.jpg", picture("red"), "image/jpeg")},
        headers=headers,
    )
    assert answer.status_code == 200
    own = http.get("/api/v1/profile", headers=headers).json()
    assert own == answer.json()
    assert (own["note"], own["header"], own["show_featured"]) == ("<b>Birds</b>", None, False)
    assert [tag["name"] for tag in own["featured_tags"]] == ["birds"]
    seen = http.get(f"/api/v1/accounts/{alice.account_id}", headers={"authorization": f"Bearer {bob.token}"}).json()
    assert (seen["avatar"], seen["avatar_description"]) == (own["avatar"], "A red square")
    assert seen["show_featured"] is False


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"display_name": "x" * 31}, "display_name"),
        ({"display_name": "left\u202eright"}, "display_name"),
        ({"note": "bell\x07"}, "note"),
        ({"fields_attributes": [{"name": "no value"}]}, "fields_attributes"),
        ({"source": {"language": "klingon"}}, "source.language"),
        ({"birthday": "2999-01-01"}, "birthday"),
        ({"avatar": "data:image/png;base64,AAAA"}, "avatar"),
    ],
)
def test_a_bad_change_is_refused_by_field_and_nothing_of_it_is_kept(
    alice: Person, http: httpx2.Client, change: dict[str, object], field: str
) -> None:
    answer = http.patch(
        "/api/v1/accounts/update_credentials",
        json={"bot": True, **change},
        headers={"authorization": f"Bearer {alice.token}"},
    )
    assert answer.status_code == 422
    assert list(answer.json()["details"]) == [field]
    assert alice.api.account_verify_credentials()["bot"] is False


def test_what_is_no_picture_is_refused(alice: Person) -> None:
    with pytest.raises(MastodonAPIError):
        alice.api.account_update_credentials(avatar=b"<svg onload=alert(1)/>", avatar_mime_type="image/svg+xml")
    assert alice.api.account_verify_credentials()["avatar"].endswith("missing.png")
