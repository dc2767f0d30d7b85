"""Where motifs lie on a manifold, which latents lie under a cursor, and values over time. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_atomai.workflow.latent import Latents


def latents_at(found: Latents, state: int, x: float, y: float) -> np.ndarray:
    """Return the latents (D,) at a place of a manifold, in patches from its first column and row."""
    manifold, mine = found.manifolds[state - 1], of_state(found, state)
    points = found.latent.mean[mine] if mine.sum() > 1 else found.latent.mean
    latents = np.median(points, axis=0).astype(float)
    across = np.interp(x, np.arange(len(manifold.second)), manifold.second)
    if len(manifold.first) > 1:
        latents[0] = np.interp(y, np.arange(len(manifold.first)), manifold.first)
        latents[1] = across
    else:
        latents[0] = across
    return latents


def places_on(found: Latents, state: int) -> np.ndarray:
    """Return where motifs lie on a manifold (n, 2), as column and row in patches from its first one."""
    manifold, mean = found.manifolds[state - 1], found.latent.mean
    columns, rows = np.arange(len(manifold.second)), np.arange(len(manifold.first))
    if len(rows) < 2:
        return np.column_stack([np.interp(mean[:, 0], manifold.second, columns), np.zeros(len(mean))])
    return np.column_stack(
        [np.interp(mean[:, 1], manifold.second, columns), np.interp(-mean[:, 0], -manifold.first, rows)]
    )


def of_state(found: Latents, state: int) -> np.ndarray:
    """Tell which motifs are in a state of the discrete latent."""
    return found.latent.labels == state


def paths_of(found: Latents, rows: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray, str]:
    """Return time, what the atoms of some rows have over it (tracks, frames), and the unit of time."""
    from napari_atomai.stat.latent import along_tracks, unwrapped
    from napari_atomai.workflow.latent_notes import SYMMETRY

    tracks = found.tracks
    assert tracks is not None
    paths = along_tracks(found.columns()[name], tracks)[np.unique(tracks.track[rows])]
    axis = found.cut.image.axes[0]
    known = axis.unit in ("s", "ms", "min")
    time = np.arange(tracks.length) * (abs(axis.scale) if known else 1)
    fold = max(found.record.measured.get(SYMMETRY, 1), 1)  # a jump by a turn that is not seen is none
    return (
        time,
        unwrapped(paths, 2 * np.pi / fold) if name == "angle_rad" else paths,
        f"time, {axis.unit}" if known else "frame",
    )
