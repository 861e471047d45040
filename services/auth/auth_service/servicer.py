"""Requests to calls, results to responses: one method per RPC, no rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from auth_service.account_models import SECURITY_SCOPE, Client
from auth_service.models import (
    PUBLIC_CLIENT,
    SECRET_METHODS,
    App,
    AuthorizationRequest,
    IssuedToken,
    SignUpForm,
    TokenRequest,
)
from auth_service.service.account_sessions import AccountSessions
from auth_service.service.apps import Apps
from auth_service.service.authorizations import Authorizations
from auth_service.service.introspection import Introspector
from auth_service.service.revocations import Revocations
from auth_service.service.sessions import Sessions
from auth_service.service.sign_up import SignUp
from auth_service.service.signing import SigningKeys
from auth_service.service.staff import Staff
from rookery.auth.v1 import app_pb2
from rookery.auth.v1 import auth_service_pb2 as pb
from rookery.auth.v1.auth_service_pb2_grpc import AuthServiceServicer
from rookery_common.auth import require_identity

SIGN_UP_SCOPE = "write:accounts"


class AuthServicer(AuthServiceServicer):
    """rookery.auth.v1.AuthService."""

    def __init__(
        self,
        apps: Apps,
        sign_up: SignUp,
        authorizations: Authorizations,
        introspector: Introspector,
        sessions: Sessions,
        account_sessions: AccountSessions,
        keys: SigningKeys,
        revocations: Revocations,
        staff: Staff,
    ) -> None:
        self._apps = apps
        self._sign_up = sign_up
        self._authorizations = authorizations
        self._introspector = introspector
        self._sessions = sessions
        self._account_sessions = account_sessions
        self._keys = keys
        self._revocations = revocations
        self._staff = staff

    async def CreateApp(self, request: pb.CreateAppRequest, context: Any) -> pb.CreateAppResponse:
        app, secret = await self._apps.create(
            request.name,
            request.redirect_uris,
            request.scopes,
            request.website,
            request.grant_types,
            request.token_endpoint_auth_method,
        )
        return pb.CreateAppResponse(app=_app(app), client_secret=secret)

    async def GetApp(self, request: pb.GetAppRequest, context: Any) -> pb.GetAppResponse:
        return pb.GetAppResponse(app=_app(await self._apps.get(require_identity().app_id)))

    async def SignUp(self, request: pb.SignUpRequest, context: Any) -> pb.SignUpResponse:
        issued = await self._sign_up.sign_up(require_identity(SIGN_UP_SCOPE), form_of(request))
        return pb.SignUpResponse(token=_token(issued))

    async def CheckAuthorization(
        self, request: pb.CheckAuthorizationRequest, context: Any
    ) -> pb.CheckAuthorizationResponse:
        app, scopes = await self._authorizations.check(_authorization(request))
        return pb.CheckAuthorizationResponse(app=_app(app), scopes=scopes)

    async def CreateAuthorization(
        self, request: pb.CreateAuthorizationRequest, context: Any
    ) -> pb.CreateAuthorizationResponse:
        asked = _authorization(request.authorization)
        if request.login:
            code = await self._authorizations.authorize(asked, request.login, request.password, request.client_address)
        else:
            code = await self._authorizations.authorize_caller(asked, require_identity(SECURITY_SCOPE))
        return pb.CreateAuthorizationResponse(code=code)

    async def CreateToken(self, request: pb.CreateTokenRequest, context: Any) -> pb.CreateTokenResponse:
        issued = await self._authorizations.grant(
            TokenRequest(
                grant_type=request.grant_type,
                client_id=request.client_id,
                client_secret=request.client_secret,
                code=request.code,
                redirect_uri=request.redirect_uri,
                code_verifier=request.code_verifier,
                scopes=tuple(request.scopes),
                refresh_token=request.refresh_token,
            )
        )
        return pb.CreateTokenResponse(token=_token(issued))

    async def RevokeToken(self, request: pb.RevokeTokenRequest, context: Any) -> pb.RevokeTokenResponse:
        app = await self._apps.authenticate(request.client_id, request.client_secret)
        await self._sessions.revoke_token(request.token, app)
        return pb.RevokeTokenResponse()

    async def IntrospectToken(self, request: pb.IntrospectTokenRequest, context: Any) -> pb.IntrospectTokenResponse:
        app = await self._apps.authenticate(request.client_id, request.client_secret)
        found = await self._introspector.introspect(app, request.token)
        if found is None:
            return pb.IntrospectTokenResponse()
        return pb.IntrospectTokenResponse(
            active=True,
            scopes=found.session.scopes,
            account_id=found.session.account_id,
            username=found.username,
            create_time=_timestamp(found.session.created_at),
            expire_time=_timestamp(found.expires_at),
            refresh=found.is_refresh,
        )

    async def ExchangeToken(self, request: pb.ExchangeTokenRequest, context: Any) -> pb.ExchangeTokenResponse:
        internal = await self._sessions.exchange(request.token)
        session = internal.view.session
        await self._account_sessions.note(session, Client(request.client_address, request.user_agent))
        return pb.ExchangeTokenResponse(
            internal_token=internal.token,
            expire_time=_timestamp(internal.expires_at),
            session_id=session.session_id,
            account_id=session.account_id,
            app_id=session.app_id,
            scopes=session.scopes,
            app_name=internal.view.app_name,
            app_website=internal.view.app_website,
            roles=internal.view.roles,
            permissions=internal.view.permissions,
        )

    async def GetSigningKeys(self, request: pb.GetSigningKeysRequest, context: Any) -> pb.GetSigningKeysResponse:
        return pb.GetSigningKeysResponse(jwks_json=await self._keys.jwks())

    async def ListPermittedAccounts(
        self, request: pb.ListPermittedAccountsRequest, context: Any
    ) -> pb.ListPermittedAccountsResponse:
        found, reached_id = await self._staff.permitted(request.permission, request.page_size, request.after_account_id)
        return pb.ListPermittedAccountsResponse(account_ids=found, reached_id=reached_id)

    async def WatchRevocations(
        self, request: pb.WatchRevocationsRequest, context: Any
    ) -> AsyncIterator[pb.WatchRevocationsResponse]:
        async for found, sequence in self._revocations.watch(request.since):
            revocations = [
                pb.Revocation(
                    sequence=revocation.sequence,
                    session_id=revocation.session_id,
                    account_id=revocation.account_id,
                    app_id=revocation.app_id,
                    revoke_time=_timestamp(revocation.revoked_at),
                    roles_changed=revocation.roles_changed,
                )
                for revocation in found
            ]
            yield pb.WatchRevocationsResponse(revocations=revocations, sequence=sequence)


def form_of(request: pb.SignUpRequest) -> SignUpForm:
    """What was filled in."""
    return SignUpForm(
        request_id=request.request_id,
        username=request.username,
        email=request.email,
        password=request.password,
        agreement=request.agreement,
        locale=request.locale,
        reason=request.reason,
        invite_code=request.invite_code,
    )


def _app(app: App) -> app_pb2.App:
    return app_pb2.App(
        app_id=app.app_id,
        name=app.name,
        website=app.website,
        redirect_uris=app.redirect_uris,
        scopes=app.scopes,
        client_id=app.client_id,
        create_time=_timestamp(app.created_at),
        grant_types=app.grant_types,
        token_endpoint_auth_method=PUBLIC_CLIENT if app.is_public else SECRET_METHODS[0],
    )


def _token(issued: IssuedToken) -> app_pb2.Token:
    return app_pb2.Token(
        access_token=issued.access_token,
        scopes=issued.session.scopes,
        create_time=_timestamp(issued.session.created_at),
        account_id=issued.session.account_id,
        refresh_token=issued.refresh_token,
        expires_in=issued.expires_in,
    )


def _authorization(request: pb.CheckAuthorizationRequest) -> AuthorizationRequest:
    return AuthorizationRequest(
        client_id=request.client_id,
        redirect_uri=request.redirect_uri,
        response_type=request.response_type,
        scopes=tuple(request.scopes),
        code_challenge=request.code_challenge,
        code_challenge_method=request.code_challenge_method,
    )


def _timestamp(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message
