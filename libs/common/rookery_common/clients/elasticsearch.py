"""Elasticsearch by its own asyncio client: named requests, bounded in time; no retries of its own.

The index is a derived view: whatever is in it can be written again from its owners' events.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from elasticsearch import ApiError, AsyncElasticsearch, ConflictError, NotFoundError, TransportError

from rookery_common.clients.calls import Instruments, time_left
from rookery_common.clients.startup import EngineAway
from rookery_common.config import ElasticsearchSettings
from rookery_common.credentials import Secret, TrustContext
from rookery_common.errors import Aborted, Internal, NotFound, Unavailable
from rookery_common.logs import get_logger

CALL_SECONDS = 5.0
_TRY_LATER = frozenset({408, 429, 502, 503, 504})

instruments = Instruments("elasticsearch")
log = get_logger()


class ElasticUnavailable(Unavailable):
    """The engine is away, too slow, or refuses for a while."""

    reason = "SEARCH_UNAVAILABLE"


class ElasticRejected(Internal):
    """The request is wrong: a defect of ours."""

    reason = "SEARCH_REJECTED"


class DocumentNotFound(NotFound):
    """There is no such document or index."""

    reason = "DOCUMENT_NOT_FOUND"


class DocumentConflict(Aborted):
    """The document has a newer version than the one written."""

    reason = "DOCUMENT_CONFLICT"


class ElasticAccess:
    """How requests show who they are, and whom they trust; by default what the URL and the system say."""

    def __init__(
        self, ca_file: str = "", username: str = "", password: Secret | None = None, api_key: Secret | None = None
    ) -> None:
        self.ca_file = ca_file
        self._username = username
        self._password = password
        self._api_key = api_key

    @classmethod
    def of(cls, settings: ElasticsearchSettings) -> ElasticAccess:
        return cls(
            settings.elasticsearch_ca_file,
            settings.elasticsearch_username,
            Secret(settings.elasticsearch_password, settings.elasticsearch_password_file),
            Secret(settings.elasticsearch_api_key, settings.elasticsearch_api_key_file),
        )

    def login(self) -> dict[str, Any]:
        """For the client's options, at each request."""
        if self._api_key:
            return {"api_key": self._api_key.current()}
        if self._username and self._password:
            return {"basic_auth": (self._username, self._password.current())}
        return {}


class Elastic:
    """A service's indices, by plain requests: the body is what the engine's documentation shows."""

    def __init__(self, url: str, name: str, access: ElasticAccess | None = None) -> None:
        self._name = name
        self._address = urlsplit(url).netloc.rpartition("@")[2]
        self._access = access or ElasticAccess()
        tls: dict[str, Any] = {}
        if url.startswith("https:"):
            tls["ssl_context"] = TrustContext.of(self._access.ca_file)
        self._client = AsyncElasticsearch(
            url,
            request_timeout=CALL_SECONDS,
            max_retries=0,
            retry_on_timeout=False,
            **tls,
        )

    @classmethod
    def from_settings(cls, settings: ElasticsearchSettings, name: str) -> Elastic:
        """The client of the settings' cluster. Raises OSError where the authorities' file can't be read."""
        return cls(settings.elasticsearch_url.get_secret_value(), name, ElasticAccess.of(settings))

    async def start(self) -> None:
        """Connects when first used: an engine that is late makes the process not ready, it doesn't stop it."""

    async def stop(self) -> None:
        await self._client.close()

    async def check(self) -> None:
        """Raises unless the cluster answers."""
        await self.request("health", "GET", "/_cluster/health")

    async def reach(self) -> None:
        """Raises EngineAway, which names the address, unless the cluster answers: for what can't go on without it."""
        where = "elasticsearch", self._address, "elasticsearch_url"
        try:
            await self.check()
        except ElasticRejected as error:
            raise EngineAway(*where, refused="the log-in or the request") from error
        except (ElasticUnavailable, DocumentNotFound) as error:
            raise EngineAway(*where, cause=error.__cause__ or error) from error

    async def request(
        self,
        name: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        timeout: float = CALL_SECONDS,
    ) -> Any:
        """The decoded answer; `name` is its metrics' label. A body that is a list goes as lines (bulk, msearch)."""
        kind = "application/x-ndjson" if isinstance(body, list) else "application/json"
        headers = {"accept": "application/json", **({"content-type": kind} if body is not None else {})}
        left = time_left(timeout)
        with instruments.observe(self._name, name):
            try:
                client = self._client.options(request_timeout=left, **self._access.login())
                response = await client.perform_request(method, path, params=params, headers=headers, body=body)
            except ApiError as error:
                raise _translate(error) from error
            except TransportError as error:
                raise ElasticUnavailable("search is not available") from error
        return response.body


def _translate(error: ApiError) -> Aborted | Internal | NotFound | Unavailable:
    if isinstance(error, NotFoundError):
        return DocumentNotFound("there is no such document")
    if isinstance(error, ConflictError):
        return DocumentConflict("a newer version is there")
    if error.status_code in _TRY_LATER:
        return ElasticUnavailable("search is not available")
    # The kind of the error alone: its text may carry what somebody wrote.
    log.error("elastic.rejected", status=error.status_code, kind=error.error)
    return ElasticRejected("internal error")
