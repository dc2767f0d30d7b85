"""Labels made of positions: the disc lies where the atom lies, to a fraction of a pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from napari_atomai.data.atoms import Atoms
from napari_atomai.errors import BadAtoms, BadImage, BadOption
from napari_atomai.prepare.masks import centres_of_labels, disc_labels, gaussian_maps, one_hot


def by_hand(positions, classes, shape, radii, background, first):
    """Labels the slow way: every pixel against every atom."""
    labels = np.full(shape, background)
    for row, column in np.ndindex(*shape):
        gaps = ((positions - [row, column]) ** 2).sum(axis=1)
        gaps = np.where(gaps <= radii[classes] ** 2, gaps, np.inf)
        if np.isfinite(gaps).any():
            labels[row, column] = classes[np.argmin(gaps)] + first
    return labels


@given(
    npst.arrays(np.float64, st.tuples(st.integers(1, 12), st.just(2)), elements=st.floats(-4, 24, width=16)),
    st.integers(0, 2**32 - 1),
)
def test_each_pixel_belongs_to_the_nearest_atom_whose_disc_covers_it(positions, seed) -> None:
    classes = np.random.default_rng(seed).integers(0, 2, len(positions))
    radii = np.array([2.5, 4.1])
    table = np.column_stack([positions, classes])
    labels = disc_labels(table, (21, 17), nb_classes=3, radius=(2.5, 4.1))
    assert np.array_equal(labels, by_hand(positions, classes, (21, 17), radii, 2, 0))


def test_one_class_is_1_on_0_and_its_disc_is_centred_on_the_atom_between_pixels() -> None:
    rng = np.random.default_rng(1)
    grid = np.stack(np.meshgrid(np.arange(12, 100, 15.0), np.arange(12, 100, 15.0)), -1).reshape(-1, 2)
    true = grid + rng.uniform(-0.5, 0.5, grid.shape)
    labels = disc_labels(true, (110, 110), radius=4.5)
    assert set(np.unique(labels)) == {0, 1}
    found = centres_of_labels(labels)[0][:, :2]
    gap = np.linalg.norm(found[:, None] - true, axis=-1).min(axis=1)
    assert len(found) == len(true)
    assert np.sqrt(np.mean(gap**2)) < 0.1


@pytest.mark.parametrize("radius", [0.75, 2.0, 5.5])
def test_discs_have_the_area_of_their_radius(radius) -> None:
    rng = np.random.default_rng(2)
    where = {frame: rng.uniform(20, 21, (1, 2)) for frame in range(400)}
    labels = disc_labels(where, (400, 40, 40), radius=radius)
    assert (labels.sum(axis=(1, 2)) > 0).all()
    assert labels.sum(axis=(1, 2)).mean() == pytest.approx(np.pi * radius**2, rel=0.03)


def test_discs_at_the_border_are_cut_and_those_of_atoms_outside_reach_in() -> None:
    labels = disc_labels([[0, 0], [9, 31.0], [-2, 15], [-40, 15]], (10, 30), radius=3)
    whole = disc_labels([[10, 10], [19, 41.0], [8, 25], [-30, 25]], (30, 50), radius=3)
    assert np.array_equal(labels, whole[10:20, 10:40])
    assert labels[0, 0] == labels[9, 29] == labels[0, 15] == 1


def test_moving_atoms_by_whole_pixels_moves_the_labels() -> None:
    table = np.column_stack([np.random.default_rng(3).uniform(10, 40, (30, 2)), np.arange(30) % 3])
    moved = table + np.array([3, -4, 0])
    one = disc_labels(table, (50, 50), nb_classes=4, radius=3.3, ring=1)
    other = disc_labels(moved, (50, 50), nb_classes=4, radius=3.3, ring=1)
    assert np.array_equal(np.roll(one, (3, -4), (0, 1))[8:42, 8:42], other[8:42, 8:42])


def test_a_ring_around_discs_counts_for_nothing_but_never_covers_a_disc() -> None:
    table = [[20, 20, 0], [20, 27, 1]]
    plain = disc_labels(table, (41, 48), nb_classes=3, radius=3)
    ringed = disc_labels(table, (41, 48), nb_classes=3, radius=3, ring=2)
    assert np.array_equal(ringed[plain < 2], plain[plain < 2])
    wide = disc_labels(table, (41, 48), nb_classes=3, radius=5)
    assert np.array_equal(ringed == -1, (wide < 2) & (plain == 2))
    assert (ringed == -1).any()


def test_many_atoms_in_batches_give_what_they_give_at_once(monkeypatch) -> None:
    table = np.column_stack([np.random.default_rng(4).uniform(0, 60, (500, 2)), np.arange(500) % 2])
    once = disc_labels(table, (60, 60), nb_classes=3)
    monkeypatch.setattr("napari_atomai.prepare.masks._ELEMENTS", 300)
    assert np.array_equal(disc_labels(table, (60, 60), nb_classes=3), once)


@pytest.mark.parametrize("at_once", [1, 10**6])
def test_of_atoms_equally_near_the_first_has_the_pixel(at_once, monkeypatch) -> None:
    monkeypatch.setattr("napari_atomai.prepare.masks._ELEMENTS", at_once)
    labels = disc_labels([[9, 9, 1], [9, 9, 0], [9, 13, 0]], (20, 20), nb_classes=3, radius=3)
    assert labels[9].tolist() == [2] * 6 + [1] * 6 + [0] * 5 + [2] * 3


def test_frames_go_by_their_number_and_may_be_missing() -> None:
    table = {2: np.array([[5.0, 6, 0]]), 0: np.array([[1.0, 1, 1]])}
    labels = disc_labels(table, (4, 12, 12), nb_classes=3, radius=1)
    found = centres_of_labels(labels, 3)
    assert {frame: rows.tolist() for frame, rows in found.items()} == {
        0: [[1, 1, 1]],
        1: [],
        2: [[5, 6, 0]],
        3: [],
    }
    atoms = Atoms.from_paper(table, ["A", "B"])
    assert np.array_equal(disc_labels(atoms, (4, 12, 12), nb_classes=3, radius=1), labels)


def test_gaussians_are_1_at_the_atom_half_where_they_should_be_and_sum_to_1() -> None:
    maps = gaussian_maps([[10, 10, 0], [10, 30, 1]], (21, 41), nb_classes=3, sigma=(2, 4))
    assert maps[10, 10, 0] == maps[10, 30, 1] == 1
    assert maps[10, 12, 0] == pytest.approx(np.exp(-0.5))
    assert maps[10, 34, 1] == pytest.approx(np.exp(-0.5))
    assert np.allclose(maps.sum(axis=-1), 1)
    alone = gaussian_maps([[10.3, 9.6]], (21, 21), sigma=2)
    assert alone.shape == (21, 21, 1)
    weight = alone[..., 0] / alone.sum()
    assert [(weight.sum(axis=1 - k) * np.arange(21)).sum() for k in (0, 1)] == pytest.approx(
        [10.3, 9.6], abs=0.01
    )


def test_one_hot_comes_back_and_pixels_nobody_labelled_are_in_no_channel() -> None:
    labels = np.array([[[0, 1], [2, -1]]])
    channels = one_hot(labels, 3)
    assert channels.shape == (1, 2, 2, 3)
    assert np.array_equal(channels.sum(axis=-1), [[[1, 1], [1, 0]]])
    assert np.array_equal(channels.argmax(axis=-1)[0, :, 0], [0, 2])
    assert np.array_equal(one_hot(np.array([[0, 1, -1]]), 1)[..., 0], [[0, 1, 0]])


def test_no_atoms_is_background_only() -> None:
    assert (disc_labels(np.empty((0, 2)), (5, 6)) == 0).all()
    assert (disc_labels({}, (2, 5, 6), nb_classes=3) == 2).all()


@pytest.mark.parametrize(
    ("table", "options", "error", "words"),
    [
        ([[1, np.nan], [2, 2]], {}, BadAtoms, "row 0: 1, nan"),
        ([[1, 2, 0.5]], {"nb_classes": 3}, BadAtoms, "0.5"),
        ([[1, 2, 2], [1, 2, 5]], {"nb_classes": 3}, BadAtoms, "class 2, 5.*nb_classes=7"),
        ([[1, 2, 1]], {}, BadAtoms, "class 0 only"),
        ([[1, 2, 3, 4]], {}, BadAtoms, r"\(1, 4\)"),
        ([[1, 2]], {"radius": 0.2}, BadOption, "0.2 px.*0.75"),
        ([[1, 2]], {"radius": np.nan}, BadOption, "nan"),
        ([[1, 2]], {"radius": 1e9}, BadOption, "1000 px"),
        ([["a", 2]], {}, BadAtoms, "no number"),
        ([[1, 2]], {"radius": (1, 2)}, BadOption, "2 values for 1"),
        ([[1, 2]], {"ring": -1}, BadOption, "-1"),
        ([[1, 2]], {"nb_classes": 0}, BadOption, "nb_classes is 0"),
        ({3: [[1, 2]]}, {}, BadAtoms, r"frame\(s\) 3.*1 image"),
    ],
)
def test_what_makes_no_label_is_refused_with_its_values(table, options, error, words) -> None:
    with pytest.raises(error, match=words):
        disc_labels(table, (10, 10), **options)


def test_a_table_without_frames_is_refused_for_a_movie_and_a_strange_shape_for_all() -> None:
    with pytest.raises(BadAtoms, match="4 images"):
        disc_labels([[1, 2]], (4, 10, 10))
    with pytest.raises(BadImage, match=r"\(10,\)"):
        disc_labels([[1, 2]], (10,))
