"""Loaded by Python before anything else: every other read of posts fails, as a bug would have it."""

from __future__ import annotations

import importlib.abc
import importlib.util
import itertools
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

TARGET = "post_service.servicer"


class Faulty(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the servicer, and spoils it once it is loaded."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != TARGET:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return None
        self._loader = spec.loader
        spec.loader = self
        return spec

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        servicer = module.PostServicer
        numbers, sound = itertools.count(), servicer.BatchGetPosts

        async def batch_get_posts(self: Any, request: Any, context: Any) -> Any:
            if next(numbers) % 2:
                raise RuntimeError("faulty on purpose")
            return await sound(self, request, context)

        servicer.BatchGetPosts = batch_get_posts


sys.meta_path.insert(0, Faulty())
