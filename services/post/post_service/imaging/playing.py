"""Videos and audio: looked through to their end, and packed anew without anything but what plays.

Streams are copied, not encoded: what is accepted plays everywhere as it is. FFmpeg runs in a worker process, for the
bytes are a stranger's; it is told which format to read, and can open nothing but them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NoReturn

import av
from av import AudioStream, BitStreamFilterContext, Packet, VideoFrame, VideoStream
from av.container import InputContainer
from av.stream import Stream
from PIL import Image

from post_service.imaging.formats import Kind
from post_service.imaging.pipeline import CannotBePlayed, TooMuch, preview
from post_service.imaging.vorbis import without_comments
from post_service.models import Dimensions, MediaType, Playback, ProcessedMedia, Sound

VIDEO_PIXELS: Final = 3840 * 2160
MAX_SIDE: Final = 8192
MAX_FRAME_RATE: Final = 120
VIDEO_SECONDS: Final = 600
AUDIO_SECONDS: Final = 3600
MAX_STREAMS: Final = 16
MAX_PACKETS: Final = 400_000
MAX_SAMPLE_RATE: Final = 192_000
MAX_CHANNELS: Final = 8
PREVIEW_PACKETS: Final = 300
MOOV_BYTES: Final = 64 * 1024
MOOV_PACKET_BYTES: Final = 40
"""What an MP4's index may take, which stands before its content: in all, and for each packet."""

NO_SIZE: Final = Dimensions(0, 0)
_PLAYED_FORMATS: Final = frozenset({"yuv420p", "yuvj420p"})
# Units of type 6 are remarks: of the camera, where and when, and of the encoder.
_WITHOUT_REMARKS: Final = {"h264": "filter_units=remove_types=6"}


@dataclass(frozen=True, slots=True)
class Format:
    """How a kind is read and written, and which streams of it are kept."""

    demuxer: str
    video: frozenset[str]
    audio: frozenset[str]
    # FFmpeg's name, content type and extension; of what has no video.
    with_video: tuple[str, str, str] | None
    without: tuple[str, str, str]


_FORMATS: Final[Mapping[Kind, Format]] = {
    Kind.MP4: Format(
        "mov",
        frozenset({"h264"}),
        frozenset({"aac"}),
        ("mp4", "video/mp4", "mp4"),
        ("ipod", "audio/mp4", "m4a"),
    ),
    Kind.WEBM: Format(
        "matroska",
        frozenset({"vp8", "vp9"}),
        frozenset({"opus", "vorbis"}),
        ("webm", "video/webm", "webm"),
        ("webm", "audio/webm", "webm"),
    ),
    Kind.MP3: Format("mp3", frozenset(), frozenset({"mp3"}), None, ("mp3", "audio/mpeg", "mp3")),
    Kind.OGG: Format("ogg", frozenset(), frozenset({"opus", "vorbis"}), None, ("ogg", "audio/ogg", "ogg")),
    Kind.FLAC: Format("flac", frozenset(), frozenset({"flac"}), None, ("flac", "audio/flac", "flac")),
    Kind.WAV: Format(
        "wav", frozenset(), frozenset({"pcm_u8", "pcm_s16le", "pcm_s24le"}), None, ("wav", "audio/wav", "wav")
    ),
}


@dataclass(frozen=True, slots=True)
class Extent:
    """What a stream has, by its packets: how many, and from when until when, in seconds."""

    packets: int
    seconds: Fraction


def process_played(data: bytes, kind: Kind) -> ProcessedMedia:
    """Raises TooMuch and CannotBePlayed, and whatever FFmpeg raises for broken content."""
    form = _FORMATS[kind]
    with _opened(data, form) as source:
        video, audio = _chosen(source, form)
        extents = _walked(source, video, audio)
        seconds = _checked(video, extents)
        shown = None if video is None else (_size(video), _frame_rate(video, extents[video.index]))
        sound = None if audio is None else _sound(audio)
    small = None if shown is None else _first_frame(data, form)
    packed = _packed(data, form, sum(extent.packets for extent in extents.values()))
    playback = Playback(
        type=MediaType.AUDIO if shown is None else MediaType.VIDEO,
        milliseconds=round(seconds * 1000),
        bits_per_second=round(len(packed) * 8 / seconds),
        frame_rate="" if shown is None else shown[1],
        sound=sound,
    )
    return _processed(form, packed, playback, shown[0] if shown else NO_SIZE, small)


