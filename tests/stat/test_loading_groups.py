"""Groups of samples by all their loadings."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.stat.components import decompose
from napari_atomai.stat.loading_groups import groups_of

pytest.importorskip("sklearn")


def kinds(method: str) -> tuple[np.ndarray, np.ndarray]:
    """Return three kinds of samples that are nearly alike, by number, and their groups."""
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], [150, 90, 40])
    means = 10 + rng.random((3, 8, 8))
    samples = means[truth] + 0.1 * rng.standard_normal((280, 8, 8))
    return truth, groups_of(decompose(samples, method, 3), 3)


@pytest.mark.parametrize("method", ["pca", "ica", "nmf", "gmm"])
def test_kinds_are_told_apart_by_all_loadings_and_the_largest_is_first(method: str) -> None:
    truth, groups = kinds(method)
    assert np.array_equal(truth, groups)


def test_the_unit_of_the_samples_changes_no_group() -> None:
    rng = np.random.default_rng(1)
    samples = rng.random((3, 20))[np.arange(60) % 3] + 0.01 * rng.random((60, 20))
    one, other = (groups_of(decompose(factor * samples, "pca", 2), 3) for factor in (1, 1e6))
    assert np.array_equal(one, other)


def test_there_are_no_more_groups_than_different_samples() -> None:
    samples = np.random.default_rng(2).random((2, 12))[np.arange(10) % 2]
    assert sorted(set(groups_of(decompose(samples, "nmf", 2), 5))) == [0, 1]
