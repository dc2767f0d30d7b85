"""Class maps drawn from atoms, and atoms from painted class maps."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.data.atoms import Atoms
from napari_atomai.errors import BadImage
from napari_atomai.workflow.hand_edits import edited
from napari_atomai.workflow.painted import edits_from, painted_of

ATOMS = Atoms.make(
    [[10, 10], [10, 30], [30.4, 10.2], [20, 20]], [0, 1, 0, 1], [0, 0, 0, 1], class_names=["A", "B"]
)
SHAPE = (2, 40, 50)


def test_a_map_that_was_drawn_from_atoms_changes_none_of_them() -> None:
    labels = painted_of(ATOMS, SHAPE, 3.0)
    assert labels.shape == SHAPE
    assert labels[0, 10, 10] == 1
    assert labels[0, 10, 30] == labels[1, 20, 20] == 2
    assert labels[1, 10, 10] == 0
    assert not edits_from(ATOMS, labels, 50)


def test_erased_repainted_and_new_spots_become_edits() -> None:
    labels = painted_of(ATOMS, SHAPE, 3.0)
    labels[0, 6:15, 6:15] = 0  # the first is erased
    labels[0, 6:15, 26:35] = 1  # the second is another class now
    labels[1, 30:35, 40:47] = 2  # a new one
    now = edited(ATOMS, edits_from(ATOMS, labels, 50))
    assert now.ids.tolist() == [1, 2, 3, 50]
    assert [now.class_names[i] for i in now.classes] == ["A", "A", "B", "B"]
    assert now.positions[-1].tolist() == [32.0, 43.0]
    assert now.frames.tolist() == [0, 0, 1, 1]
    assert now.positions[1].tolist() == [30.4, 10.2]


def test_two_classes_that_touch_are_two_atoms() -> None:
    labels = np.zeros((20, 20), np.uint8)
    labels[5:10, 5:10], labels[5:10, 10:15] = 1, 2
    edits = edits_from(Atoms.make(np.empty((0, 2)), class_names=["A", "B"]), labels, 0)
    assert sorted(edits.added.values()) == [(0, 7.0, 7.0, "A"), (0, 7.0, 12.0, "B")]


def test_a_class_that_is_not_there_is_refused() -> None:
    labels = painted_of(ATOMS, SHAPE, 3.0)
    labels[0, 0, 0] = 7
    with pytest.raises(BadImage, match="class 7 is painted"):
        edits_from(ATOMS, labels, 50)


def test_turned_atoms_and_maps_give_turned_edits() -> None:
    labels = painted_of(ATOMS, SHAPE, 3.0)
    labels[0, 20:24, 40:44] = 1
    turned = Atoms.make(ATOMS.positions[:, ::-1], ATOMS.classes, ATOMS.frames, class_names=["A", "B"])
    one = edits_from(ATOMS, labels, 50).added[50]
    other = edits_from(turned, labels.transpose(0, 2, 1), 50).added[50]
    assert (one[2], one[1]) == other[1:3]
