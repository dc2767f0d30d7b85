"""Patches around atoms, bonds and grid points: where they lie, how large they are, what is left out."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Axis, Image
from napari_atomai.data.progress import finish
from napari_atomai.data.recipes_latent import CutPatches
from napari_atomai.errors import BadAtoms, BadImage, BadOption, UnknownOption
from napari_atomai.prepare.motifs import Motifs, class_map, cutting_motifs


def cut(image: Image, atoms: Atoms | None = None, source: Any = None, **options: Any) -> Motifs:
    return finish(cutting_motifs(image, CutPatches.of(options), atoms, source))


def spots(places: np.ndarray, shape: tuple[int, int] = (80, 96), width: float = 2.0) -> np.ndarray:
    rows, columns = np.indices(shape)
    away = (rows[..., None] - places[:, 0]) ** 2 + (columns[..., None] - places[:, 1]) ** 2
    return np.exp(-away / (2 * width**2)).sum(axis=-1)


@pytest.fixture(scope="module")
def scene() -> tuple[Image, Atoms]:
    where = np.mgrid[14:70:13, 15:86:13].reshape(2, -1).T + np.random.default_rng(0).uniform(
        -0.5, 0.5, (30, 2)
    )
    atoms = Atoms.make(where, np.arange(30) % 2, class_names=("A", "B"))
    return Image.from_array(spots(where), 0.02), atoms


def centroid(patches: np.ndarray) -> np.ndarray:
    axis = np.arange(patches.shape[1]) - (patches.shape[1] - 1) / 2
    total = patches.sum(axis=(1, 2))
    return np.stack(
        [(patches.sum(axis=2) * axis).sum(axis=1) / total, (patches.sum(axis=1) * axis).sum(axis=1) / total],
        1,
    )


@pytest.mark.parametrize("pixels", [0, 12, 24])
def test_atoms_lie_in_the_middle_of_their_patches(scene: tuple[Image, Atoms], pixels: int) -> None:
    found = cut(*scene, window=0.26, pixels=pixels)
    assert found.patches.shape == (30, pixels or 13, pixels or 13)
    assert found.patches.dtype == np.float32
    assert np.abs(centroid(found.patches)).max() < 0.1
    assert np.array_equal(found.centres.ids, np.arange(30))
    assert np.allclose(np.array(found.step) * found.patches.shape[1], 13)


def test_a_patch_on_whole_pixels_is_the_image_itself(scene: tuple[Image, Atoms]) -> None:
    image, _ = scene
    found = cut(image, around="grid", window=0.22, spacing=0.1)
    row, column = found.centres.positions[7]
    here = np.s_[int(row) - 5 : int(row) + 6, int(column) - 5 : int(column) + 6]
    assert np.allclose(found.patches[7], image.pixels[here], atol=1e-5)
    assert found.notes == ()
    assert len(found) == len(np.arange(5, 75, 5)) * len(np.arange(5, 91, 5))


def test_classes_are_chosen_by_name_and_keep_frame_and_number(scene: tuple[Image, Atoms]) -> None:
    image, atoms = scene
    movie = Image.from_array(np.stack([np.asarray(image.pixels) * 0, np.asarray(image.pixels)]), 0.02)
    found = cut(movie, dataclasses.replace(atoms, frames=atoms.frames + 1), classes=("B",), window=0.2)
    assert np.array_equal(found.centres.ids, np.arange(1, 30, 2))
    assert set(found.centres.frames.tolist()) == {1}
    assert found.patches.max() > 0.9
    with pytest.raises(UnknownOption, match="B"):
        cut(image, atoms, classes=("b",), window=0.2)


def test_bonds_are_cut_in_the_middle_between_neighbours(scene: tuple[Image, Atoms]) -> None:
    image, atoms = scene
    found = cut(image, atoms, around="bonds", window=0.3, edge="mirror")
    assert len(found) == 5 * 5 + 4 * 6  # a rectangle of 5 x 6 atoms
    first, second = (found.centres.features[name] for name in ("first", "second"))
    assert np.allclose(found.centres.positions, (atoms.positions[first] + atoms.positions[second]) / 2)
    turned = found.patches[:, ::-1, ::-1]
    assert np.abs(found.patches - turned).max() < 0.15  # two atoms alike, one at each side


def test_what_leaves_the_image_is_left_out_or_mirrored_as_asked(scene: tuple[Image, Atoms]) -> None:
    image, atoms = scene
    out = cut(image, atoms, window=0.6)
    mirrored = cut(image, atoms, window=0.6, edge="mirror")
    room = np.minimum(atoms.positions, [79, 95] - atoms.positions).min(axis=1)
    assert set(out.centres.ids) == set(np.flatnonzero(room >= 14)) != set(mirrored.centres.ids)
    assert len(mirrored) == 30
    assert f"{30 - len(out)} of 30 patches of 30 x 30 px leave the image" in out.notes[0]
    both = np.isin(mirrored.centres.ids, out.centres.ids)
    assert np.allclose(mirrored.patches[both], out.patches)
    with pytest.raises(BadAtoms, match="No patch can be cut"):
        cut(image, atoms.keep([0]), window=1.2)


def test_patches_with_holes_are_left_out_and_others_do_not_feel_them(scene: tuple[Image, Atoms]) -> None:
    image, atoms = scene
    pixels = np.array(image.pixels)
    row, column = np.round(atoms.positions[8]).astype(int)
    pixels[row + 2, column] = np.nan
    found = cut(Image.from_array(pixels, 0.02), atoms, window=0.22)
    whole = cut(image, atoms, window=0.22)
    assert set(whole.centres.ids) - set(found.centres.ids) == {8}
    assert "not finite" in found.notes[-1]
    far = found.centres.ids > 20
    assert np.allclose(found.patches[far], whole.patches[np.isin(whole.centres.ids, found.centres.ids[far])])


def test_transposed_images_give_transposed_patches(scene: tuple[Image, Atoms]) -> None:
    image, atoms = scene
    other = dataclasses.replace(atoms, positions=atoms.positions[:, ::-1].copy())
    one, two = (
        cut(image, atoms, window=0.3),
        cut(Image.from_array(image.pixels.T.copy(), 0.02), other, window=0.3),
    )
    assert np.array_equal(one.centres.ids, two.centres.ids)
    assert np.allclose(one.patches.swapaxes(1, 2), two.patches, atol=1e-5)


def test_pixels_that_are_not_square_make_patches_that_are(scene: tuple[Image, Atoms]) -> None:
    _, atoms = scene
    pixels = spots(atoms.positions)[::2]
    axes = (Axis("y", 0.04, 0.0, "nm"), Axis("x", 0.02, 0.0, "nm"))
    flat = dataclasses.replace(Image.from_array(pixels), axes=axes)
    half = dataclasses.replace(atoms, positions=atoms.positions * [0.5, 1])
    found = cut(flat, half, window=0.26, pixels=13)
    assert found.side == (6.5, 13.0)
    around = found.patches - np.rot90(found.patches, axes=(1, 2))
    assert np.abs(around).max() < 0.12  # round atoms are round


def test_a_map_of_classes_is_cut_in_place_of_the_image(scene: tuple[Image, Atoms]) -> None:
    image, atoms = scene
    drawn = class_map(atoms, 0, image.frame_shape)
    at = tuple(np.round(atoms.positions).astype(int).T)
    assert np.array_equal(drawn[at], atoms.classes + 1)
    assert (drawn == 0).mean() > 0.4
    found = cut(image, atoms, source=drawn, window=0.1)
    assert np.allclose(found.patches[:, 2, 2], atoms.classes + 1, atol=0.2)
    with pytest.raises(BadImage, match="shape"):
        cut(image, atoms, source=drawn[1:], window=0.1)


def test_frames_or_patches_are_brought_to_one_level_as_asked(scene: tuple[Image, Atoms]) -> None:
    image, atoms = scene
    pixels = np.asarray(image.pixels)
    movie = Image.from_array(np.stack([pixels, pixels + 7]), 0.02)
    both = Atoms.concatenate([atoms, dataclasses.replace(atoms, frames=atoms.frames + 1)])
    first = np.arange(60) < 30
    as_it_is, levelled = (cut(movie, both, window=0.2, level=level) for level in ("none", "frames"))
    assert np.allclose(as_it_is.patches[~first], as_it_is.patches[first] + 7, atol=1e-4)
    assert np.allclose(levelled.patches[~first], levelled.patches[first], atol=1e-4)
    assert np.allclose(levelled.patches[first], as_it_is.patches[first] + 3.5, atol=1e-4)
    flat = cut(movie, both, window=0.2, level="patches").patches
    assert np.allclose(flat.mean(axis=(1, 2)), 0, atol=1e-5)


def test_impossible_wishes_are_refused_in_words(scene: tuple[Image, Atoms]) -> None:
    image, atoms = scene
    with pytest.raises(BadOption, match=r"100 x 100 px; the image has 80 x 96"):
        cut(image, atoms, window=2.0)
    with pytest.raises(BadAtoms, match="frame 3"):
        cut(image, dataclasses.replace(atoms, frames=atoms.frames + 3), window=0.2)
    with pytest.raises(BadAtoms, match="No two atoms lie in one frame"):
        cut(image, atoms.keep([3]))
    with pytest.raises(BadOption, match="need a side"):
        cut(image, around="grid")
    with pytest.raises(BadAtoms, match="Find atoms first"):
        cut(image)


def test_a_map_of_classes_is_drawn_of_the_atoms_where_it_is_asked_for(scene: tuple[Image, Atoms]) -> None:
    image, atoms = scene
    drawn = cut(image, atoms, class_map(atoms, 0, image.frame_shape), window=0.1)
    recipe = CutPatches(source="classes", window=0.1)
    assert np.allclose(finish(cutting_motifs(image, recipe, atoms)).patches, drawn.patches)
    with pytest.raises(BadOption, match="no map of probability"):
        finish(cutting_motifs(image, CutPatches(source="probability", window=0.1), atoms))
