"""From images to maps and coordinates, as the paper's `predict` gives them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypedDict

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.arguments import a_flag, a_number, known
from napari_atomai.data.progress import Progress
from napari_atomai.errors import BadOption
from napari_atomai.models.coordinates import atoms_of, refined
from napari_atomai.models.resizing import Size, back, check_size, resized
from napari_atomai.predictors.segmentation import MEMORY_BUDGET, SegPredictor

Maps = NDArray[np.float32]
Coordinates = dict[int, NDArray[np.float64]]


class PredictWords(TypedDict, total=False):
    """What `napari_atomai.models.segmentor.Segmentor.predict` takes beside images and `refine`."""

    thresh: float
    compute_coords: bool
    resize: Size | None
    radius: float
    memory_budget: int


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a prediction; see `napari_atomai.models.segmentor.Segmentor.predict`."""

    refine: bool = False
    thresh: float = 0.5
    compute_coords: bool = True
    resize: Size | None = None
    radius: float = 0.0
    memory_budget: int = MEMORY_BUDGET

    def __post_init__(self) -> None:
        a_flag("refine", self.refine)
        a_flag("compute_coords", self.compute_coords)
        a_number("radius", self.radius, 0, remedy="Give a number of pixels; 0 = from the distances.")
        if not 0 < a_number("thresh", self.thresh, 0, 1) < 1:
            raise BadOption(
                f"thresh is {self.thresh!r}.",
                why="Every pixel, or none, would belong to an atom.",
                remedy="Give a probability between 0 and 1, such as 0.5.",
            )
        if self.resize is not None:
            check_size(self.resize)

    @classmethod
    def of(cls, refine: bool, words: Mapping[str, Any]) -> Self:
        """Make it of words, and refuse those that do not exist or do not fit.

        Raises
        ------
        UnknownOption, BadOption
            With the nearest word, or what to give.
        """
        known("option of predict called", words, ("refine", *PredictWords.__annotations__))
        return cls(refine, **words)

    def predicting(
        self, predictor: SegPredictor, images: Any, seen: Callable[[Any], Any]
    ) -> Generator[Progress, None, tuple[Maps, Coordinates]]:
        """Return maps and coordinates.

        Parameters
        ----------
        predictor : SegPredictor
            Of the net.
        images : array, shape (n, y, x) or (n, y, x, c)
            As they were given.
        seen : function
            Makes of images those that the net is to see.
        """
        sides, size = images.shape[1:3], self.resize
        maps = yield from predictor.predicting(
            seen(images if size is None else resized(np.asarray(images), size))
        )
        found = maps
        if size is not None:
            maps = np.clip(resized(maps, sides), 0, 1)
        coordinates: Coordinates = {}
        for frame, probabilities in enumerate(found if self.compute_coords else ()):
            atoms = atoms_of(probabilities, self.thresh)
            if size is not None:
                atoms = atoms.moved(back(atoms.positions, sides, size))
            if self.refine:
                atoms = refined(_grey(np.asarray(images[frame])), atoms, self.radius)
            coordinates[frame] = atoms.table()
            yield Progress(frame + 1, len(maps), "looking for atoms")
        return maps, coordinates


def _grey(image: NDArray[Any]) -> NDArray[Any]:
    return image.mean(axis=-1) if image.ndim == 3 else image
