"""The command line of a rebuild."""

from __future__ import annotations

import pytest

from search_service.__main__ import rebuild_cli


def test_wrong_setting_is_named(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    environment.delenv("SEARCH_ELASTICSEARCH_URL")
    with pytest.raises(SystemExit) as ended:
        rebuild_cli([])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("SEARCH_ELASTICSEARCH_URL: Field required")


def test_what_fails_is_told_in_a_line(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    environment.setenv("SEARCH_ELASTICSEARCH_URL", "http://127.0.0.1:1")
    with pytest.raises(SystemExit) as ended:
        rebuild_cli(["--restart"])
    assert ended.value.code == 1
    assert capsys.readouterr().err == "search is not available (SEARCH_UNAVAILABLE)\n"
