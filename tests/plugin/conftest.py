from __future__ import annotations

import gc
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("qtpy")

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import FindAtoms, InputRecord, Record, RefineAtoms
from napari_atomai.workflow import find as workflow
from napari_atomai.workflow.find import Found

SPACING = 12.0


def lattice(shape=(96, 120)):
    """Pixels with Gaussian columns on a rectangular lattice, and where they are (row, column)."""
    rows, cols = np.mgrid[0 : shape[0], 0 : shape[1]]
    where = np.mgrid[8 : shape[0] - 6 : SPACING, 7 : shape[1] - 6 : SPACING].reshape(2, -1).T
    where = where + np.random.default_rng(3).uniform(-0.4, 0.4, where.shape)
    pixels = np.zeros(shape)
    for row, col in where:
        pixels += np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / (2 * 1.8**2))
    return pixels, where


def found_in(image: Image, positions, find: FindAtoms | None = None, classes=None, frames=0) -> Found:
    count = len(positions)
    score = np.linspace(0.99, 0.06, count) if count else np.empty(0)
    candidates = Atoms.make(
        positions,
        np.arange(count) % 2 if classes is None else classes,
        frames,
        {"score": score, "sigma_row": np.full(count, 1.8)},
        class_names=("A", "B"),
        pixel_size=image.pixel_size,
        origin=image.origin,
    )
    record = Record(
        input=InputRecord(shape=image.shape, sha256="0" * 64, pixel_size_nm=image.pixel_size),
        steps=(find or FindAtoms(), RefineAtoms()),
        measured={"spacing_px": SPACING},
    )
    probability = np.zeros(image.shape, np.float32)
    probability[..., ::7, ::7] = 0.7
    return Found(candidates, probability, record, 0.2 * probability)


class FakeFinder:
    """Stands in for the net: yields `steps` times, then returns the lattice's atoms."""

    def __init__(self, positions):
        self.positions = positions
        self.steps, self.pause = 3, 0.0
        self.error = None
        self.calls, self.closed = [], 0

    def __call__(self, image, find=None, refine=None):
        self.calls.append((image, find, refine))
        try:
            for step in range(self.steps):
                yield Progress(step, self.steps, "finding atoms")
                time.sleep(self.pause)
            if self.error is not None:
                raise self.error
            return found_in(image, self.positions, find)
        finally:
            self.closed += 1


@pytest.fixture
def picture():
    """Pixels of a lattice (96, 120) and the true positions of its columns."""
    return lattice()


@pytest.fixture
def finder(monkeypatch, picture):
    fake = FakeFinder(picture[1])
    monkeypatch.setattr(workflow, "finding", fake)
    return fake


@pytest.fixture
def find_result():
    """Make a result for an image at given positions."""
    return found_in


@pytest.fixture
def until(qtbot):
    """Wait until something is so."""

    def wait(condition, timeout=8000):
        qtbot.waitUntil(lambda: bool(condition()), timeout=timeout)

    return wait


@pytest.fixture(autouse=True)
def _no_work_left_behind():
    yield
    from superqt.utils import WorkerBase

    WorkerBase.await_workers(5000)
    gc.collect()


@pytest.fixture
def in_child():
    """Run code in a fresh interpreter and return what became of it."""

    def run(code: str, timeout: float = 110):
        command = [sys.executable, "-X", "faulthandler", "-c", code]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)

    return run


@pytest.fixture
def napari_draws_thumbnails():
    """Put the global random state back: napari draws the points of a thumbnail with it, not we."""
    state = np.random.get_state(legacy=False)  # noqa: NPY002
    yield
    np.random.set_state(state)  # noqa: NPY002


@pytest.fixture(autouse=True)
def _autosaves_go_elsewhere(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("NAPARI_ATOMAI_AUTOSAVE", str(tmp_path_factory.mktemp("autosave")))
