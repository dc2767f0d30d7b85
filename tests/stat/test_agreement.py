"""Descriptions of the same samples agree whatever the order, sign and mixture of their numbers."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.errors import BadImage
from napari_atomai.stat.agreement import agreement, canonical_correlations


def test_a_linear_map_changes_nothing() -> None:
    random = np.random.default_rng(0)
    one = random.normal(size=(200, 3))
    other = one @ random.normal(size=(3, 3)) + 7
    assert canonical_correlations(one, other) == pytest.approx([1, 1, 1])
    assert agreement([one, other]) == pytest.approx(np.ones((2, 2)))


def test_what_both_share_is_told_direction_by_direction() -> None:
    random = np.random.default_rng(1)
    shared, one, other = (random.normal(size=20_000) for _ in range(3))
    found = canonical_correlations(np.c_[shared, one], np.c_[shared + other, random.normal(size=20_000)])
    assert found == pytest.approx([np.sqrt(0.5), 0], abs=0.03)


def test_a_number_that_never_varies_agrees_with_nothing() -> None:
    random = np.random.default_rng(2)
    one = np.c_[random.normal(size=100), np.full(100, 3.0)]
    assert canonical_correlations(one, one) == pytest.approx([1, 0])


@pytest.mark.parametrize("shapes", [((9, 2), (8, 2)), ((4, 2), (4, 2)), ((9,), (9, 2))])
def test_what_cannot_be_compared_is_refused(shapes: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(BadImage):
        canonical_correlations(*(np.ones(shape) for shape in shapes))
