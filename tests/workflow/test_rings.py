"""Atoms of images become rings, defects and structures, calibrated or not."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.progress import finish
from napari_atomai.data.recipe import FindRings, Record
from napari_atomai.errors import BadAtoms, BadOption, UnknownOption
from napari_atomai.simulate.samples import stone_wales
from napari_atomai.workflow.rings import finding_rings, ring_features

BOND, PX = 1.42, 0.12


def honeycomb(turned: bool = True) -> np.ndarray:
    motif = np.array([[0, 0], [0, 1], [np.sqrt(3) / 2, 1.5], [np.sqrt(3) / 2, 2.5]])
    corners = np.stack(np.meshgrid(np.arange(14) * np.sqrt(3), np.arange(8) * 3, indexing="ij"), -1)
    plain = (corners.reshape(-1, 1, 2) + motif).reshape(-1, 2) * BOND
    return stone_wales(plain, BOND, plain.mean(axis=0)) if turned else plain


def test_defects_are_named_in_each_frame_of_a_movie() -> None:
    frames = [honeycomb(turned=False), honeycomb()]
    where = np.concatenate(frames) / PX
    atoms = Atoms.make(where, 0, np.repeat([2, 5], [len(f) for f in frames]), pixel_size=(PX / 10, PX / 10))
    first, second = finish(finding_rings(atoms))
    assert (first.frame, second.frame) == (2, 5)
    assert first.defects == []
    assert [defect.kind for defect in second.defects] == ["Stone-Wales"]
    middle = second.in_pixels(second.defects[0].position)
    assert np.linalg.norm(middle - where[atoms.frames == 5].mean(axis=0)) * PX < 2
    features = ring_features(atoms, [first, second])
    assert features["bonds"].max() == 3
    assert set(features["smallest_ring"][atoms.frames == 5].tolist()) == {0, 5, 6}
    assert set(features["largest_ring"][atoms.frames == 5].tolist()) == {0, 6, 7}
    assert set(features["largest_ring"][atoms.frames == 2].tolist()) == {0, 6}


def test_without_calibration_the_scale_comes_from_the_bond_length_and_is_said() -> None:
    atoms = Atoms.make(honeycomb() / PX)
    (found,) = finish(finding_rings(atoms))
    assert found.scale[0] == pytest.approx(PX, rel=0.02)
    assert "not calibrated" in found.notes[0]
    (given,) = finish(finding_rings(atoms, FindRings(scale=PX)))
    assert not given.notes
    assert given.rings.counts() == found.rings.counts()
    with pytest.raises(BadAtoms, match="There are 2 atoms"):
        finish(finding_rings(Atoms.make([[0, 0], [0, 9]])))


def test_pixels_that_are_not_square_change_no_ring() -> None:
    atoms = Atoms.make(honeycomb() / [PX, 2 * PX], pixel_size=(PX / 10, PX / 5))
    (found,) = finish(finding_rings(atoms))
    assert found.rings.counts()[5] == found.rings.counts()[7] == 2


def test_classes_and_elements_that_are_not_there_are_refused() -> None:
    atoms = Atoms.make(honeycomb() / PX, class_names=("carbon",), pixel_size=(PX / 10, PX / 10))
    with pytest.raises(UnknownOption, match="'carbon'"):
        finish(finding_rings(atoms, FindRings(elements={"carbn": "C"})))
    with pytest.raises(BadOption, match="has no element"):
        finish(finding_rings(atoms, FindRings(element="")))


def test_no_atoms_give_no_frames() -> None:
    assert finish(finding_rings(Atoms.make(np.empty((0, 2))))) == []


def test_the_recipe_comes_back_from_a_record() -> None:
    recipe = FindRings(elements={"column": "C"}, definition="shortest paths", most=8)
    assert Record.from_json(Record(steps=(recipe,)).to_json()).steps == (recipe,)
