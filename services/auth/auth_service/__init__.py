"""Credentials, sessions, OAuth2 applications and tokens."""

import rookery_common.grpc_core  # noqa: F401 - before anything imports grpc

__version__ = "0.1.0"
