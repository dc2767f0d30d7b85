"""What a net learns from is kept apart from what it is tested on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.arguments import a_number, whole_number
from napari_atomai.errors import BadImage, BadOption

Pixels = NDArray[Any]
Integers = NDArray[np.int64]


def split(
    count: int, test_size: float = 0.15, *, seed: int = 1, frames: ArrayLike | None = None
) -> tuple[Integers, Integers]:
    """Choose which of `count` images are for training and which for testing.

    Parameters
    ----------
    count : int
        Images or patches in all.
    test_size : float
        Share for testing, between 0 and 1; at least one image is on either side.
    seed : int
        Of the choice.
    frames : array of int, shape (count,), optional
        The image each patch was cut from (`Patches.frames`). Patches of one image overlap or look alike,
        so all of them go to the same side.

    Returns
    -------
    train, test : arrays of int
        Indices, in order.

    Raises
    ------
    BadImage
        If there is one image only.
    BadOption
        If the share is not between 0 and 1.
    """
    if not 0 < a_number("test_size", test_size, 0, 1) < 1:
        raise BadOption(
            f"The share for testing is {test_size}.", remedy="Give a share between 0 and 1, such as 0.15."
        )
    parents = np.arange(count) if frames is None else np.asarray(frames)
    if parents.shape != (count,):
        raise BadImage(
            f"There are {count} patches, but frames has shape {parents.shape}.",
            remedy="Give the number of the image each patch was cut from.",
        )
    groups = np.unique(parents)
    if len(groups) < 2:
        what = "image" if frames is None else "image that all patches come from"
        raise BadImage(
            f"There is {len(groups)} {what}.",
            why="Tested on what it learned from, a net always looks good.",
            remedy="Add an image, or cut this one in two parts first and number them as frames 0 and 1.",
        )
    number = min(max(1, round(test_size * len(groups))), len(groups) - 1)
    chosen = np.random.default_rng(whole_number("The seed", seed, 0)).choice(groups, number, replace=False)
    testing = np.isin(parents, chosen)
    return np.flatnonzero(~testing), np.flatnonzero(testing)


def data_split(
    X_train: ArrayLike,
    y_train: ArrayLike,
    test_size: float = 0.15,
    random_state: int = 1,
    *,
    frames: ArrayLike | None = None,
) -> tuple[Pixels, Pixels, Pixels, Pixels]:
    """Split images and labels in two; see `split`.

    Parameters
    ----------
    X_train, y_train : arrays, shape (n, ...)
        Images and their labels, or what else belongs together.
    test_size : float
        Share for testing.
    random_state : int
        Seed.
    frames : array of int, shape (n,), optional
        The image each patch was cut from: patches of one image then stay together.

    Returns
    -------
    images, labels, images_test, labels_test : arrays
    """
    images, labels = np.asarray(X_train), np.asarray(y_train)
    if images.ndim == 0 or labels.ndim == 0:
        raise BadImage(
            f"The images have shape {images.shape} and the labels {labels.shape}.",
            remedy="Give several of each, (n, y, x).",
        )
    if len(images) != len(labels):
        raise BadImage(
            f"There are {len(images)} images and {len(labels)} labels.",
            remedy="Give one label for each image.",
        )
    train, test = split(len(images), test_size, seed=random_state, frames=frames)
    return images[train], labels[train], images[test], labels[test]
