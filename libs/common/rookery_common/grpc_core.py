"""Settings of gRPC's core, which reads them as soon as grpc is imported: each service's package imports this first."""

from __future__ import annotations

import os
from typing import Final

SETTINGS: Final = {
    # Without it a message passes through a thread less at either end: half of what a call costs (docs/performance.md).
    "GRPC_EXPERIMENTS": "-event_engine_client,-event_engine_listener",
    # Fork handlers are for children that go on in Python. They kill one in fifty that become another program, when
    # calls run at that moment.
    "GRPC_ENABLE_FORK_SUPPORT": "false",
}

for _name, _value in SETTINGS.items():
    os.environ.setdefault(_name, _value)
