"""Simulated crystals that several tests look at."""

from __future__ import annotations

import numpy as np

from napari_atomai.simulate.imaging import Columns, Conditions, draw, expose


def dumbbells(spacing: float) -> np.ndarray:
    """Draw a face-centred crystal seen along [110]: pairs of columns, a quarter of the cell apart."""
    high, wide = 4 * spacing, 4 * spacing / 2**0.5
    pairs = [[row + shift, col] for row, col in ((0, 0), (high / 2, wide / 2)) for shift in (0, spacing)]
    corners = np.stack(np.meshgrid(np.arange(-9, 9) * high, np.arange(-12, 12) * wide), -1).reshape(-1, 1, 2)
    positions = (corners + np.array(pairs)).reshape(-1, 2)
    turn = np.array([[np.cos(0.6), -np.sin(0.6)], [np.sin(0.6), np.cos(0.6)]])
    widths = np.full((len(positions), 2), 0.3 * spacing)
    columns = Columns(positions @ turn + 190, np.ones(len(positions)), widths)
    return expose(draw(columns, (380, 380)) + 0.2, Conditions(dose=60), np.random.default_rng(0))
