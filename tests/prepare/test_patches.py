"""Patches are the pixels they are said to be."""

from __future__ import annotations

import logging
import re

import numpy as np
import pytest

from napari_atomai.data.atoms import Atoms
from napari_atomai.errors import BadAtoms, BadImage, BadOption
from napari_atomai.prepare.patches import (
    cut_patches,
    extract_patches,
    extract_random_subimages,
    extract_subimages,
    imcrop_randcoord,
    imcrop_randpx,
)
from napari_atomai.prepare.spectra import extract_patches_and_spectra, get_coord_grid
from napari_atomai.prepare.split import data_split, split


def ramp(n=3, rows=40, columns=50, channels=2):
    """Images whose every value is different and tells where it lies."""
    return np.arange(n * rows * columns * channels, dtype=float).reshape(n, rows, columns, channels)


COORDS = {
    0: np.array([[10.2, 12.7, 0], [20, 20, 1], [2, 30, 0]]),
    2: np.array([[15.5, 25.4, 0], [39, 49, 0]]),
}


@pytest.mark.parametrize("window", [1, 8, 9])
def test_windows_hold_the_pixels_around_the_atoms_of_one_class(window, caplog) -> None:
    images = ramp()
    with caplog.at_level(logging.INFO):
        imstack, com, frames = extract_subimages(images, COORDS, window)
    keep = np.array([[10.2, 12.7], [15.5, 25.4]])
    if window == 1:
        keep = np.array([[10.2, 12.7], [2, 30], [15.5, 25.4], [39, 49]])
    assert np.array_equal(com, keep)
    assert frames.tolist() == ([0, 0, 2, 2] if window == 1 else [0, 2])
    for patch, (row, column), frame in zip(imstack, com, frames, strict=True):
        first, left = int(row + 0.5) - window // 2, int(column + 0.5) - window // 2
        assert np.array_equal(patch, images[frame, first : first + window, left : left + window])
    assert ("2 leave the image of 40 x 50 px" in caplog.text) == (window > 1)


def test_a_single_image_and_a_bare_table_get_a_channel() -> None:
    image = ramp(1, 40, 50, 1)[0, ..., 0]
    imstack, com, frames = extract_subimages(image, np.array([[10, 12], [30, 40]]), 6)
    assert imstack.shape == (2, 6, 6, 1)
    assert frames.tolist() == [0, 0]
    assert np.array_equal(imstack[0, ..., 0], image[7:13, 9:15])
    same = extract_subimages(image[None], Atoms.make(com), 6)[0]
    assert np.array_equal(same, imstack)


@pytest.mark.parametrize("subpixel", [False, True])
def test_windows_may_have_two_sides(subpixel) -> None:
    image = ramp(1, 40, 50, 1)[0, ..., 0]
    tall = extract_subimages(image, [[20, 25]], (9, 5), subpixel=subpixel)[0]
    assert np.allclose(tall[0, ..., 0], image[16:25, 23:28])
    assert extract_random_subimages(image, (9, 5), 3)[0].shape == (3, 9, 5, 1)


@pytest.mark.parametrize("window", [16, 17])
def test_subpixel_windows_have_the_atom_exactly_in_the_middle(window) -> None:
    rng = np.random.default_rng(0)
    atoms = np.stack(np.meshgrid([14, 40, 66.0], [14, 40, 66.0]), -1).reshape(-1, 2)
    atoms += rng.uniform(-0.5, 0.5, atoms.shape)
    rows, columns = np.mgrid[:80, :80]
    image = sum(np.exp(-((rows - r) ** 2 + (columns - c) ** 2) / 2 / 2.0**2) for r, c in atoms)
    patches = extract_subimages(image, atoms, window, subpixel=True)[0][..., 0]
    offset = np.arange(window) - (window - 1) / 2
    wanted = np.exp(-(offset[:, None] ** 2 + offset**2) / 2 / 2.0**2)
    assert len(patches) == 9
    assert np.abs(patches - wanted).max() < 2e-3
    plain = extract_subimages(image, atoms, window)[0][..., 0]
    assert np.abs(plain - wanted).max() > 0.05


def test_a_subpixel_window_that_just_fits_is_kept_and_one_beyond_is_not() -> None:
    image = ramp(1, 20, 20, 1)[0, ..., 0]
    kept = extract_subimages(image, [[3.5, 3.5], [15.5, 15.5], [3.4, 9], [15.6, 9]], 8, subpixel=True)
    assert kept[1].tolist() == [[3.5, 3.5], [15.5, 15.5]]
    assert np.allclose(kept[0][0, ..., 0], image[:8, :8])
    assert np.allclose(kept[0][1, ..., 0], image[12:, 12:])


