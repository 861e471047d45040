"""One spelling for what people take for the same: the engine's own folding may not be installed."""

from __future__ import annotations

import re
import unicodedata

# Accents and the like on Latin, Greek and Cyrillic letters; marks of other scripts are part of their words.
_ACCENTS = re.compile("[\u0300-\u036f]")


def fold(text: str) -> str:
    """Without accents, case and compatibility forms: É is e, and a ligature its letters."""
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFKC", bare.casefold())
