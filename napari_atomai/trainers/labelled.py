"""Images and labels as a person gives them: checked, and parted into those to learn from and to test on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.arguments import shown
from napari_atomai.errors import BadImage, BadOption
from napari_atomai.prepare.checks import checked_pairs
from napari_atomai.prepare.masks import IGNORED
from napari_atomai.prepare.split import split

Pixels = NDArray[Any]
Checked = tuple[Pixels, NDArray[np.int64]]
TEST_SHARE = 0.15
"""Part of the images that is set aside for testing where no test images are given."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """Images and labels to learn from and to test on; `images_test` None sets some aside.

    Parameters
    ----------
    images, images_test : array, shape (n, y, x) or (n, y, x, c)
    labels, labels_test : array, shape (n, y, x) or (n, y, x, nb_classes)
        See `napari_atomai.prepare.checks.checked_labels`.
    """

    images: ArrayLike
    labels: ArrayLike
    images_test: ArrayLike | None = None
    labels_test: ArrayLike | None = None

    @classmethod
    def of(cls, data: Any) -> Labelled:
        """Take also what AtomAI's trainers take: a tuple of two or four, in the order of the fields.

        Raises
        ------
        BadOption
            If it is neither.
        """
        if isinstance(data, tuple | list) and len(data) in (2, 4):
            return cls(*data)
        if not isinstance(data, cls):
            raise BadOption(
                f"The data are {shown(data)}.",
                remedy="Give Labelled(X_train, y_train, X_test, y_test), or call fit or train_..., which "
                "take them one by one.",
            )
        return data


def check_complete(data: Labelled, images: str = "images", labels: str = "labels") -> None:
    """Refuse test data of which only one half is there.

    Raises
    ------
    BadImage
        With the half that is missing, as it is called.
    """
    if (data.images_test is None) != (data.labels_test is None):
        missing = labels if data.labels_test is None else images
        raise BadImage(
            f"Of the test data the {missing} are missing.",
            remedy=f"Give both, or neither to have some of the training {images} set aside.",
        )


@dataclass(frozen=True)
class Needs:
    """What images and labels have to be, for a net and its training.

    Parameters
    ----------
    nb_classes, channels : int
        Of the net.
    batch : int
        There must be so many images to learn from.
    every_class : bool
        Whether each class must occur in the labels to learn from.
    """

    nb_classes: int
    channels: int
    batch: int
    every_class: bool = True

    def parted(self, data: Labelled, seed: int) -> tuple[Checked, Checked]:
        """Check data and part them into those to learn from and those to test on.

        Raises
        ------
        BadImage
            With the values that do not fit.
        """
        check_complete(data)
        images, labels = self._checked(data.images, data.labels, "training", every_class=self.every_class)
        if data.images_test is not None and data.labels_test is not None:
            _check_batch(len(images), self.batch)
            test = self._checked(data.images_test, data.labels_test, "test", every_class=False)
            return (images, labels), test
        chosen, aside = split(len(images), TEST_SHARE, seed=seed)
        _check_batch(len(chosen), self.batch, len(aside))
        checked_pairs(images[chosen], labels[chosen], self.nb_classes, every_class=self.every_class)
        return (images[chosen], labels[chosen]), (images[aside], labels[aside])

    def _checked(self, images: ArrayLike, labels: ArrayLike, name: str, *, every_class: bool) -> Checked:
        pairs = checked_pairs(images, labels, self.nb_classes, every_class=every_class, name=name)
        shape = pairs[0].shape
        found = shape[3] if len(shape) == 4 else 1
        if found != self.channels:
            raise BadImage(
                f"The {name} images have shape {shape}: {found} channel(s); the net takes {self.channels}.",
                remedy=f"Give channels={found} with the model, or one channel, such as the mean of colours.",
            )
        return pairs


def padded(inputs: Pixels, labels: Pixels, multiple: int) -> tuple[Pixels, Pixels]:
    """Mirror images (n, c, y, x) up to the next size that the net can take; what is added does not count."""
    more = [(0, -size % multiple) for size in labels.shape[1:]]
    if not any(end for _, end in more):
        return inputs, labels
    return (
        np.pad(inputs, [(0, 0), (0, 0), *more], mode="symmetric"),
        np.pad(labels, [(0, 0), *more], constant_values=IGNORED),
    )


def _check_batch(images: int, batch: int, aside: int = 0) -> None:
    if images >= batch:
        return
    more = f" ({aside} of {images + aside} are set aside for testing)" if aside else ""
    raise BadImage(
        f"There are {images} images to learn from{more}, and a batch has {batch}.",
        why="A batch would show the same image twice.",
        remedy=f"Give batch_size={images} or less, or cut more patches out of the images.",
    )
