"""Text as its author wrote it, to the HTML that clients show: escaped, with paragraphs, links, mentions and hashtags.

What counts as a link, a mention or a hashtag is post's decision: only the mentions and tags that it found are linked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from urllib.parse import quote

_TOKEN = re.compile(
    r"(?P<link>(?<!\w)https?://[^\s/?#<>\"]+\.[^\s<>\"]+)"
    r"|(?<![=/\w])@(?P<name>[a-z0-9_]+(?:[.-]+[a-z0-9_]+)*)(?P<domain>@\w[\w.-]*\w(?::\d+)?)?"
    r"|(?<![\w/)&#\N{FULLWIDTH NUMBER SIGN}])[#\N{FULLWIDTH NUMBER SIGN}](?=\w)",
    re.IGNORECASE,
)
_PARAGRAPH = re.compile(r"\n{2,}")
_SHOWN_CHARS = 30
_CLOSING = {")": "(", "]": "[", "}": "{"}
_TRAILING = ".,;:!?'\u2019*_~"
_TAG_JOINERS = "\u00b7\u200c\u200d\u30fb\uff65"
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


class Renderer:
    """Renders texts with links into one community."""

    def __init__(self, public_url: str, domain: str) -> None:
        self._url = public_url
        self._domain = domain.lower()

    def render(self, text: str, mentions: Sequence[str] = (), tags: Sequence[str] = ()) -> str:
        """HTML of a text in which these usernames and (normalized) tags are linked; empty for an empty text."""
        text = text.replace("\r\n", "\n").strip("\n")
        if not text:
            return ""
        names = {name.lower(): name for name in mentions}
        known = frozenset(tags)
        paragraphs = _PARAGRAPH.split(text)
        return "".join(f"<p>{self._inline(part, names, known)}</p>" for part in paragraphs)

    def _inline(self, text: str, names: Mapping[str, str], tags: frozenset[str]) -> str:
        parts: list[str] = []
        last = 0
        position = 0
        while (match := _TOKEN.search(text, position)) is not None:
            html, end = self._token(match, names, tags)
            if html:
                parts += (_escape(text[last : match.start()]), html)
                last = end
            position = max(end, match.start() + 1)
        parts.append(_escape(text[last:]))
        return "".join(parts).replace("\n", "<br>")

    def _token(self, match: re.Match[str], names: Mapping[str, str], tags: frozenset[str]) -> tuple[str, int]:
        """What stands for the token, empty where it is only text, and where it ends."""
        if match["link"]:
            link = _trim(match["link"])
            return _link(link), match.start() + len(link)
        if match["name"]:
            return self._mention(match, names), match.end()
        raw = _word_at(match.string, match.end())
        return self._tag(raw, tags), match.end() + len(raw)

    def _mention(self, match: re.Match[str], names: Mapping[str, str]) -> str:
        name, domain = names.get(match["name"].lower()), (match["domain"] or "@" + self._domain)[1:]
        if name is None or domain.lower() != self._domain:
            return ""
        href = _escape(f"{self._url}/@{name}")
        return (
            f'<span class="h-card" translate="no"><a href="{href}" class="u-url mention">'
            f"@<span>{_escape(name)}</span></a></span>"
        )

    def _tag(self, raw: str, tags: frozenset[str]) -> str:
        tag = unicodedata.normalize("NFKC", raw).lower()
        if tag not in tags:
            return ""
        href = _escape(f"{self._url}/tags/{quote(tag)}")
        return f'<a href="{href}" class="mention hashtag" rel="tag">#<span>{_escape(raw)}</span></a>'


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)


def _link(link: str) -> str:
    """As Mastodon's clients expect: the scheme and what is beyond thirty characters are there, but not shown."""
    scheme, _, rest = link.partition("://")
    prefix = f"{scheme}://" + ("www." if rest.startswith("www.") else "")
    shown, hidden = link[len(prefix) :][:_SHOWN_CHARS], link[len(prefix) + _SHOWN_CHARS :]
    kind = ' class="ellipsis"' if hidden else ""
    return (
        f'<a href="{_escape(link)}" target="_blank" rel="nofollow noopener noreferrer" translate="no">'
        f'<span class="invisible">{_escape(prefix)}</span><span{kind}>{_escape(shown)}</span>'
        f'<span class="invisible">{_escape(hidden)}</span></a>'
    )


def _word_at(text: str, start: int) -> str:
    """The tag that begins here: letters with their marks, digits, and what joins letters in some scripts."""
    end = start
    while end < len(text) and _in_tag(text[end]):
        end += 1
    return text[start:end].rstrip(_TAG_JOINERS)


def _in_tag(char: str) -> bool:
    return char.isalnum() or char == "_" or char in _TAG_JOINERS or unicodedata.category(char) in ("Mn", "Mc")


def _trim(link: str) -> str:
    """Without the punctuation of the sentence around it; a closing bracket stays if it was opened within."""
    while link:
        last = link[-1]
        opening = _CLOSING.get(last)
        unopened = opening is not None and link.count(opening) < link.count(last)
        if not unopened and last not in _TRAILING:
            break
        link = link[:-1]
    return link
