"""How long uploads are kept, by the engine's own clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from post_service.events import PostEvents
from post_service.models import UNATTACHED_SECONDS, Media, Post, UploadClaim
from post_service.repository.media import MediaRepository
from post_service.repository.posts import PostRepository
from rookery_common.clients.cassandra import Cql
from rookery_common.config import CqlSettings


async def test_an_upload_expires_unless_a_post_takes_it(
    cql: Cql,
    keyspace: CqlSettings,
    media: MediaRepository,
    posts: PostRepository,
    events: PostEvents,
    make_media: Callable[..., Media],
    make_post: Callable[..., Post],
) -> None:
    upload = make_media()
    await media.put(upload)
    ttl = Cql(keyspace, "ttl", {"ttl": "SELECT ttl(account_id) AS left FROM media WHERE media_id = ?"})
    await ttl.start()
    try:
        (row,) = await ttl.execute("ttl", (upload.media_id,))
        assert UNATTACHED_SECONDS - 60 < row.left <= UNATTACHED_SECONDS
        post = make_post()
        attached = replace(upload, post_id=post.post_id, version=post.version)
        await posts.create(replace(post, media=(attached,)), events.created(post))
        (row,) = await ttl.execute("ttl", (upload.media_id,))
        assert row.left is None
    finally:
        await ttl.stop()


async def test_an_uploads_key_belongs_to_who_took_it_first(media: MediaRepository) -> None:
    assert await media.find_claim(101, "k") is None
    first, second = UploadClaim(b"a", 1, "media/one"), UploadClaim(b"b", 2, "media/two")
    assert await media.claim(101, "k", first) == first
    assert await media.claim(101, "k", second) == first
    assert await media.find_claim(101, "k") == first
    assert await media.claim(102, "k", second) == second


async def test_an_upload_that_is_removed_is_gone_for_good(
    media: MediaRepository, make_media: Callable[..., Media]
) -> None:
    upload = make_media()
    await media.put(upload)
    await media.remove(replace(upload, version=upload.version + 1))
    await media.put(upload)
    assert await media.get_many([upload.media_id]) == {}
