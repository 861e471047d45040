"""Whether the pages that a profile names link back to it (rel=me), and so are its owner's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol
from urllib.parse import urlsplit

from lxml import etree

from rookery_common.clients.web import WebAnswer, WebError
from rookery_common.clock import Clock
from rookery_common.logs import get_logger
from user_service.events import Events
from user_service.metrics import LINKS_CHECKED
from user_service.models import Account, ProfileField
from user_service.profiles.repository import ProfileRepository
from user_service.service import Caches

MAX_PAGE_BYTES = 512 * 1024
_PAGES = ("text/html", "application/xhtml+xml")
log = get_logger()


class Pages(Protocol):
    """What asks strangers' servers: `rookery_common.clients.web`."""

    async def get(self, url: str, *, max_bytes: int, accept: str) -> WebAnswer: ...


class LinkChecks:
    """Looks once at each link of a profile that has changed; a page that is away is looked at after the next change."""

    def __init__(
        self, repository: ProfileRepository, caches: Caches, events: Events, clock: Clock, pages: Pages, public_url: str
    ) -> None:
        self._repository = repository
        self._caches = caches
        self._events = events
        self._clock = clock
        self._pages = pages
        self._public_url = public_url

    async def check(self, account_id: int, version: int) -> None:
        """Marks the links whose pages link back; not where the account has changed again, which is told of, too."""
        profile = await self._repository.profile(account_id)
        if profile is None or profile.account.version > version:
            return
        links = {line.value for line in profile.account.fields if _is_open(line)}
        own = f"{self._public_url}/@{profile.account.username}"
        answers = await asyncio.gather(*(self._links_back(link, own) for link in links))
        verified = {link for link, links_back in zip(links, answers, strict=True) if links_back}
        if verified and await self._save(account_id, verified):
            await self._caches.changed([account_id])

    async def _save(self, account_id: int, verified: set[str]) -> bool:
        async with self._repository.transaction() as tx:
            before = await tx.lock_profile(account_id)
            if before is None:
                return False
            now = self._clock.now()
            lines = (
                replace(line, verified_at=now) if _is_open(line) and line.value in verified else line
                for line in before.account.fields
            )
            account: Account = replace(before.account, fields=tuple(lines))
            if account == before.account:
                return False
            account = replace(account, version=account.version + 1)
            await tx.save_account(account)
            tx.emit(self._events.account_updated(account))
            return True

    async def _links_back(self, url: str, own: str) -> bool:
        try:
            answer = await self._pages.get(url, max_bytes=MAX_PAGE_BYTES, accept=", ".join(_PAGES))
        except WebError as error:
            log.info("user.link_not_checked", why=str(error))
            LINKS_CHECKED.labels("unreachable").inc()
            return False
        is_page = answer.status == 200 and answer.headers.get("content-type", "").lower().startswith(_PAGES)
        links_back = is_page and await asyncio.to_thread(links_to_me, answer.body, own)
        LINKS_CHECKED.labels("verified" if links_back else "not_linked").inc()
        return links_back


def links_to_me(page: bytes, own: str) -> bool:
    """Whether the page has a link to `own` of which it says that it is the same person's."""
    try:
        hrefs: list[str] = etree.fromstring(page, etree.HTMLParser(target=_MeLinks(), no_network=True))
    except etree.ParserError:
        return False  # there is nothing on it
    return any(_same(href, own) for href in hrefs)


class _MeLinks:
    """Gathers while the page is read: no tree is built of it, which depth or disorder could make costly."""

    def __init__(self) -> None:
        self._hrefs: list[str] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in ("a", "link") and "me" in attributes.get("rel", "").lower().split():
            self._hrefs.append(attributes.get("href", ""))

    def end(self, tag: str) -> None:
        """Nothing is asked of where an element ends."""

    def data(self, text: str) -> None:
        """Nor of what it says."""

    def close(self) -> list[str]:
        return self._hrefs


def _is_open(line: ProfileField) -> bool:
    return line.verified_at is None and line.value.lower().startswith(("https://", "http://"))


def _same(one: str, other: str) -> bool:
    try:
        return _parts(one) == _parts(other)
    except ValueError:
        return False  # no address at all


def _parts(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url.strip())
    return parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/").lower()
