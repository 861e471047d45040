"""Words that somebody does not want to meet, as Mastodon finds them: in any case, whole ones not inside of another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """A text to look for: as it was written, and as it is compared."""

    text: str
    folded: str
    whole: bool

    def is_in(self, folded: str) -> bool:
        """Whether a text, folded already, has it."""
        at = folded.find(self.folded)
        while at >= 0 and self.whole and not _stands_alone(folded, at, at + len(self.folded)):
            at = folded.find(self.folded, at + 1)
        return at >= 0


def word(text: str, *, whole: bool) -> Word:
    """The word, ready to be looked for."""
    return Word(text, text.casefold(), whole)


def folded(*texts: str) -> str:
    """Texts as words are looked for in them."""
    return "\n".join(text for text in texts if text).casefold()


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether no letter or digit of the found text goes on beyond it."""
    return not (_joined(text, start) or _joined(text, end))


def _joined(text: str, at: int) -> bool:
    return 0 < at < len(text) and _is_word(text[at - 1]) and _is_word(text[at])


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"
