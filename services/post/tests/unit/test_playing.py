"""Videos and audio: what is kept of them, and what is not."""

from __future__ import annotations

import io
from typing import Any

import av
import pytest
from PIL import Image
from post_fakes.recordings import SECRET, recording, turned

from post_service.errors import UnsupportedType
from post_service.imaging import playing
from post_service.imaging.formats import Kind, check_kind
from post_service.imaging.pipeline import CannotBePlayed, TooMuch
from post_service.imaging.playing import process_played
from post_service.imaging.worker import answer_for
from post_service.models import Dimensions, MediaType, ProcessedMedia, Sound

AAC, OPUS = Sound("aac", 48_000, 2), Sound("opus", 48_000, 2)


def played(data: bytes) -> ProcessedMedia:
    return process_played(data, check_kind(data, "", ""))


@pytest.mark.parametrize(
    ("form", "video", "audio", "content_type", "sound"),
    [
        ("mp4", "libx264", "aac", "video/mp4", AAC),
        ("mov", "libx264", "aac", "video/mp4", AAC),
        ("mp4", "libx264", "", "video/mp4", None),
        ("webm", "libvpx", "libopus", "video/webm", OPUS),
        ("webm", "libvpx-vp9", "libopus", "video/webm", OPUS),
    ],
)
def test_a_video_is_kept_with_what_clients_want_to_know(
    form: str, video: str, audio: str, content_type: str, sound: Sound | None
) -> None:
    made = played(recording(form, video, audio))
    assert (made.content_type, made.original_size) == (content_type, Dimensions(320, 180))
    assert made.playback is not None
    assert (made.playback.type, made.playback.frame_rate, made.playback.sound) == (MediaType.VIDEO, "30/1", sound)
    assert made.playback.milliseconds == pytest.approx(1000, abs=60)
    assert made.playback.bits_per_second == pytest.approx(len(made.original) * 8, rel=0.1)
    small = Image.open(io.BytesIO(made.small))
    assert (small.format, small.size, made.small_size) == ("JPEG", (320, 180), Dimensions(320, 180))
    assert len(made.blurhash) > 20
    with av.open(io.BytesIO(made.original), "r") as again:
        assert len([*again.decode(video=0)]) == 30


@pytest.mark.parametrize(
    ("form", "audio", "content_type", "codec"),
    [
        ("mp3", "libmp3lame", "audio/mpeg", "mp3"),
        ("ogg", "libopus", "audio/ogg", "opus"),
        ("ogg", "vorbis", "audio/ogg", "vorbis"),
        ("flac", "flac", "audio/flac", "flac"),
        ("wav", "pcm_s16le", "audio/wav", "pcm_s16le"),
        ("ipod", "aac", "audio/mp4", "aac"),
        ("webm", "libopus", "audio/webm", "opus"),
        ("webm", "vorbis", "audio/webm", "vorbis"),
    ],
)
def test_audio_is_kept_and_has_no_picture(form: str, audio: str, content_type: str, codec: str) -> None:
    made = played(recording(form, "", audio, seconds=2))
    assert (made.content_type, made.small, made.blurhash) == (content_type, b"", "")
    assert (made.original_size, made.small_size) == (Dimensions(0, 0), Dimensions(0, 0))
    assert made.playback is not None
    assert (made.playback.type, made.playback.sound) == (MediaType.AUDIO, Sound(codec, 48_000, 2))
    assert made.playback.milliseconds == pytest.approx(2000, abs=120)
    with av.open(io.BytesIO(made.original), "r") as again:
        assert sum([frame.samples for frame in again.decode(audio=0)]) == pytest.approx(96_000, abs=6_000)


WRITTEN_ANEW = {
    "major_brand",
    "minor_version",
    "compatible_brands",
    "language",
    "handler_name",
    "encoder",
    "vendor_id",
    "DURATION",
}
FILES = [
    ("mp4", "libx264", "aac"),
    ("mov", "libx264", "aac"),
    ("webm", "libvpx", "vorbis"),
    ("mp3", "", "libmp3lame"),
    ("ogg", "", "vorbis"),
    ("ogg", "", "libopus"),
    ("flac", "", "flac"),
    ("wav", "", "pcm_s16le"),
    ("ipod", "", "aac"),
]


@pytest.mark.parametrize("file", FILES)
def test_nothing_is_kept_that_is_not_played(file: tuple[str, str, str]) -> None:
    data = recording(*file)
    assert SECRET in data
    made = played(data)
    for trace in (SECRET, b"+48.2082", b"x264", b"creation_time"):
        assert trace not in made.original
    with av.open(io.BytesIO(made.original), "r") as again:
        said = {**again.metadata, **{key: text for each in again.streams for key, text in each.metadata.items()}}
    assert set(said) <= WRITTEN_ANEW


