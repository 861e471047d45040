"""/api/v1/directory: accounts that wish to be found."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.params import query_params
from gateway_service.routing import Routes, json_array
from rookery.user.v1.directory_service_pb2 import DirectoryOrder, ListDirectoryRequest
from rookery_common.ids import MAX_ID

CALL_SECONDS = 5.0
PAGE, MOST = 40, 80
# Further down there is nobody listed anyway.
MAX_OFFSET = 1_000
ORDERS: Mapping[str, DirectoryOrder.ValueType] = {
    "active": DirectoryOrder.DIRECTORY_ORDER_ACTIVE,
    "new": DirectoryOrder.DIRECTORY_ORDER_NEW,
}


class Directory:
    """Lists accounts to whoever asks, without those whom a block keeps from the viewer."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        routes = Routes("directory")
        routes.get("/api/v1/directory", self.get, "directory_list", "Accounts that wish to be found")
        self.router = routes.router

    async def get(self, request: Request) -> Response:
        viewer = await self._exchange.viewer(request, "read:accounts")
        params = query_params(request)
        params.flag("local")  # Everybody is.
        call = ListDirectoryRequest(
            order=params.choice("order", ORDERS) or DirectoryOrder.DIRECTORY_ORDER_ACTIVE,
            offset=min(params.integer("offset", 0, MAX_ID) or 0, MAX_OFFSET),
            page_size=min(params.integer("limit", 1, 1_000_000) or PAGE, MOST),
        )
        answer = await self._clients.user.call(
            "ListDirectory", call, timeout=CALL_SECONDS, idempotent=True, identity=viewer
        )
        return json_array(await self._composer.people(viewer, list(answer.account_ids)))
