"""What every test can count on: no network, no changed global state, nothing left running."""

from __future__ import annotations

import multiprocessing
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

# Before anything loads OpenMP: its idle threads spin, which costs more than they bring on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import hypothesis
import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

hypothesis.settings.register_profile("ci", deadline=None, max_examples=50, print_blob=True)
hypothesis.settings.register_profile("nightly", deadline=None, max_examples=1000, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real microscope files, beside the checkout or where NAPARI_ATOMAI_DATA says."""
    folder = Path(os.environ.get("NAPARI_ATOMAI_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}: the real microscope files are not part of the repository")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Refuse every connection that leaves the machine: the program works offline, and so do its tests."""
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
            raise AssertionError(f"A test or the code it runs tried to reach the network: {address}.")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        yield


def _is_here(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


@dataclass(frozen=True)
class Before:
    """What the process was like before a test."""

    folder: Path
    random: dict[str, Any]
    threads: set[threading.Thread]
    children: set[BaseProcess]


BEFORE = pytest.StashKey[Before]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Remember what the process is like. A hook, since it must come before every fixture."""
    random = np.random.get_state(legacy=False)  # noqa: NPY002 - guarded, not used
    threads, children = set(threading.enumerate()), set(multiprocessing.active_children())
    item.stash[BEFORE] = Before(Path.cwd(), random, threads, children)
    yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Fail a test after which, all fixtures undone, the process is not as it was before."""
    yield
    before, folder = item.stash[BEFORE], Path.cwd()
    state = np.random.get_state(legacy=False)["state"]  # noqa: NPY002
    random = before.random["state"]
    kept = state["pos"] == random["pos"] and np.array_equal(state["key"], random["key"])
    os.chdir(before.folder)
    np.random.set_state(before.random)  # noqa: NPY002
    assert folder == before.folder, "the working folder was changed"
    assert kept, "the global random state was used"
    assert not _still_running(before.threads), "threads were left running"
    assert not set(multiprocessing.active_children()) - before.children, "processes were left running"


def _still_running(before: set[threading.Thread]) -> list[threading.Thread]:
    """Threads that would keep the process alive, given a moment to end."""
    new = [thread for thread in set(threading.enumerate()) - before if not (thread.daemon or _idle(thread))]
    for thread in new:
        thread.join(timeout=2)
    return [thread for thread in new if thread.is_alive()]


def _idle(thread: threading.Thread) -> bool:
    """Threads of Qt, which are not ours to join, and of executors such as dask's, which end with Python."""
    return isinstance(thread, threading._DummyThread) or thread.name.startswith("ThreadPoolExecutor")
