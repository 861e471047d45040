"""Reblogs that say nothing new: of a post that is in the same stretch of the home already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# So many entries further down a post, or another reblog of it, makes a reblog an echo.
ECHO_ENTRIES = 40


def echoes(entry_ids: Sequence[int], originals: Mapping[int, int]) -> set[int]:
    """Which entries are echoes: `entry_ids` are a stretch of a home, newest first, `originals` what those show that
    are shown at all (their own id unless they are reblogs).

    As when posts arrive: what was there first stays, and a reblog of it comes up again only after some time.
    """
    found: set[int] = set()
    last_at: dict[int, int] = {}
    for position in range(len(entry_ids) - 1, -1, -1):
        entry_id = entry_ids[position]
        original_id = originals.get(entry_id)
        if original_id is None:
            continue
        before = last_at.get(original_id)
        if original_id != entry_id and before is not None and before - position <= ECHO_ENTRIES:
            found.add(entry_id)
        else:
            last_at[original_id] = position
    return found
