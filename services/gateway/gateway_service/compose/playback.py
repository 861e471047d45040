"""What Mastodon tells of videos and audio: once for all of the file, and again for the original."""

from __future__ import annotations

from typing import Any

from rookery.post.v1.media_pb2 import Media

_CHANNELS = {1: "mono", 2: "stereo"}


def played_meta(media: Media, meta: dict[str, Any]) -> dict[str, Any]:
    """The meta of a picture, with what plays."""
    played, seconds = media.playback, media.playback.duration_milliseconds / 1000
    meta = {"length": _clock(media.playback.duration_milliseconds), "duration": seconds, **meta}
    original: dict[str, Any] = {"duration": seconds, "bitrate": played.bits_per_second}
    if played.frame_rate:
        size: dict[str, Any] = meta.get("original", {})
        meta |= {name: size[name] for name in ("width", "height", "size", "aspect") if name in size}
        meta["fps"] = round(_rate(played.frame_rate), 2)
        original = {"frame_rate": played.frame_rate, **original}
        # As Mastodon has it: without what is above.
        meta["original"] = {name: size[name] for name in ("width", "height") if name in size} | original
    else:
        meta["original"] = original
    if played.HasField("sound"):
        sound = played.sound
        meta["audio_encode"] = sound.codec
        meta["audio_bitrate"] = f"{sound.sample_rate} Hz"
        meta["audio_channels"] = _CHANNELS.get(sound.channels, f"{sound.channels} channels")
    return meta


def _clock(milliseconds: int) -> str:
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest / 1000:05.2f}"


def _rate(fraction: str) -> float:
    numerator, _, denominator = fraction.partition("/")
    return int(numerator) / int(denominator or 1)
