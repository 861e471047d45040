"""A browser that runs no script: it keeps cookies, follows redirects, and sends the forms of the page that it is on."""

from __future__ import annotations

import re
from html import unescape

import httpx2

from harness.people import PASSWORD, Person
from harness.platform import Platform

OVERVIEW = "/auth/security"


class Browser:
    """Keeps cookies and sends the forms of the pages that it is on."""

    def __init__(self, http: httpx2.Client) -> None:
        self.http = http
        self.page = ""

    def open(self, path: str, **query: str) -> str:
        return self._shown(self.http.get(path, params=query or None, follow_redirects=True))

    def submit(self, action: str, **fields: str) -> str:
        """The form of the page that leads there, filled in."""
        return self._shown(self.send(action, **fields))

    def send(self, action: str, **fields: str) -> httpx2.Response:
        """The same; a redirect to an app is not followed."""
        forms = re.findall(r'<form method="post" action="([^"]+)".*?</form>', self.page, re.DOTALL)
        assert action in forms, f"the page has {forms}"
        form = next(one for one in re.findall(r"<form.*?</form>", self.page, re.DOTALL) if f'action="{action}"' in one)
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)
        answer = self.http.post(action, data={**{name: unescape(value) for name, value in hidden}, **fields})
        if answer.is_redirect and answer.headers["location"].startswith("/"):
            return self.http.get(answer.headers["location"], follow_redirects=True)
        return answer

    def _shown(self, answer: httpx2.Response) -> str:
        self.page = answer.text
        return self.page


def sign_in(browser: Browser, person: Person, password: str = PASSWORD) -> str:
    browser.open(OVERVIEW)
    return browser.submit("/auth/sign_in", login=person.username, password=password)


def consent(platform: Platform, url: str, person: Person) -> httpx2.Response:
    """The answer to the page's last form: the person signs in, and allows what is asked."""
    with httpx2.Client(base_url=platform.url, timeout=30) as browser:
        answer = browser.get(url, follow_redirects=True)
        for fields in ({"login": person.username, "password": PASSWORD}, {}):
            hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', answer.text)
            form = {**{name: unescape(value) for name, value in hidden}, **fields, "decision": "allow"}
            answer = browser.post("/oauth/authorize", data=form)
            if 300 <= answer.status_code < 400 and answer.headers["location"].startswith("/"):
                answer = browser.get(answer.headers["location"], follow_redirects=True)
            if answer.is_redirect or 'id="code"' in answer.text:
                return answer
        raise AssertionError(answer.text)
