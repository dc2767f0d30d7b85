"""Training data that nothing can be learned from is refused with the values in it."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from napari_atomai.errors import BadImage, BadOption
from napari_atomai.prepare.checks import (
    channels2indices,
    checked_images,
    checked_labels,
    checked_pairs,
    class_counts,
    num_classes_from_labels,
    suggested_weights,
)
from napari_atomai.prepare.masks import one_hot

IMAGES = np.random.default_rng(0).random((3, 4, 5))
LABELS = np.random.default_rng(1).permutation(np.arange(60) % 3).reshape(3, 4, 5)


def test_good_pairs_pass_unchanged() -> None:
    images, labels = checked_pairs(IMAGES, LABELS.astype(np.uint8), 3)
    assert images is IMAGES
    assert np.array_equal(labels, LABELS)
    assert labels.dtype == np.int64


@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.int64])
def test_masks_become_the_labels_they_were_made_of(kind) -> None:
    masks = one_hot(LABELS, 3).astype(kind)
    assert np.array_equal(checked_labels(masks, 3), LABELS)
    binary = (LABELS == 0).astype(kind)
    assert np.array_equal(checked_labels(binary[..., None], 1), binary)
    assert np.array_equal(checked_labels(binary > 0, 1), binary)


def test_soft_masks_give_the_largest_channel() -> None:
    soft = np.array([[[[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]]]])
    assert checked_labels(soft, 3).tolist() == [[[1, 0]]]


def test_pixels_in_no_channel_are_not_labelled_and_that_is_said(caplog) -> None:
    masks = one_hot(LABELS, 3)
    masks[0, 0, :3] = 0
    with caplog.at_level(logging.WARNING):
        indices = channels2indices(masks)
    assert indices[0, 0, :3].tolist() == [-1, -1, -1]
    assert "5.0 %" in caplog.text


@pytest.mark.parametrize(
    ("labels", "classes", "words"),
    [
        (
            np.where(LABELS == 2, 7, LABELS),
            3,
            r"values 0, 1, 7; .*nb_classes=3.*7, in image 0.*=8",
        ),
        (LABELS, 1, "0, 1, 2; with nb_classes=1"),
        (LABELS - 2, 3, "values -2, -1, 0"),
        (255 * (LABELS > 0), 1, "Divide the labels by 255"),
        (LABELS / 4, 3, "not whole numbers, 0.25"),
        (np.where(LABELS == 1, np.nan, LABELS), 3, "not finite"),
        (np.full((3, 4, 5), 2.0**60), 3, "not whole"),
        (LABELS[0], 3, r"\(4, 5\)"),
        (LABELS.astype(complex), 3, "complex"),
        (one_hot(LABELS, 3)[..., :2], 3, r"\(3, 4, 5, 2\), for 3 classes"),
        (one_hot(LABELS, 3) * 255, 3, "from 0 to 255"),
        (np.ones((3, 4, 5, 3)), 3, r"60 pixels belong to several.*\(0, 0, 0\): 1, 1, 1"),
        (np.where(LABELS == 1, 0, LABELS), 3, r"has the value 1; pixels of 0 to 2: \d+, 0, \d+"),
        (np.zeros((3, 4, 5)), 1, "has the value 1"),
        (LABELS[:2], 3, r"images have shape \(3, 4, 5\), their labels \(2, 4, 5\)"),
        (LABELS.transpose(0, 2, 1), 3, r"their labels \(3, 5, 4\)"),
        ([[[0, 1]], [[0]]], 3, "sizes differ"),
        (np.full((3, 4, 5), "a"), 3, "type"),
    ],
)
def test_labels_that_do_not_fit_are_refused_with_what_was_found(labels, classes, words) -> None:
    with pytest.raises(BadImage, match=words):
        checked_pairs(IMAGES, labels, classes)


def test_the_first_image_with_a_wrong_label_is_named() -> None:
    labels = LABELS.copy()
    labels[2, 3, 4] = 9
    with pytest.raises(BadImage, match="is 9, in image 2"):
        checked_labels(labels, 3)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (IMAGES[0], r"\(4, 5\)"),
        (IMAGES[:, :0], r"\(3, 0, 5\)"),
        (IMAGES * 1j, "complex128"),
        ([IMAGES[0], IMAGES[1, :2]], "sizes differ"),
    ],
)
def test_what_is_no_stack_of_images_is_refused(images, words) -> None:
    with pytest.raises(BadImage, match=words):
        checked_images(images)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_image_with_broken_pixels_is_named_with_their_number(bad) -> None:
    images = IMAGES.copy()
    images[1, :2, 0] = bad
    images[2, 0, 0] = bad
    with pytest.raises(BadImage, match=r"2 of 3 test images.*image 1, with 2"):
        checked_pairs(images, LABELS, 3, name="test")


def test_a_class_may_be_missing_where_nothing_is_learned_and_minus_1_is_no_class() -> None:
    _, labels = checked_pairs(IMAGES, np.zeros((3, 4, 5), int), 3, every_class=False)
    assert (labels == 0).all()
    some = LABELS.copy()
    some[0] = -1
    assert np.array_equal(checked_pairs(IMAGES, some, 3)[1], some)
    with pytest.raises(BadOption, match="nb_classes is 0"):
        checked_pairs(IMAGES, LABELS, 0)


def test_two_classes_are_allowed_though_their_labels_look_binary() -> None:
    binary = (LABELS > 0).astype(int)
    assert np.array_equal(checked_pairs(IMAGES, binary, 2)[1], binary)


def test_the_number_of_classes_follows_from_the_labels() -> None:
    assert num_classes_from_labels(LABELS) == 3
    assert num_classes_from_labels(LABELS > 0) == 1
    assert num_classes_from_labels(np.where(LABELS == 2, -1, LABELS)) == 1
    for wrong in (LABELS + 1, LABELS * 2, np.zeros((2, 3))):
        with pytest.raises(BadImage, match="without a gap"):
            num_classes_from_labels(wrong)


def test_rare_classes_are_suggested_a_larger_weight_in_proportion() -> None:
    labels = np.repeat([0, 1, 2, -1], [10, 40, 160, 50])
    assert class_counts(labels, 3).tolist() == [10, 40, 160]
    assert suggested_weights(labels, 3) == (4.0, 1.0, 0.25)
    assert suggested_weights(labels, 3, most=2) == (2.0, 1.0, 0.5)
    assert suggested_weights(np.zeros(5, int), 3) == (1.0, 1.0, 1.0)
    assert len(suggested_weights(labels % 2, 1)) == 2
