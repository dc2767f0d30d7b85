"""The distance between atoms is read from the labels."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.trainers.cards import label_spacing


def lattice(spacing: int, nb_classes: int) -> np.ndarray:
    """Return a label image of discs on a square lattice, their classes in turn."""
    labels = np.full((60, 60), 0 if nb_classes == 1 else nb_classes - 1)
    grid = np.indices((60, 60))
    for i, row in enumerate(range(6, 56, spacing)):
        for j, col in enumerate(range(6, 56, spacing)):
            kind = 1 if nb_classes == 1 else (i + j) % (nb_classes - 1)
            labels[np.hypot(grid[0] - row, grid[1] - col) <= 3] = kind
    return labels


@pytest.mark.parametrize("nb_classes", [1, 2, 3])
@pytest.mark.parametrize("spacing", [10, 14])
def test_the_spacing_is_that_of_neighbours_of_any_class(spacing: int, nb_classes: int) -> None:
    assert label_spacing(lattice(spacing, nb_classes)[None], nb_classes) == pytest.approx(spacing, rel=0.02)


def test_labels_without_two_atoms_have_none() -> None:
    empty = np.zeros((2, 20, 20), int)
    assert label_spacing(empty, 1) == 0
    empty[0, 9:12, 9:12] = 1
    assert label_spacing(empty, 1) == 0
