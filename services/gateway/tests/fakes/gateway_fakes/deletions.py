"""User: the end of accounts."""

from __future__ import annotations

from typing import Any

from gateway_fakes.service import FakeService, bad
from rookery.user.v1 import deletion_service_pb2 as pb
from rookery_common.auth import Identity


class FakeDeletions(FakeService):
    """An account is gone at once, and with it whoever has signed in as it."""

    def DeleteAccount(self, request: pb.DeleteAccountRequest, who: Identity | None) -> Any:
        assert who is not None
        assert "security" in who.scopes
        account = self.world.user.accounts[who.account_id]
        if request.username.lower() != account.username.lower():
            raise bad("username", "ERR_CONFIRMATION", "is not the account's")
        del self.world.user.accounts[who.account_id]
        return pb.DeleteAccountResponse()
