"""Quotes as their viewers are shown them, and who may quote a post."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway_service.cache import PostFragment, QuoteFragment
from gateway_service.columns import Relation, View
from rookery.post.v1.post_pb2 import Quote, QuotePolicy, QuoteState

# Looked up once: an enum's attribute costs more than all else here.
_PUBLIC, _FOLLOWERS = QuotePolicy.QUOTE_POLICY_PUBLIC, QuotePolicy.QUOTE_POLICY_FOLLOWERS
_DELETED, _UNAUTHORIZED = QuoteState.QUOTE_STATE_DELETED, QuoteState.QUOTE_STATE_UNAUTHORIZED
POLICIES: Final[Mapping[str, QuotePolicy.ValueType]] = {
    "public": _PUBLIC,
    "followers": _FOLLOWERS,
    "nobody": QuotePolicy.QUOTE_POLICY_NOBODY,
}
_AUTOMATIC: Final[Mapping[int, bytes]] = {_PUBLIC: b'"public"', _FOLLOWERS: b'"followers"'}
_POLICY_NAMES: Final[Mapping[int, str]] = {number: name for name, number in POLICIES.items()}
# In these a quote names what it quotes: clients hide it behind a click where it is of somebody blocked or muted.
SHOWN: Final = frozenset({b"accepted", b"blocked_account", b"muted_account"})


def _approval(policy: int, allowed: bool) -> bytes:
    current = b"automatic" if allowed else b"denied"
    return b',"quote_approval":{"automatic":[%b],"manual":[],"current_user":"%b"}' % (
        _AUTOMATIC.get(policy, b""),
        current,
    )


_APPROVALS: Final[Mapping[tuple[int, bool], bytes]] = {
    (policy, allowed): _approval(policy, allowed) for policy in QuotePolicy.values() for allowed in (False, True)
}


_OPEN: Final = _APPROVALS[_PUBLIC, True]


def policy_name(policy: int) -> str:
    """As clients name it."""
    return _POLICY_NAMES.get(policy, "nobody")


def quote_fragment(quote: Quote) -> QuoteFragment:
    """What of a quote is the same for everybody."""
    return QuoteFragment(quote.post_id, quote.author_id, quote.state == QuoteState.QUOTE_STATE_REVOKED)


def approval_bytes(post: PostFragment, viewer_id: int, relations: Mapping[int, Relation]) -> bytes:
    """Who may quote a post, the viewer among them or not, as a member of the status."""
    relation = relations.get(post.author_id)
    if relation is not None and relation.usual and post.quote_policy == _PUBLIC and not post.is_direct:
        return _OPEN
    return _APPROVALS.get((post.quote_policy, _may_quote(post, viewer_id, relations)), _APPROVALS[0, False])


def is_wanted(quote: QuoteFragment | None, view: View) -> bool:
    """Whether what is quoted may be there to be shown."""
    return quote is not None and not quote.revoked and view.quote_state not in (_DELETED, _UNAUTHORIZED)


def quote_state(quote: QuoteFragment, view: View, viewer_id: int, relations: Mapping[int, Relation]) -> bytes:
    """How the viewer is shown a quote, as far as that does not depend on whether what is quoted was found."""
    if quote.revoked:
        return b"revoked"
    if view.quote_state == _DELETED:
        return b"deleted"
    if view.quote_state == _UNAUTHORIZED:
        return b"unauthorized"
    if viewer_id in (0, quote.author_id):
        return b"accepted"
    relation = relations.get(quote.author_id)
    if relation is None or relation.blocked_by:
        return b"unauthorized"
    if relation.blocking:
        return b"blocked_account"
    return b"muted_account" if relation.muting else b"accepted"


def _may_quote(post: PostFragment, viewer_id: int, relations: Mapping[int, Relation]) -> bool:
    if not viewer_id or post.is_direct:
        return False
    if viewer_id == post.author_id:
        return True
    relation = relations.get(post.author_id)
    if relation is None or relation.blocking or relation.blocked_by:
        return False
    return post.quote_policy == _PUBLIC or (post.quote_policy == _FOLLOWERS and relation.following)
