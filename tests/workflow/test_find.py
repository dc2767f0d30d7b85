"""From an image to atoms with the bundled model: truth, symmetry, hostile input."""

from __future__ import annotations

from collections.abc import Callable

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_atomai as aoi
from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Axis, Image
from napari_atomai.data.progress import finish
from napari_atomai.data.recipe import FindAtoms, RefineAtoms
from napari_atomai.data.recipes_segment import SegmentImage
from napari_atomai.data.risk import RiskTable
from napari_atomai.errors import BadImage, BadOption, UnknownOption
from napari_atomai.models.storage import load_weights
from napari_atomai.simulate.imaging import Columns, Conditions, draw, expose
from napari_atomai.simulate.lattices import PROTOTYPES
from napari_atomai.simulate.samples import graphene_with_si, perovskite
from napari_atomai.simulate.truth import match
from napari_atomai.workflow.checks import DARK
from napari_atomai.workflow.find import Found, finding, with_threshold
from napari_atomai.workflow.record import new_record


def crystal(
    spacing: float, name: str = "square", shape: tuple[int, int] = (160, 200), seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """An image of a crystal and the columns inside it."""
    rng = np.random.default_rng(seed)
    positions, sites = PROTOTYPES[name].scaled(spacing).tile(shape, 0.35, spacing)
    sigmas = np.full((len(positions), 2), 0.2 * spacing)
    picture = draw(Columns(positions, PROTOTYPES[name].amplitudes[sites], sigmas), shape) + 0.2
    inside = ((positions > -0.5) & (positions < np.array(shape) - 0.5)).all(axis=1)
    return expose(picture, Conditions(dose=100), rng), positions[inside]


def away_from_border(positions: np.ndarray, margin: float, size: int) -> np.ndarray:
    return ((positions >= margin) & (positions <= size - 1 - margin)).all(axis=1)


def agreement(found: np.ndarray, true: np.ndarray, within: float) -> tuple[float, float]:
    """Recall and precision."""
    of_found, of_true = match(found, true, within)
    return len(of_true) / len(true), len(of_found) / max(len(found), 1)


@pytest.mark.parametrize("make", [graphene_with_si, perovskite])
def test_every_atom_of_the_samples_is_found_to_a_tenth_of_a_pixel(make: Callable) -> None:
    made = make()
    atoms = aoi.find_atoms(made.image)
    true = made.truth.positions[away_from_border(made.truth.positions, 1, 512)]
    of_found, of_true = match(atoms.positions, true, within=3.0)
    assert len(of_true) >= 0.99 * len(true)
    strays = np.delete(atoms.positions, of_found, axis=0)
    assert away_from_border(strays, 3, 512).sum() <= 0.01 * len(true)
    assert len(atoms) == pytest.approx(len(made.truth), rel=0.03)
    error = atoms.positions[of_found] - true[of_true]
    assert np.median(np.linalg.norm(error, axis=1)) < 0.35
    assert np.abs(error.mean(axis=0)).max() < 0.05


@pytest.mark.parametrize("spacing", [3.6, 6.0, 13.0, 25.0, 40.0])
def test_fine_and_coarse_lattices_are_found_at_their_own_scale(spacing: float) -> None:
    shape = (max(160, int(8 * spacing)), max(200, int(9 * spacing)))
    image, true = crystal(spacing, shape=shape)
    recall, precision = agreement(aoi.find_atoms(image).positions, true, 0.3 * spacing)
    assert recall > 0.97
    # Columns whose centres lie just outside the frame are seen by their flanks: a small frame has many.
    assert precision > 0.95


@pytest.mark.parametrize("turn", [np.transpose, np.rot90, np.flipud], ids=["transpose", "rot90", "flipud"])
def test_turning_the_image_turns_the_atoms(turn: Callable[[np.ndarray], np.ndarray]) -> None:
    image, _ = crystal(14.0, "hexagonal")
    rows, cols = np.meshgrid(*[np.arange(n, dtype=float) for n in image.shape], indexing="ij")
    before, after = aoi.find_atoms(image).positions, aoi.find_atoms(turn(image)).positions
    where_rows, where_cols = turn(rows), turn(cols)
    corner = np.round(after).astype(int).clip(0, np.array(where_rows.shape) - 1).T
    back = np.stack([where_rows[tuple(corner)], where_cols[tuple(corner)]], axis=1)
    of_after, _ = match(back, before, within=1.5)
    assert len(of_after) >= 0.98 * max(len(before), len(after))


def test_dark_columns_are_found_when_asked_for() -> None:
    image, true = crystal(14.0)
    atoms = aoi.find_atoms(5 - image, contrast="dark")
    assert min(agreement(atoms.positions, true, 4)) > 0.97


RISK = RiskTable(thresholds=(0.3, 0.6, 0.8), missed=(0.0, 0.02, 0.2), false=(0.3, 0.04, 0.0), images=999)


def test_a_rate_chooses_the_threshold_and_the_record_says_both() -> None:
    card = load_weights("atoms").card.model_copy(update={"risk": {"lattice": RISK}})
    asked = FindAtoms(false_rate=0.05)
    assert with_threshold(asked, card, lattice=True).threshold == 0.6
    assert with_threshold(FindAtoms(miss_rate=0.01), card, lattice=True).threshold == 0.3
    assert with_threshold(FindAtoms(), card, lattice=True) == FindAtoms()
    with pytest.raises(BadOption, match="single atoms"):
        with_threshold(asked, card, lattice=False)


def test_one_cannot_ask_for_both_rates() -> None:
    with pytest.raises(BadOption, match="either"):
        aoi.find_atoms(np.ones((64, 64)), false_rate=0.1, miss_rate=0.1)


def test_a_threshold_set_later_takes_the_place_of_the_rate() -> None:
    image, _ = crystal(14.0)
    found = finish(finding(Image.from_array(image), FindAtoms(false_rate=0.1)))
    chosen = found.threshold
    assert found.record.step(FindAtoms).false_rate == 0.1
    later = found.at(min(chosen + 0.2, 0.99))
    assert later.record.step(FindAtoms).false_rate == 0
    assert (later.atoms.features["score"] >= later.threshold).all()


@pytest.mark.parametrize("kind", ["square", "honeycomb"])
@pytest.mark.parametrize("spacing", [0.0, 14.0])
def test_dark_columns_are_recognised_and_said_to_be(kind: str, spacing: float) -> None:
    image, true = crystal(14.0, kind)
    find = FindAtoms(spacing=spacing)
    found = finish(finding(Image.from_array(5 - image), find))
    assert min(agreement(found.atoms.positions, true, 4)) > 0.95
    assert DARK in found.notes
    assert found.record.measured["dark"] == 1
    bright = finish(finding(Image.from_array(image), find))
    assert DARK not in bright.notes
    assert min(agreement(bright.atoms.positions, true, 4)) > 0.95


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, ">u2", np.float64, ">f4", np.float16])
def test_every_kind_of_number_gives_the_same_atoms(kind: str) -> None:
    image, true = crystal(14.0)
    counts = np.round(np.clip(image * 90, 0, 255))
    assert min(agreement(aoi.find_atoms(counts.astype(kind)).positions, true, 4)) > 0.97


