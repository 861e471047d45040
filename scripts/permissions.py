"""Every RPC with who may call it and what the caller's token must permit, and every route with the same.

Writes docs/security/permissions.md. It is read from the servicers' own code, as the routes are: a method that asks for
nothing must be named below with its reason.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any, get_type_hints

import endpoints
from routes import SERVICES, served_routes, token_of

from auth_service.models import PERMISSIONS
from rookery_common.rpc.handling import allowed_for

# Where a word of a name begins, but for the first.
_WORD = re.compile(r"(?<!^)(?=[A-Z])")
HEAD = """# Permissions

Generated from the servicers and the gateway's routes by `make docs`; don't edit.

Each RPC names the services that may call it, the scopes of which the caller's token needs one, and the permission that
the account's roles must give. The gateway looks at scopes, too, before it calls. Roles are made of permissions by
operators (`python -m auth_service list-roles`); a token's `admin:*` scopes hold only while its account is staff.
"""
# Methods that look at no token, or not always, and why that is right.
OPEN: Mapping[str, str] = {
    "analytics.AnalyticsService.ListActivity": "how lively the community is, is for all to see",
    "auth.AuthService.CreateApp": "anyone registers apps",
    "auth.AuthService.CheckAuthorization": "nobody is signed in yet",
    "auth.AccountService.GetSignUp": "who may sign up is for all to see",
    "auth.AccountService.CreateAccount": "anyone signs up, as the operator lets them",
    "auth.AccountService.StartPasskey": "what is signed is no secret, and its answer tells whose it is",
    "auth.AccountService.FinishPasskey": "the passkey's signature is the proof",
    "auth.AccountService.ListProviders": "by which sites one may sign in is for all to see",
    "auth.AccountService.StartProvider": "it leads to a site that says who somebody is",
    "auth.AccountService.CreateProviderAccount": "a new account's owner has none yet; the challenge is the proof",
    "auth.AccountService.FinishSignIn": "what signing in with the password gave is the proof, with the second factor",
    "auth.AccountService.RequestPasswordReset": "anyone may ask, and nobody is told anything",
    "auth.AccountService.ResetPassword": "the mailed link is the proof",
    "auth.AccountService.ConfirmEmail": "the mailed link is the proof",
    "auth.AuthService.CreateToken": "the client's secret, code or refresh token is the proof",
    "auth.AuthService.RevokeToken": "the client's secret is the proof",
    "auth.AuthService.IntrospectToken": "the client's secret is the proof",
    "auth.AuthService.ExchangeToken": "the opaque token is the proof",
    "auth.AuthService.GetSigningKeys": "public keys",
    "auth.MailService.GetMailbox": "service to service: notification asks who gets mails",
    "auth.MailService.SendMail": "service to service: notification hands over what it has written",
    "notification.PreferenceService.UnsubscribeDigest": "the mailed token is the proof",
    "auth.AuthService.ListPermittedAccounts": "service to service: notification asks who the staff is",
    "auth.AuthService.WatchRevocations": "service to service",
    "feed.FeedService.ListPublicTimeline": "ids of what is public, the same for everybody",
    "feed.FeedService.StreamPublicTimelines": "service to service; ids of what is public",
    "feed.FeedService.StreamTimelines": "service to service; the gateway has checked each listener's token",
    "messaging.DirectThreadService.StreamDirectThreads": "service to service; the gateway has checked each token",
    "messaging.MessagingService.StreamMessages": "service to service; the gateway has checked each listener's token",
    "moderation.AnnouncementService.GetAnnouncementFor": "service to service; the gateway has checked each token",
    "notification.NotificationService.StreamNotifications": "service to service; the gateway has checked each token",
    "notification.PushService.GetPushKey": "the key that subscriptions are made with is public",
    "post.PostService.ListPostsFor": "service to service: notification asks what those see whom it pushes to",
    "post.PostService.ListPostsOfAuthors": "service to service: feed shows a home's reader what is older than it keeps",
    "post.PostService.ListRecentPosts": "service to service: feed brings recent posts into homes of new followers",
    "post.EngagementService.BookmarkPostsFor": "service to service: user makes those that an account brings",
    "post.PollService.ListVoters": "service to service: notification tells those who voted that the poll is over",
    "user.DirectoryService.ListDirectory": "who wishes to be found is for all to see",
    "user.DirectoryService.GetCommunityCounts": "how large the community is, is for all to see",
    "user.UserService.LookupAccounts": "who has which name is for all to see",
    "user.UserService.ListAccounts": "service to service",
    "user.SnapshotService.ListFollows": "service to service: feed builds its view of who follows whom",
    "user.FilterService.ListFiltersOf": "service to service: notification asks what those avoid whom it pushes to",
    "user.UserService.ListRelationshipsOf": "service to service: scheduled posts, and pushes to whom they concern",
    "user.UserService.ReserveAccount": "service to service",
    "user.UserService.ConfirmAccount": "service to service",
}
# Methods that several services serve, each by the same contract.
SHARED: Mapping[str, str] = {
    "ErasureService.EraseAccount": "service to service: user has each erase what it keeps of a deleted account",
}
ANY = "any token"
PUBLIC = "what anyone may see; more with a token"


@dataclass(frozen=True)
class Instance:
    """Stands for an object of ours in what is followed: its class, and by its constructor what it holds."""

    kind: type

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.kind, name, None)
        if isinstance(found, FunctionType):
            return MethodType(found, self)
        held = _held(self.kind).get(name)
        return endpoints.UNKNOWN if held is None else Instance(held)


@dataclass(frozen=True)
class Method:
    """One RPC, and what its code asks of whoever calls."""

    name: str
    callers: frozenset[str]
    scopes: tuple[str, ...]
    permission: str
    token: str  # by which call it is looked at; empty where it is not


def _held(kind: type) -> Mapping[str, type]:
    """The attributes that the constructor sets from its own arguments, by their annotated types."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind.__init__)))  # type: ignore[misc] # its own source
        hints = get_type_hints(kind.__init__)  # type: ignore[misc]
    except (OSError, TypeError, NameError):
        return {}
    return {
        target.attr: hints[node.value.id]
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name)
        for target in node.targets
        if isinstance(target, ast.Attribute) and isinstance(hints.get(node.value.id), type)
    }


