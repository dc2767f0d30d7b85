"""From images and tables to lattices and movies, and to the files that tell of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Axis, Image
from napari_atomai.data.progress import finish
from napari_atomai.data.recipe import InputRecord, Record
from napari_atomai.data.recipes_lattice import FollowAtoms, MeasureLattice
from napari_atomai.errors import BadAtoms, BadOption, SaveFailed, UnknownOption
from napari_atomai.files.export import read_csv
from napari_atomai.files.reading import read
from napari_atomai.simulate.distortions import polar_domains
from napari_atomai.simulate.lattices import PROTOTYPES
from napari_atomai.stat.lattice.regions import in_region
from napari_atomai.workflow.folders import check_owner
from napari_atomai.workflow.lattice import NO_VALUES, measuring_lattice
from napari_atomai.workflow.lattice_results import RECORD, write_lattice
from napari_atomai.workflow.lattice_tables import columns, map_of, maps, numbers
from napari_atomai.workflow.movie import ONE_FRAME, following
from napari_atomai.workflow.movie_results import write_movie


@pytest.fixture(scope="module")
def domains() -> tuple[Image, Atoms, np.ndarray]:
    simulated, moved = polar_domains(size=320)
    where = simulated.truth.positions
    inside = ((where > 3) & (where < 316)).all(axis=1)
    truth = simulated.truth.keep(inside)
    return simulated.image, Atoms.make(truth.positions, pixel_size=truth.pixel_size), moved[inside]


def test_without_classes_brightness_tells_a_from_b_and_the_polarisation_is_the_true_one(
    domains: tuple[Image, Atoms, np.ndarray],
) -> None:
    image, atoms, true = domains
    (found,) = finish(measuring_lattice(atoms, None, image))
    assert found.unit == "nm"
    assert found.polarisation is not None
    known = np.isfinite(found.polarisation.vectors).all(axis=1)
    assert found.polarisation.vectors[known] == pytest.approx(true[known], abs=2e-4)
    told = numbers(found)
    assert told["a_nm"] == pytest.approx(0.4006, rel=3e-3)  # B moves apart on average
    assert (told["sublattices"], told["grains"], told["vacancies"]) == (2, 1, 0)
    drawn = maps(found, atoms, image.frame_shape)
    assert set(drawn) == {"exx", "eyy", "exy", "rotation", "polarisation_row", "polarisation_column"}
    shown = drawn["polarisation_column"].pixels
    rows, cols = shown.shape
    assert np.nanmedian(shown[: rows // 2 - 5, cols // 2 + 5 :]) == pytest.approx(0.015, rel=0.02)


def test_sublattices_that_the_lattice_does_not_have_are_said_to_give_no_polarisation(
    domains: tuple[Image, Atoms, np.ndarray],
) -> None:
    image, atoms, _ = domains
    (found,) = finish(measuring_lattice(atoms, MeasureLattice(centre=5), image))
    assert found.polarisation is None
    assert any("sublattice 5 in a cage of 0" in note and "has 2" in note for note in found.notes)


def test_from_the_image_alone_the_slope_against_the_truth_is_one() -> None:
    pytest.importorskip("onnxruntime")
    from napari_atomai.workflow.find import find_atoms

    simulated, moved = polar_domains(size=320, skirt=0.0)
    (found,) = finish(measuring_lattice(find_atoms(simulated.image), None, simulated.image))
    assert found.polarisation is not None
    known = np.isfinite(found.polarisation.vectors).all(axis=1)
    where = found.lattice.sites()[known] / 0.02
    away, near = cKDTree(simulated.truth.positions).query(where)
    assert away.max() < 2
    true, ours = moved[near], found.polarisation.vectors[known]
    assert (ours * true).sum() / (true**2).sum() == pytest.approx(1, abs=0.05)
    assert known.sum() > 150


def test_a_vacancy_in_the_image_is_sure_and_an_atom_that_was_missed_is_not(
    domains: tuple[Image, Atoms, np.ndarray],
) -> None:
    image, atoms, _ = domains
    middle = int(np.argmin(np.hypot(*(atoms.positions - 160).T)))
    kept = np.arange(len(atoms)) != middle
    (missed,) = finish(measuring_lattice(atoms.keep(kept), None, image))
    assert missed.empty_probability.tolist() == pytest.approx([0], abs=0.01)
    pixels = image.frame(0).copy()
    row, col = np.rint(atoms.positions[middle]).astype(int)
    patch = np.hypot(*np.indices(pixels.shape) - atoms.positions[middle][:, None, None]) < 6
    pixels[patch] = np.percentile(pixels, 3)
    gone = Image.from_array(pixels, 0.02)
    (empty,) = finish(measuring_lattice(atoms.keep(kept), None, gone))
    assert empty.empty_probability.tolist() == pytest.approx([1], abs=0.01)
    assert np.abs(empty.in_pixels(empty.empty.positions) - [row, col]).max() < 1.5


def test_positions_alone_are_measured_in_pixels_and_what_is_not_known_is_said(
    domains: tuple[Image, Atoms, np.ndarray],
) -> None:
    _, atoms, _ = domains
    (found,) = finish(measuring_lattice(Atoms.make(atoms.positions)))
    assert found.unit == "px"
    assert NO_VALUES in found.notes
    assert found.polarisation is None
    assert np.isnan(found.outlier_probability).all()


def test_pixels_that_are_not_square_change_neither_strain_nor_cell(
    domains: tuple[Image, Atoms, np.ndarray],
) -> None:
    _, atoms, _ = domains
    long = Atoms.make(atoms.positions * [0.5, 1], pixel_size=(0.04, 0.02))
    one, other = (finish(measuring_lattice(each))[0] for each in (atoms, long))
    assert one.strain.exx == pytest.approx(other.strain.exx, abs=1e-9, nan_ok=True)
    assert one.lattice.cells[0].vectors == pytest.approx(other.lattice.cells[0].vectors)


def test_each_frame_of_a_movie_has_its_own_lattice_and_no_atoms_are_refused() -> None:
    where, _ = PROTOTYPES["square"].scaled(12.0).tile((150, 150), 0.1, 0)
    both = Atoms.make(np.concatenate([where, 1.1 * where]), 0, np.repeat([1, 3], len(where)))
    one, three = finish(measuring_lattice(both))
    assert (one.frame, three.frame) == (1, 3)
    assert three.lattice.cells[0].lengths[0] == pytest.approx(13.2, rel=1e-4)
    with pytest.raises(BadAtoms, match="no atoms"):
        finish(measuring_lattice(Atoms.make(np.empty((0, 2)))))


def test_a_reference_has_two_corners_that_span_a_region() -> None:
    for wrong in ((1.0, 2.0), (1.0, 2.0, 1.0, 5.0)):
        with pytest.raises(BadOption, match="corners"):
            MeasureLattice.of({"reference": wrong})
    with pytest.raises(UnknownOption, match="reach"):
        MeasureLattice.of({"reech": 2})


def test_a_polygon_is_a_reference_and_a_rectangle_one_of_its_corners(
    domains: tuple[Image, Atoms, np.ndarray],
) -> None:
    _, atoms, _ = domains
    box = MeasureLattice(reference=(0, 0, 150, 150))
    polygon = MeasureLattice(reference=(0, 0, 0, 150, 150, 150, 150, 0))
    triangle = MeasureLattice(reference=(0, 0, 0, 150, 150, 0))
    one, other, half = (finish(measuring_lattice(atoms, each))[0] for each in (box, polygon, triangle))
    assert one.strain.exx == pytest.approx(other.strain.exx, nan_ok=True)
    here = in_region(atoms.positions, [[0, 0], [0, 150], [150, 0]])
    assert np.array_equal(here, (atoms.positions.sum(axis=1) < 150))
    assert np.nanmedian(half.strain.exx[here]) == pytest.approx(0, abs=1e-9)
    for wrong in ((1.0, 2.0, 3.0), (1.0, 2.0, 3.0, 4.0, 5.0)):
        with pytest.raises(BadOption, match="two for each corner"):
            MeasureLattice.of({"reference": wrong})


def test_a_map_of_strain_is_not_chequered_where_sublattices_are_strained_differently(
    domains: tuple[Image, Atoms, np.ndarray],
) -> None:
    _, atoms, _ = domains
    (found,) = finish(measuring_lattice(atoms, MeasureLattice(), domains[0]))
    even, plain = (map_of(found.strain.exx, found, atoms, (320, 320), 2, even=on) for on in (True, False))
    inner = (slice(30, 130), slice(30, 130))
    slopes = [np.abs(np.diff(each.pixels[inner], axis=1)).mean() for each in (even, plain)]
    assert slopes[0] < 0.7 * slopes[1]
    same = np.full(len(atoms), 0.01)
    assert map_of(same, found, atoms, (320, 320), 2, even=True).pixels[inner] == pytest.approx(0.01)


def test_only_atoms_of_chosen_classes_are_measured() -> None:
    kinds = polar_domains(size=320)[0].truth
    inside = ((kinds.positions > 3) & (kinds.positions < 316)).all(axis=1)
    named = kinds.keep(inside)
    (found,) = finish(measuring_lattice(named, MeasureLattice(classes=("A",))))
    assert np.array_equal(found.atoms, np.flatnonzero(named.classes == 0))
    assert numbers(found)["sublattices"] == 1
    assert np.isnan(columns(found, len(named))["exx"][named.classes == 1]).all()
    with pytest.raises(UnknownOption, match="class"):
        finish(measuring_lattice(named, MeasureLattice(classes=("C",))))
    with pytest.raises(BadAtoms, match="no atoms"):
        finish(measuring_lattice(named.keep(named.classes == 1), MeasureLattice(classes=("A",))))


def test_a_frame_without_lattice_is_said_and_the_others_are_measured() -> None:
    where, _ = PROTOTYPES["square"].scaled(12.0).tile((150, 150), 0.1, 0)
    few = Atoms.make(
        np.concatenate([where, where[:4], where]), 0, np.repeat([0, 1, 2], [len(where), 4, len(where)])
    )
    found = finish(measuring_lattice(few))
    assert [part.frame for part in found] == [0, 2]
    assert "1 of 3 frames have no lattice, the first is 1: There are 4 atoms." in found[0].notes[0]


def test_progress_is_told_while_a_frame_is_measured(domains: tuple[Image, Atoms, np.ndarray]) -> None:
    image, atoms, _ = domains
    told = list(measuring_lattice(atoms, None, image))
    assert [each.step for each in told] == [0, 1, 2, 3, 1]
    assert len({each.message for each in told}) == 5


def test_everything_is_written_and_read_back(
    domains: tuple[Image, Atoms, np.ndarray], tmp_path: Path
) -> None:
    image, atoms, _ = domains
    recipe = MeasureLattice(reference=(0, 0, 150, 150))
    found = finish(measuring_lattice(atoms, recipe, image))
    record = Record(input=InputRecord(path="a.dm4", sha256="1"), steps=(recipe,))
    paths = write_lattice(found, atoms, record, tmp_path, image=image, hspy=True)
    assert paths[-1] == tmp_path / RECORD
    assert all(path.stat().st_size for path in paths)
    back = read_csv(tmp_path / "lattice.csv")
    assert back.features["exx"] == pytest.approx(found[0].strain.exx, nan_ok=True)
    assert np.array_equal(back.features["sublattice"], found[0].lattice.sublattice)
    drawn = maps(found[0], atoms, image.frame_shape)["exx"]
    (strain,) = read(tmp_path / "exx.tif")
    assert strain.pixel_size == pytest.approx(drawn.pixel_size)
    assert np.asarray(strain.pixels) == pytest.approx(np.asarray(drawn.pixels), nan_ok=True)
    assert len(read(tmp_path / "lattice.hspy")) == 6
    kept = Record.from_json((tmp_path / RECORD).read_text())
    assert kept.steps == (recipe,)
    assert kept.measured["a_nm"] == pytest.approx(0.4, rel=0.01)
    with (tmp_path / "distances.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(found[0].pairs.first)
    check_owner(tmp_path, RECORD, InputRecord(path="a.dm4", sha256="1"))
    with pytest.raises(SaveFailed, match=r"holds lattice of a\.dm4"):
        check_owner(tmp_path, RECORD, InputRecord(path="b.dm4", sha256="2"))


def blinking(frames: int = 60) -> tuple[Atoms, np.ndarray]:
    rng = np.random.default_rng(0)
    sites, _ = PROTOTYPES["square"].scaled(15.0).tile((120, 120), 0.0, 0)
    state = np.cumsum(rng.random((frames, len(sites))) < 0.1, axis=0) % 2
    drift = np.outer(np.arange(frames), [0.4, -0.3])
    where = sites + drift[:, None] + rng.normal(0, 0.5, (frames, len(sites), 2))
    bright = 1.0 + state + rng.normal(0, 0.1, state.shape)
    frame = np.repeat(np.arange(frames), len(sites))
    return Atoms.make(where.reshape(-1, 2), 0, frame, {"intensity": bright.ravel()}), state


def test_a_movie_gives_drift_tracks_states_and_dwell_times(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    atoms, state = blinking()
    image = Image(np.zeros((60, 20, 20)), (Axis("t", 0.5, unit="s"), Axis("y"), Axis("x")))
    found = finish(following(atoms, FollowAtoms(drift="atoms"), image))
    assert found.drift[-1] == pytest.approx([59 * 0.4, -59 * 0.3], abs=0.5)
    assert len(found.tracks) == state.shape[1]
    assert np.array_equal(found.states, state.ravel())
    assert found.time_unit == "s"
    assert found.dwells.mean == pytest.approx([5, 5], rel=0.2)
    record = Record(steps=(FollowAtoms(drift="atoms"),))
    paths = write_movie(found, atoms, record, tmp_path)
    assert all(path.stat().st_size for path in paths)
    back = read_csv(tmp_path / "tracks.csv")
    assert len(back) == len(atoms)
    assert set(back.features["track"].tolist()) == set(range(len(found.tracks)))
    told = json.loads((tmp_path / "movie.json").read_text())
    assert told["measured"]["transitions"] == found.counted.counts.sum()


def test_the_atoms_refine_the_drift_that_the_image_tells() -> None:
    rng = np.random.default_rng(1)
    sites, _ = PROTOTYPES["square"].scaled(14.0).tile((100, 100), 0.1, -6)
    drift = np.outer(np.arange(20), [0.7, -0.5])  # in the end farther than half a cell
    rows, cols = np.arange(100)[:, None], np.arange(100)
    frames, where = [], []
    bright = rng.integers(1, 3, len(sites))
    for shift in drift:
        seen = sites + shift + rng.normal(0, 0.3, sites.shape)
        bright = np.where(rng.random(len(sites)) < 0.1, 3 - bright, bright)
        high = np.exp(-((rows - seen[:, 0]) ** 2) / 18)
        frames.append((high * bright) @ np.exp(-((cols - seen[:, 1:]) ** 2) / 18))
        where.append(seen)
    image = Image(np.stack(frames), (Axis("t"), Axis("y"), Axis("x")))
    atoms = Atoms.make(np.concatenate(where), 0, np.repeat(np.arange(20), len(sites)))
    by_both, by_image = (finish(following(atoms, FollowAtoms(drift=by), image)) for by in ("auto", "image"))
    error, coarse = (np.sqrt(np.mean((each.drift - drift) ** 2)) for each in (by_both, by_image))
    assert error < min(0.1, 0.7 * coarse)
    assert len(by_both.tracks) == len(sites)


def test_one_frame_and_bare_frames_are_said_and_unknown_features_refused() -> None:
    atoms, _ = blinking(1)
    assert ONE_FRAME in finish(following(Atoms.make(atoms.positions))).notes
    later = Atoms.make(np.tile(atoms.positions, (2, 1)), 0, np.repeat([0, 4], len(atoms)))
    assert any("3 of 5 frames have no atoms" in note for note in finish(following(later)).notes)
    with pytest.raises(UnknownOption, match="intensity"):
        finish(following(atoms, FollowAtoms(feature="intensty")))
    with pytest.raises(BadAtoms, match="no atoms"):
        finish(following(Atoms.make(np.empty((0, 2)))))
    with pytest.raises(BadAtoms, match="there is none"):
        finish(following(later, FollowAtoms(drift="image")))


def test_frames_of_different_places_are_said_and_frames_of_one_are_not() -> None:
    first, second = (PROTOTYPES["square"].scaled(14.0).tile((150, 150), angle, 0)[0] for angle in (0.1, 0.5))
    frames = np.repeat([0, 1, 2, 3], [len(first), len(first), len(second), len(second)])
    mixed = Atoms.make(np.concatenate([first, first, second, second]), 0, frames)
    told = finish(following(mixed)).notes
    assert any("In 1 of 4 frames (the first is 2, counted from 0)" in note for note in told)
    assert not any("another place" in note for note in finish(following(blinking(6)[0])).notes)


def test_atoms_whose_feature_is_not_known_are_not_counted() -> None:
    pytest.importorskip("sklearn")
    atoms, _ = blinking(10)
    values = atoms.features["intensity"].copy()
    values[::7] = np.nan
    holes = Atoms.make(atoms.positions, 0, atoms.frames, {"intensity": values})
    found = finish(following(holes, FollowAtoms(drift="none")))
    assert (found.states == -1).sum() == np.isnan(values).sum()
    assert found.counted.skipped > 0


@pytest.mark.parametrize("name", ["stem_BaTiO3_1.dm4", "stem_Fe_grain-boundary.npy"])
def test_real_images_have_the_lattice_they_are_known_for(name: str, shared_data: Path) -> None:
    pytest.importorskip("onnxruntime")
    from napari_atomai.workflow.find import as_image, find_atoms

    image = as_image(shared_data / name)
    (found,) = finish(measuring_lattice(find_atoms(image), None, image))
    told = numbers(found)
    if "BaTiO3" in name:  # tetragonal along the pseudo-cubic axes, 3.99 and 4.03 Å, within the calibration
        assert (told["a_nm"], told["b_nm"]) == pytest.approx((0.40, 0.39), rel=0.04)
        assert (told["grains"], told["sublattices"]) == (1, 2)
    else:
        assert told["grains"] == 2
        turned = abs(told["angle_deg (grain 1)"] - told["angle_deg"])
        assert turned == pytest.approx(38, abs=1)
