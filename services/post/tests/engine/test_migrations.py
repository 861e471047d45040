"""The schema, and that this release goes on where a later one has added to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from post_service.app import MIGRATIONS
from post_service.card_models import LinkCard
from post_service.events import PostEvents
from post_service.models import Media, Post
from post_service.poll_models import Poll
from post_service.repository.cards import CardRepository
from post_service.repository.posts import PostRepository
from post_service.repository.revisions import RevisionRepository
from post_service.repository.statements import STATEMENTS
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.cql_migrations import migrate_cql
from rookery_common.config import CqlSettings
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.testing import FakeClock
from rookery_common.testing.engines import execute_cql
from rookery_common.testing.events import FakeProducer

_TYPE = re.compile(r"CREATE TYPE IF NOT EXISTS (\w+)")


async def test_an_empty_keyspace_gets_the_whole_schema_once(cql_keyspace: CqlSettings) -> None:
    files = sorted(path.name.partition("_")[0] for path in MIGRATIONS.glob("*.cql"))
    assert await migrate_cql(cql_keyspace, MIGRATIONS) == files
    assert await migrate_cql(cql_keyspace, MIGRATIONS) == []


async def test_it_goes_on_where_a_later_release_has_given_types_more_fields(
    cql_keyspace: CqlSettings,
    events: PostEvents,
    clock: FakeClock,
    make_post: Callable[..., Post],
    make_media: Callable[..., Media],
) -> None:
    await migrate_cql(cql_keyspace, MIGRATIONS)
    types = [name for path in MIGRATIONS.glob("*.cql") for name in _TYPE.findall(path.read_text())]
    assert len(types) == 4
    execute_cql(cql_keyspace, *(f"ALTER TYPE {name} ADD of_a_later_release text" for name in types))
    cql = Cql(cql_keyspace, "post-test-later", STATEMENTS)
    await cql.start()
    try:
        outbox = CqlOutbox(cql, FakeProducer(), clock)
        posts, revisions = PostRepository(cql, outbox, clock), RevisionRepository(cql, outbox)
        shown = make_post()
        shown = replace(shown, media=(make_media(post_id=shown.post_id, version=0),))
        asked = make_post(poll=Poll(("yes", "no"), multiple=False, hide_totals=False, expires_at=clock.now(), ballot=7))
        for post in (shown, asked):
            await posts.create(post, events.created(post))
        linked = replace(shown, card=LinkCard("https://birds.example/", "https://birds.example/", "Birds"))
        await CardRepository(cql).attach(shown, linked, clock.now().date())
        assert await posts.get_many([shown.post_id, asked.post_id]) == {shown.post_id: linked, asked.post_id: asked}
        edited = replace(linked, text="Edited", version=linked.version + 1, edit_time=clock.now())
        await revisions.edit(linked, edited, events.edited(edited))
        assert await posts.get(shown.post_id) == edited
        tombstone = replace(edited, version=edited.version + 1)
        await posts.bury(edited, tombstone, events.deleted(tombstone))
    finally:
        await cql.stop()
