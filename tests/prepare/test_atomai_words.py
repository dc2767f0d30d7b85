"""AtomAI's words for labels and augmentation mean here what they mean there, without its faults."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_atomai.errors import BadAtoms, BadImage, BadOption, UnknownOption
from napari_atomai.prepare.atomai_words import recipe_of_words, seg_augmentor
from napari_atomai.prepare.augment import Augment
from napari_atomai.prepare.lattice import MakeAtom, create_lattice_mask, create_multiclass_lattice_mask


def test_true_stands_for_atomais_own_ranges() -> None:
    recipe = recipe_of_words(
        dict.fromkeys(
            ["rotation", "zoom", "resize", "gauss_noise", "jitter", "salt_and_pepper", "blur", "contrast"],
            True,
        )
    )
    assert recipe.flips
    assert recipe.quarter_turns
    assert recipe.zoom == (1, 2)
    assert recipe.resize == (0.5, 1.5)
    assert recipe.gaussian_noise == pytest.approx((0, np.sqrt(50e-4)))
    assert recipe.jitter == pytest.approx((0, np.sqrt(5)))
    assert recipe.salt_and_pepper == (0, 0.05)
    assert recipe.blur == (0.05, 2.5)
    assert recipe.gamma == (0.5, 2)
    assert recipe.dose == (0, 0)
    assert recipe_of_words({"poisson_noise": True}).dose == pytest.approx((35.5, 3544), rel=1e-3)


def test_ranges_are_taken_and_false_is_off() -> None:
    recipe = recipe_of_words({"gauss_noise": [10, 40], "zoom": 3, "rotation": False, "blur": None})
    assert recipe == Augment(gaussian_noise=(np.sqrt(1e-3), np.sqrt(4e-3)), zoom=(1, 3))


@pytest.mark.parametrize(
    ("words", "error", "told"),
    [
        ({"gaus_noise": True}, UnknownOption, "Did you mean 'gauss_noise'"),
        ({"blur": "much"}, BadOption, "blur"),
        ({"blur": (-4, 2)}, BadOption, "blur"),
        ({"poisson_noise": (0, 40)}, BadOption, "poisson_noise"),
        ({"zoom": 0.5}, BadOption, "zoom"),
        ({"zoom": "x"}, BadOption, "zoom"),
        ({"resize": (0, 2)}, BadOption, "resize"),
    ],
)
def test_words_that_mean_nothing_are_refused(words, error, told) -> None:
    with pytest.raises(error, match=told):
        recipe_of_words(words)


def test_an_augmentor_follows_its_seed_and_keeps_every_image() -> None:
    images = torch.rand(6, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(6, 32, 32, dtype=torch.int64)
    labels[0, 3, 3] = 2  # AtomAI drops the images that lack a class
    augment = seg_augmentor(3, rotation=True, gauss_noise=True, poisson_noise=True, zoom=2)
    assert augment is not None
    one, two, other = augment(images, labels, 5), augment(images, labels, 5), augment(images, labels, 6)
    assert torch.equal(one[0], two[0])
    assert not torch.equal(one[0], other[0])
    assert one[0].shape == images.shape
    with_generator = augment(images, labels, torch.Generator().manual_seed(5))
    assert torch.equal(one[0], with_generator[0])
    with pytest.raises(BadImage, match="up to 2; with nb_classes=1 they go up to 1"):
        seg_augmentor(1, rotation=True)(images, labels, 0)


def test_an_own_function_comes_first_and_nothing_asked_is_none() -> None:
    assert seg_augmentor(3) is None
    assert seg_augmentor(3, rotation=False) is None
    augment = seg_augmentor(1, custom_transform=lambda images, labels, random: (images + 1, labels))
    assert augment is not None
    images, labels = torch.zeros(2, 1, 8, 8), torch.zeros(2, 8, 8, dtype=torch.int64)
    assert (augment(images, labels, 0)[0] == 1).all()


def test_a_mask_of_a_lattice_has_discs_of_the_diameter_given_also_at_the_border() -> None:
    mask = create_lattice_mask(np.zeros((30, 40)), [[10.2, 10.4], [0, 39]], rmask=7)
    assert mask.shape == (30, 40)
    rows, columns = np.mgrid[:30, :40]
    near = np.minimum(np.hypot(rows - 10.2, columns - 10.4), np.hypot(rows, columns - 39)) <= 3.5
    assert np.array_equal(mask, near)
    with pytest.raises(BadImage, match=r"\(2, 30, 40\)"):
        create_lattice_mask(np.zeros((2, 30, 40)), [[1, 1]])


def test_masks_by_class_have_the_same_channels_in_every_image_and_the_table_stays() -> None:
    tables = {0: np.array([[5.0, 5, 3], [12, 12, 8]]), 1: np.array([[7.0, 7, 8]])}
    kept = {frame: table.copy() for frame, table in tables.items()}
    masks = create_multiclass_lattice_mask(np.zeros((2, 20, 20)), tables, rmask=5)
    assert masks.shape == (2, 20, 20, 3)
    assert np.allclose(masks.sum(axis=-1), 1)
    assert masks[0, 5, 5].tolist() == [1, 0, 0]
    assert masks[0, 12, 12].tolist() == masks[1, 7, 7].tolist() == [0, 1, 0]
    assert masks[1, ..., 0].sum() == 0
    assert all(np.array_equal(tables[frame], kept[frame]) for frame in tables)
    single = create_multiclass_lattice_mask(np.zeros((20, 20)), tables[0], rmask=5)
    assert np.array_equal(single[0], masks[0])
    with pytest.raises(BadAtoms, match=r"\(1, 2\)"):
        create_multiclass_lattice_mask(np.zeros((20, 20)), [[1, 2]])


def test_an_atom_is_a_gaussian_in_the_middle_of_an_odd_image_with_its_disc() -> None:
    atom, mask = MakeAtom(sc=8, r_mask=5, intensity=2, offset=0.1).gen_atom_mask()
    assert atom.shape == (9, 9)
    assert atom[4, 4] == pytest.approx(2.1)
    assert np.allclose(atom, atom.T)
    assert np.allclose(atom, atom[::-1])
    assert atom[4, 6] == pytest.approx(0.1 + 2 * np.exp(-0.5 * (2 / 2.25) ** 2))
    assert mask.shape == (5, 5)
    assert mask.sum() == 21
