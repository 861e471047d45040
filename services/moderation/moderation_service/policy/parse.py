"""A policy file's text as rules; what is wrong is told by rule and field, all of it at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import yaml

from moderation_service.models import RESERVED_RULES
from moderation_service.policy.folding import canonical_domain, fold, words
from moderation_service.policy.rules import Action, KeywordRule, LinkRule, Policy, RateRule, Rule

VERSION = 1
MAX_RULES = 200
MAX_ENTRIES = 10_000
MAX_PHRASE_WORDS = 32
MAX_ENTRY_CHARS = 200
MAX_RATE_POSTS = 1000
WINDOWS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
KINDS = ("keywords", "domains", "rate")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_DOMAIN = re.compile(r"\w[\w-]*(\.\w[\w-]*)+")


class PolicyInvalid(ValueError):
    """The file can't be used; the message names each rule and field that is wrong."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class _Problem(Exception):
    """One field of one rule is wrong."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(f"{field} {text}")


def parse_policy(text: str) -> Policy:
    """The rules of a policy file. Raises PolicyInvalid."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise PolicyInvalid([f"{where}is not YAML"]) from None
    problems = _document_problems(document)
    if problems:
        raise PolicyInvalid(problems)
    rules: list[Rule] = []
    for number, entry in enumerate(document["rules"] or []):
        try:
            rules.append(_rule(entry))
        except _Problem as problem:
            problems.append(f"{_label(number, entry)}: {problem}")
    names = [rule.name for rule in rules]
    problems += [f"rule {name!r}: name is used twice" for name in sorted({n for n in names if names.count(n) > 1})]
    if problems:
        raise PolicyInvalid(problems)
    return Policy(rules)


def _document_problems(document: object) -> list[str]:
    if not isinstance(document, dict):
        return ["the file must hold version and rules"]
    problems = [f"{name} is not known here" for name in document if name not in ("version", "rules")]
    if document.get("version") != VERSION:
        problems.append(f"version must be {VERSION}")
    rules = document.get("rules", [])
    if "rules" not in document or not isinstance(rules, list | None):
        problems.append("rules must be a list")
    elif len(rules or []) > MAX_RULES:
        problems.append(f"rules has too many entries (at most {MAX_RULES})")
    return problems


def _label(number: int, entry: object) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    return f"rule {number + 1}" + (f" ({name!r})" if isinstance(name, str) else "")


def _rule(entry: object) -> Rule:
    if not isinstance(entry, dict):
        raise _Problem("it", "must have a name, an action, and one of keywords, domains and rate")
    for key in entry:
        if key not in ("name", "action", *KINDS):
            raise _Problem(str(key), "is not a field of a rule")
    name, action = _name(entry), _action(entry)
    given = [kind for kind in KINDS if entry.get(kind) is not None]
    if len(given) != 1:
        raise _Problem(", ".join(given) or "it", f"must be exactly one of {', '.join(KINDS)}")
    kind = given[0]
    if kind == "keywords":
        return KeywordRule(name, action, tuple(dict.fromkeys(_phrase(value) for value in _texts(entry, kind))))
    if kind == "domains":
        return LinkRule(name, action, frozenset(_domain(value) for value in _texts(entry, kind)))
    return _rate(name, action, entry[kind])


def _name(entry: Mapping[str, Any]) -> str:
    name = entry.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _Problem("name", "must be 1 to 64 lower-case letters, digits and hyphens")
    if name in RESERVED_RULES:
        raise _Problem("name", f"must not be {name}: decisions without a rule are named so")
    return name


def _action(entry: Mapping[str, Any]) -> Action:
    try:
        return Action(str(entry.get("action")))
    except ValueError:
        raise _Problem("action", f"must be one of {', '.join(Action)}") from None


def _texts(entry: Mapping[str, Any], field: str) -> list[str]:
    values = entry[field]
    if not isinstance(values, list) or not values:
        raise _Problem(field, "must be a list with at least one entry")
    if len(values) > MAX_ENTRIES:
        raise _Problem(field, f"has too many entries (at most {MAX_ENTRIES})")
    for number, value in enumerate(values):
        if not isinstance(value, str):
            raise _Problem(f"{field}[{number}]", "must be text; put it in quotes")
        if len(value) > MAX_ENTRY_CHARS:
            raise _Problem(f"{field}[{number}]", f"is too long (at most {MAX_ENTRY_CHARS} characters)")
    return values


def _phrase(value: str) -> tuple[str, ...]:
    found = tuple(words(fold(value)))
    if not 0 < len(found) <= MAX_PHRASE_WORDS:
        raise _Problem("keywords", f"{value!r} must have 1 to {MAX_PHRASE_WORDS} words")
    return found


def _domain(value: str) -> str:
    domain = canonical_domain(fold(value))
    if not _DOMAIN.fullmatch(domain):
        raise _Problem("domains", f"{value!r} is not a domain name such as example.org")
    return domain


def _rate(name: str, action: Action, value: object) -> RateRule:
    if not isinstance(value, dict) or value.keys() != {"posts", "per"}:
        raise _Problem("rate", "must have posts and per, and nothing else")
    posts, per = value["posts"], value["per"]
    if type(posts) is not int or not 1 <= posts <= MAX_RATE_POSTS:
        raise _Problem("rate.posts", f"must be a whole number from 1 to {MAX_RATE_POSTS}")
    if per not in WINDOWS:
        raise _Problem("rate.per", f"must be {' or '.join(WINDOWS)}")
    return RateRule(name, action, posts, WINDOWS[per])