def test_bad_pixels_cost_only_their_own_surroundings() -> None:
    image, true = crystal(14.0)
    image[30:33, 40:43] = np.nan
    image[100, 150] = np.inf
    image[120, 20] = 1e6
    atoms = aoi.find_atoms(image)
    assert np.isfinite(atoms.positions).all()
    assert min(agreement(atoms.positions, true, 4)) > 0.95


@pytest.mark.parametrize("lazy", [False, True])
def test_a_movie_has_atoms_in_each_frame(lazy: bool) -> None:
    frames = np.stack([crystal(14.0, seed=seed)[0] for seed in range(3)])
    movie = da.from_array(frames, chunks=(1, -1, -1)) if lazy else frames
    atoms = aoi.find_atoms(movie, 0.02)
    counts = np.bincount(atoms.frames)
    assert len(counts) == 3
    assert np.ptp(counts) <= 3
    assert len(np.unique(atoms.ids)) == len(atoms)


@pytest.mark.parametrize(
    ("value", "why"),
    [(0, "same value"), (5.0, "same value"), (np.nan, "no pixel is a finite"), (np.inf, "finite")],
)
def test_a_constant_image_has_no_atoms_and_says_why(value: float, why: str) -> None:
    found = finish(finding(Image.from_array(np.full((64, 80), value))))
    assert len(found.atoms) == 0
    assert any(why in note for note in found.notes)
    assert found.probability.shape == (64, 80)


@pytest.mark.parametrize("seed", range(3))
def test_noise_has_next_to_no_atoms(seed: int) -> None:
    noise = np.random.default_rng(seed).poisson(20, (256, 256))
    found = finish(finding(Image.from_array(noise)))
    assert len(found.atoms) <= 3
    assert any(note.startswith("No lattice was found") for note in found.notes) or not len(found.candidates)


@pytest.mark.parametrize("kind", ["waves", "stripes", "film"])
def test_what_is_no_atom_gives_next_to_none_and_is_said_to_be_no_lattice(kind: str) -> None:
    rng = np.random.default_rng(5)
    columns, rows = np.meshgrid(np.arange(300), np.arange(300))
    film = gaussian_filter(rng.normal(size=(300, 300)), 2)
    height = {
        "waves": 0.5 * np.sin(columns / 3 + rows / 5),
        "stripes": 0.5 * (columns % 12 < 6),
        "film": np.maximum(0.4 * film / film.std(), -1),
    }[kind]
    found = finish(finding(Image.from_array(rng.poisson(20 * (1 + height)))))
    assert len(found.atoms) <= 3
    assert any(note.startswith("No lattice was found") for note in found.notes) or not len(found.candidates)


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_lone_atoms_are_found(count: int) -> None:
    where = np.array([[40.3, 50.6], [90.0, 100.0]])[:count]
    columns = Columns(where, np.ones(count), np.full((count, 2), 3.0))
    picture = draw(columns, (128, 144)) + 0.1
    atoms = aoi.find_atoms(expose(picture, Conditions(dose=200), np.random.default_rng(0)))
    assert agreement(atoms.positions, where, 1.0) == (1.0, 1.0)


