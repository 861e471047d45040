"""An operator acts as somebody who was made up, and as nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from auth_service import seeded
from auth_service.account_models import Client
from auth_service.config import Settings
from auth_service.errors import AccountNotFound, NotSeeded, WrongCredentials
from auth_service.service.emails import Emails
from auth_service.service.seeded import SCOPES, SeededAccounts
from rookery_common.crypto import BlindIndex, FieldCipher, LocalKeyProvider, derive_key
from rookery_common.ids import TIME_SHIFT

ROOK = 86_400_007 << TIME_SHIFT


@pytest.fixture
def seeded_accounts(world: Any, settings: Any) -> SeededAccounts:
    key = settings.master_key_bytes()
    world.users.accounts[ROOK] = "rook_1_7"
    return SeededAccounts(
        world.repository,
        world.accounts,
        world.users,
        world.auth.apps,
        world.auth.sessions,
        world.auth.passwords,
        Emails(FieldCipher(LocalKeyProvider(key)), BlindIndex(derive_key(key, "auth.index"))),
        world.clock,
    )


async def test_each_token_is_a_session_of_an_app_of_its_own_and_nobody_is_told(
    world: Any, seeded_accounts: SeededAccounts
) -> None:
    made = [await seeded_accounts.token(name) for name in ("rook_1_7", "Rook_1_7")]
    assert len({each.app.client_id for each in made}) == 2
    for each in made:
        assert each.access_token not in repr(each)
        view = (await world.auth.sessions.exchange(each.access_token)).view
        assert (view.session.account_id, view.session.app_id) == (ROOK, each.app.app_id)
        assert view.session.scopes == SCOPES
    assert await world.recorded() == []


async def test_nobody_signs_in_by_a_password_or_an_address_that_was_made_up(
    world: Any, seeded_accounts: SeededAccounts
) -> None:
    await seeded_accounts.token("rook_1_7")
    for login in ("rook_1_7", "rook_1_7@seed.invalid"):
        for password in ("", "rook_1_7", "correct horse of rook_1_7"):
            with pytest.raises(WrongCredentials):
                await world.auth.browsers.start(login, password, Client())


async def test_nobody_acts_for_who_has_signed_up(world: Any, seeded_accounts: SeededAccounts) -> None:
    await world.sign_up("alice")
    with pytest.raises(NotSeeded):
        await seeded_accounts.token("alice")
    with pytest.raises(AccountNotFound):
        await seeded_accounts.token("nobody")


async def test_a_name_that_somebody_signs_in_by_is_not_taken(world: Any, seeded_accounts: SeededAccounts) -> None:
    await world.sign_up("alice")
    world.users.accounts = {ROOK: "alice"}
    with pytest.raises(NotSeeded):
        await seeded_accounts.token("alice")


async def test_but_on_a_local_platform_it_is_asked_for_twice(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seeded, "Settings", lambda: settings.model_copy(update={"local_mode": False}))
    with pytest.raises(NotSeeded, match="--in-production"):
        await seeded.seeded_token("rook_1_7", in_production=False)
