"""Refusing requests where their first line is read: no task, no token, no parsing of a body is spent on them."""

from __future__ import annotations

from typing import Any

from gateway_service.head_limits import LimitedHttp
from gateway_service.overload import Gate

# Of a refused request's body so much is read past, so that the connection can go on; then it is closed.
MAX_SKIPPED_BYTES = 64 * 1024


class SheddingHttp(LimitedHttp):
    """Answers what the gate refuses by itself, and leaves everything else to the application."""

    def __init__(self, *args: Any, gate: Gate, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._gate = gate
        self._refused = False
        self._skipped = 0

    def on_headers_complete(self) -> None:
        # What waits behind another request of its connection has been read already: the application has it.
        if self.cycle is None or self.cycle.response_complete:
            refusal = self._gate.refusal(self.parser.get_method(), self.url)
            if refusal is not None:
                self._refuse(refusal)
                return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)
            return
        self._skipped += len(body)
        if self._skipped > MAX_SKIPPED_BYTES:
            self.transport.close()

    def on_message_complete(self) -> None:
        if not self._refused:
            super().on_message_complete()
            return
        self._refused = False
        if self.parser.should_keep_alive() and not self.transport.is_closing():
            self._unset_keepalive_if_required()
            wait, end = self.timeout_keep_alive, self.timeout_keep_alive_handler
            self.timeout_keep_alive_task = self.loop.call_later(wait, end)
        else:
            self.transport.close()

    def _refuse(self, refusal: bytes) -> None:
        self.head_is_complete()
        self._refused, self._skipped = True, 0
        self.transport.write(refusal)
