"""Atoms of a kind get one class; how many kinds there are is told with reasons."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.errors import BadAtoms, BadImage, BadOption, MissingExtra, UnknownOption
from napari_atomai.simulate.imaging import Columns, Conditions, draw, expose
from napari_atomai.simulate.lattices import PROTOTYPES
from napari_atomai.stat.class_number import Evidence, evidence_for, suggested_number
from napari_atomai.stat.class_words import update_classes
from napari_atomai.stat.classes import classify
from napari_atomai.stat.clusters import otsu_thresholds
from napari_atomai.workflow.find import find_atoms

pytest.importorskip("sklearn")

Vector = NDArray[np.float64]
Crystal = tuple[NDArray[np.float32], Vector, NDArray[np.int64]]


def imaged(
    kind: str,
    heights: tuple[float, ...],
    *,
    slope: float = 0.0,
    dopants: tuple[int, float] = (0, 1.0),
    spacing: float = 11.0,
    dose: float = 200.0,
    seed: int = 0,
) -> Crystal:
    """Image (200, 240), positions inside it, and the kind of each atom (dopants: the next number)."""
    rng = np.random.default_rng(seed)
    shape = (200, 240)
    positions, sites = PROTOTYPES[kind].scaled(spacing).tile(shape, 0.1, 2 * spacing)
    inside = ((positions > 2) & (positions < np.array(shape) - 3)).all(axis=1)
    kinds = sites.copy()
    chosen = rng.choice(np.flatnonzero(inside), dopants[0], replace=False)
    kinds[chosen] = len(heights)
    height = np.array([*heights, dopants[1]])[kinds]
    height = height * (1 + slope * (positions[:, 1] / shape[1] - 0.5)) * rng.normal(1, 0.03, len(kinds))
    columns = Columns(positions, height, np.full((len(kinds), 2), 0.22 * spacing))
    image = expose(draw(columns, shape) + np.float32(0.3), Conditions(dose=dose), rng)
    return image, positions[inside], kinds[inside]


def agreement(found: NDArray[np.int64], true: NDArray[np.int64]) -> float:
    """Share of atoms in the class that most of their kind are in."""
    table = np.zeros((found.max() + 1, true.max() + 1))
    np.add.at(table, (found, true), 1)
    return float(table.max(axis=0).sum() / len(true))


@pytest.fixture(scope="module")
def perovskite() -> Crystal:
    return imaged("perovskite 100", (1.0, 0.5))


@pytest.mark.parametrize("method", ["threshold", "kmeans", "meanshift", "gmm"])
def test_two_sublattices_are_told_apart_by_every_method(perovskite: Crystal, method: str) -> None:
    image, positions, kinds = perovskite
    found = classify(positions, image, method)  # type: ignore[arg-type]
    assert found.probabilities.shape == (len(positions), 2)
    np.testing.assert_array_equal(found.classes, 1 - kinds)  # the dimmer one is class 0
    assert found.probability.min() > 0.9
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)


@pytest.mark.parametrize("heights", [(1.0, 1.0), (1.0, 0.5)])
def test_the_number_of_species_is_suggested_with_the_evidence(heights: tuple[float, float]) -> None:
    image, positions, _ = imaged("perovskite 100", heights)
    found = classify(positions, image)
    number = len(set(heights))
    assert found.probabilities.shape[1] == number
    assert [entry.classes for entry in found.evidence] == [1, 2, 3, 4, 5, 6]
    assert f"{number} class" in found.description
    assert "BIC" in found.description


def test_a_few_dopants_are_a_class_and_so_is_a_single_one() -> None:
    image, positions, kinds = imaged("honeycomb", (1.0, 1.0), dopants=(6, 2.5))
    found = classify(positions, image)
    np.testing.assert_array_equal(found.classes == found.classes.max(), kinds == 2)
    image, positions, kinds = imaged("honeycomb", (1.0, 1.0), dopants=(1, 3.0))
    np.testing.assert_array_equal(classify(positions, image).classes, kinds == 2)


def test_sites_of_equal_brightness_are_told_by_what_lies_around_them() -> None:
    image, positions, kinds = imaged("honeycomb", (1.0, 1.0))
    assert classify(positions, image).probabilities.shape[1] == 1
    found = classify(positions, image, by="surroundings")
    assert found.probabilities.shape[1] == 2
    assert agreement(found.classes, kinds) > 0.97


def test_a_dopant_is_told_from_its_site_and_from_the_other_species_by_both() -> None:
    # On the site of the brighter species, as bright as the dimmer one.
    image, positions, kinds = imaged("dichalcogenide", (1.0, 0.45), dopants=(0, 1.0))
    metal = np.flatnonzero((kinds == 0) & ((positions > 20) & (positions < 180)).all(axis=1))[::12]
    columns = Columns(positions[metal], np.full(len(metal), -0.55), np.full((len(metal), 2), 0.22 * 11))
    image = image + draw(columns, (200, 240))
    doped = kinds.copy()
    doped[metal] = 2
    by_brightness = classify(positions, image, n_classes=2)
    assert (by_brightness.classes[metal] == 0).all()
    found = classify(positions, image, "kmeans", by="both", n_classes=3)
    assert agreement(found.classes, doped) > 0.97
    by_site = classify(positions, image, by="surroundings", n_classes=2)
    assert agreement(by_site.classes, kinds) > 0.97


def test_a_thickness_gradient_is_noticed_and_taken_out_where_asked_for() -> None:
    image, positions, kinds = imaged("perovskite 100", (1.0, 0.6), slope=1.4)
    plain = classify(positions, image, n_classes=2)
    assert agreement(plain.classes, kinds) < 0.95
    assert any("relative=True" in note for note in plain.notes)
    level = classify(positions, image, relative=True)
    assert level.probabilities.shape[1] == 2
    assert agreement(level.classes, kinds) > 0.99
    assert not any("relative=True" in note for note in level.notes)


@pytest.mark.parametrize("by", ["brightness", "surroundings", "both"])
def test_scale_and_offset_of_the_image_change_nothing(perovskite: Crystal, by: str) -> None:
    image, positions, _ = perovskite
    plain = classify(positions, image, by=by)  # type: ignore[arg-type]
    other = classify(positions, image.astype(float) * 350 + 1e4, by=by)  # type: ignore[arg-type]
    np.testing.assert_array_equal(plain.classes, other.classes)


def test_the_same_seed_gives_the_same_classes_in_any_order_of_the_atoms(perovskite: Crystal) -> None:
    image, positions, _ = perovskite
    order = np.random.default_rng(0).permutation(len(positions))
    plain, again = (classify(positions, image, by="both", seed=4) for _ in range(2))
    np.testing.assert_array_equal(plain.probabilities, again.probabilities)
    np.testing.assert_array_equal(
        classify(positions[order], image, by="both", seed=4).classes, plain.classes[order]
    )


def test_frames_of_a_movie_are_divided_together(perovskite: Crystal) -> None:
    image, positions, kinds = perovskite
    table = np.column_stack([positions, np.zeros(len(positions))])
    found = classify({0: table[:60], 1: table[60:]}, np.stack([image, image]))
    np.testing.assert_array_equal(found.classes, 1 - kinds)


def test_classes_go_back_onto_atoms(perovskite: Crystal) -> None:
    image, positions, kinds = perovskite
    atoms = Atoms.make(positions, features={"score": np.ones(len(positions))})
    found = classify(atoms, image)
    named = found.applied(atoms, ["Ti", "Sr"])
    assert named.counts() == {"Ti": int((kinds == 1).sum()), "Sr": int((kinds == 0).sum())}
    assert {"score", "class_probability"} <= set(named.features)
    assert found.applied(atoms).class_names == ("class 0", "class 1")
    with pytest.raises(BadAtoms, match="names"):
        found.applied(atoms, ["Ti"])


def test_columns_cut_by_the_border_make_no_class_of_their_own(perovskite: Crystal) -> None:
    image, positions, _ = perovskite
    edge = np.flatnonzero(positions[:, 0] < 8)
    moved = positions.copy()
    moved[edge, 0] = -0.4  # where the fit leaves a column whose middle is outside
    faded = image.copy()
    faded[:4] = 0.3
    assert len(edge) > 3
    assert classify(moved, faded).probabilities.shape[1] == 2


def test_broken_pixels_do_not_spread(perovskite: Crystal) -> None:
    image, positions, kinds = perovskite
    broken = image.copy()
    broken[50:53, 60:62] = np.nan
    assert agreement(classify(positions, broken).classes, 1 - kinds) > 0.99


@pytest.mark.parametrize("count", [1, 2, 3])
def test_one_to_three_atoms_are_one_class(perovskite: Crystal, count: int) -> None:
    image, positions, _ = perovskite
    found = classify(positions[:count], image)
    np.testing.assert_array_equal(found.classes, np.zeros(count, int))


def test_equal_values_are_one_class() -> None:
    found = classify(np.array([[20.0, 20], [20, 40], [40, 20], [40, 40]]), np.zeros((60, 60)))
    np.testing.assert_array_equal(found.classes, 0)
    assert np.isfinite(found.probability).all()


def test_an_even_spread_of_values_is_one_class_however_well_two_gaussians_fit() -> None:
    evidence = evidence_for(np.linspace(0, 3.4, 800)[:, None])
    assert evidence[1].bic < evidence[0].bic
    assert suggested_number(evidence) == 1


def test_a_number_of_classes_must_be_much_better_to_be_preferred() -> None:
    one, two = Evidence(1, 100.0, np.nan, 0.0, 50), Evidence(2, 95.0, 0.8, 0.0, 20)
    assert suggested_number([one, two]) == 1
    assert suggested_number([one, Evidence(2, 80.0, 0.8, 0.0, 20)]) == 2


def test_otsu_thresholds_leave_the_least_variance_of_all() -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(mean, 0.3, 40) for mean in (0, 2, 5)])
    first, second = otsu_thresholds(values, 3)
    assert 0.5 < first < 1.5
    assert second == pytest.approx((values[40:80].max() + values[80:].min()) / 2, abs=0.05)

    def within(*cuts: float) -> float:
        parts = np.split(np.sort(values), np.searchsorted(np.sort(values), cuts))
        return sum(float(((part - part.mean()) ** 2).sum()) for part in parts if len(part))

    trials = [within(*np.sort(rng.uniform(-1, 6, 2))) for _ in range(300)]
    assert within(first, second) <= min(trials) * 1.01


def test_options_that_make_no_sense_are_refused(perovskite: Crystal) -> None:
    image, positions, _ = perovskite
    with pytest.raises(UnknownOption, match="Did you mean 'kmeans'"):
        classify(positions, image, "kmean")  # type: ignore[arg-type]
    with pytest.raises(UnknownOption, match="surroundings"):
        classify(positions, image, by="surrounding")  # type: ignore[arg-type]
    with pytest.raises(BadOption, match="-1 classes"):
        classify(positions, image, n_classes=-1)
    with pytest.raises(BadOption, match="threshold"):
        classify(positions, image, "threshold", by="both")
    with pytest.raises(BadOption, match="mean shift"):
        classify(positions, image, "meanshift", n_classes=3)
    with pytest.raises(BadAtoms, match="1 atoms for 2"):
        classify(positions[:1], image, n_classes=2)
    with pytest.raises(BadAtoms, match="0 atoms"):
        classify(np.empty((0, 2)), image)
    with pytest.raises(BadImage, match="3 channels"):
        classify(positions, np.zeros((1, 60, 60, 3)))


def test_without_scikit_learn_the_command_that_installs_it_is_named(
    perovskite: Crystal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtra, match="pip install scikit-learn"):
        classify(perovskite[1], perovskite[0])


def paper_table(crystal: Crystal) -> dict[int, Vector]:
    return {0: np.column_stack([crystal[1], np.zeros(len(crystal[1]))])}


@pytest.mark.parametrize("options", [{}, {"method": "kmeans", "n_components": 2}, {"method": "meanshift"}])
def test_the_papers_methods_number_classes_from_dim_to_bright(
    perovskite: Crystal, options: dict[str, object]
) -> None:
    given = paper_table(perovskite)
    before = given[0].copy()
    new = update_classes(given, perovskite[0], **options)  # type: ignore[arg-type]
    np.testing.assert_array_equal(new[0][:, 2], 1 - perovskite[2])
    np.testing.assert_array_equal(new[0][:, :2], perovskite[1])
    np.testing.assert_array_equal(given[0], before)


def test_a_threshold_given_is_the_one_used(perovskite: Crystal) -> None:
    image, positions, _ = perovskite
    new = update_classes(paper_table(perovskite), image[None], "threshold", thresh=0.9)
    row, col = np.floor(positions + 0.5).astype(int).T
    mean = np.mean([image[row + i, col + j] for i in (-1, 0, 1) for j in (-1, 0, 1)], axis=0)
    np.testing.assert_array_equal(new[0][:, 2], mean >= 0.9)


def test_patches_divide_one_class_and_leave_the_others(perovskite: Crystal) -> None:
    image, positions, kinds = imaged("honeycomb", (1.0, 1.0))
    table = np.column_stack([positions, np.ones(len(positions))])
    table[:5, 2] = 0
    new = update_classes({0: table}, image, "gmm_local", n_components=2, window_size=24, coord_class=1)
    assert (new[0][:5, 2] == 0).all()
    assert set(new[0][5:, 2]) == {1, 2}
    assert agreement(new[0][5:, 2].astype(int), kinds[5:]) > 0.97


def test_frames_without_atoms_stay_and_unknown_methods_are_named(perovskite: Crystal) -> None:
    image = np.stack([perovskite[0]] * 2)
    new = update_classes({0: np.empty((0, 3)), 1: paper_table(perovskite)[0]}, image)
    assert new[0].shape == (0, 3)
    assert len(new[1]) == len(perovskite[1])
    with pytest.raises(UnknownOption, match="gmm_local"):
        update_classes({}, image, "gmm_loca")  # type: ignore[arg-type]


def test_sr_and_ti_columns_of_a_real_image_alternate(shared_data: Path) -> None:
    from napari_atomai.data.image import first_picture
    from napari_atomai.files.reading import read

    image = first_picture(read(shared_data / "stem_SrTiO3_TIA.ser"))
    pixels = np.asarray(image.pixels)[:400, :400]
    atoms = find_atoms(Image.from_array(pixels))
    inner = ((atoms.positions > 30) & (atoms.positions < 370)).all(axis=1)
    found = classify(atoms, pixels, n_classes=2)
    gaps = np.linalg.norm(atoms.positions[inner][:, None] - atoms.positions[None], axis=-1)
    nearest = np.argsort(gaps, axis=1)[:, 1:5]  # the four around a column are of the other species
    assert (found.classes[nearest] != found.classes[inner][:, None]).mean() > 0.98
