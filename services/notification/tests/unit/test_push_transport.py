"""Requests to push services go nowhere within the network, and follow nobody there."""

from __future__ import annotations

import asyncio

import pytest

from notification_service.config import Settings
from notification_service.errors import ForbiddenEndpoint, PushNotTaken
from notification_service.push_transport import PushTransport
from rookery_common.clients.web import Web
from rookery_common.testing.browser import PushedBrowser


@pytest.mark.usefixtures("environment")
async def test_an_endpoint_on_this_machine_is_reached_only_where_the_operator_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    browser = PushedBrowser()
    with browser.listening():
        browser.status = 307
        closed = Web(Settings(), user_agent="test")
        with pytest.raises(ForbiddenEndpoint):
            await PushTransport(closed).send(browser.endpoint, {}, b"x")
        monkeypatch.setenv("NOTIFICATION_WEB_NETWORKS", "127.0.0.0/8")
        opened = Web(Settings(), user_agent="test")
        assert await PushTransport(opened).send(browser.endpoint, {"topic": "n1"}, b"x") == 307
        headers, body = await asyncio.to_thread(browser.requests.get, timeout=30)
        assert (headers["topic"], body) == ("n1", b"x")
        await closed.stop()
        await opened.stop()
    with pytest.raises(PushNotTaken):
        await PushTransport(Web(Settings(), user_agent="test")).send(browser.endpoint, {}, b"x")
