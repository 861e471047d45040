"""What the operator writes about the community: description, privacy policy, terms of service, in editions by date."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import Annotated

from markdown_it import MarkdownIt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from gateway_service.config import Settings
from gateway_service.metrics import TEXTS_FILE_VALID
from gateway_service.operator_file import OperatorFile, OperatorFileInvalid, problems

MAX_EDITIONS = 50
# CommonMark with tables; HTML in it is shown as it is written, and a link leads to nothing that runs.
_MARKDOWN = MarkdownIt("js-default")


@dataclass(frozen=True, slots=True)
class Edition:
    """A text as it holds from a day on (UTC), as HTML."""

    since: date
    html: str


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    since: date
    markdown: str = Field(min_length=1)


_Entries = Annotated[list[_Entry], Field(max_length=MAX_EDITIONS)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")

    extended_description: _Entries = []
    privacy_policy: _Entries = []
    terms_of_service: _Entries = []

    @field_validator("*")
    @classmethod
    def _check_days(cls, entries: list[_Entry]) -> list[_Entry]:
        if len({entry.since for entry in entries}) < len(entries):
            raise ValueError("has two editions of one day")
        return entries


class Text:
    """The editions of one text, the oldest first."""

    def __init__(self, editions: Sequence[Edition] = ()) -> None:
        self._editions = sorted(editions, key=attrgetter("since"))

    def on(self, today: date) -> Edition | None:
        """The edition that holds on a day."""
        return next((edition for edition in reversed(self._editions) if edition.since <= today), None)

    def of(self, since: date) -> Edition | None:
        """The edition that holds from exactly this day on."""
        return next((edition for edition in self._editions if edition.since == since), None)

    def after(self, edition: Edition) -> Edition | None:
        """What comes in its place."""
        return next((other for other in self._editions if other.since > edition.since), None)


@dataclass(frozen=True, slots=True)
class _Texts:
    extended_description: Text
    privacy_policy: Text
    terms_of_service: Text


class Texts:
    """Component: the operator's texts, as the file says now; none without a file."""

    def __init__(self, settings: Settings) -> None:
        self._texts = _parse("")
        self._file = OperatorFile(settings.texts_file, "texts", _parse, self._take, TEXTS_FILE_VALID)

    async def start(self) -> None:
        """Raises OperatorFileInvalid."""
        await self._file.start()

    async def stop(self) -> None:
        await self._file.stop()

    def reload_if_changed(self) -> None:
        """Takes over a file that is another than before."""
        self._file.reload_if_changed()

    @property
    def extended_description(self) -> Text:
        return self._texts.extended_description

    @property
    def privacy_policy(self) -> Text:
        return self._texts.privacy_policy

    @property
    def terms_of_service(self) -> Text:
        return self._texts.terms_of_service

    def _take(self, texts: _Texts) -> None:
        self._texts = texts


def _parse(text: str) -> _Texts:
    """Raises OperatorFileInvalid."""
    try:
        document = _Document.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise OperatorFileInvalid(str(error)) from None
    except ValidationError as error:
        raise OperatorFileInvalid(problems(error)) from None
    return _Texts(
        _text(document.extended_description), _text(document.privacy_policy), _text(document.terms_of_service)
    )


def _text(entries: Sequence[_Entry]) -> Text:
    return Text([Edition(entry.since, _MARKDOWN.render(entry.markdown)) for entry in entries])
