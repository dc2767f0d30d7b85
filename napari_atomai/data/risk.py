"""Thresholds that keep a promise: at most this share of columns missed, or of atoms false.

Conformal risk control (Angelopoulos, Bates, Fisch, Lei & Schuster, arXiv:2208.02814): on images whose truth
is known, the risk of each threshold is averaged over images, and the threshold is chosen so that the risk
of one more image of the same kind, the worst it may be, keeps the mean under the rate asked for.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_atomai.errors import BadOption

Vector = NDArray[np.float64]


class RiskTable(BaseModel):
    """Mean risks over images with known truth, for each of a row of thresholds.

    Parameters
    ----------
    thresholds : tuple of float
        Ascending.
    missed : tuple of float
        Share of the columns of an image that score below the threshold, averaged over images.
    false : tuple of float
        Share of the atoms found in an image that are none, averaged over images.
    images : int
        How many there were.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    thresholds: tuple[float, ...]
    missed: tuple[float, ...]
    false: tuple[float, ...]
    images: int = Field(gt=0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not len(self.thresholds) == len(self.missed) == len(self.false) > 0:
            raise ValueError("thresholds, missed and false have different lengths")
        if any(b <= a for a, b in zip(self.thresholds, self.thresholds[1:], strict=False)):
            raise ValueError("thresholds do not ascend")
        return self

    @classmethod
    def measured(cls, missed: Vector, false: Vector, thresholds: Vector) -> RiskTable:
        """Average the risks of single images.

        Parameters
        ----------
        missed, false : arrays, shape (images, thresholds)
            Between 0 and 1.
        thresholds : array, shape (thresholds,)
            Ascending.
        """
        return cls(
            thresholds=tuple(thresholds.tolist()),
            missed=tuple(missed.mean(axis=0).round(6).tolist()),
            false=tuple(false.mean(axis=0).round(6).tolist()),
            images=len(missed),
        )

    def for_missed(self, rate: float) -> float:
        """Return the highest threshold at which at most `rate` of the columns are missed, on average.

        Raises
        ------
        BadOption
            If no threshold keeps that promise.
        """
        kept = self._bound(np.maximum.accumulate(self.missed)) <= rate
        if not kept.any():
            raise self._impossible("of the columns missed", rate, min(self.missed))
        return self.thresholds[int(np.flatnonzero(kept)[-1])]

    def for_false(self, rate: float) -> float:
        """Return the lowest threshold at which at most `rate` of the atoms found are none, on average.

        Raises
        ------
        BadOption
            If no threshold keeps that promise.
        """
        # The share of false atoms need not fall with the threshold: what holds above must hold here.
        kept = self._bound(np.maximum.accumulate(self.false[::-1])[::-1]) <= rate
        if not kept.any():
            raise self._impossible("of the atoms false", rate, min(self.false))
        return self.thresholds[int(np.flatnonzero(kept)[0])]

    def _bound(self, risk: NDArray[np.floating]) -> Vector:
        """Mean risk when one more image has the worst risk there is, 1."""
        bound: Vector = (self.images * np.asarray(risk, float) + 1.0) / (self.images + 1.0)
        return bound

    def _impossible(self, what: str, rate: float, least: float) -> BadOption:
        return BadOption(
            f"No threshold promises at most {rate:.3g} {what}.",
            why=f"On {self.images} images with known truth the least was {least:.3g}; "
            f"with so many images no promise can be below {1 / (self.images + 1):.2g}.",
            remedy="Ask for a higher rate, or choose the threshold by hand.",
        )
