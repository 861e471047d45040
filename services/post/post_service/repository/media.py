"""Media in CQL: an upload expires unless a post takes it. Files are noted before they are put: none is forgotten."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from post_service.models import (
    UNATTACHED_SECONDS,
    UNFINISHED,
    Dimensions,
    Focus,
    Media,
    MediaType,
    Post,
    ProfilePicture,
    Purpose,
    UploadClaim,
    UploadNote,
)
from post_service.playback_json import playback_from, playback_json
from rookery_common.clients.cassandra import Args, Cql, Row
from rookery_common.clients.cql_values import TypeValue

UPLOAD_SHARDS = 16


class MediaRepository:
    """Reads and writes media rows, and the notes of what lies in S3."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    async def get_many(self, media_ids: Sequence[int]) -> dict[int, Media]:
        """Media by id; unknown and expired ones are left out."""
        results = await self._cql.many("media_get", [(media_id,) for media_id in media_ids])
        # What was said of one late outlives the rest of its row by some hours.
        return {rows[0].media_id: _media(rows[0]) for rows in results if rows and rows[0].account_id is not None}

    async def put(self, media: Media) -> None:
        """An upload that waits for its post; it expires after a day. Attaching belongs to the post's batch."""
        await self._cql.execute("media_put", media_values(media, ttl=UNATTACHED_SECONDS))

    async def describe(self, media: Media) -> None:
        """Writes description and focus alone, so that it can't undo an attachment that happens meanwhile."""
        ttl = UNATTACHED_SECONDS if media.post_id in (0, UNFINISHED) else 0  # A draft keeps it as long as that stays.
        values = (media.version, ttl, media.description, media.focus.x, media.focus.y, media.version)
        await self._cql.execute("media_describe", (*values, media.media_id))

    async def remove(self, media: Media) -> None:
        """No post takes it any more; the note of its files stays, by which they are swept. A post that takes it at the
        same moment, and later than this version, keeps it."""
        await self._cql.execute("media_remove", (media.version, media.media_id))

    async def hold(self, media: Sequence[Media]) -> None:
        """Uploads that wait for a scheduled post, which they name, as long as that waits."""
        await self._cql.batch([("media_put", media_values(each, ttl=0)) for each in media])

    async def free(self, media: Sequence[Media], today: date) -> None:
        """Uploads again for a day, which a post may take, and then swept."""
        await self._cql.batch([row for each in media for row in freed_upload(each, today)])

    async def find_claim(self, account_id: int, request_id: str) -> UploadClaim | None:
        """What an Idempotency-Key was used for."""
        rows = await self._cql.execute("upload_key_get", (account_id, request_id))
        return UploadClaim(*rows[0]) if rows else None

    async def claim(self, account_id: int, request_id: str, claim: UploadClaim) -> UploadClaim:
        """Takes the key for 24 hours, unless it is taken; the claim that holds is returned."""
        applied, row = await self._cql.execute_conditional(
            "upload_key_claim", (account_id, request_id, claim.body_hash, claim.media_id, claim.folder)
        )
        return claim if applied or row is None else UploadClaim(row.body_hash, row.media_id, row.folder)

    async def note_upload(self, note: UploadNote) -> None:
        """Before the files are put: whatever happens next, a sweep finds them."""
        await self._cql.execute("upload_put", note_values(note))

    async def noted_uploads(self, day: date, shard: int, after: int, limit: int) -> list[UploadNote]:
        """The next notes of a day and shard, by media id."""
        rows = await self._cql.execute("upload_page", (day.toordinal(), shard, after, limit))
        return [UploadNote(day, *row) for row in rows]

    async def forget_upload(self, note: UploadNote) -> None:
        """Once its files are deleted, or belong to a post."""
        await self._cql.execute("upload_delete", (*_note_key(note.day, note.media_id), note.media_id))

    async def profile_pictures(self, account_id: int) -> dict[Purpose, ProfilePicture]:
        """What the account shows, one for each purpose that it ever had a picture for."""
        rows = await self._cql.execute("picture_all", (account_id,))
        return {
            Purpose(row.purpose): ProfilePicture(account_id, Purpose(row.purpose), row.media_id, row.version)
            for row in rows
        }

    async def change_profile_picture(
        self, shown: ProfilePicture, kept: Media | None, freed: Media | None, today: date
    ) -> None:
        """In one batch: what is shown now stays for good, what was shown before is an upload again, and then swept."""
        values = (shown.account_id, shown.purpose, shown.media_id, shown.version, shown.version)
        rows: list[tuple[str, Args]] = [("picture_put", values)]
        if kept is not None:
            rows.append(("media_put", media_values(kept, ttl=0)))
        if freed is not None:
            rows += freed_upload(freed, today)
        await self._cql.batch(rows)


