"""The pages in real Chromium: by keyboard, on a phone's screen, light and dark, with nothing that their policy forbids.

`make browser` runs them beside a fresh platform; Debian's chromium and chromium-driver must be there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.people import PASSWORD, Person, Town
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

PAGE_SECONDS = 20
PHONE = (390, 844)
# WCAG 2.2, 2.5.8 asks for 24; fingers for more.
MIN_TARGET_PIXELS = 40


@pytest.fixture(scope="module")
def town() -> Town:
    return Town(os.environ["ROOKERY_URL"])


@pytest.fixture
def alice(town: Town) -> Person:
    return town.newcomer("alice")


@pytest.fixture(params=["light", "dark"])
def chromium(request: pytest.FixtureRequest) -> Iterator[Chrome]:
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert binary, "install Debian's chromium"
    assert driver, "install Debian's chromium-driver"
    options = ChromeOptions()
    options.binary_location = binary
    for argument in ("--headless=new", "--no-sandbox", "--lang=en", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = Chrome(options, ChromeService(driver))
    chrome.set_page_load_timeout(PAGE_SECONDS)
    chrome.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": PHONE[0], "height": PHONE[1], "deviceScaleFactor": 2, "mobile": True},
    )
    media = {"features": [{"name": "prefers-color-scheme", "value": request.param}]}
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    assert scheme(chrome) == request.param
    yield chrome
    chrome.quit()


def scheme(chrome: Chrome) -> str:
    """What the browser says that its owner prefers."""
    is_dark = chrome.execute_script("return matchMedia('(prefers-color-scheme: dark)').matches")
    return "dark" if is_dark else "light"


def complaints(chrome: Chrome) -> list[object]:
    """What Chromium itself found wrong: files that are missing, things that the pages' policy forbids."""
    log: list[dict[str, object]] = chrome.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry for entry in log if entry["level"] == "SEVERE"]


def go(chrome: Chrome, town: Town, path: str) -> None:
    chrome.get(town.url + path)


def shown(chrome: Chrome, heading: str) -> None:
    """Waits for the page, and looks at what every page must be."""
    there = WebDriverWait(chrome, PAGE_SECONDS, ignored_exceptions=[StaleElementReferenceException])
    there.until(lambda page: heading in page.find_element(By.TAG_NAME, "h1").text, heading)
    name = f"{heading.lower().replace(' ', '-')}-{scheme(chrome)}.png"
    if folder := os.environ.get("ROOKERY_SCREENSHOTS"):
        chrome.save_screenshot(str(Path(folder) / name))
    width = chrome.execute_script("return document.documentElement.scrollWidth")
    assert width <= PHONE[0], f"{heading} is wider than a phone: {width}"
    for target in chrome.find_elements(By.CSS_SELECTOR, "button, input:not([type=hidden])"):
        assert target.size["height"] >= MIN_TARGET_PIXELS, target.get_attribute("outerHTML")
    ink, paper = (
        _luminance(chrome.execute_script("return getComputedStyle(document.body)[arguments[0]]", name))
        for name in ("color", "backgroundColor")
    )
    assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) >= 7
    assert (paper > ink) == (scheme(chrome) == "light")
    assert complaints(chrome) == []


def _luminance(color: str) -> float:
    """WCAG's relative luminance of `rgb(r, g, b)`."""
    parts = [int(part) / 255 for part in color.partition("(")[2].rstrip(")").split(",")[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def typed(chrome: Chrome, *keys: str) -> None:
    """Into whatever has the focus."""
    for key in keys:
        chrome.switch_to.active_element.send_keys(key)


def test_one_signs_in_by_keyboard_and_finds_ones_security_and_sessions(
    chromium: Chrome, town: Town, alice: Person
) -> None:
    go(chromium, town, "/auth/security")
    shown(chromium, "Sign in")
    typed(chromium, alice.username, Keys.TAB, PASSWORD, Keys.ENTER)
    shown(chromium, "Security of")
    assert chromium.execute_script("return document.cookie") == ""
    go(chromium, town, "/auth/sessions")
    shown(chromium, "Where you are signed in")
    assert "Chrome, Linux" in chromium.page_source
    go(chromium, town, "/auth/security/totp")
    shown(chromium, "Authenticator app")
    chromium.find_element(By.TAG_NAME, "button").click()
    shown(chromium, "Set up your authenticator app")


def test_an_app_is_allowed_and_a_link_is_asked_for(chromium: Chrome, town: Town, alice: Person) -> None:
    oob = "urn:ietf:wg:oauth:2.0:oob"
    go(chromium, town, f"/oauth/authorize?client_id={town.client_id}&redirect_uri={oob}&response_type=code&scope=read")
    shown(chromium, "Sign in to continue")
    typed(chromium, alice.username, Keys.TAB, PASSWORD, Keys.ENTER)
    shown(chromium, "Your authorization code")
    assert len(chromium.find_element(By.ID, "code").text) == 43
    go(chromium, town, f"/oauth/authorize?client_id={town.client_id}&redirect_uri={oob}&response_type=code&scope=read")
    shown(chromium, "Allow integration tests")
    go(chromium, town, "/auth/reset")
    shown(chromium, "Forgotten your password")
    typed(chromium, "nobody@example.org", Keys.ENTER)
    WebDriverWait(chromium, PAGE_SECONDS).until(lambda page: "If there is an account" in page.page_source)


def test_ones_account_is_deleted_by_keyboard(chromium: Chrome, town: Town, alice: Person) -> None:
    go(chromium, town, "/auth/delete")
    shown(chromium, "Sign in")
    typed(chromium, alice.username, Keys.TAB, PASSWORD, Keys.ENTER)
    shown(chromium, "Delete your account")
    chromium.find_element(By.ID, "username").send_keys(alice.username, Keys.ENTER)
    shown(chromium, "Done")
    go(chromium, town, "/auth/security")
    shown(chromium, "Sign in")
