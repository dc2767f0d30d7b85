"""Scores are compared with the truth of simulated scenes."""

from __future__ import annotations

import numpy as np

from napari_atomai.data.progress import finish
from napari_atomai.models.judging import Judgement, Seen, judging
from napari_atomai.models.storage import load_weights
from napari_atomai.predictors.finder import finder_for


def drawn(slope: float, offset: float, count: int = 40_000) -> Judgement:
    """Candidates whose log-odds of being true are those of the score, scaled."""
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.05, 0.99, count)
    odds = slope * np.log(scores / (1 - scores)) + offset
    return Judgement((Seen(scores, rng.random(count) < 1 / (1 + np.exp(-odds)), count // 2, True),))


def test_scores_that_are_probabilities_need_no_calibration() -> None:
    honest = drawn(1.0, 0.0)
    assert honest.calibration_error() < 0.01
    np.testing.assert_allclose(honest.calibration(), (1, 0), atol=0.05)


def test_a_wrong_scale_is_measured_and_undone() -> None:
    timid = drawn(2.0, 1.0)
    assert timid.calibration_error() > 0.1
    np.testing.assert_allclose(timid.calibration(), (2, 1), atol=0.08)


def test_counts_and_risks_follow_from_the_candidates() -> None:
    image = Seen(np.array([0.9, 0.8, 0.6, 0.3]), np.array([True, True, False, True]), 8, True)
    single = Seen(np.array([0.7]), np.array([True]), 5, False)
    both = Judgement((image, single))
    total = both.tally(0.5)
    assert (total.hits, total.false, total.missed) == (3, 1, 10)
    risk = both.risks()["lattice"]
    at = dict(zip(risk.thresholds, zip(risk.missed, risk.false, strict=True), strict=True))
    assert at[0.5] == (0.75, 0.333333)
    assert at[0.25] == (0.625, 0.25)
    assert both.risks()["single atoms"].missed[0] == 0.8


def test_the_bundled_model_is_judged_alike_each_time_and_is_better_than_chance() -> None:
    finder = finder_for(load_weights("atoms"))
    first, second = (finish(judging(finder, images=12)).tally() for _ in range(2))
    assert first == second
    assert first.precision > 0.8
