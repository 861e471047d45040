"""PreferenceService through a real stub: what comes back, and what is refused before anything is written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from notification_service.preference_models import Preferences
from notification_service.preference_servicer import PreferenceServicer
from notification_service.repository.preferences import PreferenceRepository
from notification_service.service.digest_schedule import DigestSchedule
from notification_service.service.unsubscribing import UnsubscribeTokens
from notification_service.servicer import ALLOWED_CALLERS
from rookery.notification.v1 import notification_service_pb2 as types
from rookery.notification.v1 import preference_service_pb2 as pb
from rookery.notification.v1.preference_service_pb2_grpc import (
    PreferenceServiceStub,
    add_PreferenceServiceServicer_to_server,
)
from rookery_common.errors import InvalidArgument, PermissionDenied
from rookery_common.testing.rpc import Network, Tokens, settings_of

ALICE = 101
LIKE, SIGN_IN = types.NOTIFICATION_TYPE_FAVOURITE, types.NOTIFICATION_TYPE_SIGN_IN
Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
async def ask(preferences: PreferenceRepository, schedule: DigestSchedule) -> AsyncIterator[Ask]:
    async with AsyncExitStack() as stack:
        tokens = Tokens()
        network = Network(stack, tokens.verifier)
        name = "rookery.notification.v1.PreferenceService"
        registration = (add_PreferenceServiceServicer_to_server, PreferenceServicer(preferences, schedule), name)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        client = await network.client(
            server.port, PreferenceServiceStub, service="notification", settings=settings_of("gateway")
        )

        async def call(method: str, request: Any, scope: str = "write:notifications") -> Any:
            identity = tokens.identity(ALICE, scopes=["read:notifications", scope])
            answer = await client.call(method, request, timeout=5, identity=identity)
            return getattr(answer, "preferences", None)

        yield call


def change(**fields: Any) -> pb.ChannelChange:
    return pb.ChannelChange(**{"type": LIKE, "channel": pb.CHANNEL_PUSH, **fields})


async def test_a_caller_chooses_ways_and_quiet_hours(ask: Ask) -> None:
    night = pb.QuietHours(from_minute=1_320, to_minute=420, time_zone="Europe/Berlin")
    made = await ask("UpdatePreferences", pb.UpdatePreferencesRequest(changes=[change()], quiet_hours=night))
    assert (list(made.not_pushed), list(made.not_streamed), made.quiet_hours) == ([LIKE], [], night)
    assert await ask("GetPreferences", pb.GetPreferencesRequest()) == made
    kept = await ask("UpdatePreferences", pb.UpdatePreferencesRequest(changes=[change(wanted=True)]))
    assert (list(kept.not_pushed), kept.quiet_hours) == ([], night)
    ended = await ask("UpdatePreferences", pb.UpdatePreferencesRequest(no_quiet_hours=True))
    assert not ended.HasField("quiet_hours")
    with pytest.raises(PermissionDenied):
        await ask("UpdatePreferences", pb.UpdatePreferencesRequest(), scope="read:statuses")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (pb.UpdatePreferencesRequest(changes=[change(type=0)]), "changes"),
        (pb.UpdatePreferencesRequest(changes=[change(channel=0)]), "changes"),
        (pb.UpdatePreferencesRequest(changes=[change(type=SIGN_IN)]), "changes"),
        (pb.UpdatePreferencesRequest(changes=[change(), change(wanted=True)]), "changes"),
        (pb.UpdatePreferencesRequest(quiet_hours=pb.QuietHours(from_minute=1_440, to_minute=1)), "quiet_hours.from"),
        (pb.UpdatePreferencesRequest(quiet_hours=pb.QuietHours(to_minute=-1)), "quiet_hours.to"),
        (pb.UpdatePreferencesRequest(quiet_hours=pb.QuietHours(time_zone="UTC")), "quiet_hours.to"),
        (pb.UpdatePreferencesRequest(quiet_hours=pb.QuietHours(to_minute=1)), "quiet_hours.time_zone"),
        (
            pb.UpdatePreferencesRequest(
                changes=[change()], quiet_hours=pb.QuietHours(to_minute=1, time_zone="../etc/passwd")
            ),
            "quiet_hours.time_zone",
        ),
    ],
)
async def test_what_can_not_be_preferred_is_refused(
    ask: Ask, preferences: PreferenceRepository, asked: pb.UpdatePreferencesRequest, field: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await ask("UpdatePreferences", asked)
    assert [each.field for each in refused.value.fields] == [field]
    assert await preferences.get(ALICE) == Preferences()


async def test_digests_are_off_until_they_are_chosen_and_end_by_the_mailed_token(
    ask: Ask, tokens: UnsubscribeTokens
) -> None:
    assert (await ask("GetPreferences", pb.GetPreferencesRequest())).digest == pb.DIGEST_FREQUENCY_OFF
    weekly = pb.UpdatePreferencesRequest(digest=pb.DIGEST_FREQUENCY_WEEKLY, changes=[change(channel=pb.CHANNEL_MAIL)])
    chosen = await ask("UpdatePreferences", weekly)
    assert (chosen.digest, list(chosen.not_mailed)) == (pb.DIGEST_FREQUENCY_WEEKLY, [LIKE])
    kept = await ask("UpdatePreferences", pb.UpdatePreferencesRequest(no_quiet_hours=True))
    assert kept.digest == pb.DIGEST_FREQUENCY_WEEKLY
    token = tokens.issue(ALICE)
    for wrong in ("", "x", token[:-2], "B" + token[1:], f" {token}", token + "A", "ü"):
        with pytest.raises(InvalidArgument) as refused:
            await ask("UnsubscribeDigest", pb.UnsubscribeDigestRequest(token=wrong))
        assert refused.value.fields[0].field == "token"
    for _ in range(2):
        await ask("UnsubscribeDigest", pb.UnsubscribeDigestRequest(token=token))
    ended = await ask("GetPreferences", pb.GetPreferencesRequest())
    assert (ended.digest, list(ended.not_mailed)) == (pb.DIGEST_FREQUENCY_OFF, [LIKE])


async def test_how_often_is_one_of_three(ask: Ask) -> None:
    hourly: Any = 9
    with pytest.raises(InvalidArgument) as refused:
        await ask("UpdatePreferences", pb.UpdatePreferencesRequest(digest=hourly, changes=[change()]))
    assert refused.value.fields[0].field == "digest"
    assert list((await ask("GetPreferences", pb.GetPreferencesRequest())).not_pushed) == []
