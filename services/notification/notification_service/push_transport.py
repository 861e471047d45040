"""Requests to push services, which are addresses that strangers name."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from notification_service.errors import ForbiddenEndpoint, PushNotTaken
from rookery_common.clients.web import Web, WebFailed, WebRefused


class PushTransport:
    """Takes encrypted messages to push services; of their answers the status alone is of use."""

    def __init__(self, web: Web) -> None:
        self._web = web

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status that was answered, also of a redirect. Raises PushNotTaken, and ForbiddenEndpoint for good."""
        try:
            return (await self._web.post(url, body, headers)).status
        except WebRefused:
            raise ForbiddenEndpoint from None
        except WebFailed as error:
            raise PushNotTaken(str(error)) from None


def check_endpoint(url: str, *, plain: bool) -> None:
    """By https, to a name, without credentials; `plain` allows http too. Raises ForbiddenEndpoint."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ForbiddenEndpoint from None
    is_named = bool(parts.hostname) and parts.username is None and parts.password is None and port != 0
    is_scheme = parts.scheme == "https" or (plain and parts.scheme == "http")
    if not (is_named and is_scheme and url.isascii() and url.isprintable()):
        raise ForbiddenEndpoint
