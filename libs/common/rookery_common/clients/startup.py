"""Why a process can't start or migrate, in one line for whoever runs it: which engine, where, and what it said."""

from __future__ import annotations

from rookery_common.errors import Internal, Unavailable

MAX_TEXT = 300


class EngineAway(Unavailable):
    """An engine could not be used at all; `setting`, without the service's prefix, says where it should be."""

    reason = "ENGINE_AWAY"

    def __init__(self, engine: str, address: str, setting: str, *, refused: str = "", cause: object = "") -> None:
        what = f"refuses: {one_line(refused)}" if refused else f"does not answer ({one_line(cause)})"
        super().__init__(f"{engine} at {address} {what}")
        self.setting = setting
        self.refused = bool(refused)

    def advice(self, variable: str) -> str:
        """What to do about it; the variable is the setting's full name."""
        if self.refused:
            return f"see that {variable}, its log-in and what it names are right"
        return f"see that it runs, that {variable} names it, and that the network lets this process reach it"


class MigrationFailed(Internal):
    """A file of a migration was refused by the engine, which says why."""

    reason = "MIGRATION_FAILED"

    def __init__(self, engine: str, version: str, cause: str, left: str) -> None:
        super().__init__(f"{engine} refused the migration {version}: {one_line(cause)}; {left}")


def one_line(text: object) -> str:
    """The text without line breaks, and not too long; an error without a text is told by its name."""
    words = " ".join(str(text).split()) or type(text).__name__
    return words if len(words) <= MAX_TEXT else f"{words[:MAX_TEXT]}…"
