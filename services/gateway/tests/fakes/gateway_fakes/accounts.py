"""Auth's AccountService: people sign in with the passwords that FakeAuth knows; `totp` have a second factor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway_fakes.service import FakeService, bad, with_reason
from rookery.auth.v1 import account_service_pb2 as pb
from rookery_common.auth import Identity
from rookery_common.errors import FailedPrecondition, NotFound, PermissionDenied, Unauthenticated

if TYPE_CHECKING:
    from gateway_fakes.world import World

CODE, LINK = "123456", "a-link"
AWAY = 'https://id.example/authorize?state=state&x="<>'
OPTIONS = '{"challenge": "x", "name": "<&>"}'


class FakeAccounts(FakeService):
    """As the contract says, for one challenge, one code and one link."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.totp: set[int] = set()
        self.elevated: set[int] = set()
        self.challenges: dict[str, int] = {}
        self.sign_up_mode = pb.SignUpMode.SIGN_UP_MODE_OPEN
        self.passkeys: dict[int, list[str]] = {}
        # By name; subjects at them by account. `who` signs in there next.
        self.providers = [pb.Provider(name=name, title=f"<{name}>") for name in ("p1", "p2")]
        self.links: dict[int, list[str]] = {}
        self.who = 0
        self.errands: dict[str, tuple[str, str, int]] = {}
        self.pending = {"confirmation": False, "approval": False}

    def GetSignUp(self, _request: Any, _who: Any) -> pb.GetSignUpResponse:
        return pb.GetSignUpResponse(mode=self.sign_up_mode)

    def CreateAccount(self, request: pb.CreateAccountRequest, _who: Any) -> pb.CreateAccountResponse:
        if self.sign_up_mode == pb.SignUpMode.SIGN_UP_MODE_INVITATION and request.form.invite_code != "welcome":
            raise with_reason(PermissionDenied("No such invitation"), "INVITATION_VOID")
        self.world.auth.SignUp(request.form, Identity(0, 0, 1))
        return pb.CreateAccountResponse(
            pending_confirmation=self.pending["confirmation"], pending_approval=self.pending["approval"]
        )

    def StartSignIn(self, request: pb.StartSignInRequest, _who: Any) -> pb.StartSignInResponse:
        password, account_id = self.world.auth.passwords.get(request.login, ("", 0))
        if not account_id or password != request.password:
            raise with_reason(Unauthenticated("Wrong credentials"), "WRONG_CREDENTIALS")
        if account_id not in self.totp:
            return pb.StartSignInResponse(session=self.session(account_id))
        self.challenges["challenge"] = account_id
        return pb.StartSignInResponse(
            challenge="challenge", factors=[pb.Factor.FACTOR_TOTP, pb.Factor.FACTOR_RECOVERY_CODE]
        )

    def FinishSignIn(self, request: pb.FinishSignInRequest, _who: Any) -> pb.FinishSignInResponse:
        if request.challenge not in self.challenges:
            raise with_reason(Unauthenticated("Too late"), "CHALLENGE_EXPIRED")
        if request.code != CODE:
            raise with_reason(Unauthenticated("Wrong code"), "WRONG_FACTOR")
        return pb.FinishSignInResponse(session=self.session(self.challenges.pop(request.challenge)))

    def SignOut(self, _request: Any, who: Any) -> pb.SignOutResponse:
        known = self.world.auth.tokens
        for token in [token for token, session in known.items() if session.session_id == who.session_id]:
            del known[token]
        return pb.SignOutResponse()

    def ListSessions(self, _request: Any, who: Any) -> pb.ListSessionsResponse:
        answer = pb.ListSessionsResponse()
        for session in self._sessions_of(who).values():
            is_current = session.session_id == who.session_id
            name = "" if session.scopes == ["security"] else "Test app"
            added = answer.sessions.add(session_id=session.session_id, app_name=name, current=is_current)
            added.device, added.network = "Firefox, Linux", "192.0.2.0/24"
            added.use_time.FromSeconds(1_700_000_000)
        return answer

    def RevokeSession(self, request: pb.RevokeSessionRequest, who: Any) -> pb.RevokeSessionResponse:
        for token, session in self._sessions_of(who).items():
            if session.session_id == request.session_id:
                del self.world.auth.tokens[token]
                return pb.RevokeSessionResponse()
        raise with_reason(NotFound("No such session"), "SESSION_NOT_FOUND")

    def RevokeOtherSessions(self, _request: Any, who: Any) -> pb.RevokeOtherSessionsResponse:
        others = [token for token, one in self._sessions_of(who).items() if one.session_id != who.session_id]
        for token in others:
            del self.world.auth.tokens[token]
        return pb.RevokeOtherSessionsResponse(revoked=len(others))

    def _sessions_of(self, who: Any) -> dict[str, Any]:
        known = self.world.auth.tokens
        return {token: one for token, one in known.items() if one.account_id == who.account_id}

    def GetSecurity(self, _request: Any, who: Any) -> pb.GetSecurityResponse:
        name = next(name for name, (_, account_id) in self.world.auth.passwords.items() if account_id == who.account_id)
        answer = pb.GetSecurityResponse(
            username=name, email=f"{name}@example.org", has_password=True, totp=who.account_id in self.totp, mail=True
        )
        if who.account_id in self.elevated:
            answer.elevated_until.FromMilliseconds(self.world.clock.unix_ms() + 600_000)
        return answer

    def StartPasskey(self, _request: Any, _who: Any) -> pb.StartPasskeyResponse:
        return pb.StartPasskeyResponse(challenge="asked", options_json=OPTIONS)

    def FinishPasskey(self, request: pb.FinishPasskeyRequest, _who: Any) -> pb.FinishPasskeyResponse:
        return pb.FinishPasskeyResponse(session=self.session(self._owner(request)))

    def ElevateByPasskey(self, request: pb.ElevateByPasskeyRequest, who: Any) -> pb.ElevateByPasskeyResponse:
        if self._owner(request) != who.account_id:
            raise with_reason(Unauthenticated("Another's"), "WRONG_PASSKEY")
        self.elevated.add(who.account_id)
        return pb.ElevateByPasskeyResponse()

    def _owner(self, request: Any) -> int:
        for account_id, names in self.passkeys.items():
            if request.challenge == "asked" and request.credential_json in names:
                return account_id
        raise with_reason(Unauthenticated("Nobody's"), "WRONG_PASSKEY")

    def BeginPasskey(self, _request: Any, who: Any) -> pb.BeginPasskeyResponse:
        self._check_elevated(who)
        return pb.BeginPasskeyResponse(challenge="make", options_json=OPTIONS)

    def AddPasskey(self, request: pb.AddPasskeyRequest, who: Any) -> pb.AddPasskeyResponse:
        self._check_elevated(who)
        if request.challenge != "make":
            raise with_reason(Unauthenticated("Too late"), "CHALLENGE_EXPIRED")
        self.passkeys.setdefault(who.account_id, []).append(request.credential_json)
        return pb.AddPasskeyResponse()

    def ListPasskeys(self, _request: Any, who: Any) -> pb.ListPasskeysResponse:
        found = [pb.Passkey(id=name, name=f"<{name}>") for name in self.passkeys.get(who.account_id, [])]
        return pb.ListPasskeysResponse(passkeys=found)

    def RemovePasskey(self, request: pb.RemovePasskeyRequest, who: Any) -> pb.RemovePasskeyResponse:
        self._check_elevated(who)
        self.passkeys[who.account_id].remove(request.id)
        return pb.RemovePasskeyResponse()

    def RemovePassword(self, _request: Any, who: Any) -> pb.RemovePasswordResponse:
        self._check_elevated(who)
        if not self.passkeys.get(who.account_id):
            raise with_reason(FailedPrecondition("No passkey"), "LAST_WAY_IN")
        return pb.RemovePasswordResponse()

    def ListProviders(self, _request: Any, _who: Any) -> pb.ListProvidersResponse:
        return pb.ListProvidersResponse(providers=self.providers)

    def StartProvider(self, request: pb.StartProviderRequest, _who: Any) -> pb.StartProviderResponse:
        provider = self._provider(request.name)
        self.errands["errand"] = (request.name, request.continue_to, 0)
        return pb.StartProviderResponse(challenge="errand", url=AWAY, provider=provider)

    def LinkProvider(self, request: pb.LinkProviderRequest, who: Any) -> pb.LinkProviderResponse:
        self._check_elevated(who)
        provider = self._provider(request.name)
        self.errands["errand"] = (request.name, request.continue_to, who.account_id)
        return pb.LinkProviderResponse(challenge="errand", url=AWAY, provider=provider)

    def FinishProvider(self, request: pb.FinishProviderRequest, who: Any) -> pb.FinishProviderResponse:
        if request.challenge not in self.errands:
            raise with_reason(Unauthenticated("Too late"), "CHALLENGE_EXPIRED")
        name, continue_to, owner = self.errands.pop(request.challenge)
        if (request.name, request.state, request.code, request.issuer) != (name, "state", "code", "https://id.example"):
            raise with_reason(Unauthenticated("Not its answer"), "WRONG_PROVIDER_ANSWER")
        answer = pb.FinishProviderResponse(continue_to=continue_to)
        if owner:
            if who is None or who.account_id != owner:
                raise with_reason(Unauthenticated("Another's"), "WRONG_PROVIDER_ANSWER")
            self.links.setdefault(owner, []).append(name)
        elif not self.who:
            offer = pb.ProviderSignUp(challenge="offer", provider=self._provider(name), username="carol", email="c@x.y")
            answer.sign_up.CopyFrom(offer)
        elif self.who in self.totp:
            self.challenges["challenge"] = self.who
            answer.challenge = "challenge"
            answer.factors.append(pb.Factor.FACTOR_TOTP)
        else:
            answer.session.CopyFrom(self.session(self.who))
        return answer

    def CreateProviderAccount(
        self, request: pb.CreateProviderAccountRequest, _who: Any
    ) -> pb.CreateProviderAccountResponse:
        if request.challenge != "offer":
            raise with_reason(Unauthenticated("Too late"), "CHALLENGE_EXPIRED")
        token = self.world.auth.SignUp(request.form, Identity(0, 0, 1)).token
        if self.pending["approval"]:
            return pb.CreateProviderAccountResponse(pending_approval=True)
        return pb.CreateProviderAccountResponse(session=self.session(token.account_id))

    def ListLinks(self, _request: Any, who: Any) -> pb.ListLinksResponse:
        return pb.ListLinksResponse(
            links=[
                pb.Link(issuer=f"https://{name}", provider=self._provider(name), label=f"<me at {name}>")
                for name in self.links.get(who.account_id, [])
            ]
        )

    def RemoveLink(self, request: pb.RemoveLinkRequest, who: Any) -> pb.RemoveLinkResponse:
        self._check_elevated(who)
        mine = self.links.get(who.account_id, [])
        if len(mine) == 1:
            raise with_reason(FailedPrecondition("The last"), "LAST_WAY_IN")
        mine.remove(request.issuer.removeprefix("https://"))
        return pb.RemoveLinkResponse()

    def _provider(self, name: str) -> pb.Provider:
        for provider in self.providers:
            if provider.name == name:
                return provider
        raise with_reason(NotFound("No such provider"), "PROVIDER_NOT_FOUND")

    def ElevateSession(self, request: pb.ElevateSessionRequest, who: Any) -> pb.ElevateSessionResponse:
        if request.password not in {password for password, _ in self.world.auth.passwords.values()}:
            raise with_reason(Unauthenticated("Wrong credentials"), "WRONG_CREDENTIALS")
        self.elevated.add(who.account_id)
        return pb.ElevateSessionResponse()

    def RequestPasswordReset(self, _request: Any, _who: Any) -> pb.RequestPasswordResetResponse:
        return pb.RequestPasswordResetResponse()

    def ResetPassword(self, request: pb.ResetPasswordRequest, _who: Any) -> pb.ResetPasswordResponse:
        self._check_link(request.token)
        self._check_password(request.password)
        return pb.ResetPasswordResponse()

    def ConfirmEmail(self, request: pb.ConfirmEmailRequest, _who: Any) -> pb.ConfirmEmailResponse:
        self._check_link(request.token)
        return pb.ConfirmEmailResponse()

    def ResendConfirmation(self, _request: Any, _who: Any) -> pb.ResendConfirmationResponse:
        return pb.ResendConfirmationResponse()

    def ChangePassword(self, request: pb.ChangePasswordRequest, who: Any) -> pb.ChangePasswordResponse:
        self._check_elevated(who)
        self._check_password(request.password)
        return pb.ChangePasswordResponse()

    def ChangeEmail(self, request: pb.ChangeEmailRequest, who: Any) -> pb.ChangeEmailResponse:
        self._check_elevated(who)
        if "@" not in request.email:
            raise bad("email", "ERR_INVALID", "is not a valid e-mail address")
        return pb.ChangeEmailResponse()

    def BeginTotp(self, _request: Any, who: Any) -> pb.BeginTotpResponse:
        self._check_elevated(who)
        return pb.BeginTotpResponse(secret="SECRET", uri="otpauth://totp/alice?secret=SECRET")

    def EnableTotp(self, request: pb.EnableTotpRequest, who: Any) -> pb.EnableTotpResponse:
        self._check_elevated(who)
        if request.code != CODE:
            raise with_reason(Unauthenticated("Wrong code"), "WRONG_FACTOR")
        self.totp.add(who.account_id)
        return pb.EnableTotpResponse(recovery_codes=["abcd-efgh"])

    def DisableTotp(self, _request: Any, who: Any) -> pb.DisableTotpResponse:
        self._check_elevated(who)
        self.totp.discard(who.account_id)
        return pb.DisableTotpResponse()

    def CreateRecoveryCodes(self, _request: Any, who: Any) -> pb.CreateRecoveryCodesResponse:
        self._check_elevated(who)
        return pb.CreateRecoveryCodesResponse(recovery_codes=["ijkl-mnop"])

    def session(self, account_id: int) -> pb.BrowserSession:
        """A browser's, with its device."""
        session = pb.BrowserSession(
            token=self.world.auth.grant(account_id, "security"), account_id=account_id, device_token="device"
        )
        session.expire_time.FromMilliseconds(self.world.clock.unix_ms() + 10**12)
        return session

    def _check_elevated(self, who: Any) -> None:
        if who.account_id not in self.elevated:
            raise with_reason(FailedPrecondition("Prove it"), "ELEVATION_REQUIRED")

    def _check_link(self, token: str) -> None:
        if token != LINK:
            raise with_reason(NotFound("Used"), "LINK_EXPIRED")

    def _check_password(self, password: str) -> None:
        if len(password) < 8:
            raise bad("password", "ERR_TOO_SHORT", "is too short")
