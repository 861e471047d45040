"""What a post's text holds (links, mentions, hashtags) and how long it is, by Mastodon's rules."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from post_service.errors import InvalidField
from post_service.models import MAX_TAG_CHARS
from rookery_common.hashtags import normalized_tag

LINK_CHARS = 23
MAX_USERNAME_CHARS = 30

_LINK = re.compile(r"https?://[^\s/?#<>\"]+\.[^\s<>\"]+", re.IGNORECASE)
_MENTION = re.compile(
    r"(?<![=/\w])@(?P<name>[a-z0-9_]+(?:[.-]+[a-z0-9_]+)*)(?:@(?P<domain>\w[\w.-]*\w(?::\d+)?))?", re.IGNORECASE
)
_TAG_MARKS = "#\N{FULLWIDTH NUMBER SIGN}"
# Letters of some scripts are joined by these within a word: Catalan, Persian, Japanese.
_TAG_JOINERS = "\u00b7\u200c\u200d\u30fb\uff65"
_JOINER = "\u200d"
_CLOSING = {")": "(", "]": "[", "}": "{"}
_TRAILING = ".,;:!?'\u2019*_~"


def check_text(field: str, value: str) -> None:
    """Refuses what can't be stored or shown as text."""
    if "\x00" in value:
        raise InvalidField(field, "ERR_INVALID", "must not hold a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidField(field, "ERR_INVALID", "is not valid UTF-8") from None


def count_chars(text: str) -> int:
    """Characters as people see them: a link counts 23, a mention counts without its domain."""
    short = _MENTION.sub(lambda mention: "@" + mention["name"], _replace_links(text, "x" * LINK_CHARS))
    return count_graphemes(short)


def find_usernames(text: str, local_domain: str) -> list[str]:
    """Usernames of local accounts that are mentioned, once each, in order; case as written."""
    names: dict[str, str] = {}
    for mention in _MENTION.finditer(_replace_links(text, " ")):
        domain = (mention["domain"] or local_domain).lower()
        if domain == local_domain and len(mention["name"]) <= MAX_USERNAME_CHARS:
            names.setdefault(mention["name"].lower(), mention["name"])
    return list(names.values())


def find_tags(text: str) -> list[str]:
    """Hashtags without '#', compatibility-normalized and in lower case, once each, in order."""
    plain = _replace_links(text, " ")
    tags: dict[str, None] = {}
    for mark in _TAG_MARKS:
        plain = plain.replace(mark, "#")
    for start, char in enumerate(plain):
        if char == "#" and not _follows_word(plain, start):
            tag = _tag_at(plain, start + 1)
            if tag:
                tags.setdefault(tag)
    return list(tags)


def find_links(text: str) -> Iterator[str]:
    """Web addresses, in order, as they are written."""
    return (part for part, is_link in _split_links(text) if is_link)


def _follows_word(text: str, start: int) -> bool:
    before = text[start - 1] if start else " "
    return before.isalnum() or before in "=/)"


def _tag_at(text: str, start: int) -> str:
    """The tag that begins here; empty where there is none, or only digits, or too long a word."""
    end = start
    while end < len(text) and end - start <= MAX_TAG_CHARS and _in_tag(text[end], end == start):
        end += 1
    raw = text[start:end].rstrip(_TAG_JOINERS)
    tag = normalized_tag(raw)
    if len(raw) > MAX_TAG_CHARS or not any(char.isalpha() for char in tag):
        return ""
    return tag


def _in_tag(char: str, first: bool) -> bool:
    if char.isalnum() or char == "_":
        return True
    # Vowel signs of Indic scripts and accents are marks; they and joiners can't begin a word.
    return not first and (char in _TAG_JOINERS or unicodedata.category(char) in ("Mn", "Mc"))


def _replace_links(text: str, by: str) -> str:
    return "".join(by if is_link else part for part, is_link in _split_links(text))


def _split_links(text: str) -> Iterator[tuple[str, bool]]:
    last = 0
    for match in _LINK.finditer(text):
        link = _trim(match.group())
        if match.start() and text[match.start() - 1].isalnum():
            continue
        yield text[last : match.start()], False
        yield link, True
        last = match.start() + len(link)
    yield text[last:], False


def _trim(link: str) -> str:
    """Without the punctuation of the sentence around it; a closing bracket stays if it was opened within."""
    unopened = {closing: link.count(closing) - link.count(opening) for closing, opening in _CLOSING.items()}
    end = len(link)
    while end:
        last = link[end - 1]
        if unopened.get(last, 0) > 0:
            unopened[last] -= 1
        elif last not in _TRAILING:
            break
        end -= 1
    return link[:end]


def count_graphemes(text: str) -> int:
    """Extended grapheme clusters (UAX 29), as far as the standard library knows them; prepended marks count alone."""
    if text.isascii():
        return len(text) - text.count("\r\n")
    count = flags = 0
    before, joined = "\n", False
    for char in text:
        flag = "\U0001f1e6" <= char <= "\U0001f1ff"
        pairs = flag and flags % 2 == 1
        count += not (pairs or _continues(before, char, joined))
        flags = flags + 1 if flag else 0
        joined = char == _JOINER and before not in "\r\n"
        before = char
    return count


def _continues(before: str, char: str, joined: bool) -> bool:
    """Whether the character belongs to the cluster before it; `joined` if a joiner was last."""
    if before in "\r\n":
        return before == "\r" and char == "\n"
    if char < "\u0300":
        return False
    category = unicodedata.category(char)
    if char == _JOINER or category in ("Mn", "Me", "Mc") or "\U0001f3fb" <= char <= "\U0001f3ff":
        return True
    return (joined and category == "So") or char == "\u200c" or _is_tag_char(char) or _continues_hangul(before, char)


def _is_tag_char(char: str) -> bool:
    return "\U000e0020" <= char <= "\U000e007f"


def _continues_hangul(before: str, char: str) -> bool:
    """Leading, vowel and trailing jamo make one syllable."""
    leads = "\u1100" <= before <= "\u115f"
    if "\u1100" <= char <= "\u115f" or "\uac00" <= char <= "\ud7a3":
        return leads
    if "\u1160" <= char <= "\u11a7":
        return leads or "\uac00" <= before <= "\ud7a3" or "\u1160" <= before <= "\u11a7"
    return "\u11a8" <= char <= "\u11ff" and ("\uac00" <= before <= "\ud7a3" or "\u1160" <= before <= "\u11ff")
