"""People sign in by accounts at another site: a real provider of OpenID Connect, run beside the platform."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2
import pytest
from harness.browser import OVERVIEW, Browser, sign_in
from harness.people import Person
from harness.platform import Platform
from harness.provider import NAME, Provider, provider

LINKS = f"{OVERVIEW}/providers"
START = f"/auth/providers/{NAME}"
pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def there(platform: Platform) -> Iterator[Provider]:
    with provider(platform.url) as found:
        yield found


@pytest.fixture
def browser(http: httpx2.Client) -> Browser:
    return Browser(http)


def come_by(browser: Browser, there: Provider, name: str, action: str = START, **fields: str) -> str:
    """To the other site by the form of the page, and back as whoever is called so there."""
    back = urlsplit(there.sign_in(browser.submit(action, **{"name": NAME, **fields}), name))
    return browser.open(f"{back.path}?{back.query}")


def test_somebody_gets_an_account_by_another_site_and_signs_in_by_it_alone(browser: Browser, there: Provider) -> None:
    name = f"other{secrets.token_hex(5)}"
    browser.open("/auth/sign_in")
    form = come_by(browser, there, name)
    assert f'value="{name}@example.org"' in form
    assert 'type="password"' not in form
    fields = {"username": name, "email": f"{name}@example.org", "agreement": "true"}
    assert name in browser.submit("/auth/provider_sign_up", **fields)
    browser.submit("/auth/sign_out")
    browser.open(OVERVIEW)
    assert name in come_by(browser, there, name)
    # What is dangerous asks the provider to look once more who it is; and the last way in stays.
    assert f'action="{START}"' in browser.open(LINKS)
    assert f"{name}@example.org" in come_by(browser, there, name)
    assert "One way to sign in has to stay" in browser.submit(f"{LINKS}/unlink")


def test_an_account_is_linked_by_its_owner_alone(browser: Browser, there: Provider, alice: Person) -> None:
    # The provider knows her address: that alone opens nothing.
    browser.open("/auth/sign_in")
    assert 'action="/auth/provider_sign_up"' in come_by(browser, there, alice.username)
    assert alice.username in sign_in(browser, alice)
    browser.open(LINKS)
    assert f"{alice.username}@example.org" in come_by(browser, there, alice.username, f"{LINKS}/link")
    browser.open(OVERVIEW)
    browser.submit("/auth/sign_out")
    browser.open(OVERVIEW)
    back = urlsplit(there.sign_in(browser.submit(START), alice.username))
    assert f"Security of {alice.username}" in browser.open(f"{back.path}?{back.query}")
    # The same answer again, as somebody would send it who has seen it.
    browser.http.cookies.clear()
    assert browser.http.get(f"{back.path}?{back.query}").status_code == 401
