"""Passkeys in real Chromium, by its own authenticator: the platform's pages under a name, since addresses have none."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator

import pytest
from harness.people import PASSWORD, Person, Town
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions
from selenium.webdriver.support.wait import WebDriverWait

from rookery_common.testing.ports import free_address
from rookery_common.testing.process import service_process

PAGE_SECONDS = 30


@pytest.fixture(scope="module")
def named() -> Iterator[str]:
    """Auth and gateway of this test's own, beside those of the platform, as `localhost`."""
    http = free_address()
    url = f"http://localhost:{http.rpartition(':')[2]}"
    keys = {f"{name}_MASTER_KEY": os.environ[f"{name}_MASTER_KEY"] for name in ("AUTH", "GATEWAY")}
    with service_process("auth", {"AUTH_PUBLIC_URL": url, **keys}) as auth:
        targets = {"GATEWAY_HTTP_ADDRESS": http, "GATEWAY_PUBLIC_URL": url, "GATEWAY_AUTH_TARGET": auth.grpc_address}
        with service_process("gateway", {**targets, **keys}):
            yield url


@pytest.fixture
def alice(named: str) -> Person:
    return Town(named).newcomer("alice")


@pytest.fixture
def chromium() -> Iterator[Chrome]:
    """With an authenticator that says yes to everything, and keeps its keys."""
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
    authenticator = VirtualAuthenticatorOptions()
    authenticator.protocol, authenticator.transport = "ctap2", "internal"
    authenticator.has_resident_key = authenticator.has_user_verification = authenticator.is_user_verified = True
    chrome.add_virtual_authenticator(authenticator)
    yield chrome
    chrome.quit()


def shown(chrome: Chrome, heading: str) -> None:
    there = WebDriverWait(chrome, PAGE_SECONDS, ignored_exceptions=[StaleElementReferenceException])
    there.until(lambda page: heading in page.find_element(By.TAG_NAME, "h1").text, heading)
    log: list[dict[str, object]] = chrome.get_log("browser")  # type: ignore[no-untyped-call]
    assert [entry for entry in log if entry["level"] == "SEVERE"] == []


def press(chrome: Chrome, action: str) -> None:
    """The button of the form that leads there."""
    chrome.find_element(By.CSS_SELECTOR, f'form[action="{action}"] button').click()


def test_a_passkey_is_made_and_is_then_the_only_way_in(chromium: Chrome, named: str, alice: Person) -> None:
    chromium.get(f"{named}/auth/security/passkeys")
    shown(chromium, "Sign in")
    for key in (alice.username, Keys.TAB, PASSWORD, Keys.ENTER):
        chromium.switch_to.active_element.send_keys(key)
    shown(chromium, "Passkeys")
    chromium.find_element(By.ID, "label").send_keys("my phone")
    press(chromium, "/auth/security/passkeys/begin")
    shown(chromium, "Make a passkey")
    press(chromium, "/auth/security/passkeys/add")
    shown(chromium, "Passkeys")
    assert "my phone" in chromium.page_source
    assert len(chromium.get_credentials()) == 1
    press(chromium, "/auth/security/password/remove")
    WebDriverWait(chromium, PAGE_SECONDS).until(lambda page: "Sign in by passkeys alone" not in page.page_source)
    press_out(chromium, named)
    press(chromium, "/auth/passkey")
    shown(chromium, "Use your passkey")
    press(chromium, "/auth/passkey/sign_in")
    shown(chromium, f"Security of {alice.username}")
    assert re.search(r"<dt>Password</dt>\s*<dd><span>None", chromium.page_source)


def press_out(chrome: Chrome, url: str) -> None:
    """Signed out."""
    chrome.get(f"{url}/auth/security")
    shown(chrome, "Security of")
    press(chrome, "/auth/sign_out")
    shown(chrome, "Sign in")
