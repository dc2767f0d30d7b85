"""Simulated images show what is in the structure, where it is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_atomai.errors import BadOption, MissingExtra, UnknownOption
from napari_atomai.simulate.columns import project
from napari_atomai.simulate.defects import vacancies
from napari_atomai.simulate.imaging import Conditions
from napari_atomai.simulate.microscope import Microscope
from napari_atomai.simulate.multislice import Multislice, simulate_multislice
from napari_atomai.simulate.projection import UNSURE, SimulatedImage, drifting, simulate
from napari_atomai.simulate.structures import crystal, in_frame, nanoparticle, sheet
from napari_atomai.simulate.supports import amorphous, on_support, single_atoms

if TYPE_CHECKING:
    from ase import Atoms as Structure

pytest.importorskip("ase")

CLEAN = Conditions(dose=1e6)


def one_atom(*elements: str, x: float = 20.0, y: float = 10.0) -> Structure:
    """Atoms on top of each other in a frame 20 Å high and 40 Å wide."""
    places = [[x, y, 2.5 * number] for number in range(len(elements))]
    return in_frame(elements, places, (20.0, 40.0, 10.0))


def peaks(image: SimulatedImage, column: int) -> float:
    row, col = np.round(image.positions[column]).astype(int)
    return float(image.picture[row, col])


def test_an_atom_is_drawn_where_it_is_said_to_be() -> None:
    image = simulate(one_atom("Au", x=20.3, y=9.1), Microscope(skirt=0.0, background=0.0), CLEAN)
    rows, cols = np.mgrid[: image.picture.shape[0], : image.picture.shape[1]]
    total = image.picture.sum()
    assert image.picture.shape == (100, 200)
    np.testing.assert_allclose(image.positions, [[45.5, 101.5]])
    assert (image.picture * rows).sum() / total == pytest.approx(45.5, abs=0.01)
    assert (image.picture * cols).sum() / total == pytest.approx(101.5, abs=0.01)


def test_pixels_need_not_be_square() -> None:
    image = simulate(one_atom("Au"), Microscope(pixel_size_nm=(0.04, 0.01)), CLEAN)
    assert image.picture.shape == (50, 400)
    np.testing.assert_allclose(image.positions, [[25, 200]])
    picture = image.picture - image.picture.min()
    rows, cols = np.mgrid[:50, :400]
    wide = (picture * (cols - 200.0) ** 2).sum() / (picture * (rows - 25.0) ** 2).sum()
    assert np.sqrt(wide) == pytest.approx(4.0, rel=0.03)


@pytest.mark.parametrize(("mode", "exponent"), [("HAADF", 1.7), ("MAADF", 1.3)])
def test_brightness_grows_with_a_power_of_the_atomic_number(mode: str, exponent: float) -> None:
    atoms = one_atom("Au", x=10) + one_atom("Si", x=30)
    image = simulate(atoms, Microscope(mode=mode, background=0.0, saturation=1e9), CLEAN)  # type: ignore[arg-type]
    silicon, gold = np.argsort(image.classes)
    assert image.class_names == ("Si", "Au")
    assert peaks(image, gold) / peaks(image, silicon) == pytest.approx((79 / 14) ** exponent, rel=0.02)


def test_brightness_levels_off_with_thickness() -> None:
    thin, thick, thicker = (
        project(crystal("Au", (0, 0, 1), (12, 12), t)).strength.max() for t in (40.0, 400.0, 1200.0)
    )
    microscope = Microscope(saturation=60)
    bright = microscope.saturated(np.array([thin, thick, thicker]))
    assert bright[1] / bright[0] < 0.7 * thick / thin
    assert bright[2] / bright[1] < 1.4
    assert microscope.saturated(np.array([60 * 79**1.7]))[0] == pytest.approx((1 - np.exp(-1)) * 60 * 79**1.7)


@pytest.mark.parametrize("mode", ["ABF", "BF"])
def test_dark_columns_lie_in_a_bright_field_and_are_seen(mode: str) -> None:
    image = simulate(crystal("SrTiO3", (0, 0, 1), (30, 30), 100), Microscope(mode=mode), CLEAN)  # type: ignore[arg-type]
    assert image.picture.min() > 0
    heavy = image.classes == image.class_names.index("Sr")
    inner = ((image.positions > 10) & (image.positions < 140)).all(axis=1)
    row, col = np.round(image.positions[inner & heavy][0]).astype(int)
    window = image.picture[row - 4 : row + 5, col - 4 : col + 5]
    assert window[4, 4] == pytest.approx(window.min(), rel=0.02)
    assert image.seen[inner].mean() > 0.95


def test_columns_are_named_by_what_they_hold_from_faint_to_bright() -> None:
    image = simulate(crystal("SrTiO3", (0, 0, 1), (30, 30), 100), None, CLEAN)
    assert image.class_names == ("O", "TiO", "Sr")
    counts = np.bincount(image.classes)
    assert counts[0] / counts[2] == pytest.approx(2, rel=0.3)


def test_in_a_sheet_a_column_that_lost_an_atom_is_a_class_of_its_own() -> None:
    whole = sheet("MoS2", (50, 50))
    image = simulate(vacancies(whole, "S", 0.1, np.random.default_rng(2)), None, CLEAN)
    assert image.class_names == ("S", "S2", "Mo")
    assert 0.1 < (image.classes == 0).sum() / (image.classes < 2).sum() < 0.3


def test_atoms_of_a_support_are_seen_but_are_no_columns() -> None:
    rng = np.random.default_rng(4)
    carbon = amorphous((40, 40), 20, rng)
    bare = simulate(carbon, None, CLEAN)
    assert len(bare.positions) == 0
    assert bare.class_names == ()
    assert (bare.labels == 0).all()
    assert bare.picture.std() > 0.02
    single = simulate(single_atoms(carbon, "Pt", 12, rng), None, CLEAN)
    assert len(single.positions) == 12
    assert single.seen.all()
    assert single.class_names == ("Pt",)


def test_labels_show_the_class_of_every_seen_column_and_background_elsewhere() -> None:
    image = simulate(sheet("MoS2", (40, 40)), Microscope(), Conditions(dose=300))
    inner = image.seen & ((image.positions > 3) & (image.positions < 196)).all(axis=1)
    row, col = np.round(image.positions[inner]).astype(int).T
    np.testing.assert_array_equal(image.labels[row, col], image.classes[inner])
    assert set(np.unique(image.labels)) <= {UNSURE, 0, 1, 2}
    assert (image.labels == len(image.class_names)).mean() > 0.5


def test_what_dose_takes_away_is_no_longer_seen() -> None:
    atoms = sheet("graphene", (40, 40))
    bright = simulate(atoms, Microscope(mode="MAADF"), Conditions(dose=300))
    dim = simulate(atoms, Microscope(mode="MAADF"), Conditions(dose=0.3))
    assert bright.seen.mean() > 0.9
    assert dim.seen.mean() < 0.1
    assert dim.visibility.max() < 0.1 * bright.visibility.max()


def test_a_particle_off_its_zone_axis_has_few_columns() -> None:
    tilted = simulate(nanoparticle("Au", "wulff", 30, (1, 3, 17)), None, CLEAN)
    aligned = simulate(nanoparticle("Au", "wulff", 30, (0, 0, 1)), None, CLEAN)
    assert aligned.seen.sum() > 60
    assert (aligned.visibility > 0).all()
    assert tilted.seen.sum() < 0.5 * aligned.seen.sum()


def test_drift_stretches_the_slow_axis_and_shears_the_fast_one() -> None:
    matrix = drifting((0.2, 0.1), 2.0)
    # While the last row is passed the sample has moved on by all of the drift.
    seen = matrix @ np.array([1.8, 0.0])
    np.testing.assert_allclose(seen, [2.0, 0.1])
    still = simulate(sheet("MoS2", (30, 30)), None, CLEAN)
    moved = simulate(sheet("MoS2", (30, 30)), None, CLEAN, distortion=drifting((0.1, 0.2), 3.0))
    middle = 75.0
    expected = (still.positions - middle) @ drifting((0.1, 0.2), 3.0).T + middle
    inside = ((expected > 5) & (expected < 140)).all(axis=1)
    gaps = np.linalg.norm(expected[inside][:, None] - moved.positions[None], axis=-1).min(axis=1)
    assert gaps.max() < 1e-6


def test_a_tip_sees_the_uppermost_atoms() -> None:
    atoms = crystal("Si", (1, 1, 1), (40, 40), 12)
    image = simulate(atoms, Microscope(mode="STM"), CLEAN)
    tops = project(atoms).top
    assert image.picture.min() == 0
    assert image.picture.max() == pytest.approx(1)
    assert image.seen.sum() < 0.5 * len(image.positions)
    highest = (atoms.positions[:, 2] > tops.max() - 0.1).sum() * 1600 / 48**2
    assert image.seen.sum() == pytest.approx(highest, rel=0.3)


def test_the_truth_travels_as_atoms() -> None:
    image = simulate(sheet("hBN", (20, 20)), None, Conditions(dose=100))
    truth = image.truth
    assert truth.class_names == ("B", "N")
    assert truth.pixel_size == (0.02, 0.02)
    np.testing.assert_array_equal(truth.features["seen"], image.seen)


def test_a_particle_on_carbon_keeps_its_columns_and_the_same_stream_gives_the_same_image() -> None:
    rng = np.random.default_rng(1)
    atoms = on_support(
        nanoparticle("Pt", "decahedron", 25, (0, 0, 1), size=(40, 40)), amorphous((40, 40), 10, rng)
    )
    first, second = (simulate(atoms, None, Conditions(dose=20), np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first.image, second.image)
    assert first.class_names == ("Pt",)
    assert 20 < first.seen.sum() == len(first.positions)


def test_what_cannot_be_imaged_is_refused() -> None:
    atoms = sheet("graphene", (10, 10))
    with pytest.raises(UnknownOption, match="HAADF"):
        Microscope(mode="HADF")  # type: ignore[arg-type]
    with pytest.raises(BadOption, match="above 0"):
        Microscope(pixel_size_nm=(0.02, 0.0))
    with pytest.raises(BadOption, match="determinant"):
        simulate(atoms, distortion=[[1, 1], [1, 1]])
    with pytest.raises(BadOption, match="0 x 0 pixels"):
        simulate(atoms, Microscope(pixel_size_nm=(5, 5)))
    with pytest.raises(BadOption, match="drifts"):
        drifting((3.0, 0), 2.0)
    with pytest.raises(BadOption, match="STM"):
        Multislice(mode="STM")


def test_without_abtem_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "abtem", None)
    with pytest.raises(MissingExtra, match="pip install abtem"):
        simulate_multislice(sheet("graphene", (10, 10)))


def test_multislice_puts_columns_where_they_are() -> None:
    pytest.importorskip("abtem")
    image = simulate_multislice(sheet("MoS2", (10, 10)), Multislice(detector_mrad=(40, 80)))
    row, col = np.round(image.positions[image.seen]).astype(int).T
    assert image.picture[row, col].mean() > 2 * image.picture.mean()
