from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from post_service.models import Media, UploadNote
from post_service.repository.media import MediaRepository
from post_service.service.sweep_uploads import UploadSweeper
from rookery_common.errors import Unavailable
from rookery_common.testing import FakeClock

DAY = 24 * 3600
Files = dict[str, tuple[bytes, str, str]]
Upload = Callable[[bool], Awaitable[Media]]


@pytest.fixture
def upload(media: MediaRepository, files: Files, clock: FakeClock, make_media: Callable[..., Media]) -> Upload:
    """Leaves an upload's files and note, and its row if a post has taken it."""

    async def leave(taken: bool) -> Media:
        made = make_media()
        await media.note_upload(UploadNote(clock.now().date(), made.media_id, made.original_key, made.small_key))
        files[made.original_key] = files[made.small_key] = (b"", "", "")
        if taken:
            await media.put(replace(made, post_id=7))
        return made

    return leave


async def test_files_that_no_post_took_are_deleted_after_two_days(
    sweeper: UploadSweeper, upload: Upload, files: Files, uploads: dict[object, UploadNote], clock: FakeClock
) -> None:
    taken = await upload(True)
    for _ in range(250):
        await upload(False)
    clock.advance(DAY)
    assert await sweeper.sweep() == 0
    clock.advance(DAY)
    assert await sweeper.sweep() == 250
    assert set(files) == {taken.original_key, taken.small_key}
    assert uploads == {}
    assert await sweeper.sweep() == 0


async def test_what_could_not_be_deleted_is_met_again(
    sweeper: UploadSweeper, upload: Upload, files: Files, away: set[str], clock: FakeClock
) -> None:
    await upload(False)
    clock.advance(20 * DAY)
    away.add("s3")
    with pytest.raises(Unavailable):
        await sweeper.sweep()
    away.clear()
    assert await sweeper.sweep() == 1
    assert files == {}