def test_a_tiny_image_is_refused_with_its_size() -> None:
    with pytest.raises(BadImage, match="3 x 3 pixels"):
        aoi.find_atoms(np.eye(3))


def test_four_dimensions_are_refused() -> None:
    with pytest.raises(BadImage, match="4 dimensions"):
        aoi.find_atoms(np.zeros((2, 2, 20, 20)))


def test_options_are_checked() -> None:
    with pytest.raises(BadOption, match="threshold"):
        aoi.find_atoms(np.eye(20), threshold=7)
    with pytest.raises(UnknownOption, match="atoms"):
        aoi.find_atoms(np.eye(20), model="atom")


def test_a_spectrum_image_is_refused() -> None:
    axes = (Axis("E", 0.5, unit="eV"), Axis("y"), Axis("x"))
    with pytest.raises(BadImage, match="energy"):
        finish(finding(Image(np.zeros((5, 20, 20)), axes)))


def test_a_spacing_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(BadOption, match="spacing"):
        aoi.find_atoms(np.eye(64), spacing=0.5)


def test_frames_with_bad_pixels_are_counted() -> None:
    movie = np.stack([crystal(14.0)[0]] * 3)
    movie[2, 40:44, 40:44] = np.nan
    notes = finish(finding(Image.from_array(movie))).notes
    assert any("1 of 3 frames" in note for note in notes)


def test_hot_pixels_and_lost_rows_are_no_atoms_and_move_none() -> None:
    image, _ = crystal(14.0)
    plain = finish(finding(Image.from_array(image)))
    assert not any("far outside" in note for note in plain.notes)
    spoilt = np.array(image, np.float64)
    where = np.random.default_rng(5).choice(image.size, 25, replace=False)
    spoilt.flat[where] = 50 * image.max()
    spoilt[50] = 0
    found = finish(finding(Image.from_array(spoilt)))
    lost = 25 + image.shape[1] - np.count_nonzero(where // image.shape[1] == 50)
    assert any(f"were left out: {lost}" in note for note in found.notes)
    near, true = agreement(found.atoms.positions, plain.atoms.positions, 0.5)
    assert min(near, true) > 0.98
    assert max(found.atoms.features["intensity"]) < 2 * max(plain.atoms.features["intensity"])


def test_noise_is_told_from_a_lattice_in_words() -> None:
    noise = np.random.default_rng(0).normal(size=(200, 200))
    assert any(
        "No lattice" in note or "No atom" in note for note in finish(finding(Image.from_array(noise))).notes
    )
    assert not any("No lattice" in note for note in finish(finding(Image.from_array(crystal(14.0)[0]))).notes)


def test_another_threshold_needs_no_new_search() -> None:
    found = finish(finding(perovskite(size=160).image))
    strict, loose = found.at(0.9), found.at(0.1)
    assert len(strict.atoms) <= len(found.atoms) <= len(loose.atoms)
    assert strict.classes.sum() < loose.classes.sum()
    assert strict.record.steps[0].threshold == 0.9
    assert strict.candidates is found.candidates


def test_the_same_recipe_gives_the_same_numbers() -> None:
    image = perovskite(size=128).image
    first = finish(finding(image, FindAtoms(threshold=0.4), RefineAtoms()))
    steps = type(first.record).from_json(first.record.to_json()).steps
    second = finish(finding(image, *steps))
    np.testing.assert_array_equal(first.atoms.positions, second.atoms.positions)
    assert first.record.input == second.record.input
    assert first.record.model == second.record.model


def test_positions_in_nm_follow_the_pixel_size() -> None:
    made = perovskite(size=128)
    atoms = aoi.find_atoms(np.asarray(made.image.pixels), 0.016)
    np.testing.assert_allclose(atoms.positions_nm, atoms.positions * 0.016)


def test_finding_can_be_stopped_between_any_two_steps() -> None:
    work = finding(perovskite(size=128).image)
    for _ in range(3):
        next(work)
    work.close()
    assert work.gi_frame is None


def test_a_plain_result_of_a_segmentation_has_a_threshold_too() -> None:
    image = Image.from_array(np.zeros((8, 8)))
    candidates = Atoms.make([[2, 2], [5, 5]], features={"score": [0.9, 0.6]})
    probability = np.zeros((8, 8), np.float32)
    found = Found(candidates, probability, new_record(image, (SegmentImage(model="mine", threshold=0.7),)))
    assert found.threshold == 0.7
    assert len(found.atoms) == 1
    assert len(found.at(0.5).atoms) == 2
    assert found.at(0.5).record.steps[0].model == "mine"
