"""What a person should be told of latents: that two of them say the same, that an angle is known in part."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.latent import Latent
from napari_atomai.stat.latent import on_one_curve
from napari_atomai.workflow.latent_manifold import turned

SYMMETRY = "angle_symmetry"
"""What is measured: by which part of a full turn motifs look nearly alike; 1 = none, 0 = by any."""

_FOLDS = (6, 5, 4, 3, 2)
_ALIKE = 0.8
"""Correlation of a motif with itself, turned, from which noise often hides what is left."""


def of_curves(latent: Latent) -> tuple[str, ...]:
    """Return what is to be said where two latents lie on one curve."""
    return tuple(
        f"z{first + 1} and z{second + 1} lie on one curve (each tells {share:.0%} of the other): what varies "
        "is one number that bends through both. Learn again with one latent fewer; if the patches show that "
        "more varies, train for more cycles, or leave out an invariance that takes it away."
        for first, second, share in on_one_curve(latent.mean)
    )


def symmetry_of(motif: NDArray[np.floating]) -> int:
    """Return how often a motif (h, w) looks nearly alike in a full turn; 1 = once, 0 = it is round.

    Compared are the pixels of the largest disc, by their correlation.
    """
    centre = [(side - 1) / 2 for side in motif.shape]
    rows, columns = (axis - middle for axis, middle in zip(np.indices(motif.shape), centre, strict=True))
    disc = np.hypot(rows, columns) <= min(centre)
    if np.ptp(motif[disc]) == 0:
        return 0
    around = turned(np.repeat(motif[None], len(_FOLDS), axis=0), 2 * np.pi / np.array(_FOLDS))
    alike = [float(np.corrcoef(motif[disc], each[disc])[0, 1]) >= _ALIKE for each in around]
    if alike[0] and alike[1] and alike[2]:
        return 0
    return next((fold for fold, same in zip(_FOLDS, alike, strict=True) if same), 1)


def of_symmetry(symmetry: int) -> tuple[str, ...]:
    """Return what is to be said of angles of motifs with such a symmetry."""
    if symmetry == 0:
        return ("The motifs are nearly round: their angles say little.",)
    if symmetry > 1:
        return (
            f"The motifs look nearly alike after a turn by {360 / symmetry:.3g} degrees: their angles are "
            "known up to that, and may jump by it.",
        )
    return ()
