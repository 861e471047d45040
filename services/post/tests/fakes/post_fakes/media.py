"""Media, files and pictures, and the accounts of others, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from post_fakes.store import Store
from post_service.clients import Relation, UserClient
from post_service.errors import BrokenFile, FileTooLarge, UnsupportedType
from post_service.imaging.formats import Kind
from post_service.imaging.pool import ImageWorkers
from post_service.imaging.worker import answer_for
from post_service.models import (
    Media,
    MediaWork,
    Mention,
    ProcessedMedia,
    ProfilePicture,
    Purpose,
    UploadClaim,
    UploadNote,
)
from post_service.repository.media import UPLOAD_SHARDS, MediaRepository
from post_service.repository.unfinished_media import UnfinishedMediaRepository
from rookery_common.auth import Identity
from rookery_common.clients.s3 import ObjectNotFound
from rookery_common.clients.s3_parts import S3Parts
from rookery_common.kafka.events import Event


class MemoryMedia(MediaRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get_many(self, media_ids: Sequence[int]) -> dict[int, Media]:
        self._store.require("cql")
        return {media_id: self._store.media[media_id] for media_id in media_ids if media_id in self._store.media}

    async def put(self, media: Media) -> None:
        self._store.require("cql")
        self._store.media[media.media_id] = media

    async def describe(self, media: Media) -> None:
        held = self._store.media[media.media_id]
        changed = replace(held, description=media.description, focus=media.focus, version=media.version)
        self._store.media[media.media_id] = changed

    async def find_claim(self, account_id: int, request_id: str) -> UploadClaim | None:
        return self._store.upload_claims.get((account_id, request_id))

    async def claim(self, account_id: int, request_id: str, claim: UploadClaim) -> UploadClaim:
        self._store.require("cql")
        return self._store.upload_claims.setdefault((account_id, request_id), claim)

    async def note_upload(self, note: UploadNote) -> None:
        self._store.require("cql")
        self._store.uploads[note.day, note.media_id] = note

    async def noted_uploads(self, day: date, shard: int, after: int, limit: int) -> list[UploadNote]:
        notes = (n for n in self._store.uploads.values() if n.day == day and n.media_id % UPLOAD_SHARDS == shard)
        return sorted((n for n in notes if n.media_id > after), key=lambda n: n.media_id)[:limit]

    async def remove(self, media: Media) -> None:
        self._store.require("cql")
        self._store.media.pop(media.media_id, None)

    async def hold(self, media: Sequence[Media]) -> None:
        self._store.media |= {each.media_id: each for each in media}

    async def free(self, media: Sequence[Media], today: date) -> None:
        for each in media:
            self._store.media[each.media_id] = each
            await self.note_upload(UploadNote(today, each.media_id, each.original_key, each.small_key))

    async def forget_upload(self, note: UploadNote) -> None:
        self._store.uploads.pop((note.day, note.media_id), None)

    async def profile_pictures(self, account_id: int) -> dict[Purpose, ProfilePicture]:
        return {purpose: shown for (owner, purpose), shown in self._store.pictures.items() if owner == account_id}

    async def change_profile_picture(
        self, shown: ProfilePicture, kept: Media | None, freed: Media | None, today: date
    ) -> None:
        self._store.pictures[shown.account_id, shown.purpose] = shown
        for media in (kept, freed):
            if media is not None:
                self._store.media[media.media_id] = media
        if freed is not None:
            await self.note_upload(UploadNote(today, freed.media_id, freed.original_key, freed.small_key))


class MemoryUnfinished(UnfinishedMediaRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def count(self, account_id: int, limit: int) -> int:
        self._store.require("cql")
        return min(limit, sum(owner == account_id for owner, _ in self._store.unfinished))

    async def has(self, work: MediaWork) -> bool:
        return (work.account_id, work.media_id) in self._store.unfinished

    async def accept(self, media: Media, event: Event) -> None:
        self._store.require("cql")
        self._store.media[media.media_id] = media
        self._store.unfinished.add((media.account_id, media.media_id))
        self._store.outbox.append(event)
        self._store.published.append(event)

    async def finish(self, media: Media, work: MediaWork) -> None:
        self._store.require("cql")
        held = self._store.media.get(work.media_id)
        if held is not None and held.is_unfinished:
            version = max(held.version, work.version + 1)
            said = replace(media, post_id=0, description=held.description, focus=held.focus, version=version)
            self._store.media[work.media_id] = said
        await self.forget(work)

    async def fail(self, work: MediaWork, failure: str) -> None:
        self._store.require("cql")
        held = self._store.media.get(work.media_id)
        if held is not None and held.is_unfinished:
            self._store.media[work.media_id] = replace(held, failure=failure)
        await self.forget(work)

    async def forget(self, work: MediaWork) -> None:
        self._store.unfinished.discard((work.account_id, work.media_id))


class MemoryUsers(UserClient):
    def __init__(self, store: Store, accounts: dict[str, Mention], follows: dict[int, set[int]]) -> None:
        self._store = store
        self._accounts = accounts
        self._follows = follows

    async def find_accounts(self, usernames: Sequence[str]) -> list[Mention]:
        self._store.require("user")
        return [self._accounts[name.lower()] for name in usernames if name.lower() in self._accounts]

    async def relations(self, viewer: Identity, account_ids: Sequence[int]) -> dict[int, Relation]:
        self._store.require("user")
        follows, me = self._follows[viewer.account_id], viewer.account_id
        known = [account_id for account_id in account_ids if account_id not in self._store.unknown_accounts]
        return {
            each: Relation(each in follows, not self._store.blocks.isdisjoint({(me, each), (each, me)}))
            for each in known
        }


class MemoryFiles(S3Parts):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, key: str, data: bytes, content_type: str, cache_control: str = "") -> None:
        self._store.require("s3")
        self._store.files[key] = (data, content_type, cache_control)

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        self._store.require("s3")
        if key not in self._store.files:
            raise ObjectNotFound("there is no such object")
        data = self._store.files[key][0]
        assert len(data) <= max_bytes
        return data

    async def delete(self, key: str) -> None:
        self._store.require("s3")
        self._store.files.pop(key, None)


class InlineWorkers(ImageWorkers):
    """Processes in this process: for pictures that tests make themselves."""

    async def process(self, data: bytes, kind: Kind, purpose: Purpose = Purpose.POST) -> ProcessedMedia:
        answer = answer_for(data, kind, purpose)
        if isinstance(answer, ProcessedMedia):
            return answer
        refusals = {error.reason: error for error in (BrokenFile, FileTooLarge, UnsupportedType)}
        raise refusals[answer.reason](answer.description)
