"""HTTP to addresses that strangers name: link previews, push endpoints, a profile's own pages.

A name is resolved once, all its addresses are checked, and the connection goes to one of those: neither another answer
of the DNS nor a redirect reaches what is not public, unless the operator has opened its network (`web_networks`).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx2

from rookery_common.config import WebSettings

MAX_BYTES = 1024 * 1024
MAX_REDIRECTS = 3
MAX_URL_CHARACTERS = 2048
FETCH_SECONDS = 5.0
_SCHEMES = frozenset({"http", "https"})
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

# What addresses of the internet are made of, without those that lead elsewhere: 6to4 and its relays, protocols' own
# (Teredo among them), and what documents use. `is_global` lets some of them through, and not the same ones in each
# patch of Python; NAT64 lies outside.
_PUBLIC_IPV6 = ipaddress.IPv6Network("2000::/3")
_DETOURS = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20")),
)


class WebError(Exception):
    """Nothing came of it; the message is for operators and says nothing of what was read."""


class WebRefused(WebError):
    """This address is never asked: it is no web address, or not a public one. Trying again is of no use."""


class WebFailed(WebError):
    """The other side did not answer in time, in size, or at all."""


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """What the last of the redirects answered; `url` is where that was."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Web:
    """Component: asks strangers, of whose answers little is read. Nothing is kept open between two requests."""

    def __init__(self, settings: WebSettings, *, user_agent: str, resolve: Resolve | None = None) -> None:
        transport = _Checked(settings.networks(), resolve or _resolve)
        # Uncompressed, so that what arrives is as large as what is counted.
        headers = {"user-agent": user_agent, "accept-encoding": "identity"}
        # No stranger's cookie is kept, let alone given back on behalf of somebody else.
        cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        self._client = httpx2.AsyncClient(transport=transport, headers=headers, cookies=cookies, trust_env=False)

    async def start(self) -> None:
        """Opens nothing."""

    async def stop(self) -> None:
        await self._client.aclose()

    async def get(self, url: str, *, max_bytes: int = MAX_BYTES, accept: str = "*/*") -> WebAnswer:
        """What is there, after at most three redirects; a fourth is the answer. Raises WebRefused and WebFailed."""
        return await self._ask("GET", url, max_bytes, MAX_REDIRECTS, headers={"accept": accept})

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, max_bytes: int = 4096) -> WebAnswer:
        """What is answered to this; a redirect is an answer. Raises WebRefused and WebFailed."""
        return await self._ask("POST", url, max_bytes, 0, content=body, headers=headers)

    async def _ask(self, method: str, url: str, max_bytes: int, redirects: int, **parts: Any) -> WebAnswer:
        if len(url) > MAX_URL_CHARACTERS:
            raise WebRefused(f"an address may have at most {MAX_URL_CHARACTERS} characters")
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                return await self._follow(self._client.build_request(method, url, **parts), max_bytes, redirects)
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, UnicodeError) as error:
            raise WebRefused(f"this is no web address: {type(error).__name__}") from None
        except (httpx2.HTTPError, OSError, TimeoutError) as error:
            raise WebFailed(f"no answer: {type(error).__name__}") from None

    async def _follow(self, request: httpx2.Request, max_bytes: int, redirects: int) -> WebAnswer:
        """Here and not by the client, which reads all that comes with a redirect, however much that is."""
        while True:
            answer = await self._client.send(request, stream=True)
            try:
                if answer.next_request is None or not redirects:
                    body = b"" if answer.is_redirect else await _read(answer, max_bytes)
                    return WebAnswer(answer.status_code, answer.headers, body, str(answer.url))
                request, redirects = answer.next_request, redirects - 1
            finally:
                await answer.aclose()


async def _read(answer: httpx2.Response, max_bytes: int) -> bytes:
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise WebFailed("the answer is compressed, which was not asked for")
    parts, size = [], 0
    async for part in answer.aiter_raw():
        size += len(part)
        if size > max_bytes:
            raise WebFailed(f"the answer is larger than {max_bytes} bytes")
        parts.append(part)
    return b"".join(parts)


class _Checked(httpx2.AsyncBaseTransport):
    """Connects to the address that was checked, and to no other; redirects come by here too."""

    def __init__(self, networks: Sequence[Network], resolve: Resolve) -> None:
        self._networks = networks
        self._resolve = resolve
        # A connection is of one name: another name of the same address must show a certificate of its own.
        limits = httpx2.Limits(max_keepalive_connections=0)
        self._inner = httpx2.AsyncHTTPTransport(verify=_authorities(), limits=limits, trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        if url.scheme not in _SCHEMES or not url.host:
            raise WebRefused("only http and https are asked")
        if url.userinfo:
            raise WebRefused("an address that names a user is not asked")
        host = url.raw_host.decode()
        port = url.port or (443 if url.scheme == "https" else 80)
        return await self._inner.handle_async_request(
            httpx2.Request(
                request.method,
                url.copy_with(host=await self._address(host, port)),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
        )

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _address(self, host: str, port: int) -> str:
        """One of the host's addresses, all of which are public. Raises WebRefused and OSError."""
        found = [ipaddress.ip_address(each) for each in await self._resolve(host, port)]
        if not found:
            raise OSError("the name has no address")
        for address in found:
            if not self._may_be_asked(address):
                raise WebRefused("the name leads to an address that is not public")
        return str(found[0])

    def _may_be_asked(self, address: Address) -> bool:
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        address = mapped or address
        return is_public(address) or any(address in network for network in self._networks)


@cache
def _authorities() -> ssl.SSLContext:
    """The system's, which take a moment to read."""
    return ssl.create_default_context()


def is_public(address: Address) -> bool:
    """Whether it is somebody's on the internet, and leads to nothing else."""
    if any(address in network for network in _DETOURS) or address.is_multicast or not address.is_global:
        return False
    return isinstance(address, ipaddress.IPv4Address) or address in _PUBLIC_IPV6


async def _resolve(host: str, port: int) -> list[str]:
    """As the machine's own resolver has it, which also knows the odd ways of writing an address."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]).partition("%")[0] for *_, address in found]