def test_comments_between_the_headers_of_vorbis_are_left_out() -> None:
    data = recording("webm", "", "vorbis")
    vendor = data.index(b"\x03vorbis") + 11
    data = data[:vendor] + SECRET[:4] + data[vendor + 4 :]
    assert SECRET[:4] not in played(data).original


def test_an_mp4_begins_with_its_index_so_that_it_plays_while_it_is_loaded() -> None:
    made = played(recording("mp4", "libx264", "aac")).original
    assert 0 < made.index(b"moov") < made.index(b"mdat")


@pytest.mark.parametrize(("degrees", "size"), [(90, (180, 320)), (180, (320, 180))])
def test_a_video_that_lies_on_its_side_is_shown_upright(degrees: int, size: tuple[int, int]) -> None:
    made = played(turned(recording("mp4", "libx264"), degrees))
    assert (made.original_size, made.small_size) == (Dimensions(*size), Dimensions(*size))
    small = Image.open(io.BytesIO(made.small)).convert("RGB")
    left, right = small.getpixel((10, size[1] // 2)), small.getpixel((size[0] - 10, size[1] // 2))
    above = small.getpixel((size[0] // 2, 10))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert isinstance(above, tuple)
    if degrees == 90:  # Red was above, and is at the right now.
        assert left[2] > 100 > left[0]
        assert right[0] > 100 > right[2]
    else:
        assert above[2] > 100 > above[0]
    with av.open(io.BytesIO(made.original), "r") as again:
        assert abs(next(again.decode(video=0)).rotation) == degrees


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ({"form": "mp4", "video": "libx265"}, "hevc"),
        ({"form": "mp4", "video": "libx264", "pixels": "yuv444p"}, "4:2:0"),
        ({"form": "mp4", "video": "libx264", "audio": "ac3"}, "ac3"),
        ({"form": "ogg", "audio": "flac"}, "flac"),
    ],
)
def test_what_not_everybody_can_play_is_refused(file: dict[str, Any], reason: str) -> None:
    with pytest.raises(CannotBePlayed, match=reason):
        played(recording(**file))


@pytest.mark.parametrize(
    ("name", "limit", "reason"),
    [
        ("VIDEO_PIXELS", 320 * 179, "pixels"),
        ("MAX_SIDE", 319, "side"),
        ("VIDEO_SECONDS", 0, "long"),
        ("AUDIO_SECONDS", 0, "long"),
        ("MAX_FRAME_RATE", 10, "frames"),
        ("MAX_PACKETS", 20, "packets"),
        ("MAX_SAMPLE_RATE", 44_100, "samples"),
        ("MAX_CHANNELS", 1, "channels"),
    ],
)
def test_what_is_too_much_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, limit: int, reason: str) -> None:
    data = recording("mp4", "libx264", "aac")
    monkeypatch.setattr(playing, name, limit)
    with pytest.raises(TooMuch, match=reason):
        played(data)


def test_a_second_sound_is_left_out_and_many_streams_are_refused() -> None:
    made = played(recording("mp4", "libx264", "aac", tracks=2))
    with av.open(io.BytesIO(made.original), "r") as again:
        assert [stream.type for stream in again.streams] == ["video", "audio"]
    with pytest.raises(TooMuch, match="streams"):
        played(recording("mp4", "libx264", "aac", tracks=15))


@pytest.mark.parametrize("kind", [Kind.MP4, Kind.WEBM, Kind.MP3, Kind.OGG, Kind.FLAC, Kind.WAV])
def test_what_is_broken_is_refused(kind: Kind) -> None:
    assert not isinstance(answer_for(bytes(1000), kind), ProcessedMedia)


@pytest.mark.parametrize(
    ("data", "content_type", "filename"),
    [
        (recording("mp4", "libx264"), "video/webm", ""),
        (recording("mp4", "libx264"), "image/gif", ""),
        (recording("mp4", "libx264"), "", "a.mp3"),
        (recording("matroska", "libx264"), "", "a.mkv"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "video/mp4", "a.mp4"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "", "a.mp4"),
    ],
)
def test_what_is_not_what_it_says_is_refused(data: bytes, content_type: str, filename: str) -> None:
    with pytest.raises(UnsupportedType):
        check_kind(data, content_type, filename)
