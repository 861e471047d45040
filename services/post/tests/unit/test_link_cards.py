"""Posts get the cards of the pages that they link to. Over the engines too, by the link."""

from __future__ import annotations

import io
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from PIL import Image
from post_fakes.cards import OEMBED, VIDEO, WATCH, WATCHED, OtherSites
from post_fakes.media import InlineWorkers, MemoryFiles
from post_fakes.store import Store

from post_service.card_models import CARD_DAYS, NO_CARD_SECONDS, CardEmbed, CardPicture, EmbedType, LinkCard
from post_service.consumers import LinkCardsHandler
from post_service.models import Dimensions, Draft, Edit, Post, PostQuery, PostState
from post_service.repository.cards import CardRepository
from post_service.repository.media import MediaRepository
from post_service.repository.posts import PostRepository
from post_service.service.create_post import PostWriter
from post_service.service.delete_post import PostRemover
from post_service.service.edit_post import PostEditor
from post_service.service.fetch_card import CardFetcher
from post_service.service.link_cards import LinkCards
from post_service.service.read_posts import PostReader, ViewerQuery
from post_service.service.sweep_uploads import YOUNGEST_DAYS, UploadSweeper
from post_service.versions import HybridClock
from rookery.post.v1.post_pb2 import Post as PostMessage
from rookery_common.auth import Identity
from rookery_common.clients.web import WebAnswer, WebError, WebFailed, WebRefused
from rookery_common.errors import AppError
from rookery_common.kafka.events import Event
from rookery_common.testing import FakeClock, FakeIds

PAGE = "https://birds.example/kingfisher"
PICTURE = "https://birds.example/blue.png"
HTML = f"""<html lang="en-gb"><head><title>Birds</title>
<meta property="og:title" content="The kingfisher"><meta property="og:description" content="A blue  bird">
<meta property="og:site_name" content="Birds"><meta property="og:image" content="/blue.png">
<meta property="og:image:alt" content="Blue"><meta name="author" content="Ada">
<link rel="canonical" href="{PAGE}"></head>"""
MakePost = Callable[..., Post]
MakeMedia = Callable[..., object]
Told = Callable[[], Awaitable[list[Event]]]


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (1280, 720), "blue").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def sites() -> OtherSites:
    sites = OtherSites()
    sites.put(PAGE, HTML)
    sites.put(PICTURE, png(), "image/png")
    return sites


@pytest.fixture
def switches() -> dict[str, bool]:
    return {"link-cards": True}


@pytest.fixture
def bucket() -> Store:
    """What S3 holds, also beside the real engines."""
    return Store()


@pytest.fixture
def link_cards(
    posts: PostRepository,
    cards: CardRepository,
    reader: PostReader,
    ids: FakeIds,
    versions: HybridClock,
    clock: FakeClock,
    sites: OtherSites,
    bucket: Store,
    switches: dict[str, bool],
) -> LinkCards:
    fetcher = CardFetcher(sites, InlineWorkers(), MemoryFiles(bucket), cards, ids, clock)
    return LinkCards(posts, cards, fetcher, reader, versions, clock, "rookery.example", lambda: switches["link-cards"])


@pytest.fixture
def handle(link_cards: LinkCards, told: Told) -> Callable[[], Awaitable[None]]:
    """Has everything handled that was told so far, as after a replay."""

    async def handle_all() -> None:
        await LinkCardsHandler(link_cards)(await told())

    return handle_all


Handle = Callable[[], Awaitable[None]]


async def card_of(posts: PostRepository, post: Post) -> LinkCard | None:
    stored = await posts.get(post.post_id)
    assert stored is not None
    return stored.card


