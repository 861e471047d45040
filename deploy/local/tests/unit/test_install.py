"""Downloads: whole or not at all, and only what was pinned."""

import hashlib
from pathlib import Path

import pytest
from rookery_local import cache, install
from rookery_local.errors import LocalError
from rookery_local.whole import whole


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROOKERY_CACHE", str(tmp_path))
    return tmp_path / "jars-1" / "kafka"


def test_a_finished_download_appears_readable_to_everybody(target: Path) -> None:
    with whole(target) as folder:
        (folder / "a.jar").write_text("x")
        (folder / "a.jar").chmod(0o600)
    assert (target / "a.jar").stat().st_mode & 0o777 == 0o644
    assert sorted(path.name for path in cache.cache_folder().iterdir()) == ["jars-1"]


def test_an_interrupted_download_leaves_nothing(target: Path) -> None:
    def download() -> None:
        with whole(target) as folder:
            (folder / "half.jar").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download()
    assert not target.exists()
    assert list(cache.cache_folder().iterdir()) == []


@pytest.mark.parametrize("files", [{"a.jar": "other"}, {}, {"a.jar": "right", "b.jar": "more"}], ids=str)
def test_anything_but_the_pinned_archives_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]
) -> None:
    hashes = tmp_path / "engines.sha256"
    hashes.write_text(f"{hashlib.sha256(b'right').hexdigest()}  kafka/a.jar\n")
    monkeypatch.setattr(install, "HASHES", hashes)
    folder = tmp_path / "fresh"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    with pytest.raises(LocalError, match="Nothing was installed"):
        install._verify("kafka", folder)


def test_every_java_engine_is_pinned() -> None:
    pinned = {line.split("  ")[1].split("/")[0] for line in install.HASHES.read_text().splitlines()}
    assert pinned == set(cache.JAVA_ENGINES)
