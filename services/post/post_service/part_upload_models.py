"""Uploads in parts, which clients put into the store themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from post_service.models import CENTRE, Focus

PART_BYTES: Final = 5 * 1024 * 1024
"""The least that S3 takes for a part that is not the last."""
MAX_OPEN_UPLOADS: Final = 10
OPEN_SECONDS: Final = 24 * 3600
PUT_SECONDS: Final = 3600
LEFT_AFTER: Final = timedelta(seconds=OPEN_SECONDS + 3600)
"""When what lies in the store of an upload belongs to nobody any more."""
PREFIX: Final = "uploads/"


@dataclass(frozen=True, slots=True)
class PartUpload:
    """One that is open. Its file goes to `key`, and what is made of it into the folder, under the same id."""

    upload_id: int
    account_id: int
    store_id: str
    folder: str
    size: int
    expires_at: datetime
    filename: str = ""
    content_type: str = ""
    description: str = ""
    focus: Focus = CENTRE

    @property
    def key(self) -> str:
        """Not public, unlike what lies in the folder."""
        return PREFIX + self.folder.rpartition("/")[2]

    def parts(self) -> dict[int, int]:
        """How many bytes each part has, by its number."""
        starts = range(0, self.size, PART_BYTES)
        return {number: min(PART_BYTES, self.size - start) for number, start in enumerate(starts, start=1)}


class WantedPart(NamedTuple):
    """A part that is missing, and where to put it."""

    number: int
    size: int
    url: str


class PartUploadView(NamedTuple):
    """An upload as its owner is told of it."""

    upload: PartUpload
    missing: list[WantedPart]
