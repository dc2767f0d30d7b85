"""A finder of atoms: the nets of one model, ready to run, and what their card says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from napari_atomai.data.card import ModelCard
from napari_atomai.files.weights import Weights
from napari_atomai.predictors.engines import Batch, Engine, engine_for


@dataclass(frozen=True, eq=False)
class Finder:
    """The nets of a model.

    Parameters
    ----------
    engines : tuple of Engine
        One for each member; a single net is an ensemble of one.
    card : ModelCard
        What they were trained at.
    """

    engines: tuple[Engine, ...]
    card: ModelCard

    @property
    def scout(self) -> Engine:
        """The member that looks for the scale: one is enough for that."""
        return self.engines[0]


_LEAST = 1e-6


def calibrated(probability: NDArray[np.floating], slope: float, offset: float) -> NDArray[Any]:
    """Return probabilities whose log-odds are scaled and shifted."""
    seen = np.clip(probability, probability.dtype.type(_LEAST), probability.dtype.type(1 - _LEAST))
    result: NDArray[Any] = expit(slope * logit(seen) + offset)
    return result.astype(probability.dtype, copy=False)


class Calibrated:
    """An engine whose probabilities are those of the truth: Platt scaling of what it says.

    The two numbers were fitted to the pooled answer of all members (Platt 1999; for ensembles Rahaman &
    Thiery, arXiv:2007.08792).
    """

    def __init__(self, engine: Engine, slope: float, offset: float) -> None:
        self.engine, self.facts = engine, engine.facts
        self.slope, self.offset = slope, offset

    @property
    def multiple(self) -> int:
        """Rows and columns must be a multiple of this."""
        return self.engine.multiple

    @property
    def halo(self) -> int:
        """How many pixels around a pixel can have a say in its result, at most."""
        return self.engine.halo

    def __call__(self, batch: Batch) -> Batch:
        """Map (n, channels, y, x) to probabilities (n, classes, y, x)."""
        result: Batch = calibrated(self.engine(batch), self.slope, self.offset)
        return result

    def rest(self) -> None:
        """Give back the memory kept for the next batch."""
        self.engine.rest()


_FINDERS: WeakKeyDictionary[Weights, Finder] = WeakKeyDictionary()


def finder_for(weights: Weights) -> Finder:
    """Return the finder of a model; it is built once and lives as long as the weights do."""
    finder = _FINDERS.get(weights)
    if finder is None:
        slope, offset = weights.card.calibration
        engines: list[Engine] = [engine_for(member) for member in weights.of_members()]
        if (slope, offset) != (1.0, 0.0):
            engines = [Calibrated(engine, slope, offset) for engine in engines]
        finder = _FINDERS[weights] = Finder(tuple(engines), weights.card)
    return finder