def methods() -> Iterator[Method]:
    """Every RPC of every service but the gateway, in the order of the contracts."""
    for service in SERVICES:
        root = "app.serving" if service == "post" else "app"
        allowed: Mapping[str, frozenset[str]] = importlib.import_module(f"{service}_service.{root}").ALLOWED_CALLERS
        for contract, servicer in _servicers(service):
            for rpc in contract.methods:
                does = endpoints.read(getattr(Instance(servicer), rpc.name), {})
                yield Method(
                    name=f"{service}.{contract.name}.{rpc.name}",
                    callers=allowed_for(f"/{contract.full_name}/{rpc.name}", allowed),
                    scopes=does.scopes,
                    permission=does.permission,
                    token=does.token,
                )
        if "EraseAccount" in allowed:
            yield Method(f"{service}.ErasureService.EraseAccount", allowed["EraseAccount"], (), "", "")


def reason(name: str) -> str:
    """Why a method looks at no token, or not always; empty where nobody says."""
    return OPEN.get(name) or SHARED.get(name.partition(".")[2], "")


def _servicers(service: str) -> Iterator[tuple[Any, type]]:
    """The contracts of a service, each with the class that serves it."""
    package = importlib.import_module(f"{service}_service")
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.endswith("servicer"):
            continue
        for kind in vars(importlib.import_module(f"{service}_service.{module.name}")).values():
            is_ours = isinstance(kind, type) and kind.__module__.startswith(package.__name__)
            if is_ours and kind.__name__.endswith("Servicer"):
                yield _contract(service, kind.__name__.removesuffix("r")), kind


def _contract(service: str, name: str) -> Any:
    noun = _WORD.sub("_", name.removesuffix("Service")).lower()
    module = importlib.import_module(f"rookery.{service}.v1.{noun}_service_pb2")
    return module.DESCRIPTOR.services_by_name[name]


def problems(found: Iterable[Method]) -> Iterator[str]:
    """Methods that ask for nothing without a reason, reasons that nothing needs, permissions that no role can have."""
    names = set()
    for method in found:
        names.add(method.name)
        if not method.token and not reason(method.name):
            yield f"{method.name} asks for no token: see to it, or say why in scripts/permissions.py"
        if method.token and method.name in OPEN:
            yield f"{method.name} asks for a token: take its reason out of scripts/permissions.py"
        if method.permission and method.permission not in PERMISSIONS:
            yield f"{method.name}: no role can have the permission {method.permission}"
    yield from (f"scripts/permissions.py: there is no {name}" for name in OPEN if name not in names)


def page() -> str:
    """docs/security/permissions.md. Raises SystemExit where an RPC asks for nothing and nobody says why."""
    found = list(methods())
    if wrong := list(problems(found)):
        raise SystemExit("\n".join(wrong))
    routes = served_routes()
    needed = {method.name.partition(".")[0] + "." + method.name.rpartition(".")[2]: method for method in found}
    rows = "".join(map(_row, found))
    lines = "".join(
        f"| {route.method} {route.path} | {token_of(route.does)} | {_permissions(route.does.calls, needed)} |\n"
        for route in sorted(routes, key=lambda route: (route.path, route.method))
    )
    return (
        f"{HEAD}\n## RPCs\n\n| RPC | callers | token | permission |\n|---|---|---|---|\n{rows}"
        f"\n## Routes\n\n| route | token | permission |\n|---|---|---|\n{lines}"
    )


def _row(method: Method) -> str:
    without_scope = ANY if method.token == "require_identity" else PUBLIC  # noqa: S105 - the name of a function
    scopes = ", ".join(method.scopes) or (without_scope if method.token else reason(method.name))
    callers = ", ".join(sorted(method.callers))
    return f"| {method.name} | {callers} | {scopes} | {method.permission or '-'} |\n"


def _permissions(calls: Iterable[str], needed: Mapping[str, Method]) -> str:
    asked = [needed[call].permission for call in calls if call in needed and needed[call].permission]
    return ", ".join(dict.fromkeys(asked)) or "-"
