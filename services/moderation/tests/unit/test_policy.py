"""Policies: what their rules find, and what is wrong with their files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from moderation_service.policy.file import DEFAULT_POLICY, PolicyFile, read_policy
from moderation_service.policy.folding import fold, hosts, words
from moderation_service.policy.parse import PolicyInvalid, parse_policy
from moderation_service.policy.rules import Action, Policy, RateRule, exceeds
from rookery_common.testing import FakeClock

HEAD = "version: 1\nrules:\n"


def wide(text: str) -> str:
    """In the full-width forms that East Asian keyboards make."""
    return "".join("\u3000" if c == " " else chr(ord(c) + 0xFEE0) for c in text)


def policy(rule: str) -> Policy:
    return parse_policy(f"{HEAD}  - {{name: it, action: hold, {rule}}}")


def broken(rule: str, *texts: str) -> bool:
    return bool(policy(rule).broken_by(texts))


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("rude word", "A RUDE   word."),
        ("rude word", "rude-word"),
        ("rude word", "rude\nword"),
        ("naïve", "NAIVE"),
        ("naive", "nai\u0308ve"),
        ("strasse", "Straße"),
        ("free money", wide("free money")),
        ("free", "fr\u200bee"),
        ("free", "#free"),
        ("ναός", "ΝΑΟΣ"),
        ("привет", "ПРИВЕТ!"),
        ("詐欺", "これは詐欺です"),
        ("が", "か\u3099"),
        ("c3po", "C3PO"),
    ],
)
def test_a_phrase_is_found_in_every_dress(phrase: str, text: str) -> None:
    assert broken(f'keywords: ["{phrase}"]', text)


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("cunning", "cunningly"),
        ("ass", "class assess"),
        ("rude word", "rude, a word"),
        ("rude word", "word rude"),
        ("rude word", "rude"),
        ("rude word", ""),
        ("c3po", "c3 po"),
    ],
)
def test_only_whole_words_in_their_order_are_found(phrase: str, text: str) -> None:
    assert not broken(f'keywords: ["{phrase}"]', text)


def test_phrases_that_begin_alike_are_all_found() -> None:
    found = parse_policy(
        f"""{HEAD}
  - {{name: long, action: hold, keywords: ["a b c d"]}}
  - {{name: short, action: hold, keywords: ["a b", "x"]}}
  - {{name: later, action: hold, keywords: ["b c e"]}}"""
    )
    assert [rule.name for rule in found.broken_by(["a b c e"])] == ["short", "later"]


@pytest.mark.parametrize(
    "text",
    [
        "https://denied.example/x",
        "http://www.Denied.Example:8080",
        "look at denied.example.",
        "(denied.example)",
        "a.b.c.denied.example/x?y",
        "user@denied.example",
        "denied。example",
        wide("denied.example"),
    ],
)
def test_a_domain_is_found_with_all_below_it(text: str) -> None:
    assert broken("domains: [denied.example]", text)


@pytest.mark.parametrize("text", ["https://notdenied.example", "denied.example.org", "denied", "denied. example", ".."])
def test_another_domain_is_not_found(text: str) -> None:
    assert not broken("domains: [denied.example]", text)


def test_a_domain_is_the_same_in_unicode_and_in_punycode() -> None:
    for one in ("bücher.example", "xn--bcher-kva.example"):
        for other in ("https://BÜCHER.example", "http://xn--bcher-kva.example/x"):
            assert broken(f"domains: ['{one}']", other)
    assert hosts("xn--\u00e4.example") == {"xn--\u00e4.example"}


def test_a_long_text_costs_little() -> None:
    many = ", ".join(f'"a{n} b c"' for n in range(1000))
    found = policy(f"keywords: [{many}]")
    assert not found.broken_by(["a " * 5000, "." * 10_000, "a." * 10_000, "-" * 10_000, "a" * 50_000, "-." * 10_000])
    assert len(words(fold("x " * 10_000))) == 10_000


def test_rates_look_at_every_window_that_the_post_is_in() -> None:
    [rule] = policy("rate: {posts: 2, per: minute}").rates
    assert isinstance(rule, RateRule)
    assert not exceeds(rule, 100, [100])
    assert not exceeds(rule, 100, [50, 100])
    assert exceeds(rule, 100, [50, 60, 100])
    assert not exceeds(rule, 100, [40, 60, 100])  # a minute ends before its first second comes again
    assert exceeds(rule, 100, [100, 120, 159])
    assert not exceeds(rule, 100, [60, 100, 130])
    assert exceeds(rule, 100, [60, 61, 62, 63, 64])  # more than two windows can hold


def test_the_shipped_policy_is_good_and_harms_nobody() -> None:
    shipped = read_policy(DEFAULT_POLICY)
    assert {rule.action for rule in shipped.rules} == set(Action)
    assert shipped.broken_by(["Good morning, https://example.org"]) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "the file must hold version and rules"),
        ("[]", "the file must hold version and rules"),
        ("version: 2\nrules: []", "version must be 1"),
        ("version: 1", "rules must be a list"),
        ("version: 1\nrules: {}", "rules must be a list"),
        ("version: 1\nrules: []\nmore: 1", "more is not known here"),
        ("version: 1\nrules: [", "line 2, column 9: is not YAML"),
        ("!!python/object/apply:os.getcwd []", "is not YAML"),
        (HEAD + "  - 5", "rule 1: it must have a name"),
        (HEAD + "  - {name: A b, action: hold, keywords: [x]}", "rule 1 ('A b'): name must be 1 to 64"),
        (HEAD + "  - {name: report, action: hold, keywords: [x]}", "rule 1 ('report'): name must not be report"),
        (
            HEAD + "  - {name: a, action: ban, keywords: [x]}",
            "rule 1 ('a'): action must be one of report, hold, remove",
        ),
        (HEAD + "  - {name: a, keywords: [x]}", "rule 1 ('a'): action must be one of"),
        (HEAD + "  - {name: a, action: hold}", "rule 1 ('a'): it must be exactly one of keywords, domains, rate"),
        (HEAD + "  - {name: a, action: hold, keywords: [x], domains: [b.c]}", "keywords, domains must be exactly one"),
        (HEAD + "  - {name: a, action: hold, keyword: [x]}", "rule 1 ('a'): keyword is not a field"),
        (HEAD + "  - {name: a, action: hold, keywords: x}", "rule 1 ('a'): keywords must be a list"),
        (HEAD + "  - {name: a, action: hold, keywords: []}", "rule 1 ('a'): keywords must be a list"),
        (HEAD + "  - {name: a, action: hold, keywords: [x, 5]}", "rule 1 ('a'): keywords[1] must be text"),
        (HEAD + "  - {name: a, action: hold, keywords: ['!']}", "rule 1 ('a'): keywords '!' must have 1 to 32 words"),
        (HEAD + f"  - {{name: a, action: hold, keywords: [{'x' * 201}]}}", "keywords[0] is too long"),
        (HEAD + "  - {name: a, action: hold, domains: [nowhere]}", "rule 1 ('a'): domains 'nowhere' is not a domain"),
        (HEAD + "  - {name: a, action: hold, rate: 5}", "rule 1 ('a'): rate must have posts and per"),
        (HEAD + "  - {name: a, action: hold, rate: {posts: 0, per: minute}}", "rule 1 ('a'): rate.posts must be"),
        (HEAD + "  - {name: a, action: hold, rate: {posts: yes, per: minute}}", "rule 1 ('a'): rate.posts must be"),
        (HEAD + "  - {name: a, action: hold, rate: {posts: 1, per: day}}", "rule 1 ('a'): rate.per must be minute or"),
        (HEAD + "  - {name: a, action: hold, keywords: [x]}\n" * 2, "rule 'a': name is used twice"),
        (HEAD + "".join(f"  - {{name: a{n}}}\n" for n in range(201)), "rules has too many entries"),
    ],
)
def test_what_is_wrong_is_told_by_rule_and_field(text: str, complaint: str) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        parse_policy(text)
    assert complaint in str(refused.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(PolicyInvalid) as refused:
        parse_policy(HEAD + "  - {name: a, action: ban, keywords: [x]}\n  - {name: b, action: hold, rate: 5}")
    assert len(refused.value.problems) == 2


@pytest.mark.parametrize(
    ("data", "complaint"),
    [(b"\xff", "is not UTF-8"), (b"#" * (1 << 20) + b"\n", "is too large"), (None, "No such file")],
)
def test_a_file_that_can_t_be_used_is_refused(tmp_path: Path, data: bytes | None, complaint: str) -> None:
    path = tmp_path / "policy.yaml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(PolicyInvalid, match=complaint):
        read_policy(path)


async def test_a_changed_file_is_taken_over_and_a_wrong_one_is_not(tmp_path: Path, clock: FakeClock) -> None:
    def write(text: str) -> None:
        replacement = tmp_path / "next"
        replacement.write_text(text)
        os.replace(replacement, path)

    path = tmp_path / "policy.yaml"
    path.write_text("version: 1\nrules: []")
    file = PolicyFile(path, clock)
    assert not await file.refresh()
    write(HEAD + "  - {name: tea, action: hold, keywords: [tea]}")
    assert await file.refresh()
    assert [rule.name for rule in file.current().rules] == ["tea"]
    write("version: 1\nrules: [5]")
    assert not await file.refresh()
    path.unlink()
    assert not await file.refresh()
    assert [rule.name for rule in file.current().rules] == ["tea"]
    write("version: 1\nrules: []")
    assert await file.refresh()
    assert file.current().rules == ()
