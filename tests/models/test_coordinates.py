"""Atoms come from maps at their centre, each once, with one class, at the border too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_atomai.models.coordinates import atoms_of, blob_diameter, refined
from napari_atomai.models.resizing import back, resized


def maps(size: tuple[int, int], atoms: list[Any], radius: float, classes: int = 3) -> np.ndarray:
    """Return probabilities of discs with soft edges; background last, or a single map."""
    grid = np.indices(size).astype(float)
    objects = np.zeros((*size, max(classes - 1, 1)))
    for row, col, kind in atoms:
        distance = np.hypot(grid[0] - row, grid[1] - col)
        disc = 0.5 - 0.5 * np.tanh(1.5 * (distance - radius))
        objects[..., kind] = np.maximum(objects[..., kind], disc)
    total = objects.sum(-1, keepdims=True)
    objects = objects / np.maximum(total, 1)
    if classes == 1:
        return objects.astype(np.float32)
    return np.concatenate([objects, 1 - objects.sum(-1, keepdims=True)], axis=-1).astype(np.float32)


def test_atoms_are_found_at_their_sub_pixel_centre_with_their_class() -> None:
    truth = [(10.3, 12.7, 0), (10.0, 30.0, 1), (29.6, 20.2, 0)]
    found = atoms_of(maps((44, 48), truth, 4))
    expected = np.array(truth)[np.lexsort((np.array(truth)[:, 1], np.array(truth)[:, 0]))]
    np.testing.assert_allclose(found.table(), expected, atol=0.08)
    assert (found.scores > 0.8).all()


def test_one_map_has_one_class() -> None:
    found = atoms_of(maps((40, 40), [(10, 10, 0), (25, 30, 0)], 4, classes=1))
    np.testing.assert_allclose(found.table(), [[10, 10, 0], [25, 30, 0]], atol=0.05)


def test_atoms_at_the_border_are_kept() -> None:
    found = atoms_of(maps((40, 40), [(0, 0, 0), (39, 20, 1), (20, 0.0, 0)], 4))
    assert len(found.positions) == 3
    assert sorted(found.classes.tolist()) == [0, 0, 1]


@pytest.mark.parametrize("kinds", [(0, 0), (0, 1)])
def test_blobs_that_touch_are_told_apart(kinds: tuple[int, int]) -> None:
    truth = [(20, 16, kinds[0]), (20, 25, kinds[1]), (6, 6, 0), (6, 36, 1), (35, 10, 0)]
    found = atoms_of(maps((42, 42), truth, 5)).table()
    assert len(found) == 5
    for row, col, kind in truth:
        near = found[np.argmin(np.hypot(found[:, 0] - row, found[:, 1] - col))]
        assert np.hypot(near[0] - row, near[1] - col) < 0.8
        assert near[2] == kind


def test_no_two_classes_claim_one_atom() -> None:
    atom = maps((30, 30), [(15, 15, 0)], 5)
    doubtful = atom.copy()
    # A rim of the other class around the same atom, and a part where the two swap.
    grid = np.hypot(*(np.indices((30, 30)) - 15.0))
    rim = (grid > 3) & (grid < 6)
    doubtful[rim] = [0.1, 0.8, 0.1]
    found = atoms_of(doubtful)
    assert len(found.positions) == 1
    np.testing.assert_allclose(found.positions[0], [15, 15], atol=0.3)


def test_specks_and_empty_maps_give_nothing() -> None:
    empty = maps((30, 30), [], 4)
    assert atoms_of(empty).table().shape == (0, 3)
    speck = maps((60, 60), [(15, 15, 0), (40, 40, 0)], 5)
    speck[5, 50] = [0.6, 0.0, 0.4]
    assert len(atoms_of(speck).positions) == 2


def test_an_image_made_larger_has_the_same_atoms() -> None:
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.arange(10, 90, 16), np.arange(10, 90, 16)), -1).reshape(-1, 2)
    truth = np.column_stack([grid + rng.uniform(-1, 1, grid.shape), rng.integers(0, 2, len(grid))])
    for factor in (1, 2, 3):
        scaled = [(row * factor, col * factor, int(kind)) for row, col, kind in truth]
        noisy = maps((96 * factor, 96 * factor), scaled, 4.5 * factor)
        noisy += 0.01 * rng.standard_normal(noisy.shape).astype(np.float32)
        found = atoms_of(noisy)
        assert len(found.positions) == len(truth)
        assert np.bincount(found.classes).tolist() == np.bincount(truth[:, 2].astype(int)).tolist()


def test_the_diameter_is_that_of_the_typical_blob() -> None:
    labels = np.full((40, 80), -1)
    grid = np.indices((40, 80))
    for index, col in enumerate((12, 40, 66)):
        labels[np.hypot(grid[0] - 20, grid[1] - col) <= 5] = index % 2
    assert blob_diameter(labels, 2) == pytest.approx(10, abs=0.5)
    assert blob_diameter(np.full((5, 5), -1), 2) == 0


def test_refining_moves_atoms_to_the_peaks_of_the_image() -> None:
    truth = np.array([[12.3, 14.6], [13.1, 30.2], [30.7, 20.4]])
    grid = np.indices((44, 44))
    image = sum(np.exp(-((grid[0] - r) ** 2 + (grid[1] - c) ** 2) / 8) for r, c in truth)
    start = atoms_of(maps((44, 44), [(12, 14, 0), (13, 31, 1), (31, 20, 0)], 4))
    found = refined(np.asarray(image), start)
    np.testing.assert_allclose(found.positions, truth, atol=0.05)
    np.testing.assert_array_equal(found.classes, [0, 1, 0])


def test_positions_in_a_resized_image_are_brought_back() -> None:
    image = np.zeros((1, 60, 90), np.float32)
    image[0] = np.exp(-((np.indices((60, 90))[0] - 20) ** 2 + (np.indices((60, 90))[1] - 50) ** 2) / 30)
    small = resized(image, (30, 60))
    assert small.shape == (1, 30, 60)
    grid = np.indices((30, 60))
    centre = [(grid[axis] * small[0]).sum() / small[0].sum() for axis in (0, 1)]
    np.testing.assert_allclose(back(np.array([centre]), (60, 90), (30, 60)), [[20, 50]], atol=0.1)
