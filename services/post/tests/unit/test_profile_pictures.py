"""Profiles keep the pictures that they show. Runs over the fakes, and as engine/test_profile_pictures.py over CQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from post_service.models import OF_PROFILE, Media, Purpose
from post_service.repository.media import MediaRepository
from post_service.service.profile_pictures import ProfilePictures
from rookery_common.testing import FakeClock

MakeMedia = Callable[..., Media]
ALICE = 101


async def _shown(media: MediaRepository) -> dict[Purpose, int]:
    return {purpose: shown.media_id for purpose, shown in (await media.profile_pictures(ALICE)).items()}


async def _noted(media: MediaRepository, clock: FakeClock, picture: Media) -> list[int]:
    notes = await media.noted_uploads(clock.now().date(), picture.media_id % 16, 0, 100)
    return [note.media_id for note in notes]


async def test_a_shown_picture_stays_and_the_one_before_is_let_go(
    pictures: ProfilePictures, media: MediaRepository, make_media: MakeMedia, clock: FakeClock
) -> None:
    first, second, header = (make_media(post_id=OF_PROFILE) for _ in range(3))
    for picture in (first, second, header):
        await media.put(picture)
    await pictures.settle(ALICE, {Purpose.AVATAR: first.media_id, Purpose.HEADER: 0}, 2)
    assert await _shown(media) == {Purpose.AVATAR: first.media_id}
    assert await _noted(media, clock, first) == []
    await pictures.settle(ALICE, {Purpose.AVATAR: second.media_id, Purpose.HEADER: header.media_id}, 3)
    assert await _shown(media) == {Purpose.AVATAR: second.media_id, Purpose.HEADER: header.media_id}
    assert await _noted(media, clock, first) == [first.media_id]
    await pictures.settle(ALICE, {Purpose.AVATAR: 0, Purpose.HEADER: header.media_id}, 4)
    assert await _shown(media) == {Purpose.AVATAR: 0, Purpose.HEADER: header.media_id}
    assert await _noted(media, clock, second) == [second.media_id]


async def test_what_is_told_again_or_late_changes_nothing(
    pictures: ProfilePictures, media: MediaRepository, make_media: MakeMedia, clock: FakeClock
) -> None:
    first, second = (make_media(post_id=OF_PROFILE) for _ in range(2))
    for picture in (first, second):
        await media.put(picture)
    for version, picture in ((2, first), (3, second), (2, first), (3, second)):
        await pictures.settle(ALICE, {Purpose.AVATAR: picture.media_id}, version)
    assert await _shown(media) == {Purpose.AVATAR: second.media_id}
    assert await _noted(media, clock, second) == []


async def test_only_ones_own_profile_pictures_are_kept(
    pictures: ProfilePictures, media: MediaRepository, make_media: MakeMedia
) -> None:
    others, of_a_post = make_media(account_id=102, post_id=OF_PROFILE), make_media(post_id=7)
    for version, picture in enumerate((others, of_a_post), 2):
        await media.put(picture)
        await pictures.settle(ALICE, {Purpose.AVATAR: picture.media_id}, version)
        assert (await media.get_many([picture.media_id]))[picture.media_id] == picture
    await pictures.settle(ALICE, {Purpose.AVATAR: 0}, 9)
    assert (await media.get_many([others.media_id])) == {others.media_id: replace(others)}


async def test_a_picture_that_has_expired_does_not_stop_what_comes_after(
    pictures: ProfilePictures, media: MediaRepository, make_media: MakeMedia
) -> None:
    await pictures.settle(ALICE, {Purpose.AVATAR: 404}, 2)
    later = make_media(post_id=OF_PROFILE)
    await media.put(later)
    await pictures.settle(ALICE, {Purpose.AVATAR: later.media_id}, 3)
    assert await _shown(media) == {Purpose.AVATAR: later.media_id}
