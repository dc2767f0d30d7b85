"""Rings as pictures: every pixel in the right ring."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.progress import finish
from napari_atomai.data.recipe import FindRings
from napari_atomai.simulate.lattices import PROTOTYPES
from napari_atomai.workflow.ring_maps import ring_size_map
from napari_atomai.workflow.rings import FrameRings, defects_over_time, finding_rings

SHAPE = (90, 130)


def rings_of(positions: np.ndarray, frames: object = 0) -> list[FrameRings]:
    atoms = Atoms.make(positions, frames=frames, pixel_size=(0.0142, 0.0142))
    return finish(finding_rings(atoms, FindRings()))


@pytest.fixture(scope="module")
def honeycomb() -> np.ndarray:
    return PROTOTYPES["honeycomb"].scaled(10.0).tile(SHAPE, 0.3, 0.0)[0]


def test_each_ring_covers_the_pixels_of_its_area(honeycomb: np.ndarray) -> None:
    found = rings_of(honeycomb)
    picture = ring_size_map(found, SHAPE)
    assert set(np.unique(picture)) == {0, 6}
    expected = len(found[0].rings) * 1.5 * np.sqrt(3) * 10.0**2
    assert (picture == 6).sum() == pytest.approx(expected, rel=0.02)


def test_transposed_atoms_give_the_transposed_picture(honeycomb: np.ndarray) -> None:
    moved = honeycomb + 0.123
    picture = ring_size_map(rings_of(moved), SHAPE)
    assert np.array_equal(ring_size_map(rings_of(moved[:, ::-1]), SHAPE[::-1]), picture.T)


def test_rings_beyond_the_border_are_cut_there(honeycomb: np.ndarray) -> None:
    found = rings_of(honeycomb)
    assert np.array_equal(ring_size_map(found, (40, 50)), ring_size_map(found, SHAPE)[:40, :50])


def test_frames_of_a_movie_are_filled_one_by_one_and_counted(honeycomb: np.ndarray) -> None:
    middle = np.argmin(((honeycomb - (45, 65)) ** 2).sum(axis=1))
    both = np.concatenate([honeycomb, np.delete(honeycomb, middle, axis=0)])
    frames = np.repeat([0, 3], [len(honeycomb), len(honeycomb) - 1])
    found = rings_of(both, frames)
    picture = ring_size_map(found, (2, 2, *SHAPE))
    assert np.array_equal(picture[0, 0], ring_size_map(found[:1], SHAPE))
    assert set(np.unique(picture[1, 1])) == {0, 6, 12}
    assert not picture[0, 1].any()
    assert not picture[1, 0].any()
    times, counts = defects_over_time(found)
    assert times.tolist() == [0, 3]
    assert counts["vacancy"].tolist() == [0, 1]
