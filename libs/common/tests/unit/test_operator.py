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


def _service(folder: Path, name: str, status: int = 0) -> None:
    package = folder / f"{name}_service"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(f"import sys\nprint({name!r}, sys.argv[1:])\nsys.exit({status})\n")


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for services of this test's own, and a command line that loads a seed."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(operator, "SEED", (("gardening", "sow"), ("watering", "rebuild")))
    monkeypatch.setattr(sys, "argv", ["rookery", "load", "seed", "100", "5", "1"])
    return tmp_path


def test_a_seed_is_loaded_by_its_owner_and_then_taken_over_by_the_others(
    load: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _service(load, "gardening")
    _service(load, "watering")
    with pytest.raises(SystemExit) as ended:
        operator.main()
    assert ended.value.code == 0
    said = [line for line in capfd.readouterr().out.splitlines() if "[" in line]
    assert said == ["gardening ['sow', '100', '5', '1']", "watering ['rebuild']"]


def test_posts_come_last_where_they_are_asked_for(
    load: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("gardening", "watering", "picking"):
        _service(load, name)
    monkeypatch.setattr(operator, "POSTS", ("picking", "pick"))
    words = ["rookery", "load", "seed", "100", "5", "1", "--in-production", "--posts", "7", "--likes", "9"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        operator.main()
    assert ended.value.code == 0
    said = [line for line in capfd.readouterr().out.splitlines() if "[" in line]
    assert said == [
        "gardening ['sow', '100', '5', '1', '--in-production']",
        "watering ['rebuild']",
        "picking ['pick', '100', '7', '9', '1', '--in-production']",
    ]


def test_nothing_is_taken_over_of_a_load_that_failed(load: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _service(load, "gardening", status=3)
    _service(load, "watering")
    with pytest.raises(SystemExit, match="3"):
        operator.main()
    assert "watering" not in capfd.readouterr().out


def test_nothing_is_loaded_where_not_all_are_and_it_is_said_how(load: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _service(load, "gardening")
    with pytest.raises(SystemExit, match="2"):
        operator.main()
    told = capfd.readouterr()
    assert told.out == ""
    assert "rookery gardening sow 100 5 1; rookery watering rebuild" in told.err
