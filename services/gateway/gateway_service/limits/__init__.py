"""How many requests an account, an application and a network may make, by classes of routes, as the operator says."""

from gateway_service.limits.limiter import Limiter
from gateway_service.limits.rules import Rules

__all__ = ["Limiter", "Rules"]
