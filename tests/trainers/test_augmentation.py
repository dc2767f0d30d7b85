"""What the net learns from is scaled as what it is used on: after the noise."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.errors import BadOption  # noqa: E402
from napari_atomai.prepare.scaling import Scaling  # noqa: E402
from napari_atomai.trainers.augmentation import augmentation  # noqa: E402

IMAGES = torch.from_numpy(np.random.default_rng(0).random((3, 2, 40, 44), np.float32))
LABELS = torch.zeros(3, 40, 44, dtype=torch.int64)


@pytest.mark.parametrize("asked", [{"dose": 4.0}, lambda images, labels, _: (7 * images - 3, labels)])
def test_an_augmented_image_is_scaled_again(asked: object) -> None:
    random = torch.Generator().manual_seed(1)
    plain, _ = augmentation(asked)(IMAGES, LABELS, random)
    random.manual_seed(1)
    scaled, labels = augmentation(asked, Scaling())(IMAGES, LABELS, random)
    expected = np.moveaxis(Scaling().apply(np.moveaxis(plain.numpy(), 1, -1)), -1, 1)
    np.testing.assert_allclose(scaled.numpy(), expected, atol=1e-6)
    assert torch.equal(labels, LABELS)
    assert float(plain.max()) > 1.5 >= float(scaled.max())


def test_intensities_that_are_not_scaled_in_use_are_not_in_training() -> None:
    double = augmentation(lambda images, labels, _: (2 * images, labels), Scaling(kind="none"))
    np.testing.assert_array_equal(double(IMAGES, LABELS, torch.Generator())[0], 2 * IMAGES)


def test_pixels_and_labels_that_mean_nothing_are_refused_and_not_hidden_by_the_scaling() -> None:
    spoilt = augmentation(lambda images, labels, _: (images / 0 * 0, labels), Scaling(), 3)
    with pytest.raises(BadOption, match=rf"{IMAGES.numel()} of {IMAGES.numel()} pixels NaN"):
        spoilt(IMAGES, LABELS, torch.Generator())
    for classes, shift in ((1, 2), (3, 3), (3, -2)):
        shifted = augmentation(lambda images, labels, _, by=shift: (images, labels + by), Scaling(), classes)
        with pytest.raises(BadOption, match=f"labels from {shift} to {shift}; with nb_classes={classes}"):
            shifted(IMAGES, LABELS, torch.Generator())


def test_a_function_may_use_every_class_of_the_net_and_leave_pixels_out() -> None:
    for classes, label in ((1, 1), (3, 2), (3, -1)):
        relabelled = augmentation(
            lambda images, labels, _, to=label: (images, torch.full_like(labels, to)), Scaling(), classes
        )
        assert (relabelled(IMAGES, LABELS, torch.Generator())[1] == label).all()
