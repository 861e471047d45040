"""Composing: the one place where ids become the statuses and accounts that a viewer is shown."""

from __future__ import annotations

from gateway_service.compose.composer import Composer, TimelinePage

__all__ = ["Composer", "TimelinePage"]
