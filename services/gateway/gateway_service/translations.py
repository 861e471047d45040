"""The languages of the pages: catalogues of this package (gettext's .po files), chosen by what the browser asks for."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files

from babel.core import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

SOURCE = "en"
LANGUAGES = (SOURCE, "de")
MAX_HEADER_CHARS = 200


def mark(message: str) -> str:
    """The message as it is; it is looked up where it is shown. The catalogues must have it."""
    return message


@cache
def catalogue(language: str) -> NullTranslations:
    """The language's messages; those of the source are what the code says."""
    if language == SOURCE:
        return NullTranslations()
    text = (files("gateway_service") / "catalogues" / f"{language}.po").read_bytes()
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(text), locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)


def choose(header: str, default: str) -> str:
    """Of the languages that Accept-Language names, the most wanted one that there is; else the community's own."""
    wanted = _wanted(header[:MAX_HEADER_CHARS])
    fallback = default if default in LANGUAGES else SOURCE
    return negotiate_locale(wanted, LANGUAGES, sep="-") or fallback


def _wanted(header: str) -> Sequence[str]:
    weighted = []
    for part in header.split(","):
        tag, _, parameters = part.strip().partition(";")
        quality = parameters.strip().removeprefix("q=") or "1"
        try:
            weighted.append((float(quality), tag.strip()))
        except ValueError:
            continue
    ordered = sorted((pair for pair in weighted if pair[0] > 0), key=lambda pair: -pair[0])
    return [tag for _, tag in ordered if tag]