def _processed(
    form: Format, packed: bytes, playback: Playback, size: Dimensions, small: Image.Image | None
) -> ProcessedMedia:
    _, content_type, extension = _target(form, playback.type is MediaType.VIDEO)
    if small is None:
        return ProcessedMedia(content_type, extension, packed, size, "", "", b"", NO_SIZE, "", playback)
    if (small.width > small.height) is not (size.width > size.height):  # Turned as the file says.
        size = Dimensions(size.height, size.width)
    made = preview(small)
    return ProcessedMedia(
        content_type,
        extension,
        packed,
        size,
        made.content_type,
        made.extension,
        made.data,
        made.size,
        made.blurhash,
        playback,
    )


def _target(form: Format, has_video: bool) -> tuple[str, str, str]:
    return form.with_video if has_video and form.with_video else form.without


def _refuse(*_: object) -> NoReturn:
    raise PermissionError("a file opens no other")


def _opened(data: bytes, form: Format) -> InputContainer:
    """For reading, as what it is said to be and nothing else: no list of other files, none of the network."""
    decoders = ",".join(sorted(form.video | form.audio | _DECODERS))
    options = {
        "protocol_whitelist": "none",
        "format_whitelist": _WHITELISTED[form.demuxer],
        "codec_whitelist": decoders,
        "max_streams": str(MAX_STREAMS),
        "max_pixels": str(VIDEO_PIXELS),
        "threads": "1",
    }
    return av.open(io.BytesIO(data), "r", format=form.demuxer, options=options, io_open=_refuse)


_WHITELISTED: Final = {
    "mov": "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska": "matroska,webm",
    "mp3": "mp3",
    "ogg": "ogg",
    "flac": "flac",
    "wav": "wav",
}
# Decoders whose names are not those of their codecs.
_DECODERS: Final = frozenset({"mp3float", "libvpx", "libvpx-vp9", "libopus"})


def _chosen(source: InputContainer, form: Format) -> tuple[VideoStream | None, AudioStream | None]:
    """The first video and the first audio that are kept; pictures on covers, subtitles and all else are left out."""
    if len(source.streams) >= MAX_STREAMS:
        raise TooMuch(f"must have fewer than {MAX_STREAMS} streams")
    video = next((each for each in source.streams.video if form.with_video and not _is_cover(each)), None)
    audio = next(iter(source.streams.audio), None)
    if video is None and audio is None:
        raise CannotBePlayed("has nothing in it to play")
    if video is not None:
        _check_video(video, form)
    if audio is not None:
        _check_codec(audio, form.audio)
        if not 0 < audio.codec_context.sample_rate <= MAX_SAMPLE_RATE or not 0 < audio.channels <= MAX_CHANNELS:
            raise TooMuch(f"must have at most {MAX_CHANNELS} channels of {MAX_SAMPLE_RATE} samples a second")
    return video, audio


def _is_cover(stream: VideoStream) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _check_video(video: VideoStream, form: Format) -> None:
    _check_codec(video, form.video)
    width, height = video.codec_context.width, video.codec_context.height
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= VIDEO_PIXELS):
        raise TooMuch(f"must have at most {VIDEO_PIXELS} pixels, and no side longer than {MAX_SIDE}")
    if video.codec_context.pix_fmt not in _PLAYED_FORMATS:
        raise CannotBePlayed("has colours that not everybody's player knows: it must be 8-bit 4:2:0")


def _check_codec(stream: VideoStream | AudioStream, accepted: frozenset[str]) -> None:
    name = stream.codec_context.codec.canonical_name
    if name not in accepted:
        raise CannotBePlayed(f"is encoded as {name}, which not everybody can play: {', '.join(sorted(accepted))} is")


def _walked(source: InputContainer, *streams: VideoStream | AudioStream | None) -> dict[int, Extent]:
    """What each stream has, read to its end: what a file says of its length is not believed."""
    kept = [stream for stream in streams if stream is not None]
    bounds: dict[int, tuple[int, Fraction, Fraction]] = {}
    for count, packet in enumerate(_packets(source, *kept)):
        if count >= MAX_PACKETS:
            raise TooMuch(f"must have at most {MAX_PACKETS} packets")
        start = Fraction(packet.pts if packet.pts is not None else packet.dts or 0) * packet.time_base
        end = start + (packet.duration or 0) * packet.time_base
        number, first, last = bounds.get(packet.stream_index, (0, start, end))
        bounds[packet.stream_index] = number + 1, min(first, start), max(last, end)
        if max(last, end) - min(first, start) > AUDIO_SECONDS:
            raise TooMuch(f"must be at most {AUDIO_SECONDS // 60} minutes long")
    return {index: Extent(number, last - first) for index, (number, first, last) in bounds.items()}


