"""Profiles as user tells of them: the golden event, also a second time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from post_service.consumers import PROFILES_TOPIC, ProfilesHandler
from post_service.models import OF_PROFILE, Media, Purpose
from post_service.repository.media import MediaRepository
from post_service.service.profile_pictures import ProfilePictures
from rookery.user.v1.events_pb2 import AccountUpdated
from rookery_common.testing.golden import golden


async def test_the_pictures_of_a_changed_profile_are_kept(
    pictures: ProfilePictures, media: MediaRepository, make_media: Callable[..., Media]
) -> None:
    event = golden(PROFILES_TOPIC, "AccountUpdated")
    message = event.decode()
    assert isinstance(message, AccountUpdated)
    account_id = message.account.account_id
    avatar = make_media(account_id=account_id, post_id=OF_PROFILE)
    await media.put(avatar)
    message.account.avatar_media_id = avatar.media_id
    handler = ProfilesHandler(pictures)
    for _ in range(2):
        await handler(replace(event, payload=message.SerializeToString()))
        shown = await media.profile_pictures(account_id)
        assert {purpose: picture.media_id for purpose, picture in shown.items()} == {Purpose.AVATAR: avatar.media_id}


async def test_what_does_not_change_a_profile_is_passed_over(pictures: ProfilePictures, media: MediaRepository) -> None:
    for name in ("AccountCreated", "FollowCreated"):
        await ProfilesHandler(pictures)(golden(PROFILES_TOPIC, name))
    assert await media.profile_pictures(815916279398400001) == {}
