"""Elasticsearch by TLS: only the right authority is believed, and each request shows the log-in as it is then."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr

from rookery_common.clients.elasticsearch import Elastic, ElasticUnavailable
from rookery_common.config import ElasticsearchSettings
from rookery_common.testing.certificates import self_signed

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Elastic-Product: Elasticsearch\r\n"
    b"Content-Length: 2\r\n\r\n{}"
)


@dataclass
class Server:
    """Says yes to everything, and remembers who asked."""

    file: Path
    url: str = ""
    logins: list[str] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Until the client ends it: asyncio's TLS before Python 3.11.3 fails when what is over is closed once more.
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
                self.logins += [line.partition(": ")[2] for line in head if line.lower().startswith("authoriz")]
                writer.write(ANSWER)
                await writer.drain()
        writer.close()


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    made = Server(self_signed(tmp_path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.file)
    listener = await asyncio.start_server(made.handle, "127.0.0.1", 0, ssl=context)
    made.url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with listener:
        yield made


async def test_each_request_shows_the_key_that_is_in_the_file_then(server: Server, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("first")
    settings = ElasticsearchSettings(
        elasticsearch_url=SecretStr(server.url),
        elasticsearch_ca_file=str(server.file),
        elasticsearch_api_key_file=str(key),
    )
    elastic = Elastic.from_settings(settings, "test")
    await elastic.check()
    key.write_text("renewed")
    await elastic.check()
    await elastic.stop()
    assert server.logins == ["ApiKey first", "ApiKey renewed"]


async def test_a_user_is_shown_with_its_password(server: Server) -> None:
    settings = ElasticsearchSettings(
        elasticsearch_url=SecretStr(server.url),
        elasticsearch_ca_file=str(server.file),
        elasticsearch_username="search",
        elasticsearch_password=SecretStr("hunter2"),
    )
    elastic = Elastic.from_settings(settings, "test")
    await elastic.check()
    await elastic.stop()
    assert server.logins == ["Basic c2VhcmNoOmh1bnRlcjI="]


async def test_a_certificate_that_nobody_known_vouches_for_is_not_believed(server: Server) -> None:
    elastic = Elastic.from_settings(ElasticsearchSettings(elasticsearch_url=SecretStr(server.url)), "test")
    with pytest.raises(ElasticUnavailable):
        await elastic.check()
    await elastic.stop()
    assert server.logins == []
