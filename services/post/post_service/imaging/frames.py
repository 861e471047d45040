"""How a worker is talked to, over its standard input and output: length-prefixed parts, and no code in them."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass

from post_service.models import Dimensions, ProcessedMedia
from post_service.playback_json import playback_from

LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file was not processed: a reason of errors.py, and a sentence."""

    reason: str
    description: str


def join(*parts: bytes) -> bytes:
    """The parts, each after its length."""
    return b"".join(piece for part in parts for piece in (LENGTH.pack(len(part)), part))


def encode_answer(answer: ProcessedMedia | Refusal) -> bytes:
    """Three parts: facts as JSON, the original, the small version."""
    if isinstance(answer, Refusal):
        return join(json.dumps({"refusal": asdict(answer)}).encode(), b"", b"")
    facts = {
        "content_type": answer.content_type,
        "extension": answer.extension,
        "original_size": [answer.original_size.width, answer.original_size.height],
        "small_content_type": answer.small_content_type,
        "small_extension": answer.small_extension,
        "small_size": [answer.small_size.width, answer.small_size.height],
        "blurhash": answer.blurhash,
        "playback": asdict(answer.playback) if answer.playback else None,
    }
    return join(json.dumps(facts).encode(), answer.original, answer.small)


def decode_answer(head: bytes, original: bytes, small: bytes) -> ProcessedMedia | Refusal:
    """Raises ValueError or KeyError for what no worker sends."""
    facts = json.loads(head)
    if "refusal" in facts:
        return Refusal(str(facts["refusal"]["reason"]), str(facts["refusal"]["description"]))
    return ProcessedMedia(
        content_type=str(facts["content_type"]),
        extension=str(facts["extension"]),
        original=original,
        original_size=Dimensions(*map(int, facts["original_size"])),
        small_content_type=str(facts["small_content_type"]),
        small_extension=str(facts["small_extension"]),
        small=small,
        small_size=Dimensions(*map(int, facts["small_size"])),
        blurhash=str(facts["blurhash"]),
        playback=playback_from(facts["playback"]) if facts["playback"] else None,
    )
