"""Strongest directions: the same as those of a singular value decomposition, however large the table."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.stat.principal import principal
from napari_atomai.stat.rows import as_rows

pytest.importorskip("sklearn")


def wandering(count: int, features: int, offset: float = 0.0) -> np.ndarray:
    """Return samples whose directions weaken slowly, which is what is hard to tell apart."""
    rng = np.random.default_rng(0)
    spread = 1 / np.sqrt(np.arange(1, 61))
    turned = np.linalg.qr(rng.standard_normal((features, 60)))[0].T
    return offset + (rng.standard_normal((count, 60)) * spread) @ turned


@pytest.mark.parametrize("shape", [(2000, 200), (200, 2000), (3000, 60), (60, 90)])
def test_directions_are_those_of_the_singular_value_decomposition(shape: tuple[int, int]) -> None:
    table = wandering(*shape)
    found = principal(as_rows(table), 4)
    left, values, axes = np.linalg.svd(table - table.mean(axis=0), full_matrices=False)
    assert np.allclose(np.abs(np.sum(found.axes * axes[:4], axis=1)), 1, atol=1e-5)
    assert np.allclose(np.abs(found.scores), np.abs(left[:, :4] * values[:4]), atol=2e-3 * values[0])
    assert found.total == pytest.approx((values**2).sum(), rel=1e-9)
    assert np.allclose(found.mean, table.mean(axis=0))


def test_a_large_offset_costs_single_precision_no_accuracy() -> None:
    plain, raised = (wandering(2000, 200, offset).astype(np.float32) for offset in (0.0, 1000.0))
    one, other = (principal(as_rows(table), 3) for table in (plain, raised))
    assert np.allclose(np.abs(np.sum(one.axes * other.axes, axis=1)), 1, atol=1e-3)
    assert other.total == pytest.approx(one.total, rel=1e-4)


def test_the_seed_that_is_begun_with_changes_nothing() -> None:
    rows = as_rows(wandering(1500, 300))
    one, other = (principal(rows, 3, seed) for seed in (1, 99))
    assert np.allclose(np.abs(np.sum(one.axes * other.axes, axis=1)), 1, atol=1e-6)
