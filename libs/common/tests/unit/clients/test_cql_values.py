from __future__ import annotations

from rookery_common.clients.cql_values import TypeValue


def test_fields_that_a_later_release_has_added_are_null() -> None:
    value = TypeValue((7, "crow"))
    assert [value[index] for index in range(4)] == [7, "crow", None, None]
    assert tuple(value) == (7, "crow")
