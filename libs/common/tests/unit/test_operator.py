"""The operator's command hands over to the service that is named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rookery_common import operator


def test_a_services_own_command_line_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "gardening_service"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("import sys\nprint(sys.argv[1:])\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["rookery", "gardening", "water", "roses"])
    operator.main()
    assert capsys.readouterr().out == "['water', 'roses']\n"


@pytest.mark.parametrize("arguments", [[], ["unheard_of"], ["../auth"], ["os.path"]])
def test_what_is_no_service_here_is_refused_with_the_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["rookery", *arguments])
    with pytest.raises(SystemExit, match="2"):
        operator.main()
    assert "rookery auth list-roles" in capsys.readouterr().err
