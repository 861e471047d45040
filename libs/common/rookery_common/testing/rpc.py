"""Real servers and clients in one process, on free ports: for tests through stubs."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from rookery_common.auth import Identity, TokenSigner, TokenVerifier, public_jwks
from rookery_common.clock import Clock, SystemClock
from rookery_common.config import BaseServiceSettings
from rookery_common.rpc.client import RpcClient
from rookery_common.rpc.limiter import Limiter
from rookery_common.rpc.server import Registration, RpcServer

_MASTER_KEY = SecretStr(base64.b64encode(bytes(32)).decode())
_ANYONE = frozenset({"gateway", "auth", "user", "post", "feed"})


def settings_of(service: str, **changes: Any) -> BaseServiceSettings:
    """Settings of a service that listens on a free port."""
    values = {"grpc_address": "127.0.0.1:0", "local_mode": True, **changes}
    return BaseServiceSettings(service=service, master_key=_MASTER_KEY, **values)


class Tokens:
    """Signs internal tokens, and has what verifies them."""

    def __init__(self, clock: Clock | None = None) -> None:
        key = Ed25519PrivateKey.generate()
        jwks = public_jwks({"test": key.public_key()})

        async def keys() -> str:
            return jwks

        clock = clock or SystemClock()
        self._signer = TokenSigner(key, "test", clock)
        self.verifier = TokenVerifier(keys, clock)

    def identity(
        self,
        account_id: int,
        *,
        scopes: Sequence[str] = ("read", "write", "follow"),
        session_id: int = 1,
        roles: Sequence[str] = (),
        permissions: Sequence[str] = (),
    ) -> Identity:
        """An account's identity, with a good token."""
        unsigned = Identity(
            account_id,
            session_id,
            app_id=1,
            scopes=frozenset(scopes),
            roles=frozenset(roles),
            permissions=frozenset(permissions),
        )
        return replace(unsigned, token=self._signer.sign(unsigned))


class Network:
    """Starts servers and clients; the stack stops them, last first."""

    def __init__(self, stack: AsyncExitStack, verifier: TokenVerifier | None) -> None:
        self._stack = stack
        self._verifier = verifier

    async def serve(
        self,
        *services: Registration,
        settings: BaseServiceSettings | None = None,
        allowed_callers: Mapping[str, frozenset[str]] | None = None,
        limiter: Limiter | None = None,
    ) -> RpcServer:
        """A server of these services; without a list of callers any of ours may call."""
        server = RpcServer(
            settings or settings_of("server"),
            verifier=self._verifier,
            services=services,
            allowed_callers={"*": _ANYONE} if allowed_callers is None else allowed_callers,
            limiter=limiter,
        )
        await server.start()
        self._stack.push_async_callback(server.stop)
        return server

    async def client(
        self,
        port: int,
        stub_factory: Callable[[Any], Any],
        *,
        service: str,
        settings: BaseServiceSettings | None = None,
    ) -> RpcClient:
        """A client of what listens on the port, for the gateway unless other settings are given."""
        target = f"127.0.0.1:{port}"
        client = RpcClient(settings or settings_of("gateway"), target, stub_factory, service=service)
        await client.start()
        self._stack.push_async_callback(client.stop)
        return client
