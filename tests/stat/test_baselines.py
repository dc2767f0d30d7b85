"""Baselines: right on what each can do, and a sentence that says when a model is no better."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.errors import BadImage
from napari_atomai.stat.baselines import Comparison, compared, nearest_neighbour, pca_regression, r2


def linear(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((count, 3))
    mix = np.random.default_rng(99)
    return (z @ mix.standard_normal((3, 20))).reshape(count, 4, 5), z @ mix.standard_normal((3, 6)) + 5


def test_r2_is_one_for_the_truth_and_zero_for_its_mean() -> None:
    truth = np.random.default_rng(0).random((9, 4))
    assert r2(truth, truth) == 1
    assert r2(truth, np.tile(truth.mean(axis=0), (9, 1))) == pytest.approx(0)
    assert r2(3 * truth + 1, 3 * truth[::-1] + 1) == pytest.approx(r2(truth, truth[::-1]))
    assert np.isnan(r2(np.ones((3, 2)), np.ones((3, 2))))
    with pytest.raises(BadImage, match="one prediction"):
        r2(truth, truth[:3])


def test_linear_data_are_no_task_for_a_model() -> None:
    train, test = linear(60, 0), linear(20, 1)
    found = compared(np.zeros((20, 6)), train, test)
    assert found.scores["PCA regression"] == pytest.approx(1)
    assert found.best_baseline == "PCA regression"
    assert not found.better
    assert "no better than the PCA regression" in found.sentence()


def test_the_nearest_neighbour_is_the_one_by_brute_force() -> None:
    (inputs, targets), (asked, _) = linear(30, 2), linear(7, 3)
    nearest = np.square(asked[:, None] - inputs[None]).sum(axis=(2, 3)).argmin(axis=1)
    np.testing.assert_array_equal(nearest_neighbour(inputs, targets, asked), targets[nearest])


def test_few_pairs_are_not_fitted_to_their_noise() -> None:
    rng = np.random.default_rng(4)
    told = pca_regression(rng.random((10, 50)), rng.random((10, 3)), rng.random((5, 50)))
    assert np.abs(told - 0.5).max() < 1.5


def test_the_sentence_says_when_nothing_can_be_predicted() -> None:
    nothing = Comparison({"model": -0.02, "mean": -0.01, "nearest neighbour": -1.0, "PCA regression": 0.001})
    assert "do not allow a prediction" in nothing.sentence()
    good = Comparison({"model": 0.9, "mean": 0.0, "nearest neighbour": 0.5, "PCA regression": 0.7})
    assert good.better
    assert "0.900" in good.sentence()
    assert "PCA regression 0.700" in good.sentence()
    assert "chance" not in good.sentence()


def test_a_score_of_few_held_out_pairs_is_said_to_be_one() -> None:
    scores = {"model": 0.9, "mean": 0.0, "nearest neighbour": 0.5, "PCA regression": 0.7}
    assert Comparison(scores, 14).sentence().endswith("Only 14 pairs were held out: this can be chance.")
    assert "chance" not in Comparison(scores, 400).sentence()
    train, test = linear(60, 0), linear(20, 1)
    assert compared(test[1], train, test).held_out == 20
