"""Values of types of our own in CQL, whose types later releases may extend while this one runs."""

from __future__ import annotations

from typing import SupportsIndex


class TypeValue(tuple[object, ...]):
    """The fields in their order. Of fields that a later release has added to the type nothing is said: they are null.

    The driver asks a tuple for each field that the type has by now, and would fail for the first that isn't there.
    """

    __slots__ = ()

    def __getitem__(self, index: SupportsIndex) -> object:  # type: ignore[override]  # there are no slices of a value
        return super().__getitem__(index) if index.__index__() < len(self) else None
