"""Clusters, density and paths in a space of latents, on points that were put there."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.errors import BadOption, UnknownOption
from napari_atomai.stat.latent import (
    along_tracks,
    clustered,
    correlated,
    density,
    on_circle,
    on_one_curve,
    suggested_clusters,
    unwrapped,
)
from napari_atomai.stat.movies.linking import Tracks

pytest.importorskip("sklearn")

MIDDLES = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])


@pytest.fixture(scope="module")
def heaps() -> tuple[np.ndarray, np.ndarray]:
    """Return points in three heaps of 300, 200 and 100, and which heap each is in, from 1."""
    kind = np.repeat([0, 1, 2], [300, 200, 100])
    return MIDDLES[kind] + 0.5 * np.random.default_rng(0).normal(size=(600, 2)), kind + 1


@pytest.mark.parametrize("method", ["gmm", "kmeans", "hdbscan"])
def test_heaps_are_found_and_the_largest_is_the_first(heaps: tuple[np.ndarray, ...], method: str) -> None:
    points, kind = heaps
    found = clustered(points, method)
    assert found.number == 3
    sure = found.labels > 0
    assert sure.mean() > 0.9
    assert (found.labels[sure] == kind[sure]).mean() > 0.99
    assert np.all((found.probability >= 0) & (found.probability <= 1 + 1e-9))


def test_the_suggested_number_is_that_of_the_heaps(heaps: tuple[np.ndarray, ...]) -> None:
    points, kind = heaps
    assert suggested_clusters(points)[0] == 3
    assert suggested_clusters(points[kind == 1])[0] == 1


def test_many_points_are_told_by_a_sample(heaps: tuple[np.ndarray, ...]) -> None:
    random = np.random.default_rng(2)
    kind = random.integers(0, 3, 60_000)
    points = MIDDLES[kind] + 0.4 * random.normal(size=(60_000, 2))
    found = clustered(points, "gmm", 3)
    middles = np.array([points[found.labels == label].mean(axis=0) for label in (1, 2, 3)])
    assert np.abs(middles[:, None] - MIDDLES).sum(axis=2).min(axis=1).max() < 0.05
    assert density(points).shape == (60_000,)


def test_density_is_highest_in_the_middle_of_the_largest_heap(heaps: tuple[np.ndarray, ...]) -> None:
    points, _ = heaps
    found = density(points)
    assert np.linalg.norm(points[found.argmax()]) < 0.7
    assert found[np.linalg.norm(points[:, None] - MIDDLES, axis=2).min(axis=1) > 1.4].max() < 0.4
    assert density(points[:1]) == pytest.approx(1)


def test_the_same_atoms_of_a_movie_become_paths_with_gaps() -> None:
    tracks = Tracks(np.array([0, 1, 0, 1, 0]), np.array([0, 0, 1, 2, 2]), 3, 1.0)
    paths = along_tracks(np.array([1.0, 10, 2, 30, 3]), tracks)
    assert np.array_equal(paths, [[1, 2, 3], [10, np.nan, 30]], equal_nan=True)
    assert along_tracks(np.ones((5, 2)), tracks).shape == (2, 3, 2)


def test_angles_go_on_beyond_a_turn_over_gaps() -> None:
    true = np.stack([np.arange(12) * 1.1, -np.arange(12) * 0.4 + 1])
    seen = np.angle(np.exp(1j * true))
    seen[0, 4] = seen[1, 0] = np.nan
    found = unwrapped(seen)
    known = np.isfinite(seen)
    assert np.array_equal(np.isfinite(found), known)
    assert np.allclose((found - found[:, 1:2])[known], (true - true[:, 1:2])[known])


def test_points_on_the_circle_are_near_where_angles_are() -> None:
    one, other = on_circle(np.array([np.pi - 0.01, -np.pi + 0.01]))
    assert np.linalg.norm(one - other) < 0.03
    assert np.allclose(on_circle(np.array([0.4]), 4), on_circle(np.array([0.4 + np.pi / 2]), 4))


def test_correlation_tells_which_latent_goes_with_a_quantity() -> None:
    random = np.random.default_rng(0)
    latents = random.normal(size=(400, 3))
    latents[:, 2] = 1.0
    quantity = latents[:, 0] - latents[:, 1]
    quantity[:5] = np.nan
    found = correlated(latents, quantity)
    assert found.linear[:2] == pytest.approx([0.7, -0.7], abs=0.08)
    assert np.isnan(found.linear[2])
    assert found.together == pytest.approx(1)
    assert found.count == 395
    assert correlated(latents[:, :1], np.exp(latents[:, 0])).ranks[0] == pytest.approx(1)


def test_what_cannot_be_put_together_is_refused_in_words(heaps: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(UnknownOption, match="gmm"):
        clustered(heaps[0], "gnm")
    with pytest.raises(BadOption, match="9 clusters of 3"):
        clustered(heaps[0][:3], "kmeans", 9)
    with pytest.raises(BadOption, match="finite"):
        density(np.array([[np.nan, 1.0]]))


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("line", True),
        ("bend", True),
        ("noisy", False),
        ("cloud", False),
        ("circle", False),
        ("groups", False),
    ],
)
def test_latents_that_follow_from_each_other_are_told(kind: str, told: bool) -> None:
    random = np.random.default_rng(0)
    t, noise = random.uniform(-1, 1, 400), random.normal(size=400)
    points = {
        "line": (t, -2 * t),
        "bend": (t, np.exp(2 * t) + 0.05 * noise),
        "noisy": (t, t + 0.5 * noise),
        "cloud": (t, noise),
        "circle": (np.cos(np.pi * t), np.sin(np.pi * t)),
        "groups": (np.sign(t) + 0.01 * noise, np.sign(t) + 0.01 * random.normal(size=400)),
    }[kind]
    found = on_one_curve(np.column_stack([random.normal(size=400), *points]))
    assert [pair[:2] for pair in found] == ([(1, 2)] if told else [])
    assert all(0.95 <= share <= 1 for *_, share in found)


def test_a_curve_through_few_points_is_no_curve() -> None:
    assert on_one_curve(np.linspace(0, 1, 20)[:, None] * [1.0, 2.0]) == []
