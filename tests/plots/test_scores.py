"""The histogram of scores."""

from __future__ import annotations

import numpy as np

from napari_atomai.plots.scores import score_histogram


def test_every_candidate_is_drawn_and_those_over_the_threshold_twice() -> None:
    scores = np.array([0.06, 0.31, 0.32, 0.77, 0.99, 1.0])
    axes = score_histogram(scores, 0.5).axes[0]
    heights = np.array([bar.get_height() for bar in axes.patches])
    assert heights[:40].sum() == 6
    assert heights[40:].sum() == 3
    assert heights[40:60].sum() == 0  # nothing under the threshold is an atom


def test_no_candidate_at_all_gives_an_empty_figure() -> None:
    axes = score_histogram([], 0.5).axes[0]
    assert sum(bar.get_height() for bar in axes.patches) == 0
