"""The answering end of a batched call: each entry has its own caller, time and outcome; all are handled at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from rookery_common.auth import Identity, TokenVerifier
from rookery_common.errors import AppError, DeadlineExceeded, FieldViolation, InvalidArgument, Unauthenticated
from rookery_common.rpc.batching import MAX_ENTRIES, Q, R
from rookery_common.rpc.deadline import elapsed
from rookery_common.rpc.status import to_entry_status


async def serve_batch(
    entries: Sequence[Q],
    verifier: TokenVerifier | None,
    handle: Callable[[list[tuple[int, Q, Identity | None]]], Awaitable[Sequence[R | AppError]]],
    result_type: Callable[..., R],
    *,
    max_entries: int = MAX_ENTRIES,
) -> list[R]:
    """One result per entry, in order: from `handle`, which is given all live entries as (index, entry, identity) and
    answers them in that order; or a status for an entry with a bad token, or whose time is up. What `handle` raises as
    an AppError becomes the status of all that it was given. Raises InvalidArgument for too many entries.
    """
    if len(entries) > max_entries:
        violation = FieldViolation("entries", "ERR_TOO_LONG", f"At most {max_entries} entries.")
        raise InvalidArgument("Too many entries.", fields=[violation])
    answers: list[R | AppError | None] = [None] * len(entries)
    live: list[tuple[int, Q, Identity | None]] = []
    waited_ms = elapsed() * 1000
    for index, entry in enumerate(entries):
        try:
            live.append((index, entry, await _admit(entry, verifier, waited_ms)))
        except AppError as error:
            answers[index] = error
    if live:
        for (index, _, _), answer in zip(live, await _handled(handle, live), strict=True):
            answers[index] = answer
    return [_result(answer, result_type) for answer in answers]


async def _admit(entry: Q, verifier: TokenVerifier | None, waited_ms: float) -> Identity | None:
    context = entry.context
    if waited_ms >= context.timeout_ms:
        raise DeadlineExceeded("The time for this request is up.")
    if not context.token:
        return None
    if verifier is None:
        raise Unauthenticated("This service takes no user's token.")
    return await verifier.verify(context.token)


async def _handled(
    handle: Callable[[list[tuple[int, Q, Identity | None]]], Awaitable[Sequence[R | AppError]]],
    live: list[tuple[int, Q, Identity | None]],
) -> Sequence[R | AppError]:
    try:
        return await handle(live)
    except AppError as error:
        return [error] * len(live)


def _result(answer: R | AppError | None, result_type: Callable[..., R]) -> R:
    if isinstance(answer, AppError):
        return result_type(status=to_entry_status(answer))
    assert answer is not None  # noqa: S101 - every entry was either refused or handled
    return answer
