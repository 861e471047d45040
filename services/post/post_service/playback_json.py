"""What plays, as it is stored and as workers answer it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from post_service.models import MediaType, Playback, Sound


def playback_json(playback: Playback | None) -> str | None:
    """None for a picture."""
    return None if playback is None else json.dumps(asdict(playback))


def playback_from(values: Mapping[str, Any]) -> Playback:
    """Raises KeyError, TypeError or ValueError for what was not written by `playback_json`."""
    sound = values["sound"]
    return Playback(
        type=MediaType(values["type"]),
        milliseconds=int(values["milliseconds"]),
        bits_per_second=int(values["bits_per_second"]),
        frame_rate=str(values["frame_rate"]),
        sound=None if sound is None else Sound(str(sound["codec"]), int(sound["rate"]), int(sound["channels"])),
    )
