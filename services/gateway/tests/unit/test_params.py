"""What requests say, in every encoding, and what is wrong with it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote_plus, urlencode

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from gateway_service.errors import BodyTooLarge, UnsupportedContentType
from gateway_service.nesting import nest, parse_pairs
from gateway_service.params import Params, checked, query_params, read_params
from rookery_common.errors import AppError, InvalidArgument

FORM = "application/x-www-form-urlencoded"
LIMIT = 100_000
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
# Enough on every change; the time of one example says nothing on a busy machine.
quick = settings(max_examples=40, deadline=None)
names = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)


def request_of(body: bytes, content_type: str = "", query: bytes = b"", pieces: int = 1) -> Request:
    """A request whose body arrives in so many pieces."""
    size = max(1, -(-len(body) // pieces))
    chunks = [body[start : start + size] for start in range(0, len(body), size)] or [b""]
    messages: list[Message] = [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
        for number, chunk in enumerate(chunks, start=1)
    ]

    async def receive() -> Message:
        return messages.pop(0)

    headers = [(b"content-type", content_type.encode())] if content_type else []
    return Request({"type": "http", "method": "POST", "query_string": query, "headers": headers}, receive)


def multipart(fields: Sequence[tuple[str, str]], boundary: str = "xYzZy") -> tuple[bytes, str]:
    parts = b""
    for name, value in fields:
        parts += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
        parts += value.encode() + b"\r\n"
    return parts + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


async def params_of(body: bytes, content_type: str, query: bytes = b"", pieces: int = 1) -> Params:
    return await read_params(request_of(body, content_type, query, pieces), LIMIT)


def refused(read: Callable[[], object]) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as caught:
        read()
    return caught.value


@quick
@given(st.dictionaries(names, texts, max_size=8), st.integers(1, 5))
async def test_flat_fields_are_the_same_in_each_encoding(fields: dict[str, str], pieces: int) -> None:
    flat = list(fields.items())
    for body, kind in (
        (urlencode(flat).encode(), FORM),
        (orjson.dumps(fields), "application/json"),
        multipart(flat),
    ):
        params = await params_of(body, kind, pieces=pieces)
        assert {name: params.text(name) for name in fields} == fields


@quick
@given(st.lists(texts, max_size=6), names)
async def test_lists_are_the_same_in_each_encoding(items: list[str], name: str) -> None:
    flat = [(f"{name}[]", item) for item in items]
    wanted = [item for item in items if item]
    for body, kind in ((urlencode(flat).encode(), FORM), (orjson.dumps({name: items}), "application/json")):
        assert (await params_of(body, kind)).texts(name) == wanted
    if flat:
        assert (await params_of(*multipart(flat))).texts(name) == wanted


@quick
@given(st.lists(st.fixed_dictionaries({"name": texts, "value": texts}), min_size=1, max_size=4))
async def test_lists_of_groups_are_read_by_index_and_in_sequence(groups: list[dict[str, str]]) -> None:
    indexed = [(f"f[{n}][{key}]", value) for n, group in enumerate(groups) for key, value in group.items()]
    in_sequence = [(f"f[][{key}]", value) for group in groups for key, value in group.items()]
    for body, kind in (
        (urlencode(indexed).encode(), FORM),
        (urlencode(in_sequence).encode(), FORM),
        (orjson.dumps({"f": groups}), "application/json"),
        (orjson.dumps({"f": {str(n): group for n, group in enumerate(groups)}}), "application/json"),
    ):
        read = (await params_of(body, kind)).groups("f")
        assert [{"name": group.text("name"), "value": group.text("value")} for group in read] == groups


async def test_poll_is_read_as_rails_nests_it() -> None:
    body = b"poll[options][]=yes&poll[options][]=no&poll[expires_in]=300&poll[multiple]=false"
    poll = (await params_of(body, FORM)).group("poll")
    assert poll.texts("options") == ["yes", "no"]
    assert poll.integer("expires_in", 1, 1000) == 300
    assert poll.flag("multiple") is False


kinds = st.sampled_from(["application/json", FORM, "multipart/form-data; boundary=b", "x/y", ""])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts
trees = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=10)
# Each way to read the parameter x.
READERS: list[Callable[[Params], object]] = [
    lambda params: params.text("x"),
    lambda params: params.texts("x"),
    lambda params: params.flag("x"),
    lambda params: params.integer("x", -5, 5),
    lambda params: params.id("x"),
    lambda params: params.ids("x"),
    lambda params: params.choice("x", {"a": 1}),
    lambda params: params.pair("x", -1, 1),
    lambda params: params.group("x"),
    lambda params: params.groups("x"),
]


@quick
@given(st.binary(max_size=300), kinds, st.binary(max_size=100))
async def test_any_request_is_read_or_refused_by_an_expected_error(body: bytes, kind: str, query: bytes) -> None:
    with contextlib.suppress(AppError):
        query_params(request_of(b"", query=query))
    with contextlib.suppress(AppError):
        assert isinstance(await params_of(body, kind), Params)


@quick
@given(trees, st.sampled_from(READERS))
def test_any_value_is_read_or_refused_by_its_field(value: Any, read: Callable[[Params], object]) -> None:
    refusals = []
    try:
        read(Params({"x": value}))
    except InvalidArgument as error:
        refusals = list(error.fields)
    assert all(violation.field.startswith("x") for violation in refusals)


async def test_body_goes_over_the_query() -> None:
    params = await params_of(b"a=body", FORM, query=b"a=query&b=query")
    assert (params.text("a"), params.text("b")) == ("body", "query")


@pytest.mark.parametrize("kind", [FORM, "application/json"])
async def test_bad_utf8_is_refused(kind: str) -> None:
    body = b"status=%ff%fe" if kind == FORM else b'{"status": "\xff\xfe"}'
    with pytest.raises(InvalidArgument, match="UTF-8"):
        await params_of(body, kind)


async def test_bad_utf8_in_a_form_is_refused_by_its_field() -> None:
    body, kind = multipart([("poll[options][]", "x")])
    for content, content_type in ((b"a=1&poll[options][]=%ff", FORM), (body.replace(b"x\r\n", b"\xff\r\n", 1), kind)):
        with pytest.raises(InvalidArgument) as caught:
            await params_of(content, content_type)
        assert caught.value.fields[0].field == "poll"


@pytest.mark.parametrize(
    ("body", "kind", "field"),
    [
        (b"a=%00", FORM, "a"),
        (b'{"a": {"b": ["x", "\\u0000"]}}', "application/json", "a.b"),
        (b'{"a": ' + b"[" * 20 + b"]" * 20 + b"}", "application/json", "a"),
        (b"a[b][c][d][e][f][g]=1", FORM, "a"),
        (b"a=1&a[b]=2", FORM, "a"),
        (b"a[b]=1&a=2", FORM, "a"),
        (b"a[]=1&a[b]=2", FORM, "a"),
        (b"a[b]=1&a[]=2", FORM, "a"),
        (b"a[][]=1", FORM, "a"),
    ],
)
async def test_what_no_field_may_hold_is_refused_by_name(body: bytes, kind: str, field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await params_of(body, kind)
    assert caught.value.fields[0].field == field


@pytest.mark.parametrize("body", [b"[1]", b'"a"', b"7", b"null", b"{", b'{"a": NaN}', b'{"a": "\\ud800"}', b"[" * 5000])
async def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidArgument, match="JSON"):
        await params_of(body, "application/json")


async def test_body_of_another_kind_is_refused() -> None:
    with pytest.raises(UnsupportedContentType):
        await params_of(b"<a/>", "application/xml")


async def test_no_body_needs_no_kind() -> None:
    assert (await params_of(b"", "", query=b"a=1")).text("a") == "1"


async def test_too_large_a_body_is_refused_whether_announced_or_not() -> None:
    with pytest.raises(BodyTooLarge):
        await read_params(request_of(b"a" * 2000, FORM), 1000)
    announced = request_of(b"", FORM)
    announced.scope["headers"].append((b"content-length", b"2000"))
    with pytest.raises(BodyTooLarge):
        await read_params(announced, 1000)


async def test_too_many_parameters_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="more than"):
        await params_of(b"a=1&" * 1001, FORM)


async def test_too_many_parts_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="more than"):
        await params_of(*multipart([("a", "1")] * 501))


@pytest.mark.parametrize("cut", [3, 10, 40, 80])
async def test_multipart_that_ends_early_is_refused(cut: int) -> None:
    body, kind = multipart([("status", "Hello"), ("x", "y")])
    with pytest.raises(InvalidArgument, match="multipart"):
        await params_of(body[:-cut], kind)


async def test_multipart_without_a_boundary_is_refused() -> None:
    with pytest.raises(UnsupportedContentType, match="boundary"):
        await params_of(b"x", "multipart/form-data")


async def test_part_without_a_name_is_refused() -> None:
    body, kind = multipart([("status", "Hello")])
    with pytest.raises(InvalidArgument, match="no name"):
        await params_of(body.replace(b'; name="status"', b""), kind)


async def test_file_in_a_form_is_no_text() -> None:
    body, kind = multipart([("avatar", "JPEG"), ("note", "Hi")])
    params = await params_of(body.replace(b'name="avatar"', b'name="avatar"; filename="a.jpg"'), kind)
    assert "avatar" not in params
    assert params.text("note") == "Hi"


@quick
@given(st.lists(st.tuples(names, texts), max_size=8))
def test_pairs_survive_the_journey(pairs: list[tuple[str, str]]) -> None:
    body = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
    assert parse_pairs(body.encode()) == pairs
    assert nest(pairs) == dict(pairs)


def test_ids_are_numbers_or_numeric_text_each_once() -> None:
    params = checked({"ids": ["3", 1, "3"], "one": "7", "index": {"1": "5", "0": "4"}})
    assert params.ids("ids") == [3, 1]
    assert params.ids("one") == [7]
    assert params.ids("index") == [4, 5]
    assert params.ids("none") == []


@pytest.mark.parametrize("value", ["x", "1x", "-1", "9223372036854775808", 1.5, True, "\u0661", "1_0", " 1"])
def test_what_is_no_id_is_refused(value: Any) -> None:
    assert refused(lambda: Params({"id": value}).id("id")).fields[0].field == "id"


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("true", True), ("1", True), ("on", True), (True, True), ("false", False), (0, False), ("", None)],
)
def test_flags_are_read_as_clients_write_them(value: Any, wanted: bool | None) -> None:
    assert Params({"x": value}).flag("x") is wanted


def test_focus_is_two_numbers() -> None:
    assert Params({"focus": "-0.5,1.0"}).pair("focus", -1, 1) == (-0.5, 1.0)
    for value in ("1", "2,0", "a,b", "nan,0", "0,0,0", "inf,0"):
        refused(lambda value=value: Params({"focus": value}).pair("focus", -1, 1))  # type: ignore[misc]


def test_page_limit_is_cut_down_to_the_most() -> None:
    assert Params({"limit": "1000", "max_id": "9"}).page(20, 40).limit == 40
    assert Params({}).page(20, 40).limit == 20
    for value in ("0", "-1", "x", "1.5"):
        assert refused(lambda value=value: Params({"limit": value}).page(20, 40)).fields[0].field == "limit"  # type: ignore[misc]


def test_own_routes_refuse_unknown_parameters() -> None:
    params = Params({"a": "1", "mood": "good"})
    params.refuse_others("a", "mood")
    assert refused(lambda: params.refuse_others("a")).fields[0].field == "mood"


def test_nested_errors_name_the_whole_path() -> None:
    params = checked({"poll": {"options": [1]}, "fields": [{"name": 5}]})
    assert refused(lambda: params.group("poll").texts("options")).fields[0].field == "poll.options"
    assert refused(lambda: params.groups("fields")[0].text("name")).fields[0].field == "fields[0].name"
