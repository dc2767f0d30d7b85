"""Atoms: a table that holds together, and the paper's form of it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.data.atoms import Atoms
from napari_atomai.errors import BadAtoms, NotCalibrated


@pytest.fixture
def atoms() -> Atoms:
    return Atoms.make(
        [[1.5, 2.0], [3.0, 40.0], [5.0, 6.0]],
        classes=[0, 1, 0],
        frames=[0, 0, 2],
        features={"score": [0.9, 0.4, 0.7]},
        class_names=("Sr", "Ti"),
        pixel_size=(0.1, 0.2),
        origin=(10.0, 20.0),
    )


def test_the_papers_form_comes_back_as_it_went(atoms: Atoms) -> None:
    back = Atoms.from_paper(atoms.to_paper(), class_names=("Sr", "Ti"))
    np.testing.assert_array_equal(back.positions, atoms.positions)
    np.testing.assert_array_equal(back.classes, atoms.classes)
    np.testing.assert_array_equal(back.frames, atoms.frames)


def test_positions_in_nm_use_each_axis_own_size_and_offset(atoms: Atoms) -> None:
    np.testing.assert_allclose(atoms.positions_nm[1], [10.3, 28.0])


def test_the_table_has_x_along_columns_and_y_along_rows(atoms: Atoms) -> None:
    table = atoms.table()
    assert list(table) == ["id", "frame", "row_px", "col_px", "x_nm", "y_nm", "class", "score"]
    np.testing.assert_allclose(table["x_nm"], [20.4, 28.0, 21.2])
    assert list(table["class"]) == ["Sr", "Ti", "Sr"]


def test_keeping_some_keeps_their_ids_and_features(atoms: Atoms) -> None:
    some = atoms.keep(atoms.features["score"] > 0.5)
    np.testing.assert_array_equal(some.ids, [0, 2])
    np.testing.assert_array_equal(some.features["score"], [0.9, 0.7])


def test_counts_name_every_class(atoms: Atoms) -> None:
    assert atoms.counts() == {"Sr": 2, "Ti": 1}
    assert atoms.keep([]).counts() == {"Sr": 0, "Ti": 0}


def test_joined_frames_have_new_ids(atoms: Atoms) -> None:
    joined = Atoms.concatenate([atoms, atoms])
    assert len(joined) == 6
    assert len(np.unique(joined.ids)) == 6


def test_uncalibrated_atoms_have_no_nm() -> None:
    bare = Atoms.make([[1.0, 2.0]])
    assert np.isnan(bare.table()["x_nm"]).all()
    with pytest.raises(NotCalibrated, match="pixel size"):
        _ = bare.positions_nm


def test_no_atoms_is_a_table_too() -> None:
    none = Atoms.make(np.empty((0, 2)))
    assert len(none) == 0
    assert none.to_paper() == {}
    assert len(Atoms.concatenate([])) == 0


def test_columns_of_other_lengths_are_refused() -> None:
    with pytest.raises(BadAtoms, match="score"):
        Atoms.make([[1, 2]], features={"score": [1, 2]})


def test_a_class_without_a_name_is_refused() -> None:
    with pytest.raises(BadAtoms, match="Classes go from 3 to 3"):
        Atoms.make([[1, 2]], classes=3)


@pytest.mark.parametrize("shape", [(4, 3), (3,), (2, 2, 2), (1, 4)])
def test_positions_of_another_shape_are_refused_not_rearranged(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadAtoms, match=r"\(N, 2\)|shape"):
        Atoms.make(np.ones(shape))


def test_one_pair_is_one_atom_and_nothing_is_no_atoms() -> None:
    assert Atoms.make((3.0, 4.0)).positions.tolist() == [[3.0, 4.0]]
    assert [len(Atoms.make(nothing)) for nothing in ([], np.empty((0, 2)), np.empty((0, 3)))] == [0, 0, 0]


@pytest.mark.parametrize("numbers", [np.nan, np.inf, 0.5, "one", [0, 1, 0], [[0, 0]], 1e300])
@pytest.mark.parametrize("name", ["classes", "frames"])
def test_classes_and_frames_are_whole_numbers_one_per_atom(name: str, numbers: object) -> None:
    with pytest.raises(BadAtoms, match=name):
        Atoms.make(np.ones((2, 2)), **{name: numbers}, class_names=("a", "b"))  # type: ignore[arg-type]


def test_whole_numbers_may_come_as_floats_or_one_for_all() -> None:
    atoms = Atoms.make(np.ones((2, 2)), np.array([0.0, 1.0]), [3], class_names=("a", "b"))
    assert atoms.classes.tolist() == [0, 1]
    assert atoms.frames.tolist() == [3, 3]


def test_a_paper_table_without_classes_is_refused_not_rearranged() -> None:
    with pytest.raises(BadAtoms, match=r"\(N, 3\)"):
        Atoms.from_paper({0: np.ones((6, 2))})
    with pytest.raises(BadAtoms, match="classes"):
        Atoms.from_paper({0: np.full((2, 3), 0.5)})
    assert len(Atoms.from_paper({0: np.empty((0, 2)), 1: np.zeros((4, 3))})) == 4