def _packets(source: InputContainer, *streams: VideoStream | AudioStream) -> Iterator[Packet[Stream]]:
    """Those with content: a demuxer's last ones are empty."""
    return (packet for packet in source.demux(*streams) if packet.dts is not None and packet.size)


def _checked(video: VideoStream | None, extents: Mapping[int, Extent]) -> Fraction:
    """How long it plays, in seconds."""
    seconds = max((extent.seconds for extent in extents.values()), default=Fraction(0))
    if seconds <= 0 or (video is not None and video.index not in extents):
        raise CannotBePlayed("has nothing in it to play")
    if video is not None and seconds > VIDEO_SECONDS:
        raise TooMuch(f"must be at most {VIDEO_SECONDS // 60} minutes long")
    if video is not None and extents[video.index].packets > MAX_FRAME_RATE * seconds + 1:
        raise TooMuch(f"must have at most {MAX_FRAME_RATE} frames a second")
    return seconds


def _size(video: VideoStream) -> Dimensions:
    return Dimensions(video.codec_context.width, video.codec_context.height)


def _frame_rate(video: VideoStream, extent: Extent) -> str:
    rate = video.average_rate
    if rate is None or not 0 < rate <= MAX_FRAME_RATE:
        rate = (extent.packets / extent.seconds if extent.seconds else Fraction(1)).limit_denominator(1001)
    return f"{rate.numerator}/{rate.denominator}"


def _sound(audio: AudioStream) -> Sound:
    return Sound(audio.codec_context.codec.canonical_name, audio.codec_context.sample_rate, audio.channels)


def _first_frame(data: bytes, form: Format) -> Image.Image:
    """Upright. Raises CannotBePlayed where none comes soon."""
    with _opened(data, form) as source:
        video, _ = _chosen(source, form)
        assert video is not None  # noqa: S101 - it was there before
        for count, packet in enumerate(source.demux(video)):
            for frame in packet.decode():
                if frame.width * frame.height > VIDEO_PIXELS:
                    raise TooMuch(f"must have at most {VIDEO_PIXELS} pixels")
                return _picture(frame)
            if count > PREVIEW_PACKETS:
                break
    raise CannotBePlayed("has no picture that can be shown")


def _picture(frame: VideoFrame) -> Image.Image:
    shown: Image.Image = frame.to_image()  # type: ignore[no-untyped-call] # PyAV types it where Pillow is typed
    return shown.rotate(frame.rotation, expand=True)


def _packed(data: bytes, form: Format, packets: int) -> bytes:
    """The chosen streams in a new file, which says nothing beside them."""
    written = io.BytesIO()
    with _opened(data, form) as source:
        video, audio = _chosen(source, form)
        kept = [stream for stream in (video, audio) if stream is not None]
        name = _target(form, video is not None)[0]
        with av.open(written, "w", format=name, container_options=_options(name, packets)) as target:
            made = {stream.index: target.add_stream_from_template(stream) for stream in kept}
            if audio is not None and audio.codec_context.codec.canonical_name == "vorbis":
                made[audio.index].codec_context.extradata = without_comments(audio.codec_context.extradata or b"")
            remarks = {
                stream.index: BitStreamFilterContext(_WITHOUT_REMARKS[codec], stream, made[stream.index])
                for stream in kept
                if (codec := stream.codec_context.codec.canonical_name) in _WITHOUT_REMARKS
            }
            for packet in _packets(source, *kept):
                index = packet.stream_index
                for each in remarks[index].filter(packet) if index in remarks else [packet]:
                    each.stream = made[index]
                    target.mux(each)
    return written.getvalue()


def _options(name: str, packets: int) -> dict[str, str]:
    """No trace of when and by what it was written; an MP4's index in front, so that it plays before all is there."""
    options = {"fflags": "+bitexact"}
    if name in ("mp4", "ipod"):
        options["moov_size"] = str(MOOV_BYTES + packets * MOOV_PACKET_BYTES)
    if name == "mp3":
        options["id3v2_version"] = "0"
    return options
