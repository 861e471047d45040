"""Hashtags as they are compared: what post finds, search shows and feed keeps timelines of is one and the same."""

from __future__ import annotations

import unicodedata


def normalized_tag(tag: str) -> str:
    """Compatibility-normalized, in lower case, its accents kept, without '#'."""
    return unicodedata.normalize("NFKC", tag).lower().lstrip("#")
