"""The parts of the platform that can be switched off while the rest goes on: kill switches, one flag each."""

from __future__ import annotations

from rookery_common.flags import Flag

SIGN_UP = Flag("sign-up", "Nobody signs up: 403 as where registrations are closed, and the instance says so.")
MEDIA_UPLOADS = Flag("media-uploads", "No file is taken; those uploaded before are shown, described and posted.")
SEARCH = Flag("search", "Nothing is searched, neither by people nor by clients that complete names.")
STREAMING = Flag("streaming", "Streams that are open are closed with 1013, and none is opened; clients poll instead.")
CHAT = Flag("chat", "Conversations are neither read nor written, and chats that are open are closed with 1013.")
INTERACTIONS = Flag("interactions", "What readers did with posts is not taken, and so not counted.")
MEASURES = Flag("measures", "Moderators and operators see no measures.")

FLAGS = (SIGN_UP, MEDIA_UPLOADS, SEARCH, STREAMING, CHAT, INTERACTIONS, MEASURES)
