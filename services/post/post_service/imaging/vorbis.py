"""What encoders of Vorbis write between its headers: comments, which may say anything."""

from __future__ import annotations

from typing import Final

_LACE: Final = 255
_HEADERS: Final = 3
# Type, name, an empty vendor, no comment, and the bit that ends it.
_NO_COMMENTS: Final = b"\x03vorbis" + bytes(8) + b"\x01"


def without_comments(headers: bytes) -> bytes:
    """The three headers, laced as in Matroska, with an empty second one. Raises ValueError for anything else."""
    if not headers.startswith(bytes((_HEADERS - 1,))):
        raise ValueError("Vorbis without its three headers")
    sizes, position = [], 1
    for _ in range(_HEADERS - 1):
        size = 0
        while headers[position] == _LACE:
            size, position = size + _LACE, position + 1
        sizes.append(size + headers[position])
        position += 1
    first = headers[position : position + sizes[0]]
    last = headers[position + sum(sizes) :]
    return bytes((_HEADERS - 1,)) + _laced(first) + _laced(_NO_COMMENTS) + first + _NO_COMMENTS + last


def _laced(part: bytes) -> bytes:
    return bytes([_LACE] * (len(part) // _LACE)) + bytes((len(part) % _LACE,))