async def test_a_post_gets_the_card_of_its_first_link_once(
    writer: PostWriter,
    posts: PostRepository,
    reader: PostReader,
    handle: Handle,
    told: Told,
    sites: OtherSites,
    bucket: Store,
    alice: Identity,
) -> None:
    post = (await writer.make(alice, Draft(text=f"Look: {PAGE}#nest, and https://other.example/"))).post
    for _ in range(3):
        await handle()
    card = await card_of(posts, post)
    assert card is not None
    assert card.picture is not None
    assert card == LinkCard(
        link=PAGE,
        url=PAGE,
        title="The kingfisher",
        description="A blue bird",
        author_name="Ada",
        provider_name="Birds",
        provider_url="https://birds.example/",
        language="en-GB",
        picture=CardPicture(
            card.picture.picture_id, card.picture.key, Dimensions(640, 360), card.picture.blurhash, "Blue"
        ),
    )
    assert sites.visits == [PAGE, PICTURE]
    assert list(bucket.files) == [card.picture.key]
    assert [event.type for event in await told()] == ["rookery.post.v1.PostCreated"]
    [view] = await look(reader, post)
    assert view.version > post.version
    assert view.card.image_url == f"https://files.example/{card.picture.key}"


async def test_what_its_oembed_says_of_a_page_goes_before_what_the_page_says(
    writer: PostWriter, posts: PostRepository, handle: Handle, reader: PostReader, sites: OtherSites, alice: Identity
) -> None:
    sites.put(WATCHED, WATCH)
    sites.put(OEMBED, json.dumps(VIDEO), "application/json; charset=utf-8")
    sites.put(f"{WATCHED}.png", png(), "image/png")
    post = (await writer.make(alice, Draft(text=WATCHED))).post
    await handle()
    assert sites.visits == [WATCHED, OEMBED, f"{WATCHED}.png"]
    card = await card_of(posts, post)
    assert card is not None
    assert card.picture is not None
    assert card == LinkCard(
        link=WATCHED,
        url=WATCHED,
        title="The kingfisher dives",
        description="Three minutes",
        author_name="Ada",
        author_url="https://video.example/ada",
        provider_name="Video",
        provider_url="https://video.example/",
        embed=CardEmbed(EmbedType.VIDEO, "https://video.example/embed/1", Dimensions(560, 315)),
        picture=card.picture,
    )
    [view] = await look(reader, post)
    assert (view.card.embed.url, view.card.embed.size.width) == ("https://video.example/embed/1", 560)


async def test_an_embed_without_a_picture_is_kept_as_it_is(
    writer: PostWriter, posts: PostRepository, handle: Handle, sites: OtherSites, alice: Identity
) -> None:
    sites.put(WATCHED, WATCH)
    sites.put(OEMBED, json.dumps(VIDEO | {"type": "rich", "thumbnail_url": ""}), "application/json")
    post = (await writer.make(alice, Draft(text=WATCHED))).post
    await handle()
    card = await card_of(posts, post)
    assert card is not None
    assert (card.picture, card.embed) == (
        None,
        CardEmbed(EmbedType.RICH, "https://video.example/embed/1", Dimensions(560, 315)),
    )


@pytest.mark.parametrize(
    "answer",
    [
        WebFailed("away, slow, or larger than it may be"),
        WebRefused("the name leads to an address that is not public"),
        WebAnswer(200, {"content-type": "text/html"}, json.dumps(VIDEO).encode(), "https://video.example/oembed"),
        WebAnswer(200, {"content-type": "text/xml"}, b"<oembed/>", "https://video.example/oembed"),
        WebAnswer(200, {}, json.dumps(VIDEO).encode(), "https://video.example/oembed"),
        WebAnswer(404, {"content-type": "application/json"}, b"{}", "https://video.example/oembed"),
        WebAnswer(302, {"content-type": "application/json"}, b"", "https://video.example/oembed"),
        WebAnswer(200, {"content-type": "application/json"}, b"[" * 60_000, "https://video.example/oembed"),
    ],
)
async def test_of_a_wrong_oembed_the_page_has_the_card_that_it_has_without(
    writer: PostWriter,
    posts: PostRepository,
    handle: Handle,
    sites: OtherSites,
    alice: Identity,
    answer: WebAnswer | WebError,
) -> None:
    sites.put(WATCHED, WATCH)
    sites.answers[OEMBED] = answer
    post = (await writer.make(alice, Draft(text=WATCHED))).post
    await handle()
    assert await card_of(posts, post) == LinkCard(WATCHED, WATCHED, "Watch", "Three minutes")
    assert sites.visits == [WATCHED, OEMBED]


