"""The worker process: reads files on standard input, answers on standard output, ends when its input does.

Started with an empty environment, so that what a decoder's flaw might give away is not there.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import warnings
from typing import BinaryIO

from PIL import Image

from post_service.imaging.formats import PLAYED, Kind
from post_service.imaging.frames import LENGTH, Refusal, encode_answer
from post_service.imaging.pipeline import MAX_PIXELS, CannotBePlayed, TooMuch, process_image
from post_service.models import ProcessedMedia, Purpose

MEMORY_BYTES = 1024 * 1024 * 1024
OPEN_FILES = 32


def main(seconds: int) -> None:
    """Serves until the input ends; a file that takes longer ends the process."""
    limit()
    # Whatever prints must not get between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    while (kind := _read_part(sys.stdin.buffer)) is not None:
        purpose = Purpose(int(_read_part(sys.stdin.buffer) or b"0"))
        data = _read_part(sys.stdin.buffer) or b""
        signal.alarm(seconds)
        answer = answer_for(data, Kind(kind.decode()), purpose)
        signal.alarm(0)
        answers.write(encode_answer(answer))
        answers.flush()


def limit() -> None:
    """What a file may cost: memory, and nothing but memory."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)


def answer_for(data: bytes, kind: Kind, purpose: Purpose = Purpose.POST) -> ProcessedMedia | Refusal:
    """The processed file, or why there is none."""
    try:
        return _process(data, kind, purpose)
    except TooMuch as error:
        return Refusal("FILE_TOO_LARGE", str(error))
    except CannotBePlayed as error:
        return Refusal("UNSUPPORTED_TYPE", str(error))
    except MemoryError:
        return Refusal("FILE_TOO_LARGE", "takes too much memory to decode")
    except Exception:  # Decoders raise whatever their formats' details lead them to.
        return Refusal("BROKEN_FILE", "is broken: it can't be decoded")


def _process(data: bytes, kind: Kind, purpose: Purpose) -> ProcessedMedia:
    if kind not in PLAYED:
        return process_image(data, kind, purpose)
    from post_service.imaging.playing import process_played  # FFmpeg is large: a worker that only has pictures has none

    return process_played(data, kind)


def _read_part(stream: BinaryIO) -> bytes | None:
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    return stream.read(LENGTH.unpack(head)[0])


if __name__ == "__main__":
    main(int(sys.argv[1]))
