"""What uploads are for, what is made of them, and what is kept in mind of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum


class Purpose(IntEnum):
    """What an upload is for; the numbers are stored and are those of the contract."""

    POST = 0
    AVATAR = 1
    HEADER = 2


class MediaType(IntEnum):
    """The numbers are stored and are those of the contract."""

    IMAGE = 1
    GIFV = 2
    VIDEO = 3
    AUDIO = 4


OF_PROFILE = -1
"""In the place of a post's id: the picture is, or waits to be, a profile's."""
UNFINISHED = -2
"""The same: it is being processed, or could not be. The release before takes that for another post's, too."""
MAX_UNFINISHED = 20
"""Uploads of an account that wait for their processing."""


@dataclass(frozen=True, slots=True)
class Dimensions:
    """Pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Sound:
    """A stream of audio; the codec is named as clients show it, the rate is in samples a second."""

    codec: str
    rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class Playback:
    """What plays: a video, or audio alone. The frame rate is a fraction as text, empty for audio."""

    type: MediaType
    milliseconds: int
    bits_per_second: int
    frame_rate: str = ""
    sound: Sound | None = None


@dataclass(frozen=True, slots=True)
class ProcessedMedia:
    """A file as it is stored, without metadata; a picture upright, within the stored size. Audio has nothing small."""

    content_type: str
    extension: str
    original: bytes
    original_size: Dimensions
    small_content_type: str
    small_extension: str
    small: bytes
    small_size: Dimensions
    blurhash: str
    playback: Playback | None = None


@dataclass(frozen=True, slots=True)
class MediaWork:
    """An upload that is to be processed: the file as it came, and where what is made of it goes.

    `version` is that of its media as it was accepted; `kind` names what its content begins like.
    """

    media_id: int
    account_id: int
    source_key: str
    size: int
    folder: str
    kind: str
    version: int
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class UploadNote:
    """What was put, or was about to be put, into S3 for an upload, and on which day."""

    day: date
    media_id: int
    original_key: str
    small_key: str


@dataclass(frozen=True, slots=True)
class ProfilePicture:
    """Which picture an account shows, as of a version of its profile; media_id is 0 where it shows none."""

    account_id: int
    purpose: Purpose
    media_id: int = 0
    version: int = 0
