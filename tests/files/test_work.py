"""Sessions on the disk: killed writers, two writers, older and newer versions."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from napari_atomai.errors import CannotRead
from napari_atomai.files.atomic import PART_SUFFIX
from napari_atomai.files.work import VERSION, Work, read_work, write_work

WRITER = """
import sys
from pathlib import Path
import numpy as np
from napari_atomai.files.work import Work, write_work
path, who = Path(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
for number in range(10**6):
    arrays = {name: np.full(100_000, 1000 * who + number % 1000) for name in "abc"}
    write_work(path, Work({"layers": [], "found": [], "who": who, "number": number % 1000}, arrays))
"""


def writer(path: Path, who: int = 1) -> subprocess.Popen[bytes]:
    child = subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(who)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    return child


def check_whole(path: Path) -> Work:
    """One session from its first byte to its last: nothing of another one is in it."""
    work = read_work(path)
    value = 1000 * work.entry["who"] + work.entry["number"]
    assert set(work.arrays) == set("abc")
    for values in work.arrays.values():
        assert np.array_equal(values, np.full(100_000, value))
    return work


@pytest.mark.timeout(240)
def test_a_session_whose_writer_is_killed_is_whole(tmp_path: Path) -> None:
    path, draws = tmp_path / "day.atomai", random.Random(5)
    with writer(path) as child:
        while not path.exists():
            time.sleep(0.002)
        child.send_signal(signal.SIGKILL)
    for _ in range(6):
        with writer(path) as child:
            before = path.stat().st_mtime_ns
            while path.stat().st_mtime_ns == before:
                time.sleep(0.001)
            time.sleep(draws.uniform(0, 0.03))
            child.send_signal(signal.SIGKILL)
        check_whole(path)
    assert all(name == path.name or name.endswith(PART_SUFFIX) for name in os.listdir(tmp_path))


@pytest.mark.timeout(120)
def test_of_two_windows_that_save_the_same_session_the_last_one_is_whole(tmp_path: Path) -> None:
    path, seen = tmp_path / "day.atomai", set[int]()
    with writer(path, 1) as one, writer(path, 2) as other:
        end = time.monotonic() + 60
        while len(seen) < 2 and time.monotonic() < end:
            if path.exists():
                seen.add(check_whole(path).entry["who"])
        one.kill()
        other.kill()
    assert seen == {1, 2}
    check_whole(path)


LAYER = {
    "kind": "image",
    "name": "scan",
    "uid": "i",
    "notes": {},
    "geometry": {"scale": [1.0, 1.0], "translate": [0.0, 0.0], "units": ["pixel", "pixel"]},
    "look": {},
}


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_a_session_of_this_or_an_older_version_opens(tmp_path: Path, version: int) -> None:
    path = tmp_path / "old.atomai"
    pixels = np.arange(12.0).reshape(3, 4)
    write_work(path, Work({"layers": [LAYER], "found": []}, {"i/data": pixels}))
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    entry = json.loads(contents["session.json"]) | {"version": version}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (contents | {"session.json": json.dumps(entry).encode()}).items():
            archive.writestr(name, content)
    work = read_work(path)
    assert np.array_equal(work.arrays["i/data"], pixels)
    assert work.entry["layers"][0]["name"] == "scan"


@pytest.mark.parametrize("version", [VERSION + 1, 99])
def test_a_session_of_a_newer_version_says_both_versions(tmp_path: Path, version: int) -> None:
    path = tmp_path / "new.atomai"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("session.json", json.dumps({"version": version, "layers": [], "found": []}))
    with pytest.raises(CannotRead, match=rf"version {version}.*up to {VERSION}.*Update"):
        read_work(path)
