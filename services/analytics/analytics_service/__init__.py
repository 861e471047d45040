"""Windowed counts and insights."""

import rookery_common.grpc_core  # noqa: F401 - before anything imports grpc

__version__ = "0.1.0"
