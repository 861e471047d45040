"""What tests share: a clock and ids that obey, and engines' namespaces of their own that are dropped afterwards."""

from rookery_common.testing.clock import FakeClock
from rookery_common.testing.ids import FakeIds

__all__ = ["FakeClock", "FakeIds"]
