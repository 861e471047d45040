"""gRPC between services: `RpcServer` and `RpcClient`, deadlines, and both ends of batched calls."""

from __future__ import annotations

from rookery_common.rpc.batch_serving import serve_batch
from rookery_common.rpc.batching import Batcher, fill_context
from rookery_common.rpc.breaker import BreakerOpen
from rookery_common.rpc.bulkhead import Bulkhead
from rookery_common.rpc.client import CURRENT, RpcClient
from rookery_common.rpc.deadline import deadline, remaining, within
from rookery_common.rpc.handling import CallerNotAllowed
from rookery_common.rpc.limiter import Limiter, Overloaded
from rookery_common.rpc.priority import Priority
from rookery_common.rpc.server import RpcServer

__all__ = [
    "CURRENT",
    "Batcher",
    "BreakerOpen",
    "Bulkhead",
    "CallerNotAllowed",
    "Limiter",
    "Overloaded",
    "Priority",
    "RpcClient",
    "RpcServer",
    "deadline",
    "fill_context",
    "remaining",
    "serve_batch",
    "within",
]
