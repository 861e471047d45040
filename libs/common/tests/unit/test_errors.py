"""Errors survive the way between two services."""

import pytest
from google.rpc.status_pb2 import Status as StatusMessage

from rookery_common import errors
from rookery_common.errors import AppError, FieldViolation, from_status, to_status


class UsernameTaken(errors.AlreadyExists):
    reason = "USERNAME_TAKEN"


def test_error_keeps_reason_fields_and_wait_over_the_wire() -> None:
    sent = UsernameTaken("is taken", fields=[FieldViolation("username", "ERR_TAKEN", "is taken")], retry_after=1.5)
    got = from_status(StatusMessage.FromString(to_status(sent).SerializeToString()))
    assert isinstance(got, errors.AlreadyExists)
    assert (got.reason, got.message, got.fields, got.retry_after) == ("USERNAME_TAKEN", "is taken", sent.fields, 1.5)


@pytest.mark.parametrize("status", list(errors.Status))
def test_every_status_has_a_class_of_its_own(status: errors.Status) -> None:
    assert from_status(StatusMessage(code=status, message="x")).status == status


def test_unknown_code_is_internal() -> None:
    error = from_status(StatusMessage(code=2, message="x"))
    assert isinstance(error, errors.Internal)


def test_setting_a_reason_on_one_error_leaves_its_class_alone() -> None:
    from_status(to_status(UsernameTaken("x")))
    assert errors.AlreadyExists.reason == "ALREADY_EXISTS"
    assert issubclass(UsernameTaken, AppError)