async def look(reader: PostReader, post: Post) -> list[PostMessage]:
    """The post as it is answered, by the cache."""
    [answer] = await reader.batch_get([ViewerQuery(None, [PostQuery(post.post_id)])])
    assert not isinstance(answer, AppError)
    return [PostMessage.FromString(view.post.body) for view in answer]


async def test_a_link_of_many_posts_is_looked_at_once(
    writer: PostWriter, posts: PostRepository, handle: Handle, sites: OtherSites, alice: Identity, bob: Identity
) -> None:
    made = [(await writer.make(each, Draft(text=PAGE))).post for each in (alice, bob, alice)]
    await handle()
    assert sites.visits == [PAGE, PICTURE]
    found = [await card_of(posts, post) for post in made]
    assert found[0] is not None
    assert found == [found[0]] * 3


@pytest.mark.parametrize("text", ["No link", "https://rookery.example/@alice", "https://[broken.example/", "://"])
async def test_what_links_nowhere_asks_nobody(
    writer: PostWriter, posts: PostRepository, handle: Handle, sites: OtherSites, alice: Identity, text: str
) -> None:
    post = (await writer.make(alice, Draft(text=text))).post
    await handle()
    assert (await card_of(posts, post), sites.visits) == (None, [])


async def test_what_shows_something_else_asks_nobody(
    writer: PostWriter,
    posts: PostRepository,
    media: MediaRepository,
    make_media: MakeMedia,
    handle: Handle,
    sites: OtherSites,
    alice: Identity,
) -> None:
    upload = make_media()
    await media.put(upload)  # type: ignore[arg-type] # what the fixture makes
    first = (await writer.make(alice, Draft(text=PAGE, media_ids=(upload.media_id,)))).post  # type: ignore[attr-defined]
    plain = (await writer.make(alice, Draft(text="A crow"))).post
    second = (await writer.make(alice, Draft(text=PAGE, quoted_id=plain.post_id))).post
    await handle()
    assert [await card_of(posts, post) for post in (first, second)] == [None, None]
    assert sites.visits == []


async def test_a_post_that_is_held_asks_nobody_before_it_may_be_seen(
    posts: PostRepository, link_cards: LinkCards, make_post: MakePost, events: object, sites: OtherSites
) -> None:
    post = make_post(text=PAGE, state=PostState.HELD)
    await posts.create(post, events.created(post))  # type: ignore[attr-defined]
    await link_cards.settle([post.post_id])
    assert (await card_of(posts, post), sites.visits) == (None, [])


async def test_an_edit_has_the_card_of_what_it_says_now(
    writer: PostWriter, editor: PostEditor, posts: PostRepository, handle: Handle, sites: OtherSites, alice: Identity
) -> None:
    post = (await writer.make(alice, Draft(text=PAGE))).post
    await handle()
    sites.put("https://crows.example/", "<title>Crows</title>")
    await editor.edit(alice, post.post_id, Edit(text="Rather https://crows.example/"))
    await handle()
    card = await card_of(posts, post)
    assert card == LinkCard(link="https://crows.example/", url="https://crows.example/", title="Crows")
    await editor.edit(alice, post.post_id, Edit(text="Neither"))
    await handle()
    assert await card_of(posts, post) is None


