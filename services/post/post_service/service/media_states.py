"""How far an upload is, where a post or its owner asks for it."""

from __future__ import annotations

from collections.abc import Iterable

from post_service.errors import MediaFailed, MediaNotReady
from post_service.models import Media


def check_finished(media: Iterable[Media]) -> None:
    """Raises MediaNotReady for what is being processed, and MediaFailed for what could not be."""
    for each in media:
        check_sound(each)
        if each.is_unfinished:
            raise MediaNotReady


def check_sound(media: Media) -> None:
    """Raises MediaFailed where nothing could be made of the file."""
    if media.is_unfinished and media.failure:
        raise MediaFailed(media.failure)
