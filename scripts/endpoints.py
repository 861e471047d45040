"""Reads from an endpoint's own code what it does: whom it calls, what token it wants, which parameters it takes.

The code is followed, not run: from the endpoint through our own functions, with the real objects that it is bound to,
so that a name such as `self._composer` stands for what it will be. What can't be resolved is left out, never guessed.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import FunctionType, MethodType
from typing import Any

UNKNOWN: Any = object()
MAX_DEPTH = 15
SERVICES = ("auth", "user", "post", "feed", "messaging", "notification", "search", "analytics", "moderation", "gateway")
OURS = tuple(f"{name}_service" for name in SERVICES)
_RPC_CALLS = frozenset({"call", "exchange", "upload", "stream"})
_TOKEN_CALLS = frozenset({"require_user", "require", "viewer", "identify"})
# In the services: what the caller's identity is asked for.
_IDENTITY_CALLS = frozenset({"require_identity", "current_identity", "has_scope"})
_PERMISSION_CALLS = frozenset({"permits", "check_permission"})
_READERS = {"read_params": "body", "query_params": "query", "checked": "body"}
_GETTERS = frozenset(
    {
        "text", "required_text", "texts", "flag", "integer", "id", "ids", "choice", "pair", "time", "page", "group",
        "groups", "integers",
    }
)  # fmt: skip
_PAGE = {"limit": "limit", "max_id": "id", "since_id": "id", "min_id": "id"}


@dataclass(frozen=True)
class Parameter:
    """A parameter, how it is read, and with which limits."""

    name: str
    place: str
    getter: str
    arguments: tuple[Any, ...] = ()


@dataclass
class Endpoint:
    """What was found: calls as `service.Rpc`, and how the token is asked for (empty: it is not)."""

    calls: list[str] = field(default_factory=list)
    token: str = ""
    scopes: tuple[str, ...] = ()
    permission: str = ""
    parameters: dict[str, Parameter] = field(default_factory=dict)
    reads_body: bool = False
    reads_key: bool = False
    publishes: bool = False
    renders: bool = False  # pages for people
    misses: bool = False  # it may find nothing, by itself
    statuses: set[int] = field(default_factory=set)  # that are named, beside 200


@dataclass(frozen=True)
class Source:
    """Stands for a `Params` in what is followed: where its values come from."""

    place: str


def read(endpoint: Callable[..., Any], rpcs: Mapping[str, str]) -> Endpoint:
    """What the endpoint does; `rpcs` names the service of each RPC."""
    found = Endpoint()
    _Reading(found, rpcs).follow(endpoint, {})
    return found


@cache
def _definition(function: FunctionType) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function.__code__)))
    except (OSError, TypeError, SyntaxError):
        return None
    node = tree.body[0]
    return node if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else None


class _Reading:
    """One endpoint's reading; remembers which functions are being followed."""

    def __init__(self, found: Endpoint, rpcs: Mapping[str, str]) -> None:
        self.found = found
        self.rpcs = rpcs
        self._under_way: list[FunctionType] = []

    def follow(self, callee: Any, bound: Mapping[str, Any], positional: tuple[Any, ...] = ()) -> Any:
        """Reads a function of ours; what it returns, where that can be told."""
        if isinstance(callee, MethodType):
            positional, callee = (callee.__self__, *positional), callee.__func__
        if not isinstance(callee, FunctionType) or not callee.__module__.startswith(OURS):
            return UNKNOWN
        definition = _definition(callee)
        if definition is None or callee in self._under_way or len(self._under_way) >= MAX_DEPTH:
            return UNKNOWN
        names = [argument.arg for argument in definition.args.args]
        values = dict(inspect.getclosurevars(callee).nonlocals)
        values |= dict.fromkeys(names, UNKNOWN)
        values |= dict(zip(names, positional, strict=False)) | dict(bound)
        if definition.args.vararg:
            values[definition.args.vararg.arg] = positional[len(names) :]
        self._under_way.append(callee)
        try:
            return _Body(self, values, callee.__globals__).run(definition)
        finally:
            self._under_way.pop()


