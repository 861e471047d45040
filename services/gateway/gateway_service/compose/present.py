"""Facts to bytes for one viewer: what may not be shown is left out, the rest is joined from rendered fragments."""

from __future__ import annotations

from collections.abc import Iterable

from gateway_service.cache import AccountFragment, PostFragment, QuoteFragment
from gateway_service.columns import MARKS, Entry, View
from gateway_service.compose.audience import Rule, Why, why_not_home, why_not_listed
from gateway_service.compose.entities import MEMBERS_OF_MARKS, NO_MEMBERS, numbers_bytes, plain_body, status_body
from gateway_service.compose.facts import Facts
from gateway_service.compose.polls import poll_body
from gateway_service.compose.quotes import SHOWN, approval_bytes, quote_state
from gateway_service.errors import RecordNotFound
from gateway_service.filters import NOTHING
from gateway_service.metrics import LEFT_OUT
from rookery.user.v1.filter_service_pb2 import FilterContext
from rookery_common.auth import Identity
from rookery_common.errors import Unavailable

_HOME, _NOTIFICATIONS = FilterContext.FILTER_CONTEXT_HOME, FilterContext.FILTER_CONTEXT_NOTIFICATIONS
_LEFT_OUT = {why: LEFT_OUT.labels(why.value) for why in Why}


