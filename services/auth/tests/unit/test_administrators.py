"""An operator makes an administrator, who signs in at once, whatever strangers may do."""

from __future__ import annotations

from typing import Any

import pytest

from auth_service.account_models import Client
from auth_service.errors import ValidationFailed
from auth_service.events import Events
from auth_service.service.administrators import Administrators
from auth_service.service.emails import Emails
from auth_service.service.password_policy import PasswordPolicy
from rookery_common.crypto import BlindIndex, FieldCipher, LocalKeyProvider, derive_key
from rookery_common.errors import Unavailable

ADDRESS = "root@example.org"


@pytest.fixture
def administrators(world: Any, settings: Any) -> Administrators:
    key = settings.master_key_bytes()
    return Administrators(
        world.repository,
        world.accounts,
        world.users,
        world.auth.passwords,
        PasswordPolicy(),
        Emails(FieldCipher(LocalKeyProvider(key)), BlindIndex(derive_key(key, "auth.index"))),
        Events(world.clock),
        world.clock,
    )


async def test_an_administrator_signs_in_by_name_and_by_address_with_the_role(
    world: Any, administrators: Administrators
) -> None:
    made = await administrators.create("Root", ADDRESS)
    assert made.password not in repr(made)
    assert world.users.accounts == {made.credentials.account_id: "root"}
    assert await world.recorded() == ["CredentialsCreated"]
    for login in ("root", ADDRESS):
        assert (await world.auth.sign_in.check(login, made.password)).roles == ("admin",)
    step = await world.auth.browsers.start("root", made.password, Client())
    view = (await world.auth.sessions.exchange(step.session.token)).view
    assert "administrator" in view.permissions


@pytest.mark.parametrize(
    ("username", "email", "field", "code"),
    [
        ("alice", ADDRESS, "username", "ERR_TAKEN"),
        ("root", "Alice@example.org", "email", "ERR_TAKEN"),
        ("no name", ADDRESS, "username", "ERR_INVALID"),
        ("root", "nowhere", "email", "ERR_INVALID"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_made(
    world: Any, administrators: Administrators, username: str, email: str, field: str, code: str
) -> None:
    await world.sign_up("alice")
    with pytest.raises(ValidationFailed) as caught:
        await administrators.create(username, email)
    assert [(one.field, one.code) for one in caught.value.fields] == [(field, code)]
    assert len(world.users.accounts) == 1


async def test_a_try_that_was_cut_short_is_repeated(world: Any, administrators: Administrators) -> None:
    world.users.failures["reserve"] = [Unavailable("away")]
    with pytest.raises(Unavailable):
        await administrators.create("root", ADDRESS)
    world.users.failures["confirm"] = [Unavailable("away")]
    # The event that is recorded confirms it.
    made = await administrators.create("root", ADDRESS)
    assert (await world.auth.sign_in.check("root", made.password)).username == "root"
    assert await world.recorded() == ["CredentialsCreated"]
