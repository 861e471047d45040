"""Uploads that are being processed, in CQL: rows of their media that no post takes, and a list of each account's."""

from __future__ import annotations

from post_service.models import UNATTACHED_SECONDS, Media, MediaWork
from post_service.playback_json import playback_json
from post_service.repository.media import media_values
from rookery_common.clients.cassandra import Cql
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.kafka.events import Event


class UnfinishedMediaRepository:
    """Writes what is accepted, and what becomes of it.

    What becomes of it has the version that follows the acceptance, whoever writes it and however often: it replaces
    nothing that was made of the media since.
    """

    def __init__(self, cql: Cql, outbox: CqlOutbox) -> None:
        self._cql = cql
        self._outbox = outbox

    async def count(self, account_id: int, limit: int) -> int:
        """How many an account has, up to the limit."""
        return len(await self._cql.execute("unfinished_of", (account_id, limit)))

    async def has(self, work: MediaWork) -> bool:
        """Whether it was accepted and is not settled, also where its media is deleted."""
        return bool(await self._cql.execute("unfinished_get", (work.account_id, work.media_id)))

    async def accept(self, media: Media, event: Event) -> None:
        """In one logged batch: the media as unfinished, its place among the account's, and the work as event."""
        await self._cql.batch(
            [
                ("media_put", media_values(media, ttl=UNATTACHED_SECONDS)),
                ("unfinished_put", (media.account_id, media.media_id, media.version, UNATTACHED_SECONDS)),
                *self._outbox.rows(event),
            ]
        )
        await self._outbox.publish_soon([event])

    async def finish(self, media: Media, work: MediaWork) -> None:
        """A post may take it; what its owner says of it stays as it is."""
        values = (
            work.version + 1,
            UNATTACHED_SECONDS,
            0,
            media.original_key,
            media.small_key,
            media.original.width,
            media.original.height,
            media.small.width,
            media.small.height,
            media.blurhash,
            playback_json(media.playback),
            work.version + 1,
            work.media_id,
        )
        await self._cql.batch([("media_finish", values), self._removal(work)])

    async def fail(self, work: MediaWork, failure: str) -> None:
        """Nothing can be made of it: its owner is told as long as they might ask."""
        values = (work.version + 1, UNATTACHED_SECONDS, failure, work.media_id)
        await self._cql.batch([("media_fail", values), self._removal(work)])

    async def forget(self, work: MediaWork) -> None:
        """It is done, or deleted: it counts among the account's no more."""
        await self._cql.batch([self._removal(work)])

    def _removal(self, work: MediaWork) -> tuple[str, tuple[int, ...]]:
        return "unfinished_remove", (work.version + 1, work.account_id, work.media_id)
