"""Somebody who was made up: an operator acts as one of them, by a token that nobody else gets."""

from __future__ import annotations

import re
import secrets

from harness.operators import operate
from harness.people import Person
from mastodon import Mastodon

from user_service.seeding.models import MAX_SEED, Plan


def test_an_operator_acts_as_somebody_made_up_and_as_nobody_who_signed_up(alice: Person) -> None:
    plan = Plan(secrets.randbelow(MAX_SEED) + 1, 40, 3)
    made = operate("user", "seed", str(plan.accounts), str(plan.follows), str(plan.seed), "--beside-others")
    assert made.returncode == 0, made.stderr
    rook = next(plan.people(7, 8))
    told = operate("auth", "seeded-token", rook.username)
    assert told.returncode == 0, told.stderr
    found = re.search(r"^token: (\S+) ", told.stdout, re.MULTILINE)
    assert found is not None
    api = Mastodon(access_token=found[1], api_base_url=alice.api.api_base_url)
    assert str(api.account_verify_credentials()["id"]) == str(rook.account_id)
    posted = api.status_post("Made up")
    assert alice.api.status(posted["id"])["account"]["username"] == rook.username
    refused = operate("auth", "seeded-token", alice.username)
    assert refused.returncode != 0
    assert "token:" not in refused.stdout