async def test_of_a_page_that_is_away_nothing_comes_for_an_hour(
    writer: PostWriter,
    posts: PostRepository,
    cards: CardRepository,
    handle: Handle,
    sites: OtherSites,
    alice: Identity,
) -> None:
    away, inside = "https://away.example/", "https://inside.example/"
    sites.answers[inside] = WebRefused("the name leads to an address that is not public")
    made = [(await writer.make(alice, Draft(text=link))).post for link in (away, inside)]
    await handle()
    await handle()
    assert [await card_of(posts, post) for post in made] == [None, None]
    assert sorted(sites.visits) == sorted([away, inside])
    assert NO_CARD_SECONDS == 3600
    assert [await cards.find(link) for link in (away, inside)] == [(None,), (None,)]


@pytest.mark.parametrize("picture", ["away", "no picture", "broken"])
async def test_a_card_does_without_a_picture_that_is_none(
    writer: PostWriter, posts: PostRepository, handle: Handle, sites: OtherSites, alice: Identity, picture: str
) -> None:
    if picture == "away":
        del sites.answers[PICTURE]
    else:
        sites.put(PICTURE, png()[:100] if picture == "broken" else b"<svg/>", "image/png")
    post = (await writer.make(alice, Draft(text=PAGE))).post
    await handle()
    card = await card_of(posts, post)
    assert card is not None
    assert (card.title, card.picture) == ("The kingfisher", None)


async def test_while_cards_are_switched_off_nobody_is_asked(
    writer: PostWriter,
    posts: PostRepository,
    handle: Handle,
    sites: OtherSites,
    switches: dict[str, bool],
    alice: Identity,
) -> None:
    switches["link-cards"] = False
    post = (await writer.make(alice, Draft(text=PAGE))).post
    await handle()
    assert (await card_of(posts, post), sites.visits) == (None, [])


async def test_a_deleted_post_keeps_no_card_though_its_page_answers_late(
    writer: PostWriter,
    remover: PostRemover,
    posts: PostRepository,
    link_cards: LinkCards,
    handle: Handle,
    reader: PostReader,
    alice: Identity,
) -> None:
    post = (await writer.make(alice, Draft(text=PAGE))).post
    await remover.delete(alice, post.post_id)
    late = replace(post, state=PostState.VISIBLE)
    await handle()
    await link_cards._attach(late, LinkCard(PAGE, PAGE, "The kingfisher"))
    stored = await posts.get(post.post_id)
    assert stored is not None
    assert (stored.state, stored.card) == (PostState.DELETED, None)
    assert await look(reader, post) == []


async def test_a_picture_is_deleted_when_no_post_shows_it_any_more(
    writer: PostWriter,
    remover: PostRemover,
    posts: PostRepository,
    media: MediaRepository,
    cards: CardRepository,
    handle: Handle,
    bucket: Store,
    clock: FakeClock,
    alice: Identity,
) -> None:
    sweeper = UploadSweeper(media, cards, MemoryFiles(bucket), clock)
    made = [(await writer.make(alice, Draft(text=PAGE))).post for _ in range(2)]
    await handle()
    [key] = bucket.files
    await remover.delete(alice, made[0].post_id)
    clock.advance((CARD_DAYS + YOUNGEST_DAYS) * 24 * 3600)
    assert await sweeper.sweep() == 0
    assert list(bucket.files) == [key]
    await remover.delete(alice, made[1].post_id)
    clock.advance((CARD_DAYS + YOUNGEST_DAYS) * 24 * 3600)
    await sweeper.sweep()
    assert list(bucket.files) == []


async def test_whoever_crashes_between_the_row_and_the_cache_is_made_good(
    writer: PostWriter,
    posts: PostRepository,
    cards: CardRepository,
    reader: PostReader,
    versions: HybridClock,
    handle: Handle,
    clock: FakeClock,
    alice: Identity,
) -> None:
    post = (await writer.make(alice, Draft(text=PAGE))).post
    card = LinkCard(PAGE, PAGE, "The kingfisher")
    changed = replace(post, card=card, version=versions.next(post.version))
    await cards.attach(post, changed, clock.now().date())
    await handle()
    [view] = await look(reader, post)
    assert (view.card.title, view.version) == ("The kingfisher", changed.version)
    assert await card_of(posts, post) == card
