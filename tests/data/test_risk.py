"""A threshold chosen for a rate keeps it on images that it was not chosen on."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.data.risk import RiskTable
from napari_atomai.errors import BadOption

GRID = np.linspace(0.05, 0.95, 19)


def risks(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Risks of images with 40 columns and 15 false candidates, harder and easier ones."""
    rng = np.random.default_rng(seed)
    ease = rng.uniform(1, 5, (count, 1, 1))
    true = rng.beta(2 + ease, 1.5, (count, 40, 1)) >= GRID
    false = rng.beta(1.5, 2 + ease, (count, 15, 1)) >= GRID
    missed = 1 - true.mean(axis=1)
    found = true.sum(axis=1) + false.sum(axis=1)
    return missed, false.sum(axis=1) / np.maximum(found, 1)


@pytest.mark.parametrize("rate", [0.1, 0.25])
def test_the_rate_is_kept_on_new_images_and_not_by_giving_everything_away(rate: float) -> None:
    kept_missed, kept_false = [], []
    for seed in range(60):
        table = RiskTable.measured(*risks(60, seed), GRID)
        missed, false = risks(200, 1000 + seed)
        kept_missed.append(missed[:, table.for_missed(rate) == GRID].mean())
        kept_false.append(false[:, table.for_false(rate) == GRID].mean())
    for kept in (kept_missed, kept_false):
        assert rate / 3 < np.mean(kept) <= rate


def test_one_more_image_may_be_the_worst() -> None:
    table = RiskTable(thresholds=(0.2, 0.5, 0.8), missed=(0.0, 0.04, 0.2), false=(0.3, 0.04, 0.0), images=9)
    # (9 x 0.04 + 1) / 10 = 0.136
    assert table.for_missed(0.136) == 0.5
    assert table.for_missed(0.135) == 0.2
    assert table.for_false(0.136) == 0.5
    assert table.for_false(0.135) == 0.8


def test_a_share_of_false_atoms_that_rises_again_is_not_trusted() -> None:
    table = RiskTable(thresholds=(0.2, 0.5, 0.8), missed=(0, 0, 0), false=(0.01, 0.3, 0.0), images=999)
    assert table.for_false(0.1) == 0.8


def test_a_promise_that_nothing_keeps_is_refused_with_the_numbers() -> None:
    table = RiskTable(thresholds=(0.2, 0.8), missed=(0.1, 0.3), false=(0.2, 0.1), images=24)
    with pytest.raises(BadOption, match=r"at most 0\.05 of the columns missed") as refused:
        table.for_missed(0.05)
    assert "24 images" in str(refused.value)
    assert "0.04" in str(refused.value)


def test_a_table_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="lengths"):
        RiskTable(thresholds=(0.2, 0.8), missed=(0.1,), false=(0.2, 0.1), images=24)
    with pytest.raises(ValueError, match="ascend"):
        RiskTable(thresholds=(0.8, 0.2), missed=(0.1, 0.1), false=(0.2, 0.1), images=24)
