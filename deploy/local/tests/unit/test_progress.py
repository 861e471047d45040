"""What is shown while something arrives."""

import threading
from pathlib import Path

from rookery_local.progress import megabytes


def test_what_lies_in_a_folder_is_added_up(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("one", "deep/two"):
        (tmp_path / name).write_bytes(bytes(3 << 20))
    assert megabytes(tmp_path) == 6
    assert megabytes(tmp_path / "missing") == 0


def test_folders_that_vanish_meanwhile_are_no_error(tmp_path: Path) -> None:
    done = threading.Event()

    def come_and_go() -> None:
        while not done.is_set():
            folder = tmp_path / "go-build"
            folder.mkdir()
            (folder / "object").write_bytes(b"x")
            (folder / "object").unlink()
            folder.rmdir()

    builder = threading.Thread(target=come_and_go)
    builder.start()
    try:
        assert {megabytes(tmp_path) for _ in range(2000)} == {0}
    finally:
        done.set()
        builder.join()
