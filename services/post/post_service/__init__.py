"""Posts and media."""

import os

# gRPC's fork handlers are for children that go on in Python; they kill one in fifty image workers before its exec, when
# calls run at that moment. Read as soon as grpc is imported.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

__version__ = "0.1.0"