@pytest.mark.parametrize("subpixel", [False, True])
def test_one_broken_pixel_costs_only_the_windows_it_lies_in(subpixel) -> None:
    image = ramp(1, 60, 60, 1)[0, ..., 0]
    image[10, 10] = np.nan
    patches, com, _ = extract_subimages(image, [[12, 12.0], [40.2, 40.0]], 9, subpixel=subpixel)
    assert com.tolist() == [[40.2, 40.0]]
    assert np.isfinite(patches).all()


def test_what_gives_no_window_says_why() -> None:
    with pytest.raises(BadAtoms, match=r"no atoms of class 4 among 5.*: 0, 1"):
        extract_subimages(ramp(), COORDS, 8, 4)
    with pytest.raises(BadAtoms, match="of 4 windows of 60 x 60 px, 4 leave the image of 40 x 50"):
        extract_subimages(ramp(), COORDS, 60)
    with pytest.raises(BadAtoms, match=r"frame\(s\) 2, but there are 2"):
        extract_subimages(ramp(2), COORDS, 8)
    for window in (0, -3, 8.0, (8, 8, 8)):
        with pytest.raises(BadOption, match=re.escape(f"{window} px")):
            extract_subimages(ramp(), COORDS, window)
    with pytest.raises(BadImage, match=r"\(7,\)"):
        extract_subimages(np.zeros(7), COORDS, 8)


def test_random_patches_of_images_and_labels_are_of_the_same_places() -> None:
    images = ramp(channels=1)[..., 0]
    patches = cut_patches(images, -images, (8, 11), 20, seed=3)
    assert patches.images.shape == (60, 8, 11)
    assert np.array_equal(patches.labels, -patches.images)
    for patch, frame, (row, column) in zip(patches.images, patches.frames, patches.corners, strict=True):
        assert np.array_equal(patch, images[frame, row : row + 8, column : column + 11])
    assert len(np.unique(patches.images[:, 0, 0])) == 60
    short = extract_patches(images, -images, (8, 11), 20, random_state=3)
    assert np.array_equal(short[0], patches.images)
    assert np.array_equal(short[1], patches.labels)


def test_random_patches_follow_the_seed_and_no_other_image() -> None:
    images = ramp()
    one, again, other = (cut_patches(images, None, 8, 5, seed=seed).corners for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert np.array_equal(cut_patches(images[:1], None, 8, 5, seed=1).corners, one[:5])
    assert not np.array_equal(one[:5], one[5:10])


def test_every_place_is_drawn_when_all_are_asked_for_and_more_are_refused() -> None:
    images = ramp(1, 6, 7)
    corners = cut_patches(images, None, 5, 6).corners
    assert sorted(map(tuple, corners.tolist())) == [(r, c) for r in (0, 1) for c in (0, 1, 2)]
    with pytest.raises(BadImage, match=r"7 different windows of 5 x 5 px.*6 x 7"):
        cut_patches(images, None, 5, 7)
    with pytest.raises(BadImage, match="8 x 8"):
        cut_patches(images, None, 8, 1)
    with pytest.raises(BadImage, match=r"\(1, 6, 7\), the labels \(1, 6, 6\)"):
        cut_patches(images, images[:, :, :6], 5, 1)


def test_random_windows_around_atoms_are_windows_around_atoms() -> None:
    images = ramp(2)
    rng = np.random.default_rng(0)
    table = {frame: np.column_stack([rng.uniform(0, 40, (60, 2)), np.arange(60) % 2]) for frame in (0, 1)}
    stack, com, frames = extract_random_subimages(images, 6, 9, table, coord_class=1, random_state=4)
    assert stack.shape == (18, 6, 6, 2)
    assert frames.tolist() == [0] * 9 + [1] * 9
    for frame in (0, 1):
        mine = com[frames == frame]
        odd = table[frame][table[frame][:, 2] == 1, :2]
        assert all((odd == place).all(axis=1).any() for place in mine)
        assert len(np.unique(mine, axis=0)) == 9
    assert np.array_equal(stack[9:], extract_subimages(images, {1: com[9:]}, 6)[0])
    with pytest.raises(BadAtoms, match=r"99 windows were asked of image 0; around \d+ atoms"):
        extract_random_subimages(images, 6, 99, table)


def test_random_windows_at_pixels_tell_their_middle() -> None:
    image = ramp(1)[0]
    stack, com = imcrop_randpx(image, 7, 12, random_state=5)
    assert stack.shape == (12, 7, 7, 2)
    assert np.array_equal(stack[:, 3, 3], image[tuple(com.astype(int).T)])
    flat, where = imcrop_randcoord(image[..., 0], [[10, 11], [20, 21], [30, 31]], 7, 2)
    assert flat.shape == (2, 7, 7)
    assert np.array_equal(flat[:, 3, 3], image[tuple(where.astype(int).T)][:, 0])


def test_spectra_are_those_of_the_middle_pixel_and_pooled() -> None:
    cube = np.random.default_rng(0).random((20, 24, 9))
    patches, spectra, coords = extract_patches_and_spectra(
        cube, coordinates=[[10.4, 8.6], [0, 0], [5, 6]], patch_size=5, band=(2, 5), avg_pool=2
    )
    assert coords.tolist() == [[10.4, 8.6], [5, 6]]
    assert np.allclose(patches[0], cube[8:13, 7:12, 2:5].mean(axis=-1))
    assert np.allclose(spectra[0], cube[10, 9, :8].reshape(4, 2).mean(axis=1))
    image = np.random.default_rng(1).random((20, 24))
    grid = get_coord_grid(image, 4)
    own, every, where = extract_patches_and_spectra(
        cube, image, coordinates=grid[0], patch_size=3, avg_pool=1
    )
    assert np.array_equal(own[:, 1, 1], image[tuple(where.astype(int).T)])
    assert np.array_equal(every, cube[tuple(where.astype(int).T)])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"band": 9}, "9 to 10"),
        ({"band": (3, 3)}, "3 to 3"),
        ({"avg_pool": 10}, "avg_pool 10"),
        ({"img": np.zeros((24, 20))}, r"\(24, 20\), the spectrum image \(20, 24\)"),
    ],
)
def test_bands_and_images_that_do_not_fit_the_spectra_are_refused(options, words) -> None:
    with pytest.raises((BadImage, BadOption), match=words):
        extract_patches_and_spectra(np.zeros((20, 24, 9)), coordinates=[[9, 9]], patch_size=3, **options)


