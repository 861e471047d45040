"""Feature flags by OpenFeature, from a file in flagd's format that a ConfigMap mounts; read again whenever it changes.

The code says what each flag is where the file says nothing, so that a platform without a file runs whole. A flag is a
switch for everybody: rules about whom it holds for are refused, not ignored.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, Self

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import TypeMismatchError
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider import AbstractProvider, Metadata
from openfeature.provider.no_op_provider import NoOpProvider
from prometheus_client import Gauge
from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError, model_validator

from rookery_common.logs import get_logger

MAX_FILE_BYTES = 1024 * 1024  # what a ConfigMap holds
LOOK_SECONDS = 1.0
FLAG_ON = Gauge("rookery_flag_on", "Whether a feature flag is on.", ["flag"])
FILE_VALID = Gauge("rookery_flags_file_valid", "0 while the flags' file can't be read and the last good one holds.")
log = get_logger()


@dataclass(frozen=True, slots=True)
class Flag:
    """A switch: its key in the file, in a sentence what happens where it is off, and its value without a file."""

    key: str
    when_off: str
    default: bool = True


class FlagsFileInvalid(ValueError):
    """The file can't be read as flags; the message names the place in it."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    state: Literal["ENABLED", "DISABLED"]
    variants: dict[str, StrictBool] = Field(min_length=1)
    default_variant: str = Field(alias="defaultVariant")
    metadata: dict[str, Any] = {}

    @model_validator(mode="after")
    def _check_default(self) -> Self:
        if self.default_variant not in self.variants:
            raise ValueError(f"defaultVariant {self.default_variant!r} is none of the variants")
        return self


class _Document(BaseModel):
    flags: dict[str, _Entry]


def parse(text: str | bytes) -> dict[str, bool]:
    """The flags that the document sets; one whose state is DISABLED is not set. Raises FlagsFileInvalid."""
    try:
        document = _Document.model_validate_json(text)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc']) or 'document'}: {problem['msg']}"
            for problem in error.errors(include_input=False)
        )
        raise FlagsFileInvalid(problems) from None
    entries = document.flags.items()
    return {key: entry.variants[entry.default_variant] for key, entry in entries if entry.state == "ENABLED"}


class _FileProvider(AbstractProvider):
    """Answers with what was read last."""

    def __init__(self) -> None:
        super().__init__()
        self.values: Mapping[str, bool] = {}

    def get_metadata(self) -> Metadata:
        return Metadata("file")

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        value = self.values.get(flag_key)
        if value is None:
            return FlagResolutionDetails(default_value, reason=Reason.DEFAULT)
        return FlagResolutionDetails(value, reason=Reason.STATIC)

    def _refuse(
        self, flag_key: str, default_value: Any, evaluation_context: EvaluationContext | None = None
    ) -> NoReturn:
        raise TypeMismatchError(f"{flag_key} is a switch")

    resolve_string_details = resolve_integer_details = resolve_float_details = resolve_object_details = _refuse


class Flags:
    """Component: whether each flag is on, as the file says now; a file that turns bad changes nothing."""

    def __init__(self, path: str, known: Iterable[Flag], *, service: str) -> None:
        self._path = path
        self._known = {flag.key: flag for flag in known}
        self._provider = _FileProvider()
        self._client = api.get_client(service)
        self._service = service
        self._version: tuple[int, ...] = ()
        self._refused = False
        self._off: dict[str, list[Callable[[], None]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises FlagsFileInvalid: a replica that does not know which parts are switched off must not serve them."""
        if self._path:
            try:
                self._version = self._look()
                self._provider.values = self._read()
            except OSError as error:
                raise FlagsFileInvalid(f"{self._path}: {error.strerror}") from error
            self._task = asyncio.create_task(self._follow(), name="flags")
        api.set_provider_and_wait(self._provider, self._service)
        self._show()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        # OpenFeature knows one provider by a service's name in the whole process: what was read must not outlive us.
        if self._client.provider is self._provider:
            api.set_provider_and_wait(NoOpProvider(), self._service)

    def on(self, flag: Flag) -> bool:
        """Whether it is on; its default before the start, and after the end."""
        return self._client.get_boolean_value(flag.key, flag.default)

    def when_off(self, flag: Flag, call: Callable[[], None]) -> None:
        """Has this called each time that the flag goes from on to off."""
        self._off.setdefault(flag.key, []).append(call)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.reload_if_changed()

    def reload_if_changed(self) -> None:
        """Takes over a file that is another than before; a bad one is told of once, and the last good one holds."""
        try:
            version = self._look()
            if version == self._version:
                return
            self._version = version
            values = self._read()
        except (OSError, FlagsFileInvalid) as error:
            if not self._refused:
                log.error("flags.file_refused", problem=str(error))
            self._refused = True
            FILE_VALID.set(0)
            return
        self._refused = False
        self._take(values)

    def _take(self, values: Mapping[str, bool]) -> None:
        before = [flag for flag in self._known.values() if self.on(flag)]
        self._provider.values = values
        self._show()
        for flag in before:
            if not self.on(flag):
                for call in self._off.get(flag.key, ()):
                    call()

    def _show(self) -> None:
        FILE_VALID.set(1)
        for key, flag in self._known.items():
            FLAG_ON.labels(key).set(self.on(flag))
        set_here = {key: value for key, value in self._provider.values.items() if key in self._known}
        # Other services, or a newer version, may know them; a switch that is spelt wrong must not seem to work.
        unknown = sorted(self._provider.values.keys() - self._known.keys())
        log.info("flags.read", flags=set_here, unknown=unknown)

    def _look(self) -> tuple[int, ...]:
        """Changes when the file does, also when a mounted folder is swapped as a whole."""
        stat = os.stat(self._path)
        return stat.st_mtime_ns, stat.st_ino, stat.st_size

    def _read(self) -> dict[str, bool]:
        with open(self._path, "rb") as file:
            text = file.read(MAX_FILE_BYTES + 1)
        if len(text) > MAX_FILE_BYTES:
            raise FlagsFileInvalid(f"{self._path}: larger than {MAX_FILE_BYTES} bytes")
        try:
            return parse(text)
        except FlagsFileInvalid as error:
            raise FlagsFileInvalid(f"{self._path}: {error}") from None
