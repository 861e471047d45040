"""The parts of post that can be switched off while the rest goes on."""

from __future__ import annotations

from rookery_common.flags import Flag

LINK_CARDS = Flag(
    "link-cards", "No page that a post links to is asked, and no post gets a card; those that have one keep it."
)

FLAGS = (LINK_CARDS,)
