"""What is said of latents: two that say the same, and angles of motifs that look alike when turned."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.data.latent import Latent
from napari_atomai.workflow.latent_notes import of_curves, of_symmetry, symmetry_of


def spots(angles: np.ndarray, radius: float = 7.0, size: int = 25) -> np.ndarray:
    """Return a picture of spots around the middle, in noise."""
    rows, columns = np.indices((size, size)) - (size - 1) / 2
    made = 0.1 * np.random.default_rng(0).normal(size=(size, size))
    for angle in angles:
        made += np.exp(-((rows + radius * np.sin(angle)) ** 2 + (columns - radius * np.cos(angle)) ** 2) / 12)
    return made


@pytest.mark.parametrize("fold", [1, 2, 3, 4, 5, 6])
def test_a_symmetry_is_how_often_a_motif_looks_alike(fold: int) -> None:
    motif = spots(0.3 + np.arange(fold) * 2 * np.pi / fold)
    assert symmetry_of(motif) == fold
    notes = of_symmetry(fold)
    assert len(notes) == (fold > 1)
    assert fold == 1 or f"{360 / fold:.3g} degrees" in notes[0]


def test_a_round_motif_has_no_angle() -> None:
    rows, columns = np.indices((25, 25)) - 12
    assert symmetry_of(np.exp(-(rows**2 + columns**2) / 20)) == 0
    assert symmetry_of(np.ones((9, 9))) == 0
    assert "round" in of_symmetry(0)[0]


def test_two_latents_on_one_curve_are_said_with_what_to_change() -> None:
    t = np.linspace(-1, 1, 200)
    mean = np.column_stack([t, t + 0.3 * t**3]).astype(np.float32)
    (note,) = of_curves(Latent(mean, np.zeros_like(mean)))
    assert "z1 and z2 lie on one curve" in note
    assert "one latent fewer" in note
    apart = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    assert of_curves(Latent(apart, np.zeros_like(apart))) == ()
