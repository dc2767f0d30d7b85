"""The scale of positions, from the bond length their material is known to have."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree

from napari_atomai.errors import BadAtoms, BadOption


def estimated_scale(positions: ArrayLike, bond: float, neighbours: int = 3) -> float:
    """Estimate how many Å one unit of positions is.

    The bond is taken to be the median, over all atoms, of the mean distance to their nearest neighbours:
    noise of single positions averages out.

    Parameters
    ----------
    positions : array, shape (N, D)
        In any unit.
    bond : float
        Known bond length in Å, seen along the beam.
    neighbours : int
        How many an atom has: 3 in graphene, hBN and the like.

    Returns
    -------
    float
        Å per unit.

    Raises
    ------
    BadAtoms
        If there are too few atoms, or all at one place.
    BadOption
        If the bond length is not above 0.
    """
    where = np.asarray(positions, float)
    if not bond > 0:
        raise BadOption(f"A bond length of {bond:g} Å was given.", remedy="Give a length above 0.")
    if len(where) <= neighbours:
        raise BadAtoms(
            f"There are {len(where)} atoms.",
            why=f"The scale comes from the {neighbours} nearest neighbours of each.",
            remedy="Give the pixel size.",
        )
    distances = np.asarray(cKDTree(where).query(where, k=list(range(2, neighbours + 2)))[0])
    # Noise across a bond makes it look longer, the choice of the nearest makes it look shorter: small both.
    found = float(np.median(distances.mean(axis=1)))
    if not found > 0:
        raise BadAtoms("Most atoms lie on top of others.", remedy="Leave doubles out first.")
    return bond / found