class _Body(ast.NodeVisitor):
    """One function's body, read from top to bottom."""

    def __init__(self, reading: _Reading, values: dict[str, Any], names: Mapping[str, Any]) -> None:
        self._reading = reading
        self._values = values
        self._names = names
        self._returned: Any = UNKNOWN

    def run(self, definition: ast.FunctionDef | ast.AsyncFunctionDef) -> Any:
        for statement in definition.body:
            self.visit(statement)
        return self._returned

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """An inner function counts where it is called, not where it is written."""

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]

    def visit_Assign(self, node: ast.Assign) -> None:
        value = self._resolve(node.value)
        target = node.targets[0]
        if isinstance(target, ast.Name):
            self._values[target.id] = value
        elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            for each, part in zip(target.elts, value, strict=False):
                if isinstance(each, ast.Name):
                    self._values[each.id] = part

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None:
            self._returned = self._resolve(node.value)

    def visit_Raise(self, node: ast.Raise) -> None:
        if isinstance(node.exc, ast.Name) and node.exc.id == "RecordNotFound":
            self._reading.found.misses = True
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        self._resolve(node)

    def _resolve(self, node: ast.expr) -> Any:
        """The value, as far as it can be told; calls on the way are taken note of."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return self._values.get(node.id, self._names.get(node.id, UNKNOWN))
        if isinstance(node, ast.Await):
            return self._resolve(node.value)
        if isinstance(node, ast.Attribute):
            return _attribute(self._resolve(node.value), node.attr)
        if isinstance(node, ast.Tuple | ast.List):
            return tuple(self._resolve(item) for item in node.elts)
        if isinstance(node, ast.Call):
            return self._call(node)
        self.generic_visit(node)
        return UNKNOWN

    def _call(self, node: ast.Call) -> Any:
        positional = tuple(self._positional(node))
        named = {each.arg: self._resolve(each.value) for each in node.keywords if each.arg}
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        receiver = self._resolve(node.func.value) if isinstance(node.func, ast.Attribute) else UNKNOWN
        if isinstance(receiver, Source):
            return self._note_parameter(receiver, name, positional)
        if name in _READERS:
            return self._note_reader(name, positional, named)
        self._note(name, positional)
        if name == "serve_batch":  # which calls for the entries what it was given
            self._reading.found.token = name
            for each in positional:
                self._reading.follow(each, {})
        callee = _attribute(receiver, name) if isinstance(node.func, ast.Attribute) else self._resolve(node.func)
        self._note_message(callee)
        self._note_answer(callee, name, positional, named)
        # A Batcher calls for what was put into it.
        batched = getattr(receiver if name == "together" else callee, "_send", None)
        if name == "join":  # a cohort's work is done for all of it
            self._reading.follow(getattr(receiver, "_work", None), {})
        return self._reading.follow(batched or callee, named, positional)

    def _positional(self, node: ast.Call) -> list[Any]:
        values: list[Any] = []
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                several = self._resolve(argument.value)
                values += several if isinstance(several, tuple | list) else []
            else:
                values.append(self._resolve(argument))
        return values

    def _note(self, name: str, positional: tuple[Any, ...]) -> None:
        found, first = self._reading.found, positional[0] if positional else UNKNOWN
        if name in _RPC_CALLS and isinstance(first, str) and first in self._reading.rpcs:
            call = f"{self._reading.rpcs[first]}.{first}"
            if call not in found.calls:
                found.calls.append(call)
        elif name in _TOKEN_CALLS and not found.token:
            found.token = name
            found.scopes = tuple(scope for scope in positional[1:] if isinstance(scope, str))
        elif name == "check_scope" and not found.token:  # streams, which take their token from elsewhere too
            found.token = "require_user"  # noqa: S105 - the name of a method
            found.scopes = tuple(scope for scope in positional[1:] if isinstance(scope, str))
        elif name in _IDENTITY_CALLS:
            found.token = found.token or name
            found.scopes = tuple(dict.fromkeys([*found.scopes, *([first] if isinstance(first, str) else [])]))
        elif name in _PERMISSION_CALLS and isinstance(positional[-1], str):
            found.permission = positional[-1]
        elif name == "idempotency_key":
            found.reads_key = True
        elif name == "send_all":
            found.publishes = True

    def _note_message(self, callee: Any) -> None:
        """A request's message that is made is sent: by its name, where a helper makes the call."""
        descriptor = getattr(callee, "DESCRIPTOR", None)
        rpc = str(getattr(descriptor, "name", "")).removesuffix("Request")
        if rpc in self._reading.rpcs and rpc != getattr(descriptor, "name", ""):
            call = f"{self._reading.rpcs[rpc]}.{rpc}"
            if call not in self._reading.found.calls:
                self._reading.found.calls.append(call)

    def _note_answer(self, callee: Any, name: str, positional: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        found = self._reading.found
        if name == "render" and getattr(callee, "__module__", "") == "gateway_service.pages":
            found.renders = True
        elif name == "RedirectResponse":
            found.statuses.add(named.get("status_code", positional[1] if len(positional) > 1 else 307))
        elif name == "Response":
            status = named.get("status_code", positional[1] if len(positional) > 1 else 200)
            if type(status) is int and status < 400:
                found.statuses.add(status)

    def _note_reader(self, name: str, positional: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        if name == "checked":
            return Source("body")
        if name == "read_params":
            self._reading.found.reads_body = True
        return Source(_READERS[name])

    def _note_parameter(self, source: Source, getter: str, positional: tuple[Any, ...]) -> Any:
        if getter not in _GETTERS:
            return UNKNOWN
        parameters = self._reading.found.parameters
        if getter == "page":
            for name in ("limit", "max_id", "since_id", "min_id"):
                parameters.setdefault(
                    name, Parameter(name, source.place, "id" if "_id" in name else "limit", positional)
                )
        elif positional and isinstance(positional[0], str):
            parameters.setdefault(positional[0], Parameter(positional[0], source.place, getter, positional[1:]))
        return UNKNOWN


def _attribute(value: Any, name: str) -> Any:
    if value is UNKNOWN or isinstance(value, Source):
        return UNKNOWN
    return getattr(value, name, UNKNOWN)