def attached_values(media: Media) -> TypeValue:
    """The media as a value of the type attached_media."""
    return TypeValue(
        (
            media.media_id,
            MediaType.IMAGE,  # The release before videos knows no other, and must read the rows of this one.
            media.original_key,
            media.small_key,
            media.original.width,
            media.original.height,
            media.small.width,
            media.small.height,
            media.blurhash,
            media.description,
            media.focus.x,
            media.focus.y,
            playback_json(media.playback),
        )
    )


def attached_from(row: Row, account_id: int, post_id: int) -> Media:
    """The media that a value of the type attached_media stands for."""
    playback = playback_from(json.loads(row.playback)) if row.playback else None
    return Media(
        media_id=row.media_id,
        account_id=account_id,
        type=MediaType.IMAGE if playback is None else playback.type,
        original_key=row.original_key,
        small_key=row.small_key,
        original=Dimensions(row.width, row.height),
        small=Dimensions(row.small_width, row.small_height),
        blurhash=row.blurhash or "",
        description=row.description or "",
        focus=Focus(row.focus_x or 0.0, row.focus_y or 0.0),
        post_id=post_id,
        playback=playback,
    )


def media_values(media: Media, *, ttl: int) -> tuple[object, ...]:
    """The arguments of `media_put`; a ttl of 0 keeps the row for good."""
    media_id, *attached = attached_values(media)
    return (media_id, media.account_id, media.post_id, media.version, *attached, media.version, ttl)


def freed_rows(post: Post, today: date) -> list[tuple[str, Args]]:
    """Media of a post that is deleted: uploads again for a day, which another post may take, and then swept."""
    rows: list[tuple[str, Args]] = []
    for media in post.media:
        rows += freed_upload(replace(media, post_id=0, version=post.version), today)
    return rows


def removed_rows(post: Post, today: date) -> list[tuple[str, Args]]:
    """Media that are deleted with their post; their files go with the sweep."""
    rows: list[tuple[str, Args]] = []
    for media in post.media:
        note = UploadNote(today, media.media_id, media.original_key, media.small_key)
        rows += [("media_remove", (post.version, media.media_id)), ("upload_put", note_values(note))]
    return rows


def freed_upload(media: Media, today: date) -> list[tuple[str, Args]]:
    """An upload of no post, with the note by which it is swept."""
    note = UploadNote(today, media.media_id, media.original_key, media.small_key)
    return [("media_put", media_values(media, ttl=UNATTACHED_SECONDS)), ("upload_put", note_values(note))]


def note_values(note: UploadNote) -> Args:
    """The arguments of `upload_put`."""
    return (*_note_key(note.day, note.media_id), note.media_id, note.original_key, note.small_key)


def _media(row: Row) -> Media:
    media = attached_from(row, row.account_id, row.post_id or 0)
    return replace(media, version=row.version, failure=row.failure or "")


def _note_key(day: date, media_id: int) -> tuple[int, int]:
    return day.toordinal(), media_id % UPLOAD_SHARDS
