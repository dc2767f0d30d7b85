"""Entropies and temperatures against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.errors import BadOption
from napari_atomai.predictors.uncertainty import entropy, fit_temperature, tempered


def test_entropy_of_known_distributions() -> None:
    cases = np.array([[0.5, 0.25, 0.25], [1, 0, 0], [1 / 3, 1 / 3, 1 / 3]])
    np.testing.assert_allclose(entropy(cases), [1.5 * np.log(2), 0, np.log(3)], atol=1e-6)


def test_a_single_class_counts_its_background() -> None:
    np.testing.assert_allclose(
        entropy([[0.0], [0.5], [1.0], [0.25]]),
        [0, np.log(2), 0, 0.25 * np.log(4) + 0.75 * np.log(4 / 3)],
        atol=1e-6,
    )


def test_a_temperature_divides_the_logits() -> None:
    logits = np.array([1.0, -2.0, 0.5])
    plain = np.exp(logits) / np.exp(logits).sum()
    warm = np.exp(logits / 3) / np.exp(logits / 3).sum()
    np.testing.assert_allclose(tempered(plain, 3.0), warm, atol=1e-6)
    np.testing.assert_allclose(tempered([[0.8]], 2.0), [[2 / 3]], atol=1e-6)  # logit ln 4, halved ln 2
    np.testing.assert_array_equal(tempered(plain, 1.0), plain.astype(np.float32))


def test_a_temperature_keeps_sums_order_and_certainty() -> None:
    maps = np.random.default_rng(0).dirichlet([1, 1, 1], (4, 5)).astype(np.float32)
    for temperature in (0.1, 0.7, 8.0):
        other = tempered(maps, temperature)
        np.testing.assert_allclose(other.sum(-1), 1, atol=1e-5)
        np.testing.assert_array_equal(other.argmax(-1), maps.argmax(-1))
    assert np.isfinite(tempered([1.0, 0.0], 0.05)).all()


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("classes", [1, 3])
def test_the_temperature_of_a_net_that_is_too_sure_is_found(temperature: float, classes: int) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (1, 300, 300, max(classes, 2)))
    true = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    labels = (rng.random((1, 300, 300, 1)) > true.cumsum(-1)).sum(-1)
    labels[0, :20] = -1
    said = tempered(true, 1 / temperature)  # to be divided by the temperature again
    said = said[..., 1:] if classes == 1 else said
    assert fit_temperature(said, labels) == pytest.approx(temperature, rel=0.05)


@pytest.mark.parametrize("temperature", [0, -1, np.nan, np.inf])
def test_a_temperature_that_is_none_is_refused(temperature: float) -> None:
    with pytest.raises(BadOption, match="temperature"):
        tempered([0.5, 0.5], temperature)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.full((1, 2, 2), -1), "none that count"),
        (np.full((1, 2, 2), 2), "from 2 to 2"),
        (np.zeros((1, 3, 2)), "shape"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: np.ndarray, words: str) -> None:
    with pytest.raises(BadOption, match=words):
        fit_temperature(np.full((1, 2, 2, 2), 0.5), labels)
