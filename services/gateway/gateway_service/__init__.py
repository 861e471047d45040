"""The public edge: the Mastodon client API, streams, and the one place that composes answers."""

import rookery_common.grpc_core  # noqa: F401 - before anything imports grpc

__version__ = "0.1.0"
