"""The rules of hashtags on profiles."""

from __future__ import annotations

from rookery_common.ids import IdSource
from user_service.errors import AccountNotFound, FeaturedTagNotFound, FieldInvalid, TooManyFeaturedTags
from user_service.featured_tags.models import MAX_FEATURED_TAGS, FeaturedTag
from user_service.featured_tags.repository import FeaturedTagRepository
from user_service.relationships.repository import RelationshipRepository
from user_service.tags.service import checked_tag


class FeaturedTags:
    """Hashtags that accounts show on their profiles, each once, and at most ten of an account."""

    def __init__(self, repository: FeaturedTagRepository, relationships: RelationshipRepository, ids: IdSource) -> None:
        self._repository = repository
        self._relationships = relationships
        self._ids = ids

    async def of(self, viewer: int, account_id: int) -> tuple[str, list[FeaturedTag]]:
        """The account's username and its hashtags; none, for whom it blocks. Raises FieldInvalid, AccountNotFound."""
        if account_id <= 0:
            raise FieldInvalid("account_id", "is not an id")
        found = await self._repository.featured(account_id)
        if found is None:
            raise _no_account()
        username, tags = found
        if viewer not in (0, account_id) and await self._relationships.is_blocked(viewer, by=account_id):
            return username, []
        return username, tags

    async def feature(self, account_id: int, name: str) -> tuple[str, FeaturedTag]:
        """The account's username and the hashtag. Raises FieldInvalid, AccountNotFound, TooManyFeaturedTags."""
        tag = checked_tag(name)
        async with self._repository.transaction(account_id) as tx:
            username = await tx.lock()
            if username is None:
                raise _no_account()
            if await tx.feature(tag, self._ids.mint()) and await tx.count() > MAX_FEATURED_TAGS:
                raise TooManyFeaturedTags(f"an account may feature {MAX_FEATURED_TAGS} hashtags")
            return username, await tx.one(tag)

    async def unfeature_name(self, account_id: int, name: str) -> None:
        """What is not featured stays so. Raises FieldInvalid, AccountNotFound."""
        await self._unfeature(account_id, checked_tag(name))

    async def unfeature_id(self, account_id: int, featured_id: int) -> None:
        """Raises FeaturedTagNotFound, also for somebody else's, and AccountNotFound."""
        if not await self._unfeature(account_id, featured_id):
            raise FeaturedTagNotFound("there is no such featured hashtag")

    async def suggested(self, account_id: int) -> list[str]:
        """At most ten that the account has used most, and does not feature."""
        return await self._repository.suggested(account_id)

    async def _unfeature(self, account_id: int, tag: str | int) -> bool:
        async with self._repository.transaction(account_id) as tx:
            if await tx.lock() is None:
                raise _no_account()
            return await tx.unfeature(tag)


def _no_account() -> AccountNotFound:
    return AccountNotFound("there is no such account")
