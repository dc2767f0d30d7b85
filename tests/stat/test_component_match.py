"""Components of two decompositions of the same samples find their partners."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.errors import BadOption
from napari_atomai.stat.component_match import match_components, shared_rows

LOADINGS = np.random.default_rng(0).normal(size=(200, 4))


def test_a_permutation_and_a_sign_are_found_again() -> None:
    order = np.array([2, 0, 3, 1])
    partner, correlation = match_components(LOADINGS, LOADINGS[:, order] * [1, -1, 2, 1] + 5)
    assert order[partner].tolist() == [0, 1, 2, 3]
    assert np.allclose(correlation, [-1, 1, 1, 1])


def test_noise_lowers_the_correlation_and_a_missing_component_has_no_partner() -> None:
    noise = np.random.default_rng(1).normal(size=(200, 2))
    partner, correlation = match_components(LOADINGS, LOADINGS[:, [3, 1]] + noise)
    assert partner.tolist() == [-1, 1, -1, 0]
    assert np.isnan(correlation[[0, 2]]).all()
    assert np.allclose(correlation[[1, 3]], 1 / np.sqrt(2), atol=0.1)


def test_a_constant_loading_goes_with_nothing_and_unequal_samples_are_refused() -> None:
    _, correlation = match_components(np.ones((5, 1)), np.arange(5.0)[:, None])
    assert correlation.tolist() == [0.0]
    with pytest.raises(BadOption, match="200 samples cannot be compared with 5"):
        match_components(LOADINGS, LOADINGS[:5])


def test_rows_that_two_tables_share_are_found_in_both() -> None:
    table = np.random.default_rng(2).normal(size=(30, 3))
    first, second = shared_rows(table[:20], table[::-1][:15])
    assert np.array_equal(table[:20][first], table[::-1][:15][second])
    assert len(first) == 5
    assert [len(each) for each in shared_rows(table[:3], table[3:])] == [0, 0]
