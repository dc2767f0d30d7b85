from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from napari_atomai.errors import SaveFailed
from napari_atomai.files.atomic import PART_SUFFIX, replacing, write_text


def write_half(target: Path, error: BaseException) -> None:
    with replacing(target) as part:
        part.write_text("half")
        raise error


def test_a_file_is_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_text("µm\r\nnext\n", tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc2\xb5m\r\nnext\n"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_the_previous_file_survives_an_error_and_no_leftover_stays(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(SaveFailed, match="broke"):
        write_half(target, RuntimeError("broke"))
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_keyboard_interrupt_passes_and_leaves_the_previous_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_half(target, KeyboardInterrupt())
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_full_disk_names_the_folder_and_the_free_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, function, full)
    with pytest.raises(SaveFailed) as caught:
        write_text("new", target)
    monkeypatch.undo()
    message = str(caught.value)
    assert str(tmp_path) in message
    assert "No space left" in message
    assert "MB are free" in message
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_data_reach_the_disk_before_the_name_and_the_folder_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(handle: int) -> None:
        kind = "folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file"
        calls.append(kind)
        fsync(handle)

    def watched_replace(one: Path, other: Path) -> None:
        calls.append("swap")
        replace(one, other)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    write_text("x", tmp_path / "a.txt")
    assert calls == ["file", "swap", "folder"]


def test_a_file_size_limit_met_while_writing_leaves_the_previous_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    code = """
        import resource, signal, sys
        from napari_atomai.errors import SaveFailed
        from napari_atomai.files.atomic import write_text
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            write_text("x" * 5000, sys.argv[1])
        except SaveFailed as error:
            sys.exit(7 if "File too large" in str(error) else 8)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), target], check=False)
    assert done.returncode == 7
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_process_killed_while_saving_leaves_a_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    code = """
        import sys
        from napari_atomai.files.atomic import write_text
        print("ready", flush=True)
        for i in range(10**6):
            write_text(f"{i:06d}" * 50_000, sys.argv[1])
    """
    for after in (0.01, 0.05, 0.09, 0.14):
        writer = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), target], stdout=subprocess.PIPE
        )
        with writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            while not target.exists():
                time.sleep(0.002)
            time.sleep(after)
            writer.send_signal(signal.SIGKILL)
        text = target.read_text()
        assert len(text) == 300_000
        assert text == text[:6] * 50_000
    orphans = [name for name in os.listdir(tmp_path) if name != "a.txt"]
    assert all(name.endswith(PART_SUFFIX) for name in orphans)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SaveFailed, match=r"missing does not exist"):
        write_text("x", tmp_path / "missing" / "a.txt")


def test_a_folder_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "name").mkdir()
    with pytest.raises(SaveFailed, match="is a folder"):
        write_text("x", tmp_path / "name")


def test_a_symbolic_link_stays_one_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_text("new", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_the_permissions_of_the_replaced_file_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "a").chmod(0o640)
    write_text("new", tmp_path / "a")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", ["ä ö 原子.txt", "x" * 250 + ".txt", "原" * 80 + ".txt"])
def test_long_and_foreign_names_can_be_saved(tmp_path: Path, name: str) -> None:
    write_text("x", tmp_path / name)
    assert os.listdir(tmp_path) == [name]


def test_a_name_too_long_for_the_disk_is_refused_with_words(tmp_path: Path) -> None:
    with pytest.raises(SaveFailed, match="could not be saved"):
        write_text("x", tmp_path / ("x" * 300))
    assert os.listdir(tmp_path) == []
