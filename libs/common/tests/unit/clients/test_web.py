"""What strangers name is asked only where it is public: a canary listens where no request may ever arrive."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import ValidationError

from rookery_common.clients import web
from rookery_common.clients.web import MAX_REDIRECTS, Web, WebError, WebFailed, WebRefused, is_public
from rookery_common.config import WebSettings
from rookery_common.testing.certificates import self_signed

FOLDER = Path(__file__).parent
# Hosts that are not public, in every way they can be written.
HOSTS = (FOLDER / "web_hosts.txt").read_text(encoding="utf-8").split()
# What is no address of the web; {0} is where the canary listens.
FORMS = (FOLDER / "web_forms.txt").read_text(encoding="utf-8").split()


class Canary:
    """An HTTP server on loopback that counts its visitors and answers what it is told to."""

    def __init__(self) -> None:
        self.visits: list[bytes] = []
        self.answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
        self.port = 0
        self.closes = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.answer)
        if not self.closes:
            await reader.read()
        writer.close()

    def redirect(self, url: str) -> None:
        self.answer = b"HTTP/1.1 302 Found\r\nlocation: %b\r\ncontent-length: 0\r\n\r\n" % url.encode()


@pytest_asyncio.fixture
async def canary() -> AsyncIterator[Canary]:
    canary = Canary()
    server = await asyncio.start_server(canary.serve, "127.0.0.1", 0)
    canary.port = server.sockets[0].getsockname()[1]
    async with server:
        yield canary


class Names:
    """A resolver that says what it is told to, one answer after the other, the last for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def client(networks: str = "", names: Names | None = None) -> Web:
    return Web(WebSettings(web_networks=networks), user_agent="Rookery", resolve=names)


@pytest.mark.parametrize("host", HOSTS)
async def test_what_is_not_public_is_never_asked_however_it_is_written(canary: Canary, host: str) -> None:
    asking = client()
    for url in (f"http://{host}:{canary.port}/", f"https://{host}:{canary.port}/"):
        with pytest.raises(WebError) as told:
            await asking.get(url)
        # Where nobody could even say which address that is, none was tried either.
        assert isinstance(told.value, WebRefused) or "gaierror" in str(told.value)
    assert canary.visits == []


@pytest.mark.parametrize("form", [*FORMS, "http://" + "a" * 3000])
async def test_what_is_no_address_of_the_web_is_refused(canary: Canary, form: str) -> None:
    with pytest.raises(WebError):
        await client("127.0.0.0/8").get(form.format(f"127.0.0.1:{canary.port}"))
    assert canary.visits == []


@pytest.mark.parametrize(
    "answer", [["93.184.215.14", "127.0.0.1"], ["127.0.0.1", "93.184.215.14"], ["::1"], ["2606:4700::1", "fe80::1"]]
)
async def test_a_name_that_also_leads_inside_is_refused(canary: Canary, answer: list[str]) -> None:
    with pytest.raises(WebRefused):
        await client(names=Names(answer)).get(f"http://example.org:{canary.port}/")
    assert canary.visits == []


async def test_a_name_is_asked_for_once_and_that_answer_is_used(canary: Canary) -> None:
    """Whoever answers something else the second time has not been asked."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    answer = await client("127.0.0.1/32", names).get(f"http://example.org:{canary.port}/page")
    assert (answer.status, answer.body, answer.url) == (200, b"hi", f"http://example.org:{canary.port}/page")
    assert names.asked == ["example.org"]
    head = canary.visits[0].lower()
    assert head.startswith(b"get /page http/1.1\r\n")
    assert b"\r\nhost: example.org:%d\r\n" % canary.port in head


async def test_a_redirect_is_looked_at_like_the_first_address(canary: Canary) -> None:
    canary.redirect("http://inside.example.org/")
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    with pytest.raises(WebRefused):
        await client("127.0.0.1/32", names).get(f"http://example.org:{canary.port}/")
    assert names.asked == ["example.org", "inside.example.org"]


async def test_redirects_come_to_an_end(canary: Canary) -> None:
    canary.redirect(f"http://127.0.0.1:{canary.port}/again")
    answer = await client("127.0.0.1/32").get(f"http://127.0.0.1:{canary.port}/")
    assert (answer.status, answer.body) == (302, b"")
    assert len(canary.visits) == MAX_REDIRECTS + 1


async def test_what_comes_with_a_redirect_is_not_read(canary: Canary) -> None:
    """Promised without end, and never sent: whoever waits for it is given up."""
    place = f"http://127.0.0.1:{canary.port}/again"
    canary.answer = b"HTTP/1.1 302 Found\r\nlocation: %b\r\ncontent-length: 1000000000\r\n\r\n" % place.encode()
    canary.closes = False
    answer = await client("127.0.0.1/32").get(f"http://127.0.0.1:{canary.port}/")
    assert answer.status == 302
    assert len(canary.visits) == MAX_REDIRECTS + 1


async def test_no_cookie_is_kept_from_one_request_to_the_next(canary: Canary) -> None:
    canary.answer = b"HTTP/1.1 200 OK\r\nset-cookie: who=alice\r\ncontent-length: 2\r\n\r\nhi"
    asking = client("127.0.0.1/32")
    for _ in range(2):
        await asking.get(f"http://127.0.0.1:{canary.port}/")
    assert [b"cookie" in head.lower() for head in canary.visits] == [False, False]


async def test_what_is_posted_goes_to_one_place_alone(canary: Canary) -> None:
    canary.redirect(f"http://127.0.0.1:{canary.port}/elsewhere")
    answer = await client("127.0.0.1/32").post(f"http://127.0.0.1:{canary.port}/", b"secret", {"topic": "x"})
    assert answer.status == 302
    assert len(canary.visits) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n12345678901",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\n123456\r\n6\r\n123456\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nhi",
        b"no HTTP at all\r\n\r\n",
        b"",
    ],
)
async def test_an_answer_that_is_not_as_it_should_be_is_none(canary: Canary, answer: bytes) -> None:
    canary.answer = answer
    with pytest.raises(WebFailed):
        await client("127.0.0.1/32").get(f"http://127.0.0.1:{canary.port}/", max_bytes=10)


async def test_whoever_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = asyncio.Event()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()

    monkeypatch.setattr(web, "FETCH_SECONDS", 0.1)
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(WebFailed):
            await client("127.0.0.1/32").get(f"http://127.0.0.1:{port}/")
        silent.set()


async def test_a_certificate_must_be_of_the_name_and_of_an_authority(tmp_path: Path) -> None:
    seen: list[str | None] = []

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    context.sni_callback = lambda _socket, name, _context: seen.append(name)
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(WebFailed):
            await client("127.0.0.1/32", Names(["127.0.0.1"])).get(f"https://example.org:{port}/")
    assert seen == ["example.org"]


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "192.0.1.1", "2606:4700:4700::1111", "2a00:1450::1"])
def test_what_is_public_may_be_asked(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_networks_are_read_when_the_service_starts() -> None:
    settings = WebSettings(web_networks="10.1.0.0/16, fd00::/8")
    assert [str(network) for network in settings.networks()] == ["10.1.0.0/16", "fd00::/8"]
    with pytest.raises(ValidationError, match="web_networks"):
        WebSettings(web_networks="10.1.0.1/16")