class Presenter:
    """The statuses of one answer."""

    def __init__(self, viewer: Identity | None, facts: Facts, unix_seconds: float) -> None:
        self._viewer_id = viewer.account_id if viewer else 0
        self._facts = facts
        self._unix_seconds = unix_seconds
        self._marks = MEMBERS_OF_MARKS if viewer else NO_MEMBERS
        self._is_unfiltered = facts.filters is None or not facts.filters.rules

    def listed(self, post_ids: Iterable[int]) -> list[bytes]:
        """Posts that are asked for by id, in this order."""
        shown = []
        for post_id in post_ids:
            body = self._listed(post_id)
            if isinstance(body, Why):
                _LEFT_OUT[body].inc()
            else:
                shown.append(body)
        return shown

    def timeline(
        self, entries: Iterable[Entry], rule: Rule = why_not_home, context: FilterContext.ValueType = _HOME
    ) -> list[tuple[int, bytes]]:
        """Those entries that belong in the viewer's home, or to where rule and context are of: id and status, in this
        order.
        """
        posts, accounts, relations = self._facts.posts, self._facts.accounts, self._facts.relations
        shown = []
        for entry in entries:
            post_id = entry.entry_id
            post = posts.get(post_id)
            if post is None:
                body: bytes | Why = Why.NOT_VISIBLE
            else:
                why = rule(self._viewer_id, post, entry.reason, relations)
                if why is None and self._is_unfiltered and post.is_plain and post.author_id in accounts:
                    # As most are: a page's time is spent here.
                    shown.append((post_id, self._plain(post_id, post, accounts[post.author_id])))
                    continue
                body = why or self._why_filtered(post_id, post, context) or self._status(post_id, post)
            if isinstance(body, Why):
                _LEFT_OUT[body].inc()
            else:
                shown.append((post_id, body))
        return shown

    def told(self, post_id: int) -> bytes | Why:
        """The status that something is told of; without it the telling is about nothing."""
        post = self._facts.posts.get(post_id)
        if post is not None and self._why_filtered(post_id, post, _NOTIFICATIONS):
            return Why.FILTERED
        if post is not None and self._facts.views[post_id].marks & MARKS["muted"]:
            return Why.MUTED
        return self._listed(post_id)

    def people(self, account_ids: Iterable[int]) -> list[bytes]:
        """Accounts of a list, in this order."""
        shown = []
        for account_id in account_ids:
            why = why_not_listed(self._viewer_id, account_id, self._facts.relations)
            account = self._facts.accounts.get(account_id)
            if why is not None:
                _LEFT_OUT[why].inc()
            elif account is not None:
                shown.append(account.body)
        return shown

    def poll_of(self, post_id: int) -> bytes:
        """The poll of a post that is listed, or of what it reblogs. Raises RecordNotFound, and Unavailable while its
        votes are not known."""
        original_id = self._facts.posts[post_id].reblog_of_id or post_id
        if self._facts.posts[original_id].poll is None:
            raise RecordNotFound
        poll = self._poll(original_id)
        if poll is None:
            raise Unavailable("the poll's votes can't be read now")
        return poll

    def members_of_revisions(self, post_id: int) -> bytes:
        """What all revisions of a listed post, or of what it reblogs, have in common: an edit changes no quote."""
        facts = self._facts
        original_id = facts.posts[post_id].reblog_of_id or post_id
        post = facts.posts[original_id]
        quote = self._quote(facts.views[original_id], post.quote, is_quoted=False) if post.quote else b',"quote":null'
        return b'%b,"account":%b' % (quote, facts.accounts[post.author_id].body)

    def _poll(self, post_id: int) -> bytes | None:
        """The poll of a post among the facts; None without one, and where its votes are not known."""
        post, view = self._facts.posts.get(post_id), self._facts.views.get(post_id)
        if post is None or post.poll is None or view is None or view.poll is None:
            return None
        is_own = post.author_id == self._viewer_id
        return poll_body(post.poll, view.poll, self._unix_seconds, viewer_id=self._viewer_id, is_own=is_own)

    def _listed(self, post_id: int) -> bytes | Why:
        post = self._facts.posts.get(post_id)
        if post is None:
            return Why.NOT_VISIBLE
        why = why_not_listed(self._viewer_id, post.author_id, self._facts.relations)
        return why or self._status(post_id, post)

    def _status(self, post_id: int, post: PostFragment, *, is_quoted: bool = False) -> bytes | Why:
        facts = self._facts
        account = facts.accounts.get(post.author_id)
        if account is None:
            return Why.AUTHOR_UNKNOWN
        if self._is_unfiltered and post.is_plain:
            return self._plain(post_id, post, account)
        return self._special(post_id, post, account, is_quoted=is_quoted)

    def _plain(self, post_id: int, post: PostFragment, account: AccountFragment) -> bytes:
        view = self._facts.views[post_id]
        approval = approval_bytes(post, self._viewer_id, self._facts.relations)
        return plain_body(post.head, approval, view.numbers, self._marks[view.marks], account.body)

    def _special(self, post_id: int, post: PostFragment, account: AccountFragment, *, is_quoted: bool) -> bytes | Why:
        facts = self._facts
        original = self._original(post.reblog_of_id) if post.reblog_of_id else None
        if isinstance(original, Why):
            return original
        # Whoever likes a reblog likes what it shows: so its numbers are that post's too.
        view = facts.views[post.reblog_of_id or post_id]
        shown = post if original is None else facts.posts[post.reblog_of_id]
        members = [approval_bytes(shown, self._viewer_id, facts.relations), numbers_bytes(view.numbers)]
        members.append(self._marks[view.marks])
        if post.poll is not None:
            members += (b',"poll":', self._poll(post_id) or b"null")
        if post.quote is not None:
            members.append(self._quote(view, post.quote, is_quoted=is_quoted))
        return status_body(post.head, members, account.body, self._filtered(post_id, post), original or b"")

    def _quote(self, view: View, quote: QuoteFragment, *, is_quoted: bool) -> bytes:
        """What the post quotes, as a member of the status; of a post that is quoted itself, no more than the id."""
        state = quote_state(quote, view, self._viewer_id, self._facts.relations)
        if is_quoted:
            number = b'"%d"' % quote.post_id if state in SHOWN else b"null"
            return b',"quote":{"state":"%b","quoted_status_id":%b}' % (state, number)
        post = self._facts.posts.get(quote.post_id)
        body = self._status(quote.post_id, post, is_quoted=True) if post is not None and state in SHOWN else None
        if isinstance(body, bytes):
            return b',"quote":{"state":"%b","quoted_status":%b}' % (state, body)
        state = b"unauthorized" if state in SHOWN else state
        return b',"quote":{"state":"%b","quoted_status":null}' % state

    def _why_filtered(self, post_id: int, post: PostFragment, context: int) -> Why | None:
        """Whether a filter takes the post away from this list; nobody's own is taken away."""
        filters = self._facts.filters
        if filters is None or not filters.rules or post.author_id == self._viewer_id:
            return None
        hidden = filters.hide((post_id, post.reblog_of_id), self._folded(post), context, self._unix_seconds)
        return Why.FILTERED if hidden else None

    def _filtered(self, post_id: int, post: PostFragment) -> bytes:
        """What the viewer's filters say of a post; clients heed those of what they show it in."""
        filters = self._facts.filters
        if filters is None or not filters.rules or post.author_id == self._viewer_id:
            return NOTHING
        return filters.results((post_id, post.reblog_of_id), self._folded(post), self._unix_seconds)

    def _folded(self, post: PostFragment) -> str:
        """A reblog says what it shows."""
        shown = self._facts.posts.get(post.reblog_of_id) if post.reblog_of_id else post
        return shown.folded if shown is not None else ""

    def _original(self, post_id: int) -> bytes | Why:
        """The status that a reblog shows: whoever may not see it is not shown the reblog either."""
        post = self._facts.posts.get(post_id)
        if post is None or post.reblog_of_id:
            return Why.NOT_VISIBLE
        relation = self._facts.relations.get(post.author_id)
        if relation is not None and relation.muting:
            return Why.MUTED
        why = why_not_listed(self._viewer_id, post.author_id, self._facts.relations)
        return why or self._status(post_id, post)
