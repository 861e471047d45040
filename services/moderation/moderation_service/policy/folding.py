"""What is the same word to a reader: text folded, cut into words, and the hosts that it names."""

from __future__ import annotations

import re
import unicodedata

# Scripts that put no space between words: each of their characters counts as a word of its own.
_UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f"  # Burmese
    "\u1780-\u17ff"  # Khmer
    "\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
_HOST = re.compile(r"[\w.-]+")
_MARKS = re.compile("[\u0300-\u036f]")
_FULL_STOPS = str.maketrans({"\u3002": ".", "\uff61": "."})
MAX_LABELS = 40


def fold(text: str) -> str:
    """Without case, compatibility forms, accents and invisible characters."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(c for c in _MARKS.sub("", decomposed) if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFKC", kept.casefold())


def words(folded: str) -> list[str]:
    """The words of a folded text, in order."""
    return _WORD.findall(folded)


def hosts(folded: str) -> set[str]:
    """Everything in a folded text that could be a domain name, and the domains above each of them."""
    found: set[str] = set()
    for candidate in _HOST.findall(folded.translate(_FULL_STOPS)):
        if "." not in candidate:
            continue
        labels = canonical_domain(candidate).split(".")[-MAX_LABELS:]
        found.update(".".join(labels[start:]) for start in range(len(labels) - 1))
    return found


def canonical_domain(domain: str) -> str:
    """The one spelling of a folded domain name: labels in Unicode, no full stop at its ends."""
    return ".".join(_unicode_label(label) for label in domain.strip(".-").split("."))


def _unicode_label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return fold(label.removeprefix("xn--").encode("ascii").decode("punycode"))
    except UnicodeError:
        return label  # not what it says it is: then it is compared as it stands
