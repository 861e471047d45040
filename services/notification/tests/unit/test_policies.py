"""Of whom a recipient wants to hear, and what was answered to others: kept, over the fake and over the engine."""

from __future__ import annotations

from notification_service.policy_models import Answer, Outcome, Policy
from notification_service.repository.policies import PolicyRepository

ALICE, BOB, CAROL = 101, 102, 103
ACCEPT, FILTER, DROP = Outcome.ACCEPT, Outcome.FILTER, Outcome.DROP


async def test_a_policy_is_the_usual_one_but_for_what_was_chosen(policies: PolicyRepository) -> None:
    assert await policies.get(ALICE) == Policy(ACCEPT, ACCEPT, ACCEPT, FILTER, FILTER)
    await policies.put(ALICE, {"not_following": DROP})
    await policies.put(ALICE, {"private_mentions": ACCEPT, "new_accounts": FILTER})
    await policies.put(ALICE, {})
    assert await policies.get(ALICE) == Policy(DROP, ACCEPT, FILTER, ACCEPT, FILTER)
    assert await policies.get(BOB) == Policy()


async def test_answers_are_kept_apart_and_may_be_given_again(policies: PolicyRepository) -> None:
    for _ in range(2):
        await policies.accept(ALICE, [BOB])
        await policies.dismiss(ALICE, [BOB, CAROL], 77)
    await policies.dismiss(ALICE, [CAROL], 99)
    assert await policies.answers(ALICE) == [Answer(BOB, True, 77), Answer(CAROL, False, 99)]
    assert await policies.answers(BOB) == []
