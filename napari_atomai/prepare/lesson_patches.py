"""Patches of lessons for a net to learn from, varied as microscopes vary, and simulated ones beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_atomai.data.recipes_teaching import Strength
from napari_atomai.prepare.augment import Augment, augmented
from napari_atomai.prepare.lessons import Lesson, as_seen
from napari_atomai.prepare.masks import IGNORED
from napari_atomai.prepare.normalise import Picture

SIDE = 128
"""Rows and columns of a patch."""

_AT_ATOMS = 0.7
"""Share of patches drawn around an atom; the others lie anywhere in what was reviewed."""

EMPHASIS = 4.0
"""Weight of a pixel on an atom against one of the background, of which there are many times more."""

_TURNS = {"flips": True, "quarter_turns": True}
VARIED: dict[Strength, Augment] = {
    "none": Augment(),
    "gentle": Augment(**_TURNS, contrast=(0.9, 1.1)),
    "usual": Augment(
        **_TURNS, rotation=(-180, 180), zoom=(0.9, 1.1), zoom_about="centre", contrast=(0.8, 1.2),
        blur=(0, 0.6), drift=(0, 2), gaussian_noise=(0, 0.04),
    ),
    "strong": Augment(
        **_TURNS, rotation=(-180, 180), zoom=(0.8, 1.25), zoom_about="centre", contrast=(0.6, 1.5),
        blur=(0, 1.2), drift=(0, 4), dose=(20, 500), gaussian_noise=(0, 0.1), background=(0, 0.15),
    ),
}  # fmt: skip
"""How patches are varied, by strength. Lengths are pixels at the scale of the nets."""


@dataclass(frozen=True, eq=False)
class Patches:
    """A batch: images (n, 2, y, x), targets and weights (n, 1, y, x)."""

    images: Tensor
    targets: Tensor
    weights: Tensor

    def keep(self, which: NDArray[np.int64]) -> Patches:
        """Return some of the patches."""
        index = torch.from_numpy(which)
        return Patches(*(getattr(self, name)[index] for name in _FIELDS))


_FIELDS = ("images", "targets", "weights")


def drawn(
    lessons: Sequence[Lesson], count: int, strength: Strength, seed: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Draw patches and vary them.

    Parameters
    ----------
    lessons : sequence of Lesson
        To draw from; each in the same share.
    count : int
        How many patches.
    strength : str
        How much they are varied.
    seed : sequence of int
        Of the draw.

    Returns
    -------
    pictures : tensor (count, 1, y, x)
        Brightness.
    labels : tensor of int64 (count, y, x)
        1, 0 or -1.
    """
    random = np.random.default_rng(list(seed))
    cut = [_cut(lessons[int(random.integers(len(lessons)))], random) for _ in range(count)]
    pictures = torch.from_numpy(np.stack([picture for picture, _ in cut])[:, None])
    labels = torch.from_numpy(np.stack([labels for _, labels in cut]))
    generator = torch.Generator().manual_seed(int(random.integers(2**62)))
    return augmented(pictures, labels, VARIED[strength], generator)


def batch_of(pictures: Tensor, labels: Tensor) -> Patches:
    """Return what a net learns from: channels, targets, and weight 0 where nothing is known."""
    images = np.stack([as_seen(picture) for picture in pictures[:, 0].numpy()])
    targets = (labels == 1).float()[:, None]
    known = (labels != IGNORED).float()[:, None]
    return Patches(torch.from_numpy(images), targets, known * (1 + (EMPHASIS - 1) * targets))


def to_judge(lessons: Sequence[Lesson], most: int, seed: int) -> Patches | None:
    """Return patches, as they are, of what was held out; None if nothing was."""
    random = np.random.default_rng([seed, most])
    asked = [Lesson(one.picture, one.held, one.labels) for one in lessons if (one.held != IGNORED).any()]
    if not asked:
        return None
    cut = [_cut(asked[index % len(asked)], random) for index in range(most)]
    pictures, labels = (torch.from_numpy(np.stack(part)) for part in zip(*cut, strict=True))
    return batch_of(pictures[:, None], labels)


def _cut(lesson: Lesson, random: np.random.Generator) -> tuple[Picture, NDArray[np.int64]]:
    """Cut a patch of a lesson around an atom or any known pixel."""
    kind = 1 if random.random() < _AT_ATOMS else 0
    places = np.flatnonzero(lesson.labels == kind)
    if len(places) == 0:
        places = np.flatnonzero(lesson.labels != IGNORED)
    shape = np.array(lesson.labels.shape)
    centre = np.array(np.unravel_index(places[int(random.integers(len(places)))], lesson.labels.shape))
    low = centre - SIDE // 2 + random.integers(-SIDE // 3, SIDE // 3 + 1, 2)
    low = np.clip(low, 0, np.maximum(shape - SIDE, 0))
    high = np.minimum(low + SIDE, shape)
    part = (slice(low[0], high[0]), slice(low[1], high[1]))
    beyond = [(0, int(gap)) for gap in SIDE - (high - low)]
    picture = np.pad(lesson.picture[part], beyond, mode="reflect" if min(high - low) > 1 else "edge")
    return picture, np.pad(lesson.labels[part], beyond, constant_values=IGNORED)
