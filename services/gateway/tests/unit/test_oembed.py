"""Posts on other pages: what is for everybody to see, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest

from rookery.post.v1.post_pb2 import Post, Visibility

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL = "/api/oembed"
PUBLIC, PRIVATE = Visibility.VISIBILITY_PUBLIC, Visibility.VISIBILITY_PRIVATE


@pytest.fixture
def posts(world: World) -> World:
    alice, _ = world.newcomer("alice")
    world.post.posts[7] = Post(post_id=7, author_id=alice, text='A <rook> & "friends"', visibility=PUBLIC)
    world.post.posts[8] = Post(
        post_id=8, author_id=alice, text="The end", spoiler_text="Told <b>early</b>", visibility=PUBLIC
    )
    world.post.posts[9] = Post(post_id=9, author_id=alice, text="For few", visibility=PRIVATE)
    return world


@pytest.mark.usefixtures("posts")
@pytest.mark.parametrize("path", ["/@alice/7", "/@Alice/7/", "/users/alice/statuses/7"])
async def test_post_is_found_by_its_addresses(http: httpx2.AsyncClient, path: str) -> None:
    answer = await http.get(URL, params={"url": f"http://rookery.test{path}", "maxwidth": "600"})
    body = answer.json()
    assert answer.status_code == 200
    assert (body["type"], body["version"], body["author_name"]) == ("rich", "1.0", "alice")
    assert (body["width"], body["height"]) == (600, None)
    assert body["author_url"] == "http://rookery.test/@alice"
    assert "A &lt;rook&gt; &amp; " in body["html"]
    assert 'cite="http://rookery.test/@alice/7"' in body["html"]


@pytest.mark.usefixtures("posts")
async def test_what_is_behind_a_warning_is_not_shown(http: httpx2.AsyncClient) -> None:
    html = (await http.get(URL, params={"url": "http://rookery.test/@alice/8"})).json()["html"]
    assert "Told &lt;b&gt;early&lt;/b&gt;" in html
    assert "The end" not in html


@pytest.mark.usefixtures("posts")
@pytest.mark.parametrize(
    "url",
    [
        "http://rookery.test/@alice/9",
        "http://rookery.test/@alice/10",
        "http://rookery.test/@bob/7",
        "http://rookery.test/@alice/99999999999999999999",
        "http://other.test/@alice/7",
        "http://rookery.test/@alice",
        "http://rookery.test.other/@alice/7",
        "x",
    ],
)
async def test_nothing_else_is_found(http: httpx2.AsyncClient, posts: World, url: str) -> None:
    _, alice = posts.newcomer("alice2")
    answer = await http.get(URL, params={"url": url}, headers=alice)
    assert answer.status_code == 404


@pytest.mark.usefixtures("posts")
@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "url"),
        ({"url": "http://rookery.test/@alice/7", "maxwidth": "0"}, "maxwidth"),
        ({"url": "http://rookery.test/@alice/7", "maxheight": "tall"}, "maxheight"),
        ({"url": "http://rookery.test/@alice/7", "format": "xml"}, "format"),
        ({"url": "x" * 2001}, "url"),
    ],
)
async def test_bad_parameters_are_named(http: httpx2.AsyncClient, params: dict[str, str], field: str) -> None:
    answer = await http.get(URL, params=params)
    assert answer.status_code == 422
    assert field in answer.json()["details"]