def test_a_grid_has_a_point_every_step_in_every_image() -> None:
    grid = get_coord_grid(np.zeros((2, 7, 9)), 3)
    assert sorted(grid) == [0, 1]
    assert grid[1].tolist() == [[r, c, 0] for r in (0, 3, 6) for c in (0, 3, 6)]
    assert get_coord_grid(np.zeros((7, 9)), 4, return_dict=False).tolist() == [
        [r, c] for r in (0, 4) for c in (0, 4, 8)
    ]
    with pytest.raises(BadOption, match="step is 0"):
        get_coord_grid(np.zeros((7, 9)), 0)


@pytest.mark.parametrize("seed", range(5))
def test_patches_of_one_image_are_never_on_both_sides(seed) -> None:
    frames = np.random.default_rng(seed).integers(0, 7, 90)
    train, test = split(90, 0.3, seed=seed, frames=frames)
    assert sorted([*train, *test]) == list(range(90))
    assert not set(frames[train]) & set(frames[test])
    assert len(set(frames[test])) == 2


def test_splits_follow_the_seed_and_keep_pairs_together() -> None:
    images, labels = np.arange(40), np.arange(40) * 10
    one = data_split(images, labels, 0.25, 3)
    assert [len(part) for part in one] == [30, 30, 10, 10]
    assert np.array_equal(one[0] * 10, one[1])
    assert np.array_equal(one[2] * 10, one[3])
    assert not set(one[0]) & set(one[2])
    assert np.array_equal(one[2], data_split(images, labels, 0.25, 3)[2])
    assert not np.array_equal(one[2], data_split(images, labels, 0.25, 4)[2])
    # However small or large the share, both sides have something.
    assert [len(part) for part in split(3, 0.01)] == [2, 1]
    assert [len(part) for part in split(3, 0.99)] == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((1,), {}, "There is 1 image"),
        ((3,), {"frames": [0, 0, 0]}, "image that all patches come from"),
        ((3,), {"frames": [0, 1]}, r"3 patches, but frames has shape \(2,\)"),
        ((3, 1.5), {}, "1.5"),
        ((3, 0), {}, "is 0"),
    ],
)
def test_what_cannot_be_split_is_refused(arguments, options, words) -> None:
    with pytest.raises((BadImage, BadOption), match=words):
        split(*arguments, **options)
    with pytest.raises(BadImage, match="3 images and 2 labels"):
        data_split(np.zeros(3), np.zeros(2))
