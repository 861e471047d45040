"""User: one's own profile."""

from __future__ import annotations

from typing import Any

from gateway_fakes.service import FakeService, bad
from rookery.user.v1 import profile_service_pb2 as pb
from rookery_common.auth import Identity


class FakeProfiles(FakeService):
    """Changes the accounts of the fake of user."""

    def __init__(self, world: Any) -> None:
        super().__init__(world)
        self.settings = pb.ProfileSettings(privacy=pb.DEFAULT_VISIBILITY_PUBLIC)

    def GetProfile(self, _request: Any, who: Identity | None) -> Any:
        assert who is not None
        return pb.GetProfileResponse(account=self.world.user.accounts[who.account_id], settings=self.settings)

    def GetPostingDefaults(self, _request: Any, _who: Identity | None) -> Any:
        own = self.settings
        return pb.GetPostingDefaultsResponse(privacy=own.privacy, sensitive=own.sensitive, language=own.language)

    def UpdateProfile(self, request: pb.UpdateProfileRequest, who: Identity | None) -> Any:
        assert who is not None
        if len(request.display_name) > 30:
            raise bad("display_name", "ERR_TOO_LONG", "must have at most 30 characters")
        account = self.world.user.accounts[who.account_id]
        for field, value in request.ListFields():
            if field.name in ("avatar", "header"):
                setattr(account, f"{field.name}_url", value.url)
            elif field.name == "fields":
                del account.fields[:]
                account.fields.extend(value.fields)
            elif field.name == "attribution_domains":
                self.settings.attribution_domains[:] = value.domains
            elif field.name in ("privacy", "sensitive", "language", "birthday"):
                setattr(self.settings, field.name, value)
            else:
                setattr(account, field.name, value)
        account.version += 1
        return pb.UpdateProfileResponse(account=account, settings=self.settings)
