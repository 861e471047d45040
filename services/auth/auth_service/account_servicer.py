"""rookery.auth.v1.AccountService: requests to calls, results to responses; one method per RPC, no rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from auth_service.account_models import (
    SECURITY_SCOPE,
    Client,
    Factor,
    Passkey,
    SessionOverview,
    SignUpMode,
    StartedSession,
)
from auth_service.models import SESSIONS_SCOPE
from auth_service.provider_models import LinkOverview, OfferedSignUp, Provider, ProviderAnswer
from auth_service.service.account_sessions import AccountSessions, is_browser
from auth_service.service.admission import Admission
from auth_service.service.browsers import Browsers
from auth_service.service.factors import Factors
from auth_service.service.mails import Mails
from auth_service.service.passkeys import Passkeys, id_of, text_of
from auth_service.service.providers import Providers
from auth_service.service.security import Security
from auth_service.service.sessions import Sessions
from auth_service.service.sign_up import SignUp
from auth_service.servicer import form_of
from rookery.auth.v1 import account_service_pb2 as pb
from rookery.auth.v1.account_service_pb2_grpc import AccountServiceServicer
from rookery_common.auth import Identity, ScopeMissing, current_identity, require_identity

_MODES = {mode: pb.SignUpMode.Value(f"SIGN_UP_MODE_{mode.name}") for mode in SignUpMode}


class AccountServicer(AccountServiceServicer):
    """What the gateway's pages ask for in people's names."""

    def __init__(
        self,
        browsers: Browsers,
        factors: Factors,
        passkeys: Passkeys,
        providers: Providers,
        security: Security,
        sessions: Sessions,
        account_sessions: AccountSessions,
        mails: Mails,
        sign_up: SignUp,
        admission: Admission,
    ) -> None:
        self._browsers = browsers
        self._factors = factors
        self._passkeys = passkeys
        self._providers = providers
        self._security = security
        self._sessions = sessions
        self._account_sessions = account_sessions
        self._mails = mails
        self._sign_up = sign_up
        self._admission = admission

    async def GetSignUp(self, request: pb.GetSignUpRequest, context: Any) -> pb.GetSignUpResponse:
        return pb.GetSignUpResponse(mode=_MODES[self._admission.mode])

    async def CreateAccount(self, request: pb.CreateAccountRequest, context: Any) -> pb.CreateAccountResponse:
        state = await self._sign_up.sign_up_at_browser(form_of(request.form))
        return pb.CreateAccountResponse(pending_confirmation=not state.confirmed, pending_approval=not state.approved)

    async def StartSignIn(self, request: pb.StartSignInRequest, context: Any) -> pb.StartSignInResponse:
        step = await self._browsers.start(request.login, request.password, _client(request.client))
        session = None if step.session is None else _session(step.session)
        factors = [pb.Factor.ValueType(factor) for factor in step.factors]
        return pb.StartSignInResponse(session=session, challenge=step.challenge, factors=factors)

    async def FinishSignIn(self, request: pb.FinishSignInRequest, context: Any) -> pb.FinishSignInResponse:
        session = await self._browsers.finish(
            request.challenge, Factor(request.factor), request.code, _client(request.client)
        )
        return pb.FinishSignInResponse(session=_session(session))

    async def SignOut(self, request: pb.SignOutRequest, context: Any) -> pb.SignOutResponse:
        await self._sessions.sign_out(_caller())
        return pb.SignOutResponse()

    async def ListSessions(self, request: pb.ListSessionsRequest, context: Any) -> pb.ListSessionsResponse:
        found = await self._account_sessions.list(_session_owner())
        return pb.ListSessionsResponse(sessions=[_overview(one) for one in found])

    async def RevokeSession(self, request: pb.RevokeSessionRequest, context: Any) -> pb.RevokeSessionResponse:
        await self._account_sessions.revoke(_session_owner(), request.session_id)
        return pb.RevokeSessionResponse()

    async def RevokeOtherSessions(
        self, request: pb.RevokeOtherSessionsRequest, context: Any
    ) -> pb.RevokeOtherSessionsResponse:
        return pb.RevokeOtherSessionsResponse(revoked=await self._account_sessions.revoke_others(_session_owner()))

    async def GetSecurity(self, request: pb.GetSecurityRequest, context: Any) -> pb.GetSecurityResponse:
        caller = _caller()
        account = await self._browsers.account_of(caller)
        until = await self._browsers.elevated_until(caller)
        return pb.GetSecurityResponse(
            username=account.username,
            email=self._security.email_of(account),
            has_password=bool(account.password_hash),
            totp=account.totp_enabled,
            recovery_codes_left=account.recovery_codes,
            elevated_until=None if until is None else _timestamp(until),
            mail=self._mails.is_sent,
            passkeys=account.passkeys,
            providers=map(_provider, await self._providers.ways_in(account.account_id)),
        )

    async def ElevateSession(self, request: pb.ElevateSessionRequest, context: Any) -> pb.ElevateSessionResponse:
        client = _client(request.client)
        await self._browsers.elevate(_caller(), request.password, Factor(request.factor), request.code, client)
        return pb.ElevateSessionResponse()

    async def RequestPasswordReset(
        self, request: pb.RequestPasswordResetRequest, context: Any
    ) -> pb.RequestPasswordResetResponse:
        await self._security.request_reset(request.email, _client(request.client))
        return pb.RequestPasswordResetResponse()

    async def ResetPassword(self, request: pb.ResetPasswordRequest, context: Any) -> pb.ResetPasswordResponse:
        await self._security.reset_password(request.token, request.password)
        return pb.ResetPasswordResponse()

    async def ConfirmEmail(self, request: pb.ConfirmEmailRequest, context: Any) -> pb.ConfirmEmailResponse:
        account = await self._security.confirm_email(request.token)
        return pb.ConfirmEmailResponse(pending_approval=not account.state.approved)

    async def ResendConfirmation(
        self, request: pb.ResendConfirmationRequest, context: Any
    ) -> pb.ResendConfirmationResponse:
        await self._security.resend_confirmation(require_identity(), request.email)
        return pb.ResendConfirmationResponse()

    async def ChangeEmail(self, request: pb.ChangeEmailRequest, context: Any) -> pb.ChangeEmailResponse:
        await self._security.change_email(_caller(), request.email)
        return pb.ChangeEmailResponse()

    async def ChangePassword(self, request: pb.ChangePasswordRequest, context: Any) -> pb.ChangePasswordResponse:
        await self._security.change_password(_caller(), request.password)
        return pb.ChangePasswordResponse()

    async def BeginTotp(self, request: pb.BeginTotpRequest, context: Any) -> pb.BeginTotpResponse:
        secret, uri = await self._factors.begin_totp(await self._browsers.elevated(_caller()))
        return pb.BeginTotpResponse(secret=secret, uri=uri)

    async def EnableTotp(self, request: pb.EnableTotpRequest, context: Any) -> pb.EnableTotpResponse:
        account = await self._browsers.elevated(_caller())
        codes = await self._factors.enable_totp(account, request.code)
        await self._security.tell_of_factors(account)
        return pb.EnableTotpResponse(recovery_codes=codes)

    async def DisableTotp(self, request: pb.DisableTotpRequest, context: Any) -> pb.DisableTotpResponse:
        account = await self._browsers.elevated(_caller())
        if await self._factors.disable_totp(account):
            await self._security.tell_of_factors(account)
        return pb.DisableTotpResponse()

    async def BeginPasskey(self, request: pb.BeginPasskeyRequest, context: Any) -> pb.BeginPasskeyResponse:
        begun = await self._passkeys.begin(await self._browsers.elevated(_caller()))
        return pb.BeginPasskeyResponse(challenge=begun.token, options_json=begun.options)

    async def AddPasskey(self, request: pb.AddPasskeyRequest, context: Any) -> pb.AddPasskeyResponse:
        account = await self._browsers.elevated(_caller())
        await self._passkeys.add(account, request.challenge, request.credential_json, request.name)
        await self._security.tell_of_factors(account)
        return pb.AddPasskeyResponse()

    async def ListPasskeys(self, request: pb.ListPasskeysRequest, context: Any) -> pb.ListPasskeysResponse:
        found = await self._passkeys.names(await self._browsers.account_of(_caller()))
        return pb.ListPasskeysResponse(passkeys=[_passkey(passkey, name) for passkey, name in found])

    async def RemovePasskey(self, request: pb.RemovePasskeyRequest, context: Any) -> pb.RemovePasskeyResponse:
        account = await self._browsers.elevated(_caller())
        await self._passkeys.remove(account, id_of(request.id))
        await self._security.tell_of_factors(account)
        return pb.RemovePasskeyResponse()

    async def RemovePassword(self, request: pb.RemovePasswordRequest, context: Any) -> pb.RemovePasswordResponse:
        account = await self._browsers.elevated(_caller())
        await self._passkeys.remove_password(account)
        await self._security.tell_of_factors(account)
        return pb.RemovePasswordResponse()

    async def StartPasskey(self, request: pb.StartPasskeyRequest, context: Any) -> pb.StartPasskeyResponse:
        started = await self._passkeys.start()
        return pb.StartPasskeyResponse(challenge=started.token, options_json=started.options)

    async def FinishPasskey(self, request: pb.FinishPasskeyRequest, context: Any) -> pb.FinishPasskeyResponse:
        session = await self._browsers.enter(request.challenge, request.credential_json, _client(request.client))
        return pb.FinishPasskeyResponse(session=_session(session))

    async def ElevateByPasskey(self, request: pb.ElevateByPasskeyRequest, context: Any) -> pb.ElevateByPasskeyResponse:
        await self._browsers.elevate_by_passkey(_caller(), request.challenge, request.credential_json)
        return pb.ElevateByPasskeyResponse()

    async def CreateRecoveryCodes(
        self, request: pb.CreateRecoveryCodesRequest, context: Any
    ) -> pb.CreateRecoveryCodesResponse:
        codes = await self._factors.new_recovery_codes(await self._browsers.elevated(_caller()))
        return pb.CreateRecoveryCodesResponse(recovery_codes=codes)

    async def ListProviders(self, request: pb.ListProvidersRequest, context: Any) -> pb.ListProvidersResponse:
        return pb.ListProvidersResponse(providers=map(_provider, self._providers.all))

    async def StartProvider(self, request: pb.StartProviderRequest, context: Any) -> pb.StartProviderResponse:
        started = await self._providers.start(request.name, request.continue_to, afresh=request.afresh)
        provider = _provider(started.provider)
        return pb.StartProviderResponse(challenge=started.token, url=started.url, provider=provider)

    async def LinkProvider(self, request: pb.LinkProviderRequest, context: Any) -> pb.LinkProviderResponse:
        account = await self._browsers.elevated(_caller())
        started = await self._providers.link(account, request.name, request.continue_to)
        provider = _provider(started.provider)
        return pb.LinkProviderResponse(challenge=started.token, url=started.url, provider=provider)

    async def FinishProvider(self, request: pb.FinishProviderRequest, context: Any) -> pb.FinishProviderResponse:
        answer = ProviderAnswer(request.state, request.code, request.issuer, request.error)
        caller = None if current_identity() is None else _caller()
        found = await self._providers.finish(request.name, request.challenge, answer, caller, _client(request.client))
        response = pb.FinishProviderResponse(continue_to=found.continue_to)
        if found.offer is not None:
            response.sign_up.CopyFrom(_offer(found.offer))
        elif found.step is None:
            await self._security.tell_of_factors(await self._browsers.account_of(_caller()))
        elif found.step.session is None:
            response.challenge = found.step.challenge
            response.factors.extend(pb.Factor.ValueType(factor) for factor in found.step.factors)
        else:
            response.session.CopyFrom(_session(found.step.session))
        return response

    async def CreateProviderAccount(
        self, request: pb.CreateProviderAccountRequest, context: Any
    ) -> pb.CreateProviderAccountResponse:
        form, client = form_of(request.form), _client(request.client)
        state, opened = await self._providers.sign_up(request.challenge, form, client)
        session = None if opened is None else _session(opened)
        return pb.CreateProviderAccountResponse(
            pending_confirmation=not state.confirmed, pending_approval=not state.approved, session=session
        )

    async def ListLinks(self, request: pb.ListLinksRequest, context: Any) -> pb.ListLinksResponse:
        found = await self._providers.links(await self._browsers.account_of(_caller()))
        return pb.ListLinksResponse(links=map(_link, found))

    async def RemoveLink(self, request: pb.RemoveLinkRequest, context: Any) -> pb.RemoveLinkResponse:
        account = await self._browsers.elevated(_caller())
        await self._providers.unlink(account, request.issuer)
        await self._security.tell_of_factors(account)
        return pb.RemoveLinkResponse()


def _caller() -> Identity:
    """Somebody at a browser of theirs."""
    return require_identity(SECURITY_SCOPE)


def _passkey(passkey: Passkey, name: str) -> pb.Passkey:
    used = None if passkey.used_at is None else _timestamp(passkey.used_at)
    created = _timestamp(passkey.created_at)
    return pb.Passkey(id=text_of(passkey.credential_id), name=name, create_time=created, use_time=used)


def _provider(provider: Provider) -> pb.Provider:
    return pb.Provider(name=provider.name, title=provider.title)


def _offer(offer: OfferedSignUp) -> pb.ProviderSignUp:
    known = offer.identity
    return pb.ProviderSignUp(
        challenge=offer.token, provider=_provider(offer.provider), username=known.username, email=known.email
    )


def _link(overview: LinkOverview) -> pb.Link:
    link = overview.link
    return pb.Link(
        issuer=link.issuer,
        provider=None if overview.provider is None else _provider(overview.provider),
        label=overview.label,
        create_time=_timestamp(link.created_at),
        use_time=None if link.used_at is None else _timestamp(link.used_at),
    )


def _session_owner() -> Identity:
    """The same, or an app of theirs that was allowed this by name."""
    identity = require_identity()
    allowed = identity.has_scope(SECURITY_SCOPE) or identity.has_scope(SESSIONS_SCOPE)
    if not allowed or not identity.account_id:
        raise ScopeMissing(f"the token's scopes do not include {SESSIONS_SCOPE}")
    return identity


def _client(client: pb.Client) -> Client:
    return Client(client.address, client.user_agent, client.device_token, client.locale)


def _session(session: StartedSession) -> pb.BrowserSession:
    return pb.BrowserSession(
        token=session.token,
        account_id=session.account_id,
        device_token=session.device_token,
        expire_time=_timestamp(session.expires_at),
    )


def _overview(overview: SessionOverview) -> pb.AccountSession:
    session = overview.session
    return pb.AccountSession(
        session_id=session.session_id,
        app_name="" if is_browser(session) else session.app_name,
        app_website=session.app_website,
        device=overview.device,
        network=overview.network,
        create_time=_timestamp(session.created_at),
        use_time=_timestamp(session.used_at),
        current=overview.is_current,
    )


def _timestamp(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message
