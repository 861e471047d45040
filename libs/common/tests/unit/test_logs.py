"""Secrets and personal data never reach a log."""

import io
import json
import logging

import pytest

from rookery_common.logs import configure_logs, get_logger, redact


@pytest.fixture(autouse=True)
def _configured() -> None:
    configure_logs("demo", "1.0.0")


def test_log_is_one_json_object_with_the_service(capsys: pytest.CaptureFixture[str]) -> None:
    get_logger().info("post.created", post_id=7)
    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["post_id"], line["service"], line["level"]) == ("post.created", 7, "demo", "info")


@pytest.mark.parametrize("key", ["password", "access_token", "Authorization", "email", "client_secret", "postgres_dsn"])
def test_forbidden_keys_are_redacted_in_any_depth(key: str) -> None:
    shown = json.dumps(redact({"a": [{key: "hunter2"}], key: {"b": "hunter2"}}))
    assert "hunter2" not in shown


def test_deep_nesting_is_cut_rather_than_shown() -> None:
    value: dict[str, object] = {"x": "hunter2"}
    for _ in range(20):
        value = {"a": value}
    assert "hunter2" not in json.dumps(redact(value))


def test_standard_library_logs_come_out_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("demo", "1.0.0")
    logging.getLogger("somebody").warning("careful")
    assert json.loads(capsys.readouterr().out)["event"] == "careful"


def test_exception_is_logged_by_kind_and_place_without_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("demo", "1.0.0")
    secret = "hunter2"
    try:
        try:
            raise KeyError(secret)
        except KeyError as error:
            raise ValueError(f"no such {secret}") from error
    except ValueError:
        get_logger().exception("app.failed")
    out = capsys.readouterr().out
    assert secret not in out
    causes = json.loads(out)["exception"]
    assert [cause["type"] for cause in causes] == ["ValueError", "KeyError"]
    assert causes[0]["frames"][0].endswith(" test_exception_is_logged_by_kind_and_place_without_its_values")


def test_exception_of_the_standard_library_is_logged_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("demo", "1.0.0")
    try:
        raise ValueError("hunter2")
    except ValueError:
        logging.getLogger("somebody").exception("failed")
    out = capsys.readouterr().out
    assert "hunter2" not in out
    assert json.loads(out)["exception"][0]["type"] == "ValueError"


def test_a_logger_outlives_the_stdout_it_was_made_with(monkeypatch: pytest.MonkeyPatch) -> None:
    log = get_logger()
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr("sys.stdout", first)
    log.info("first")
    first.close()
    monkeypatch.setattr("sys.stdout", second)
    log.info("second")
    logging.getLogger("somebody").warning("third")
    assert [json.loads(line)["event"] for line in second.getvalue().splitlines()] == ["second", "third"]


@pytest.mark.parametrize("value", [2**80, {1: "one"}, {"a", "b"}, object(), "\ud800", b"bytes"])
def test_a_value_of_any_kind_makes_a_line(capsys: pytest.CaptureFixture[str], value: object) -> None:
    configure_logs("demo", "1.0.0")
    get_logger().info("odd", value=value)
    assert json.loads(capsys.readouterr().out)["event"] == "odd"
