"""The atoms of a frame become a structure with elements, scale and cell."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("ase", reason="ase is an extra: pip install 'napari-atomai[ase]'")

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.recipe import BuildStructure
from napari_atomai.errors import BadAtoms, BadOption
from napari_atomai.workflow.structure import structure_of

WHERE = np.array([[10.0, 20], [10, 40], [30, 20], [70, 50]])


def atoms() -> Atoms:
    return Atoms.make(WHERE, [0, 1, 0, 2], [0, 0, 0, 4], class_names=("a", "b", "c"), pixel_size=(0.02, 0.01))


def test_columns_become_x_and_rows_y_in_angstrom_of_the_right_element() -> None:
    built = structure_of(atoms(), BuildStructure(elements={"a": "C", "b": "Si"}, margin=3)).atoms
    assert built.get_chemical_symbols() == ["C", "Si", "C"]
    np.testing.assert_allclose(built.positions[:, :2], [[3, 3], [5, 3], [3, 7]])
    np.testing.assert_allclose(built.cell.lengths()[:2], [8, 10])
    assert built.arrays["column"].tolist() == [0, 1, 2]


def test_a_plane_that_repeats_keeps_its_vectors() -> None:
    recipe = BuildStructure(elements={"a": "C", "b": "C"}, periodic=True)
    made = structure_of(atoms(), recipe, plane=[[50, 0], [0, 60]])
    np.testing.assert_allclose(np.sort(made.atoms.cell.lengths()[:2]), [6, 10])
    assert made.atoms.pbc.tolist() == [True, True, False]
    assert any("2 classes became 1 elements" in note for note in made.notes)


def test_a_frame_without_atoms_and_a_class_without_element_are_refused() -> None:
    with pytest.raises(BadAtoms, match="Frame 1 has no atoms"):
        structure_of(atoms(), BuildStructure(frame=1))
    with pytest.raises(BadOption, match="has no element"):
        structure_of(atoms(), BuildStructure(elements={"a": "C"}))
