"""What new posts and reblogs are where they don't say it themselves, as far as it is known here."""

from __future__ import annotations

from typing import Final

from gateway_service import degradation
from gateway_service.cache import Fragments
from gateway_service.clients import Clients
from rookery.post.v1.post_pb2 import Visibility
from rookery.post.v1.post_service_pb2 import CreatePostRequest, ReblogPostRequest
from rookery.user.v1.profile_service_pb2 import DefaultVisibility, GetPostingDefaultsResponse
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.errors import DeadlineExceeded, NotOffered, Unavailable
from rookery_common.logs import get_logger

PLATFORMS: Final = GetPostingDefaultsResponse(privacy=DefaultVisibility.DEFAULT_VISIBILITY_PUBLIC)
_VISIBILITIES: Final = {
    DefaultVisibility.DEFAULT_VISIBILITY_UNLISTED: Visibility.VISIBILITY_UNLISTED,
    DefaultVisibility.DEFAULT_VISIBILITY_PRIVATE: Visibility.VISIBILITY_PRIVATE,
}
log = get_logger()


class PostingDefaults:
    """Asks user for them, and remembers them until they change."""

    def __init__(self, clients: Clients, cache: Fragments, clock: Clock) -> None:
        self._clients = clients
        self._cache = cache.posting_defaults
        self._clock = clock

    async def complete(self, author: Identity, call: CreatePostRequest, *, is_sensitive: bool | None) -> None:
        """Adds what is not said. Raises AppError where that can be neither asked nor remembered."""
        if call.visibility and call.language and is_sensitive is not None:
            return
        # Who sees a post can't be taken back: a change that another replica has made may not be told of here yet.
        defaults = await self._of(author, remembered=call.visibility != Visibility.VISIBILITY_UNSPECIFIED)
        call.visibility = call.visibility or _visibility(defaults)
        call.language = call.language or defaults.language
        call.sensitive = defaults.sensitive if is_sensitive is None else is_sensitive

    async def complete_reblog(self, author: Identity, call: ReblogPostRequest) -> None:
        """Adds who sees it, where that is not said. Raises AppError as `complete` does."""
        if not call.visibility:
            call.visibility = _visibility(await self._of(author, remembered=False))

    def forget(self, account_id: int) -> None:
        """They have changed."""
        self._cache.drop(account_id)

    async def _of(self, author: Identity, *, remembered: bool) -> GetPostingDefaultsResponse:
        cache, now = self._cache, self._clock.monotonic()
        held, is_fresh = cache.get(author.account_id, now)
        if remembered and is_fresh and held is not None:
            return held
        changes = cache.changes
        try:
            found = await self._clients.get_posting_defaults(author)
        except NotOffered:  # By a user that is one release older, where posts are the platform's.
            return held or PLATFORMS
        except (Unavailable, DeadlineExceeded) as error:
            if held is None:
                raise
            log.warning("compose.posting_defaults_from_cache", reason=error.reason)
            degradation.note(degradation.POSTING_DEFAULTS)
            return held
        cache.put(author.account_id, found, now, changes)
        return found


def _visibility(defaults: GetPostingDefaultsResponse) -> Visibility.ValueType:
    return _VISIBILITIES.get(defaults.privacy, Visibility.VISIBILITY_PUBLIC)
