"""Rate limits: what the operator's file says, how requests are counted, and that no spelling of a route escapes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import httpx2
import pytest
import pytest_asyncio
from pydantic import SecretStr
from starlette.types import ASGIApp, Message, Scope

from gateway_service.app import api_routers
from gateway_service.auth import TokenExchange
from gateway_service.cache import Fragments
from gateway_service.compose import Composer
from gateway_service.compose.for_you import ForYou
from gateway_service.config import Settings
from gateway_service.limits import Limiter, Rules
from gateway_service.limits.gcra import LocalBuckets, Spend
from gateway_service.limits.rules import Limit
from gateway_service.operator_file import OperatorFileInvalid
from gateway_service.routers.timelines import Timelines
from gateway_service.web import build_web
from rookery_common.flags import Flags
from rookery_common.testing.clock import FakeClock

if TYPE_CHECKING:
    from gateway_fakes.world import World

FILE = """
[networks]
ipv6 = 64
[classes.read]
account = "5/10s"
application = "8/10s"
stranger = "3/10s"
[classes.write]
account = "2/1m"
[classes.post]
routes = ["POST /api/v1/statuses"]
account = "2/1m"
[classes.sign-in]
routes = ["POST /oauth/authorize", "POST /oauth/token", "POST /api/v1/apps", "POST /api/v1/accounts"]
network = "2/1m"
[classes.unknown-token]
network = "4/1m"
"""
Client = Callable[[str], httpx2.AsyncClient]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "limits.toml"
    path.write_text(FILE)
    return path


@pytest.fixture
def limiter(settings: Settings, file: Path, exchange: TokenExchange, clock: FakeClock) -> Limiter:
    own = settings.model_copy(update={"limits_file": str(file)})
    local = LocalBuckets(now_us=lambda: int(clock.monotonic() * 1e6))
    return Limiter(own, exchange, clock, local)


@pytest_asyncio.fixture
async def limited(
    world: World, settings: Settings, exchange: TokenExchange, clock: FakeClock, limiter: Limiter
) -> AsyncIterator[ASGIApp]:
    """The web application under the limits of the file."""
    clients = cast(Any, world)
    composer = Composer(clients, Fragments(), clock, settings)
    others = api_routers(clients, composer, exchange, settings, clock, Flags("", (), service="gateway"))
    web = build_web(
        settings, limiter.over([Timelines(composer, ForYou(clients, composer), exchange, settings).router, *others])
    )
    await limiter.start()
    yield web
    await limiter.stop()


@pytest_asyncio.fixture
async def client(limited: ASGIApp) -> AsyncIterator[Client]:
    """Makes clients at addresses."""
    made: list[httpx2.AsyncClient] = []

    def at(host: str) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=limited, client=(host, 4711))
        made.append(httpx2.AsyncClient(transport=transport, base_url="http://rookery.test"))
        return made[-1]

    yield at
    for each in made:
        await each.aclose()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[classes.read]\naccount = 5", "classes.read.account"),
        ('[classes.read]\naccount = "5"', "classes.read.account"),
        ('[classes.read]\naccount = "0/1m"', "classes.read.account"),
        ('[classes.read]\naccount = "5/1y"', "classes.read.account"),
        ('[classes.read]\nperson = "5/1m"', "classes.read.person"),
        ('[classes."a b"]\naccount = "5/1m"', "classes.a b"),
        ("[networks]\nipv6 = 200", "networks.ipv6"),
        ('[classes.a]\nroutes = ["GET /x"]\n[classes.b]\nroutes = ["GET /x"]', "'GET /x' is in two classes"),
        ("[classes", "at end of document"),
    ],
)
def test_bad_file_is_refused_by_the_place_in_it(text: str, named: str) -> None:
    with pytest.raises(OperatorFileInvalid) as caught:
        Rules.parse(text)
    assert named in str(caught.value)


def test_limit_is_requests_in_a_time() -> None:
    rules = Rules.parse('[classes.read]\naccount = "300/5m"\nnetwork = "10/s"')
    assert (rules.classes["read"].account, rules.classes["read"].network) == (Limit(300, 300), Limit(10, 1))


async def test_as_many_as_the_limit_go_at_once_and_then_one_each_interval() -> None:
    now = 1_000_000
    buckets = LocalBuckets(now_us=lambda: now)
    spend = Spend("k", Limit(4, 8))
    first = [buckets.take([spend])[0] for _ in range(4)]
    assert [level.remaining for level in first] == [3, 2, 1, 0]
    assert [level.reset_seconds for level in first] == [2, 4, 6, 8]
    refused = buckets.take([spend])[0]
    assert (refused.remaining, refused.wait_seconds, refused.reset_seconds) == (0, 2, 8)
    now += 2_000_000
    assert buckets.take([spend])[0].wait_seconds == 0
    assert buckets.take([spend])[0].wait_seconds == 2
    now += 60_000_000
    assert buckets.take([spend])[0].remaining == 3


async def test_forgotten_keys_are_those_used_least() -> None:
    buckets = LocalBuckets(capacity=2, now_us=lambda: 0)
    limit = Limit(1, 10)
    for key in ("a", "b", "a", "c"):
        buckets.take([Spend(key, limit)])
    assert [buckets.take([Spend(key, limit)])[0].wait_seconds > 0 for key in ("c", "b")] == [True, True]
    assert buckets.take([Spend("a", limit)])[0].wait_seconds == 0


async def test_account_has_its_limit_and_hears_how_it_stands(client: Client, world: World, clock: FakeClock) -> None:
    _, alice = world.newcomer("alice")
    _, bob = world.newcomer("bob")
    http = client("192.0.2.1")
    for remaining in (4, 3, 2, 1, 0):
        answer = await http.get("/api/v1/statuses", headers=alice)
        assert answer.status_code == 200
        assert answer.headers["x-ratelimit-limit"] == "5"
        assert answer.headers["x-ratelimit-remaining"] == str(remaining)
        assert answer.headers["ratelimit-policy"] == '"read";q=5;w=10'
        assert answer.headers["ratelimit"] == f'"read";r={remaining};t={2 * (5 - remaining)}'
    refused = await http.get("/api/v1/statuses", headers=alice)
    assert (refused.status_code, refused.json()) == (429, {"error": "Too many requests"})
    assert refused.headers["retry-after"] == "2"
    assert refused.headers["x-ratelimit-remaining"] == "0"
    reset = datetime.fromisoformat(refused.headers["x-ratelimit-reset"])
    assert reset == clock.now().astimezone(UTC) + timedelta(seconds=10)
    assert (await http.get("/api/v1/statuses", headers=bob)).status_code == 200
    clock.advance(2)
    assert (await http.get("/api/v1/statuses", headers=alice)).status_code == 200


async def test_failures_are_counted_and_tell_the_limit_too(client: Client, world: World) -> None:
    _, alice = world.newcomer("alice")
    http = client("192.0.2.1")
    answers = [await http.post("/api/v1/statuses", json={"status": ""}, headers=alice) for _ in range(3)]
    assert [answer.status_code for answer in answers[1:]] == [answers[0].status_code, 429]
    assert answers[0].headers["x-ratelimit-remaining"] == "1"


async def test_answer_that_caches_keep_says_nothing_of_a_clients_limit(client: Client) -> None:
    answer = await client("192.0.2.1").get("/api/v2/instance")
    assert answer.headers["cache-control"].startswith("public")
    assert "x-ratelimit-limit" not in answer.headers
    assert "ratelimit" not in answer.headers


async def test_users_of_an_application_share_its_limit(client: Client, world: World) -> None:
    http = client("192.0.2.1")
    statuses = []
    for name in ("alice", "bob", "carol"):
        _, headers = world.newcomer(name)
        statuses += [(await http.get("/api/v1/statuses", headers=headers)).status_code for _ in range(3)]
    assert statuses == [200] * 8 + [429]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("unknown", "", True),
    ],
)
async def test_strangers_of_a_network_share_its_limit(client: Client, first: str, second: str, same: bool) -> None:
    for _ in range(3):
        assert (await client(first).get("/api/v2/instance")).status_code == 200
    assert (await client(second).get("/api/v2/instance")).status_code == (429 if same else 200)


async def test_guessed_tokens_are_refused_before_auth_is_asked(client: Client, world: World) -> None:
    http = client("192.0.2.1")
    statuses = [
        (await http.get("/api/v1/statuses", headers={"authorization": f"Bearer guess{n}"})).status_code
        for n in range(6)
    ]
    assert statuses == [401] * 3 + [429] * 3
    assert len(world.auth.made("ExchangeToken")) == 4
    _, alice = world.newcomer("alice")
    assert (await client("192.0.2.2").get("/api/v1/statuses", headers=alice)).status_code == 200


async def test_limits_hold_for_each_replica_while_redis_is_away(
    settings: Settings, exchange: TokenExchange, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    url = SecretStr("redis://127.0.0.1:1/0")
    limiter = Limiter(settings.model_copy(update={"redis_state_url": url}), exchange, clock)
    spend = Spend("k", Limit(2, 3600))
    levels = [(await limiter.levels([spend]))[0] for _ in range(3)]
    assert [level.wait_seconds > 0 for level in levels] == [False, False, True]
    assert capsys.readouterr().out.count("limits.local") == 1  # then it is left alone for a while
    await limiter.stop()


def write(file: Path, text: str) -> None:
    file.write_text(text)


async def test_file_is_changed_while_running_and_a_bad_one_changes_nothing(
    client: Client, world: World, limiter: Limiter, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, alice = world.newcomer("alice")
    http = client("192.0.2.1")
    write(file, '[classes.read]\naccount = "700/1m"\n')
    limiter.reload_if_changed()
    assert (await http.get("/api/v1/statuses", headers=alice)).headers["x-ratelimit-limit"] == "700"
    write(file, '[classes.read]\naccount = "many"\n')
    limiter.reload_if_changed()
    assert "limits.file_refused" in capsys.readouterr().out
    assert (await http.get("/api/v1/statuses", headers=alice)).headers["x-ratelimit-limit"] == "700"
    write(file, "")
    limiter.reload_if_changed()
    assert "x-ratelimit-limit" not in (await http.get("/api/v1/statuses", headers=alice)).headers


async def test_replica_does_not_start_with_a_bad_file(limiter: Limiter, file: Path) -> None:
    write(file, "[classes")
    with pytest.raises(OperatorFileInvalid):
        await limiter.start()


PATHS = """{p} {p}/ {p}// {p}/// /{p} //{p} {p}? {p}?a=1 {p}/?a=1 {p}.json {p};a=1 {p}%2f {p}%2F%2F {p}%20 {p}%00 {p}%23
{p}/. {p}/.. /x/..{p} /.{p} /%2e{p} {u} {t} {e} {p}%0d%0a {d} {b} {p}%3Fa=1 {p}?access_token=x"""
FORGED = """x-forwarded-for:203.0.113.7 x-forwarded-for:203.0.113.8,127.0.0.1 forwarded:for=203.0.113.9;proto=https
x-real-ip:203.0.113.10 cf-connecting-ip:203.0.113.11 true-client-ip:203.0.113.12 x-client-ip:203.0.113.13
x-http-method-override:GET x-method-override:PUT x-original-url:/livez x-rewrite-url:/livez host:other.example
x-forwarded-host:other.example x-account-id:5 x-roles:admin x-request-id:another-request"""
SPELLINGS = [(path, "") for path in PATHS.split()] + [("{p}", header) for header in FORGED.split()]


def spelled(pattern: str, path: str) -> bytes:
    head, _, last = path.rpartition("/")
    return pattern.format(
        p=path,
        u=path.upper(),
        t=f"{head}/{last.title()}",
        e=f"{head}/%{ord(last[0]):02x}{last[1:]}",
        d=path.replace("/", "//"),
        b=path.replace("/", "\\"),
    ).encode()


async def status_of(web: ASGIApp, target: bytes, headers: dict[str, str]) -> int:
    """Posts to the target exactly as it is spelled; a client's library would put it right first."""
    raw, _, query = target.partition(b"?")
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"status=hello", "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    fields = {"content-type": "application/x-www-form-urlencoded", **headers}
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": unquote(raw.decode()),
        "raw_path": raw,
        "query_string": query,
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
        "client": ("192.0.2.1", 4711),
        "server": ("127.0.0.1", 80),
    }
    await web(scope, receive, send)
    status: int = messages[0]["status"]
    return status


@pytest.mark.parametrize(
    "path", ["/api/v1/statuses", "/oauth/token", "/oauth/authorize", "/api/v1/apps", "/api/v1/accounts"]
)
async def test_no_spelling_of_a_limited_route_escapes_its_limit(limited: ASGIApp, world: World, path: str) -> None:
    assert len(SPELLINGS) >= 30
    _, headers = world.newcomer("alice")
    for _ in range(2):
        assert await status_of(limited, path.encode(), headers) not in (404, 429)
    made = len(world.auth.calls), len(world.post.calls)
    found = {}
    for pattern, header in SPELLINGS:
        name, _, value = header.partition(":")
        found[pattern, header] = await status_of(
            limited, spelled(pattern, path), {**headers, **({name: value} if name else {})}
        )
    assert {key: status for key, status in found.items() if status not in (404, 429)} == {}
    assert [key for key, status in found.items() if key[1] and status != 429] == []
    assert (len(world.auth.calls), len(world.post.calls)) == made
