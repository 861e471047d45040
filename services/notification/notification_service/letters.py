"""Mails as people read them, in their language, as text and as HTML."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any, Final

from notification_service.digest_models import Letter, Mailbox, Missed

LANGUAGES: Final = ("en", "de")
# Styles that mail programs keep; nothing is fetched from anywhere.
_BODY: Final = "font-family:sans-serif;line-height:1.5;max-width:36em"
_SMALL: Final = "color:#666;font-size:smaller"


class Letters:
    """The community as somebody who writes."""

    def __init__(self, *, title: str, public_url: str) -> None:
        self._title = title
        self._public_url = public_url

    def digest(self, mailbox: Mailbox, missed: Sequence[Missed], unsubscribe_url: str) -> Letter:
        """What somebody has missed: who did what, and nothing of what posts say."""
        words = _words(mailbox.locale)
        lines = [_line(words, each) for each in missed]
        common = {"title": self._title, "username": mailbox.username}
        said = {
            name: str(words[name]).format(**common)
            for name in ("subject", "greeting", "intro", "open", "reason", "unsubscribe")
        }
        return Letter(
            said["subject"],
            _text(said, lines, self._public_url, unsubscribe_url),
            _html(said, lines, self._public_url, unsubscribe_url),
            unsubscribe_url,
        )


def _line(words: dict[str, Any], missed: Missed) -> str:
    first, second = [*missed.names, ""][:2]
    form = {1: "one", 2: "two"}.get(missed.people, "many")
    sentence: str = words[missed.kind.name.lower()][form]
    return sentence.format(first=first, second=second, others=missed.people - 2)


def _text(said: dict[str, str], lines: Sequence[str], url: str, unsubscribe_url: str) -> str:
    points = "\n".join(f"- {line}" for line in lines)
    return (
        f"{said['greeting']}\n\n{said['intro']}\n\n{points}\n\n{said['open']}:\n{url}\n\n"
        f"{said['reason']} {said['unsubscribe']}:\n{unsubscribe_url}\n"
    )


def _html(said: dict[str, str], lines: Sequence[str], url: str, unsubscribe_url: str) -> str:
    points = "".join(f"<li>{escape(line)}</li>" for line in lines)
    safe = {name: escape(text) for name, text in said.items()}
    return (
        f'<!doctype html><html><body style="{_BODY}"><p>{safe["greeting"]}</p><p>{safe["intro"]}</p>'
        f'<ul>{points}</ul><p><a href="{escape(url)}">{safe["open"]}</a></p>'
        f'<p style="{_SMALL}">{safe["reason"]} <a href="{escape(unsubscribe_url)}">{safe["unsubscribe"]}</a></p>'
        "</body></html>"
    )


def _words(locale: str) -> dict[str, Any]:
    """In the language of the locale, or in English."""
    language = locale.replace("_", "-").partition("-")[0].lower()
    return _catalogue(language if language in LANGUAGES else LANGUAGES[0])


@cache
def _catalogue(language: str) -> dict[str, Any]:
    return tomllib.loads((files("notification_service") / "mail_texts" / f"{language}.toml").read_text("utf-8"))
