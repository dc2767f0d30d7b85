"""Components of surroundings: from an image with known domains to loadings, maps and files."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.progress import finish
from napari_atomai.data.recipe import LocalStatistics, Record
from napari_atomai.errors import BadAtoms, BadImage, BadOption, UnknownOption
from napari_atomai.files.export import read_csv
from napari_atomai.workflow.component_results import write_surroundings
from napari_atomai.workflow.component_windows import grid_of, window_of
from napari_atomai.workflow.components import suggesting, surrounding
from napari_atomai.workflow.folders import check_owner

pytest.importorskip("sklearn")

SIDE, CELLS, NM = 10, 12, 0.04


@pytest.fixture(scope="module")
def scene() -> tuple[Image, Atoms, np.ndarray]:
    """Return a lattice whose right half has a second atom in each cell, and which atoms are there."""
    grid = np.stack(np.meshgrid(*[np.arange(CELLS)] * 2, indexing="ij"), -1).reshape(-1, 2)
    centres, right = (grid + 0.5) * SIDE + 0.3, grid[:, 1] >= CELLS // 2
    rows, cols = np.indices((CELLS * SIDE, CELLS * SIDE))
    pixels = np.full(rows.shape, 0.1)
    for height, places in ((1.0, centres), (0.6, centres[right] + SIDE / 2)):
        for row, col in places:
            pixels += height * np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / 6)
    pixels = np.random.default_rng(0).poisson(100 * pixels).astype(np.float32)
    classes = (grid.sum(axis=1) % 2).astype(np.int64)
    atoms = Atoms.make(centres, classes, class_names=("A", "B"), pixel_size=(NM, NM))
    return Image.from_array(pixels, NM), atoms, right


@pytest.mark.parametrize("method", ["pca", "ica", "nmf", "gmm", "pca_gmm"])
def test_loadings_tell_two_domains_apart(scene: tuple[Image, Atoms, np.ndarray], method: str) -> None:
    image, atoms, right = scene
    found = finish(surrounding(image, LocalStatistics(method=method, components=2), atoms))
    truth = right[found.atoms.ids]
    agreement = np.abs([np.corrcoef(column, truth)[0, 1] for column in found.components.loadings.T])
    assert agreement.max() > 0.9
    assert found.components.components.shape == (2, 21, 21)  # twice the distance of 10 px, and odd


def test_a_map_is_the_loading_between_the_atoms(scene: tuple[Image, Atoms, np.ndarray]) -> None:
    image, atoms, _ = scene
    found = finish(surrounding(image, LocalStatistics(components=2), atoms))
    drawn = found.map(0)
    rows, columns = np.round(found.atoms.positions).astype(int).T
    assert drawn.pixel_size == image.pixel_size
    near = drawn.pixels[rows, columns]
    known = np.isfinite(near)
    assert np.corrcoef(near[known], found.components.loadings[known, 0])[0, 1] > 0.98
    assert np.isnan(drawn.pixels[0, 0])


def test_transposed_images_have_transposed_components(scene: tuple[Image, Atoms, np.ndarray]) -> None:
    image, atoms, _ = scene
    turned = dataclasses.replace(atoms, positions=atoms.positions[:, ::-1].copy())
    recipe = LocalStatistics(components=2)
    one = finish(surrounding(image, recipe, atoms))
    other = finish(surrounding(Image.from_array(image.pixels.T.copy(), NM), recipe, turned))
    assert np.allclose(np.swapaxes(one.components.components, 1, 2), other.components.components, atol=1e-3)


def test_frames_of_a_movie_are_decomposed_together(scene: tuple[Image, Atoms, np.ndarray]) -> None:
    image, atoms, _ = scene
    movie = Image.from_array(np.stack([image.pixels, image.pixels, image.pixels]), NM)
    frames = [atoms.keep(atoms.ids >= 0), dataclasses.replace(atoms, frames=atoms.frames + 2)]
    found = finish(surrounding(movie, LocalStatistics(components=2), Atoms.concatenate(frames)))
    first, last = (found.components.loadings[found.atoms.frames == frame] for frame in (0, 2))
    assert np.allclose(first, last, atol=1e-2)
    drawn = found.map(0).pixels
    assert drawn.shape == movie.shape
    assert np.isnan(drawn[1]).all()


def test_files_hold_what_was_found(scene: tuple[Image, Atoms, np.ndarray], tmp_path: Path) -> None:
    image, atoms, _ = scene
    recipe = LocalStatistics(method="nmf", components=2, around="B", window=0.6)
    found = finish(surrounding(image, recipe, atoms))
    (tmp_path / "map_7.tif").write_bytes(b"of an earlier result")
    paths = write_surroundings(found, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in paths}
    table = read_csv(tmp_path / "loadings.csv")
    assert np.array_equal(table.ids, found.atoms.ids)
    assert set(table.class_names) == {"B"}
    assert np.allclose(table.features["loading_2"], found.components.loadings[:, 1])
    assert np.allclose(table.positions_nm, found.atoms.positions * NM)
    with tifffile.TiffFile(tmp_path / "map_1.tif") as file:
        assert np.array_equal(file.asarray(), found.map(0).pixels, equal_nan=True)
    with (tmp_path / "scree.csv").open(newline="") as file:
        assert sum(float(row["share_of_variance"]) for row in csv.DictReader(file)) == pytest.approx(1)
    record = Record.from_json((tmp_path / "components.json").read_text())
    assert record.step(LocalStatistics) == recipe
    assert "left out" in record.notes[-1]
    check_owner(tmp_path, "components.json", record.input)
    with pytest.raises(OSError, match="already holds components"):
        check_owner(tmp_path, "components.json", record.input.model_copy(update={"sha256": "0"}))


def test_classes_have_principal_components_of_their_own(
    scene: tuple[Image, Atoms, np.ndarray], tmp_path: Path
) -> None:
    image, atoms, _ = scene
    found = finish(surrounding(image, LocalStatistics(method="pca_gmm", components=2), atoms))
    classes, within = found.components.classes, found.components.within
    for number, own in enumerate(within):
        told = found.atoms.features["within_1"][classes == number]
        np.testing.assert_array_equal(told, own.loadings[:, 0])
        # A class' own components are about its own mean.
        assert abs(told.mean()) < 0.1 * told.std()
    write_surroundings(found, tmp_path)
    pictures = tifffile.imread(tmp_path / "within.tif")
    assert len(pictures) == sum(len(own.components) for own in within) == 4
    np.testing.assert_allclose(pictures[2], within[1].components[0], rtol=1e-6)
    write_surroundings(finish(surrounding(image, LocalStatistics(components=2), atoms)), tmp_path)
    assert not (tmp_path / "within.tif").exists()


def test_the_side_of_a_window_is_in_nm_along_both_axes(scene: tuple[Image, Atoms, np.ndarray]) -> None:
    _, atoms, _ = scene
    image = Image.from_array(np.ones((100, 100)), (0.02, 0.1))
    assert window_of(image, atoms, 1.0) == (51, 11)


def test_what_cannot_be_decomposed_is_refused_in_words(scene: tuple[Image, Atoms, np.ndarray]) -> None:
    image, atoms, _ = scene

    def refused(kind: type[Exception], words: str, given: Atoms = atoms, **options: object) -> None:
        with pytest.raises(kind, match=words):
            finish(surrounding(image, LocalStatistics.of(options), given))

    refused(BadAtoms, "no atoms", atoms.keep([]))
    refused(UnknownOption, "'C'", around="C")
    refused(BadAtoms, "no atoms of class 'B'", atoms.keep(atoms.classes == 0), around="B")
    refused(BadAtoms, "have no neighbour", atoms.keep([5]))
    refused(BadOption, "2 components were asked of 1 samples", atoms.keep([40]), window=0.4, components=2)
    refused(BadOption, "the image has", window=40.0)
    refused(BadOption, "1 x 1 px", window=0.01)
    refused(BadAtoms, "leave the image", atoms.keep([0]), window=2.0)
    refused(BadAtoms, "frame 3", dataclasses.replace(atoms, frames=atoms.frames + 3))
    with pytest.raises(BadImage, match=r"offset of 200"):
        finish(surrounding(Image.from_array(image.pixels * 0 - 200.0), LocalStatistics(method="nmf"), atoms))


def test_windows_on_a_grid_need_no_atoms_and_cover_the_image(
    scene: tuple[Image, Atoms, np.ndarray],
) -> None:
    image, _, _ = scene
    recipe = LocalStatistics(method="pca", components=2, grid=SIDE * NM, window=0.84)
    found = finish(surrounding(image, recipe))
    assert found.components.components.shape == (2, 21, 21)
    assert found.record.notes == image.notes  # no window left the image
    where = found.atoms.positions
    assert np.array_equal(where, np.rint(where))
    assert where.min() >= 10
    assert where.max() <= CELLS * SIDE - 11
    assert np.array_equal(np.unique(np.diff(np.unique(where[:, 0]))), [SIDE])
    right = where[:, 1] > CELLS * SIDE / 2 + SIDE
    left = where[:, 1] < CELLS * SIDE / 2 - SIDE
    loading = found.components.loadings[:, 0]
    assert abs(np.mean(loading[right]) - np.mean(loading[left])) > 3 * np.std(loading[left])
    assert len(np.unique(grid_of(image, 0.4).positions, axis=0)) == len(grid_of(image, 0.4))


def test_a_grid_lies_in_every_frame_and_a_class_of_it_is_refused(
    scene: tuple[Image, Atoms, np.ndarray],
) -> None:
    image, _, _ = scene
    movie = Image.from_array(np.stack([image.pixels, image.pixels]), NM)
    grid = grid_of(movie, 0.4)
    assert np.array_equal(np.bincount(grid.frames), [len(grid_of(image, 0.4))] * 2)
    with pytest.raises(BadOption, match="no class"):
        LocalStatistics.of({"grid": 0.4, "around": "A"})
    with pytest.raises(BadOption, match="finer than the pixels"):
        grid_of(image, 0.01)


def test_the_number_is_suggested_without_decomposing(scene: tuple[Image, Atoms, np.ndarray]) -> None:
    image, atoms, _ = scene
    decomposed = finish(surrounding(image, LocalStatistics(method="nmf", components=0), atoms))
    shares, number, above = finish(suggesting(image, LocalStatistics(method="nmf"), atoms))
    assert number == len(decomposed.components.components) == decomposed.suggested + 1
    assert above == decomposed.suggested
    assert np.array_equal(shares, decomposed.shares)
