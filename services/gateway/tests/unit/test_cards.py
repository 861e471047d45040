"""Cards of links, in the shape that clients know."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import httpx2
import pytest

from rookery.post.v1.events_pb2 import PostUpdated
from rookery.post.v1.link_card_pb2 import CardEmbed, CardEmbedType
from rookery.post.v1.media_pb2 import Dimensions
from rookery_common.testing.golden import golden_message

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL = "/api/v1/statuses/600"


async def test_a_status_has_a_card_as_soon_as_its_post_does(http: httpx2.AsyncClient, world: World) -> None:
    author_id, headers = world.newcomer("alice")
    post = cast(PostUpdated, golden_message("post.events.v1", "PostUpdated_card")).post
    post.post_id, post.author_id = 600, author_id
    card = type(post.card)()
    card.CopyFrom(post.card)
    post.ClearField("card")
    world.post.posts[600] = post
    assert (await http.get(URL, headers=headers)).json()["card"] is None
    post.card.CopyFrom(card)
    post.version += 1
    assert (await http.get(URL, headers=headers)).json()["card"] == {
        "url": "https://birds.example/kingfisher",
        "title": "The kingfisher",
        "description": "A blue bird by the river",
        "type": "link",
        "authors": [{"name": "Ada", "url": "", "account": None}],
        "author_name": "Ada",
        "author_url": "",
        "provider_name": "Birds",
        "provider_url": "https://birds.example/",
        "html": "",
        "width": 640,
        "height": 360,
        "image": "http://127.0.0.1:9000/post-media/card.jpg",
        "image_description": "A blue bird on a branch",
        "embed_url": "",
        "blurhash": "UBL_:rOpGG-oBUNG,qRj2so|=eE1w^n4S5NH",
        "published_at": "2026-02-28T08:00:00.000Z",
        "language": "en",
    }


async def test_a_card_says_nothing_that_its_page_does_not(http: httpx2.AsyncClient, world: World) -> None:
    author_id, headers = world.newcomer("alice")
    post = cast(PostUpdated, golden_message("post.events.v1", "PostUpdated_card")).post
    post.post_id, post.author_id = 600, author_id
    post.card.Clear()
    post.card.url = post.card.title = "https://birds.example/"
    world.post.posts[600] = post
    card = (await http.get(URL, headers=headers)).json()["card"]
    empty: dict[str, object] = {
        "image": None,
        "blurhash": None,
        "published_at": None,
        "language": None,
        "authors": [],
        "width": 0,
    }
    assert {name: card[name] for name in empty} == empty


def embed(name: str, url: str, width: int = 0, height: int = 0) -> CardEmbed:
    kind = CardEmbedType.Value(f"CARD_EMBED_TYPE_{name}")
    return CardEmbed(type=kind, url=url, size=Dimensions(width=width, height=height))


def frame(src: str, size: str = "") -> str:
    return (
        f'<iframe src="{src}"{size} frameborder="0" scrolling="no" allowfullscreen="true"'
        ' sandbox="allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox allow-forms"></iframe>'
    )


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (
            embed("VIDEO", 'https://v.example/1?a&b"><script>', 560, 315),
            {
                "type": "video",
                "html": frame(
                    "https://v.example/1?a&amp;b&quot;&gt;&lt;script&gt;",
                    ' width="560" height="315"',
                ),
                "embed_url": "",
                "width": 560,
                "height": 315,
            },
        ),
        (
            embed("RICH", "https://v.example/1"),
            {"type": "rich", "html": frame("https://v.example/1"), "embed_url": "", "width": 640, "height": 360},
        ),
        (
            embed("PHOTO", "https://p.example/1.jpg", 1024, 768),
            {"type": "photo", "html": "", "embed_url": "https://p.example/1.jpg", "width": 1024, "height": 768},
        ),
        # Of a release to come.
        (embed("UNSPECIFIED", "https://v.example/1"), {"type": "link", "html": "", "embed_url": "", "width": 640}),
    ],
)
async def test_what_a_page_offers_in_its_place_is_a_picture_or_one_frame(
    http: httpx2.AsyncClient, world: World, offered: CardEmbed, expected: dict[str, object]
) -> None:
    author_id, headers = world.newcomer("alice")
    post = cast(PostUpdated, golden_message("post.events.v1", "PostUpdated_card")).post
    post.post_id, post.author_id = 600, author_id
    post.card.embed.CopyFrom(offered)
    post.card.author_url = "https://v.example/ada"
    world.post.posts[600] = post
    card = (await http.get(URL, headers=headers)).json()["card"]
    assert {name: card[name] for name in expected} == expected
    assert (card["author_url"], card["authors"][0]["url"]) == ("https://v.example/ada",) * 2
