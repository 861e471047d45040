"""Signing up makes one account, whatever is repeated, raced or cut short."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from auth_service.account_models import Client, SignUpMode
from auth_service.errors import (
    AccountPending,
    AppTokenRequired,
    RegistrationsClosed,
    TooManyTries,
    ValidationFailed,
)
from rookery_common.errors import FieldViolation, InvalidArgument, Unavailable


def codes(error: ValidationFailed) -> dict[str, str]:
    return {violation.field: violation.code for violation in error.fields}


async def test_sign_up_makes_an_account_with_a_token_that_works(world: Any) -> None:
    issued = await world.sign_up("Alice")
    assert issued.session.account_id in world.users.accounts
    assert issued.session.scopes == world.app.scopes
    internal = await world.auth.sessions.exchange(issued.access_token)
    assert internal.view.session.account_id == issued.session.account_id
    assert await world.recorded() == ["CredentialsCreated"]
    credentials = await world.auth.sign_in.check("alice", "correct horse of Alice")
    assert credentials.account_id == issued.session.account_id


async def test_the_same_request_again_gives_the_same_account_and_a_fresh_token(world: Any) -> None:
    first, second = await world.sign_up(), await world.sign_up()
    assert first.session.account_id == second.session.account_id
    assert first.access_token != second.access_token
    await world.auth.sessions.exchange(first.access_token)
    await world.auth.sessions.exchange(second.access_token)
    assert await world.recorded() == ["CredentialsCreated"]


async def test_the_same_request_many_times_at_once_makes_one_account(world: Any) -> None:
    issued = await asyncio.gather(*(world.sign_up() for _ in range(5)))
    assert len({token.session.account_id for token in issued}) == 1
    assert len(world.users.accounts) == 1
    assert await world.recorded() == ["CredentialsCreated"]


async def test_what_the_same_request_has_taken_meanwhile_refuses_none(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    admission = world.auth.sign_up._admission
    check = admission.check_invitation

    async def late(form: Any) -> None:
        monkeypatch.setattr(admission, "check_invitation", check)
        await world.sign_up()
        await check(form)

    monkeypatch.setattr(admission, "check_invitation", late)
    assert (await world.sign_up()).session.account_id in world.users.accounts
    assert await world.recorded() == ["CredentialsCreated"]


async def test_the_same_request_with_another_password_is_refused(world: Any) -> None:
    await world.sign_up()
    with pytest.raises(ValidationFailed) as caught:
        await world.sign_up(password="another password")
    assert codes(caught.value) == {"username": "ERR_TAKEN", "email": "ERR_TAKEN"}


async def test_guessing_passwords_by_repeated_sign_up_is_throttled(world: Any) -> None:
    await world.sign_up()
    for _ in range(5):
        with pytest.raises(ValidationFailed):
            await world.sign_up(password="another password")
    with pytest.raises(TooManyTries):
        await world.sign_up()


async def test_a_request_is_repeatable_for_a_day_only(world: Any) -> None:
    await world.sign_up()
    world.clock.advance(86_401)
    with pytest.raises(ValidationFailed) as caught:
        await world.sign_up()
    assert codes(caught.value) == {"username": "ERR_TAKEN", "email": "ERR_TAKEN"}


@pytest.mark.parametrize("changes", [{"username": "alicia"}, {"email": "alicia@example.org"}])
async def test_a_request_id_stands_for_one_sign_up(world: Any, changes: dict[str, str]) -> None:
    await world.sign_up()
    with pytest.raises(ValidationFailed) as caught:
        await world.sign_up(**changes)
    assert codes(caught.value) == {"request_id": "ERR_TAKEN"}


async def test_a_request_id_is_bound_to_its_app(world: Any) -> None:
    await world.sign_up()
    other, _ = await world.auth.apps.create("Other", [world.redirect], ["write"], "")
    world.identity = replace(world.identity, app_id=other.app_id)
    with pytest.raises(ValidationFailed) as caught:
        await world.sign_up()
    assert codes(caught.value) == {"email": "ERR_TAKEN"}


@pytest.mark.parametrize("email", ["alice@example.org", "ALICE@Example.ORG", " alice@example.org "])
async def test_a_taken_address_is_told_however_it_is_written(world: Any, email: str) -> None:
    await world.sign_up()
    with pytest.raises(ValidationFailed) as caught:
        await world.sign_up("bob", email=email)
    assert codes(caught.value) == {"email": "ERR_TAKEN"}


async def test_a_taken_name_is_told(world: Any) -> None:
    await world.sign_up()
    with pytest.raises(ValidationFailed) as caught:
        await world.sign_up("ALICE", request_id="other", email="other@example.org")
    assert codes(caught.value) == {"username": "ERR_TAKEN"}


async def test_of_two_who_want_one_address_at_once_one_gets_it(world: Any) -> None:
    wanted = [world.sign_up(name, email="shared@example.org") for name in ("alice", "bob")]
    results = await asyncio.gather(*wanted, return_exceptions=True)
    refused = [result for result in results if isinstance(result, ValidationFailed)]
    assert [codes(error) for error in refused] == [{"email": "ERR_TAKEN"}]


async def test_names_that_the_user_service_refuses_are_told_by_field(world: Any) -> None:
    violation = FieldViolation("username", "ERR_RESERVED", "is reserved")
    world.users.failures["reserve"] = [InvalidArgument("username is reserved", fields=[violation])]
    with pytest.raises(ValidationFailed) as caught:
        await world.sign_up("admin")
    assert codes(caught.value) == {"username": "ERR_RESERVED"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"username": ""}, {"username": "ERR_BLANK"}),
        ({"username": "not a name"}, {"username": "ERR_INVALID"}),
        ({"username": "jürgen"}, {"username": "ERR_INVALID"}),
        ({"username": "x" * 31}, {"username": "ERR_TOO_LONG"}),
        ({"email": " "}, {"email": "ERR_BLANK"}),
        ({"email": "nowhere"}, {"email": "ERR_INVALID"}),
        ({"email": "a@b"}, {"email": "ERR_INVALID"}),
        ({"email": "a@-x-.org"}, {"email": "ERR_INVALID"}),
        ({"email": "a b@example.org"}, {"email": "ERR_INVALID"}),
        ({"email": "a@example.org\r\nbcc: b@example.org"}, {"email": "ERR_INVALID"}),
        ({"email": "a@" + "x" * 64 + ".org"}, {"email": "ERR_INVALID"}),
        ({"email": "a" * 65 + "@example.org"}, {"email": "ERR_INVALID"}),
        ({"password": ""}, {"password": "ERR_BLANK"}),
        ({"password": "seven77"}, {"password": "ERR_TOO_SHORT"}),
        ({"password": "x" * 257}, {"password": "ERR_TOO_LONG"}),
        ({"agreement": False}, {"agreement": "ERR_ACCEPTED"}),
        ({"request_id": ""}, {"request_id": "ERR_BLANK"}),
        ({"request_id": "x" * 256}, {"request_id": "ERR_TOO_LONG"}),
        ({"locale": "x" * 36}, {"locale": "ERR_TOO_LONG"}),
        ({"reason": "x" * 2001}, {"reason": "ERR_TOO_LONG"}),
        (
            {"username": "", "email": "", "password": "", "agreement": False},
            {"username": "ERR_BLANK", "email": "ERR_BLANK", "password": "ERR_BLANK", "agreement": "ERR_ACCEPTED"},
        ),
    ],
)
async def test_every_wrong_field_is_named_and_nothing_is_reserved(
    world: Any, changes: dict[str, object], expected: dict[str, str]
) -> None:
    with pytest.raises(ValidationFailed) as caught:
        await world.sign_up(**changes)
    assert codes(caught.value) == expected
    assert world.users.calls == []


@pytest.mark.parametrize("email", ["ann+tag@sub.example.org", "Änne@bücher.example", "o'neil@example.co.uk"])
async def test_unusual_addresses_are_accepted(world: Any, email: str) -> None:
    await world.sign_up(email=email)
    credentials = await world.auth.sign_in.check(email, "correct horse of alice")
    assert credentials.username == "alice"


async def test_a_user_can_not_sign_up_another(world: Any) -> None:
    issued = await world.sign_up()
    world.identity = replace(world.identity, account_id=issued.session.account_id)
    with pytest.raises(AppTokenRequired):
        await world.sign_up("bob")


async def test_sign_up_is_refused_where_it_is_closed(world: Any) -> None:
    world.auth.admission.mode = SignUpMode.CLOSED
    with pytest.raises(RegistrationsClosed):
        await world.sign_up()
    assert world.users.calls == []


async def test_a_crash_after_the_reservation_leaves_one_account_in_the_end(world: Any) -> None:
    add_account = world.accounts.add_account
    world.accounts.add_account = _crash
    with pytest.raises(Unavailable):
        await world.sign_up()
    assert world.users.accounts == {}
    world.accounts.add_account = add_account
    issued = await world.sign_up()
    assert list(world.users.accounts) == [issued.session.account_id]
    assert len(world.users.reservations) == 1


async def test_a_crash_before_the_confirmation_is_healed_by_the_event(world: Any) -> None:
    world.users.failures["confirm"] = [Unavailable("user is away")]
    issued = await world.sign_up()
    assert world.users.accounts == {}
    assert await world.recorded() == ["CredentialsCreated"]
    (reservation_id,) = world.users.reservations
    await world.users.confirm(issued.session.account_id, reservation_id)
    assert list(world.users.accounts.values()) == ["alice"]


async def test_a_crash_before_the_confirmation_is_healed_by_the_next_try(world: Any) -> None:
    world.users.failures["confirm"] = [Unavailable("user is away")]
    first = await world.sign_up()
    second = await world.sign_up()
    assert second.session.account_id == first.session.account_id
    assert list(world.users.accounts) == [first.session.account_id]
    assert await world.recorded() == ["CredentialsCreated"]


async def test_a_reservation_that_expired_before_its_confirmation_is_taken_again(world: Any) -> None:
    world.users.failures["confirm"] = [Unavailable("user is away")]
    first = await world.sign_up()
    world.clock.advance(16 * 60)
    second = await world.sign_up()
    assert second.session.account_id == first.session.account_id
    assert list(world.users.accounts) == [first.session.account_id]


async def test_credentials_are_not_written_for_a_reservation_about_to_expire(world: Any) -> None:
    add_account, world.accounts.add_account = world.accounts.add_account, _crash
    with pytest.raises(Unavailable):
        await world.sign_up()
    world.accounts.add_account = add_account
    world.clock.advance(15 * 60 - 10)
    with pytest.raises(Unavailable) as caught:
        await world.sign_up()
    assert caught.value.reason == "RESERVATION_TOO_OLD"
    world.clock.advance(caught.value.retry_after or 0)
    issued = await world.sign_up()
    assert list(world.users.accounts) == [issued.session.account_id]


async def _crash(*_args: object) -> None:
    raise Unavailable("the process died here")


@pytest.mark.parametrize("mode", [SignUpMode.OPEN, SignUpMode.APPROVAL])
async def test_at_a_browser_one_signs_in_once_the_account_is_accepted(world: Any, mode: SignUpMode) -> None:
    world.auth.admission.mode = mode
    form = world.form(reason="I keep bees")
    states = [await world.auth.sign_up.sign_up_at_browser(form) for _ in range(2)]
    assert [state.approved for state in states] == [mode is SignUpMode.OPEN] * 2
    assert await world.recorded() == ["CredentialsCreated"]
    signing_in = world.auth.browsers.start("alice", form.password, Client())
    if mode is SignUpMode.OPEN:
        assert (await signing_in).session is not None
    else:
        with pytest.raises(AccountPending):
            await signing_in


async def test_at_a_browser_the_same_is_refused_as_in_an_app(world: Any) -> None:
    await world.sign_up()
    with pytest.raises(ValidationFailed) as caught:
        await world.auth.sign_up.sign_up_at_browser(world.form(request_id="another", email="else@example.org"))
    assert codes(caught.value) == {"username": "ERR_TAKEN"}
    world.auth.admission.mode = SignUpMode.CLOSED
    with pytest.raises(RegistrationsClosed):
        await world.auth.sign_up.sign_up_at_browser(world.form("bob"))
