"""Signing in by an account at another site: linked by its owner, never by an address, and never the last way in."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from provider_fakes import FakeProvider, FakeWeb, settings_of
from pydantic import SecretStr

from auth_service.account_models import Client, Factor, MailKind, SignUpMode
from auth_service.config import Settings
from auth_service.errors import (
    AccountPending,
    ChallengeExpired,
    ElevationRequired,
    InvitationVoid,
    LastWayIn,
    LinkNotFound,
    ProviderLinked,
    ProviderNotFound,
    ProviderNotLinked,
    ProviderRefused,
    ValidationFailed,
    WrongCredentials,
    WrongProviderAnswer,
)
from auth_service.provider_models import ProviderAnswer, ProviderStep
from rookery_common.auth import Identity
from rookery_common.testing import FakeClock

PASSWORD = "correct horse of alice"
BACK = "/auth/sessions"


@pytest.fixture
def there(clock: FakeClock, web: FakeWeb) -> FakeProvider:
    return _at(web, FakeProvider(clock, claims={"email": "alice@example.org", "preferred_username": "Alice B."}))


@pytest.fixture
def elsewhere(clock: FakeClock, web: FakeWeb) -> FakeProvider:
    return _at(web, FakeProvider(clock, issuer="https://other.example", client_id="other"))


@pytest.fixture
def settings(settings: Settings, there: FakeProvider, elsewhere: FakeProvider) -> Settings:
    return settings.model_copy(update={"providers": SecretStr(settings_of(there, elsewhere))})


def _at(web: FakeWeb, provider: FakeProvider) -> FakeProvider:
    web.sites[provider.issuer.removeprefix("https://")] = provider
    return provider


async def come(
    world: Any, there: FakeProvider, subject: str = "alice there", *, name: str = "p1", afresh: bool = False
) -> ProviderStep:
    """Somebody signs in at the provider, and comes back."""
    started = await world.auth.providers.start(name, BACK, afresh=afresh)
    return await back(world, started, there, subject, name=name)


async def back(
    world: Any, started: Any, there: FakeProvider, subject: str, *, name: str = "p1", caller: Identity | None = None
) -> ProviderStep:
    answer = ProviderAnswer(error="", **there.sign_in(started.url, subject))
    step: ProviderStep = await world.auth.providers.finish(name, started.token, answer, caller, Client())
    return step


async def caller_of(world: Any, session: Any) -> Identity:
    known = (await world.auth.sessions.exchange(session.token)).view.session
    return Identity(known.account_id, known.session_id, known.app_id, frozenset(known.scopes))


async def alice_at_browser(world: Any) -> Identity:
    """She has signed up, and in."""
    if await world.accounts.account_by_username("alice") is None:
        await world.sign_up()
    step = await world.auth.browsers.start("alice", PASSWORD, Client())
    return await caller_of(world, step.session)


async def linked(world: Any, there: FakeProvider, subject: str = "alice there", *, name: str = "p1") -> Identity:
    caller = await alice_at_browser(world)
    account = await world.auth.browsers.elevated(caller)
    started = await world.auth.providers.link(account, name, BACK)
    step = await back(world, started, there, subject, name=name, caller=caller)
    assert (step.step, step.offer, step.continue_to) == (None, None, BACK)
    return caller


async def signed_up(world: Any, there: FakeProvider, **changes: Any) -> Any:
    offer = (await come(world, there)).offer
    assert offer is not None
    return await world.auth.providers.sign_up(offer.token, world.form(password="", **changes), Client())


async def test_one_signs_in_by_an_account_that_one_has_linked(world: Any, there: FakeProvider) -> None:
    caller = await linked(world, there)
    found = await come(world, there)
    assert found.continue_to == BACK
    assert found.step is not None
    session = found.step.session
    assert session is not None
    assert session.account_id == caller.account_id
    [overview] = await world.auth.providers.links(await world.accounts.account(caller.account_id))
    assert (overview.label, overview.provider.title) == ("alice@example.org", "Provider 1")
    assert overview.link.used_at == world.clock.now()
    assert b"alice" not in overview.link.label + overview.link.subject_digest
    assert [each.name for each in await world.auth.providers.ways_in(caller.account_id)] == ["p1"]


async def test_an_address_alone_links_nobody(world: Any, there: FakeProvider) -> None:
    await world.sign_up()
    there.claims["email_verified"] = True
    found = await come(world, there)
    assert found.step is None
    assert found.offer is not None
    assert (found.offer.identity.username, found.offer.identity.email) == ("Alice_B", "alice@example.org")
    with pytest.raises(ValidationFailed, match="email"):
        await world.auth.providers.sign_up(
            found.offer.token, world.form("bob", email="alice@example.org", password=""), Client()
        )


async def test_who_is_unknown_signs_up_without_a_password(world: Any, there: FakeProvider) -> None:
    state, session = await signed_up(world, there)
    assert state.is_active
    found = await come(world, there)
    assert found.step is not None
    assert found.step.session is not None
    assert found.step.session.account_id == session.account_id
    assert await world.recorded() == ["CredentialsCreated", "SignedIn", "SignedIn"]
    for password in ("", PASSWORD):
        with pytest.raises(WrongCredentials):
            await world.auth.browsers.start("alice", password, Client())


async def test_the_same_form_again_gives_the_same_account_also_when_it_comes_twice_at_once(
    world: Any, there: FakeProvider
) -> None:
    offer = (await come(world, there)).offer
    assert offer is not None
    tries = (world.auth.providers.sign_up(offer.token, world.form(password=""), Client()) for _ in range(3))
    found = await asyncio.gather(*tries, return_exceptions=True)
    done = [one for one in found if not isinstance(one, BaseException)]
    assert done
    assert len({session.account_id for _, session in done}) == 1
    assert len(world.users.accounts) == 1
    with pytest.raises(ChallengeExpired):
        await world.auth.providers.sign_up(offer.token, world.form(password=""), Client())


async def test_one_account_there_makes_one_account_here(world: Any, there: FakeProvider) -> None:
    offers = [(await come(world, there)).offer for _ in range(2)]
    await world.auth.providers.sign_up(offers[0].token, world.form(password=""), Client())  # type: ignore[union-attr]
    with pytest.raises(ProviderLinked):
        await world.auth.providers.sign_up(offers[1].token, world.form("bob", password=""), Client())  # type: ignore[union-attr]
    assert await world.accounts.account_by_username("bob") is None


async def test_a_form_with_mistakes_may_be_sent_again(world: Any, there: FakeProvider) -> None:
    await world.sign_up("bob")
    offer = (await come(world, there)).offer
    assert offer is not None
    for wrong in ({"username": "bob"}, {"username": "a b"}, {"email": "nowhere"}, {"agreement": False}):
        with pytest.raises(ValidationFailed) as caught:
            await world.auth.providers.sign_up(offer.token, world.form(password="", **wrong), Client())
        assert {violation.field for violation in caught.value.fields} == set(wrong)
    _, session = await world.auth.providers.sign_up(offer.token, world.form(password=""), Client())
    assert session is not None


async def test_sign_up_by_a_provider_is_as_open_as_any(world: Any, there: FakeProvider) -> None:
    world.auth.admission.mode = SignUpMode.CLOSED
    with pytest.raises(ProviderNotLinked):
        await come(world, there)
    world.auth.admission.mode = SignUpMode.INVITATION
    with pytest.raises(InvitationVoid):
        await signed_up(world, there)
    world.auth.admission.mode = SignUpMode.APPROVAL
    with pytest.raises(ValidationFailed, match="reason"):
        await signed_up(world, there)
    state, session = await signed_up(world, there, reason="I keep bees")
    assert (state.approved, session) == (False, None)
    with pytest.raises(AccountPending):
        await come(world, there)


async def test_a_second_factor_is_asked_for_after_the_provider_too(world: Any, there: FakeProvider) -> None:
    caller = await linked(world, there)
    await world.accounts.begin_totp(caller.account_id, b"secret")
    await world.accounts.enable_totp(caller.account_id, 1, [b"code"])
    found = await come(world, there)
    assert found.step is not None
    assert (found.step.session, found.step.factors) == (None, (Factor.TOTP, Factor.RECOVERY_CODE))
    assert found.step.challenge


async def test_what_is_dangerous_opens_only_when_the_provider_has_just_looked_who_it_is(
    world: Any, there: FakeProvider
) -> None:
    await linked(world, there)

    async def is_open(*, afresh: bool) -> bool:
        found = await come(world, there, afresh=afresh)
        assert found.step is not None
        caller = await caller_of(world, found.step.session)
        return await world.auth.browsers.elevated_until(caller) is not None

    assert not await is_open(afresh=False)
    assert await is_open(afresh=True)
    for claimed in (int(world.clock.now().timestamp()) - 3600, None, "now"):
        there.claims["auth_time"] = claimed
        assert not await is_open(afresh=True)


async def test_linking_needs_somebody_who_has_just_proved_who_they_are(world: Any, there: FakeProvider) -> None:
    caller = await alice_at_browser(world)
    account = await world.accounts.account(caller.account_id)
    world.clock.advance(601)
    with pytest.raises(ElevationRequired):
        await world.auth.browsers.elevated(caller)
    stranger = Identity(account.account_id + 1, 1, 1, caller.scopes)
    for other in (None, stranger):
        started = await world.auth.providers.link(account, "p1", BACK)
        with pytest.raises(WrongProviderAnswer):
            await back(world, started, there, "alice there", caller=other)
    assert await world.auth.providers.links(account) == []


async def test_an_account_there_is_one_accounts_and_an_account_has_one_of_each(world: Any, there: FakeProvider) -> None:
    caller = await linked(world, there)
    await linked(world, there)  # the same again is no mistake
    with pytest.raises(ProviderLinked):
        await linked(world, there, "another of hers")
    await world.sign_up("bob")
    step = await world.auth.browsers.start("bob", "correct horse of bob", Client())
    bob = await caller_of(world, step.session)
    started = await world.auth.providers.link(await world.accounts.account(bob.account_id), "p1", BACK)
    with pytest.raises(ProviderLinked):
        await back(world, started, there, "alice there", caller=bob)
    assert len(await world.auth.providers.links(await world.accounts.account(caller.account_id))) == 1


async def test_the_same_name_at_another_provider_is_somebody_else(
    world: Any, there: FakeProvider, elsewhere: FakeProvider
) -> None:
    await linked(world, there)
    assert (await come(world, elsewhere, name="p2")).offer is not None


async def test_the_last_way_in_stays(world: Any, there: FakeProvider, elsewhere: FakeProvider) -> None:
    _, session = await signed_up(world, there)
    caller = await caller_of(world, session)
    account = await world.accounts.account(caller.account_id)
    with pytest.raises(LastWayIn):
        await world.auth.providers.unlink(account, there.issuer)
    with pytest.raises(LinkNotFound):
        await world.auth.providers.unlink(account, elsewhere.issuer)
    started = await world.auth.providers.link(account, "p2", BACK)
    await back(world, started, elsewhere, "me", name="p2", caller=caller)
    await world.auth.providers.unlink(account, there.issuer)
    with pytest.raises(LastWayIn):
        await world.auth.providers.unlink(account, elsewhere.issuer)
    assert (await come(world, there)).offer is not None


async def test_a_link_goes_when_there_is_a_password(world: Any, there: FakeProvider) -> None:
    caller = await linked(world, there)
    account = await world.accounts.account(caller.account_id)
    await world.auth.providers.unlink(account, there.issuer)
    assert await world.auth.providers.links(account) == []


async def test_a_provider_that_is_no_more_leads_nowhere_and_is_still_shown(
    world: Any, there: FakeProvider, elsewhere: FakeProvider
) -> None:
    _, session = await signed_up(world, there)
    caller = await caller_of(world, session)
    account = await world.accounts.account(caller.account_id)
    started = await world.auth.providers.link(account, "p2", BACK)
    await back(world, started, elsewhere, "me", name="p2", caller=caller)
    world.auth.providers.all = world.auth.providers.all[:1]
    found = await world.auth.providers.links(account)
    assert {overview.link.issuer: overview.provider is None for overview in found} == {
        there.issuer: False,
        elsewhere.issuer: True,
    }
    with pytest.raises(LastWayIn):
        await world.auth.providers.unlink(account, there.issuer)
    await world.auth.providers.unlink(account, elsewhere.issuer)


async def test_an_answer_works_once_in_time_and_for_the_browser_that_asked(world: Any, there: FakeProvider) -> None:
    await linked(world, there)
    providers = world.auth.providers
    started, other = [await providers.start("p1", BACK, afresh=False) for _ in range(2)]
    answer = ProviderAnswer(error="", **there.sign_in(started.url))
    with pytest.raises(WrongProviderAnswer):
        await providers.finish("p1", other.token, answer, None, Client())
    for token in ("", "x", "x" * 600, other.token):
        with pytest.raises(ChallengeExpired):
            await providers.finish("p1", token, answer, None, Client())
    assert (await providers.finish("p1", started.token, answer, None, Client())).step is not None
    with pytest.raises(ChallengeExpired):
        await providers.finish("p1", started.token, answer, None, Client())
    started = await providers.start("p1", BACK, afresh=False)
    world.clock.advance(901)
    with pytest.raises(ChallengeExpired):
        await back(world, started, there, "alice there")


async def test_one_provider_does_not_answer_for_another(
    world: Any, there: FakeProvider, elsewhere: FakeProvider
) -> None:
    await linked(world, there)
    started = await world.auth.providers.start("p2", BACK, afresh=False)
    answer = ProviderAnswer(error="", **elsewhere.sign_in(started.url))
    with pytest.raises(WrongProviderAnswer):
        await world.auth.providers.finish("p1", started.token, answer, None, Client())


async def test_a_refusal_is_told(world: Any, there: FakeProvider) -> None:
    started = await world.auth.providers.start("p1", BACK, afresh=False)
    answer = ProviderAnswer(there.sign_in(started.url)["state"], "", there.issuer, "access_denied")
    with pytest.raises(ProviderRefused):
        await world.auth.providers.finish("p1", started.token, answer, None, Client())


async def test_what_is_not_configured_is_not_there(world: Any) -> None:
    with pytest.raises(ProviderNotFound):
        await world.auth.providers.start("p3", BACK, afresh=False)
    with pytest.raises(ValidationFailed, match="continue_to"):
        await world.auth.providers.start("p1", "/" * 8001, afresh=False)


async def test_signing_up_leaves_a_mail_where_addresses_are_confirmed(world: Any, there: FakeProvider) -> None:
    world.auth.admission.confirms_emails = True
    there.claims["email_verified"] = True
    state, session = await signed_up(world, there)
    assert (state.confirmed, session) == (False, None)
    now = world.clock.now()
    assert [mail.kind for mail in await world.accounts.claim_mails(now, now, 5)] == [MailKind.CONFIRM_EMAIL]
