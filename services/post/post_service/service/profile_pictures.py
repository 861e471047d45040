"""Pictures of profiles: kept while the profile shows them, let go when it shows another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from post_service import metrics
from post_service.models import OF_PROFILE, Media, ProfilePicture, Purpose
from post_service.repository.media import MediaRepository
from post_service.versions import HybridClock
from rookery_common.clock import Clock
from rookery_common.logs import get_logger

log = get_logger()


class ProfilePictures:
    """Follows what profiles show; an upload that no profile shows within a day is swept like any other."""

    def __init__(self, media: MediaRepository, versions: HybridClock, clock: Clock) -> None:
        self._media = media
        self._versions = versions
        self._clock = clock

    async def settle(self, account_id: int, shown: Mapping[Purpose, int], version: int) -> None:
        """The profile of this version shows these media (0: none); told of again, or late, it changes nothing."""
        known = await self._media.profile_pictures(account_id)
        for purpose, media_id in shown.items():
            before = known.get(purpose, ProfilePicture(account_id, purpose))
            if before.version < version and before.media_id != media_id:
                await self._change(before, ProfilePicture(account_id, purpose, media_id, version))

    async def forget(self, account_id: int) -> int:
        """The account shows nothing any more, also if it is told late of what it did. How many pictures it showed."""
        known, version = await self._media.profile_pictures(account_id), self._versions.next()
        for purpose in (Purpose.AVATAR, Purpose.HEADER):
            before = known.get(purpose, ProfilePicture(account_id, purpose))
            await self._change(before, ProfilePicture(account_id, purpose, version=version))
        return sum(picture.media_id != 0 for picture in known.values())

    async def _change(self, before: ProfilePicture, after: ProfilePicture) -> None:
        found = await self._media.get_many([id_ for id_ in (before.media_id, after.media_id) if id_])
        kept = self._own(found.get(after.media_id), after.account_id)
        freed = self._own(found.get(before.media_id), before.account_id)
        if after.media_id and kept is None:
            # Told of too late: its row has expired. The file goes with the next sweep.
            metrics.PICTURES_LOST.inc()
            log.error("post.profile_picture_lost", account_id=after.account_id, media_id=after.media_id)
        await self._media.change_profile_picture(after, kept, freed, self._clock.now().date())

    def _own(self, media: Media | None, account_id: int) -> Media | None:
        """The media as it is to be written, if it is a picture of this account's profile."""
        if media is None or media.account_id != account_id or media.post_id != OF_PROFILE:
            return None
        return replace(media, version=self._versions.next(media.version))
