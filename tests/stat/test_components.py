"""Components of samples: truth found again, order and sign fixed, hostile samples refused in words."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_atomai.errors import BadImage, BadOption, UnknownOption
from napari_atomai.stat.components import METHODS, decompose
from napari_atomai.stat.scree_plot import scree, suggested_number

pytest.importorskip("sklearn")


def mixed(count: int = 400, noise: float = 0.01) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return samples (N, 8, 9), the loadings and the three patterns that they were made of."""
    rng = np.random.default_rng(0)
    patterns = np.zeros((3, 8, 9))
    patterns[0, :3], patterns[1, 3:6, :5], patterns[2, 5:, 4:] = 1, 2, 1
    loadings = rng.exponential(1, (count, 3)) * (rng.random((count, 3)) < 0.7)
    samples = np.tensordot(loadings, patterns, 1)
    return samples + noise * rng.random(samples.shape), loadings, patterns


def alike(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return for each pattern of one the best correlation among the other's."""
    both = np.corrcoef(one.reshape(len(one), -1), other.reshape(len(other), -1))
    return np.abs(both[: len(one), len(one) :]).max(axis=1)


@pytest.mark.parametrize("method", ["nmf", "ica"])
def test_the_patterns_and_loadings_that_samples_were_made_of_are_found(method: str) -> None:
    samples, loadings, patterns = mixed()
    found = decompose(samples, method, 3)
    assert alike(patterns, found.components).min() > 0.98
    assert alike(loadings.T, found.loadings.T).min() > 0.98
    assert found.converged


@pytest.mark.parametrize("method", ["pca", "ica", "nmf"])
def test_components_and_loadings_give_back_the_samples(method: str) -> None:
    samples, _, _ = mixed(noise=0.0)
    found = decompose(samples, method, 3)
    assert np.abs(found.reconstruct() - samples).max() < 0.02 * samples.max()
    assert found.error < 0.02
    one = found.reconstruct([0])
    assert np.allclose(one, np.multiply.outer(found.loadings[:, 0], found.components[0]) + found.mean)


def test_pca_agrees_with_the_eigenvectors_of_the_covariance() -> None:
    samples, _, _ = mixed()
    found = decompose(samples, "pca", 3)
    values, vectors = np.linalg.eigh(np.cov(samples.reshape(len(samples), -1).T))
    assert np.allclose(found.explained, values[::-1][:3] / values.sum(), rtol=1e-6)
    assert alike(vectors.T[::-1][:3], found.components).min() > 0.999


@pytest.mark.parametrize("method", METHODS)
def test_turned_samples_give_turned_components_of_the_same_sign_and_order(method: str) -> None:
    samples, _, _ = mixed()
    found = decompose(samples, method, 3)
    turned = decompose(np.swapaxes(samples, 1, 2), method, 3)
    assert np.allclose(np.swapaxes(found.components, 1, 2), turned.components, atol=0.02)
    assert np.all(np.diff(found.explained) <= 0)


@pytest.mark.parametrize("method", ["pca", "ica", "nmf"])
def test_the_seed_changes_nothing_that_matters(method: str) -> None:
    samples, _, _ = mixed()
    one, other = (decompose(samples, method, 3, seed=seed).components for seed in (1, 7))
    assert np.allclose(one, other, atol=0.02)


@pytest.mark.parametrize("method", ["pca", "ica", "nmf"])
def test_blocks_of_a_dask_array_give_what_the_array_in_memory_gives(method: str) -> None:
    samples, _, _ = mixed()
    whole = decompose(samples, method, 3)
    lazy = decompose(da.from_array(samples, chunks=(37, -1, 4)), method, 3)
    assert np.allclose(whole.components, lazy.components, atol=0.02)
    assert np.allclose(whole.explained, lazy.explained, atol=0.01)


def test_a_mixture_of_a_dask_array_finds_the_same_classes() -> None:
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((3, 30))[np.arange(300) % 7 % 3] + 0.2 * rng.standard_normal((300, 30))
    whole = decompose(samples, "pca_gmm", 3)
    lazy = decompose(da.from_array(samples, chunks=(37, -1)), "pca_gmm", 3)
    assert np.array_equal(whole.classes, lazy.classes)
    assert np.allclose(whole.components, lazy.components, atol=1e-3)
    assert [len(part.loadings) for part in lazy.within] == list(np.bincount(lazy.classes))


def test_a_mixture_finds_the_classes_and_their_means() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], [200, 100, 50])
    means = rng.standard_normal((3, 6, 6))
    found = decompose(means[truth] + 0.2 * rng.standard_normal((350, 6, 6)), "gmm", 3)
    assert np.array_equal(found.classes, truth)  # the largest class first
    assert np.allclose(found.components, means, atol=0.1)


def test_a_mixture_then_pca_describes_each_class_by_itself() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], [200, 100])
    means, axes = 9 * rng.standard_normal((2, 30)), np.linalg.qr(rng.standard_normal((30, 2)))[0].T
    samples = means[truth] + rng.standard_normal(300)[:, None] * axes[truth]
    found = decompose(samples + 0.01 * rng.standard_normal(samples.shape), "pca_gmm", 2)
    assert np.array_equal(found.classes, truth)
    for part, axis in zip(found.within, axes, strict=True):
        assert abs(part.components[0] @ axis) > 0.99
        assert part.explained[0] > 0.95


def test_counts_weighted_by_their_noise_show_a_weak_component_beside_a_strong_one() -> None:
    rng = np.random.default_rng(0)
    strong, weak = np.zeros(60), np.zeros(60)
    strong[:30], weak[40:50] = 4000, 30
    shares = rng.random((600, 2))
    counts = rng.poisson(shares @ np.stack([strong, weak]) + 1)
    plain = decompose(counts, "pca", 2)
    weighted = decompose(counts, "pca", 2, noise="poisson")
    assert alike(weak[None], weighted.components)[0] > 0.9 > alike(weak[None], plain.components)[0]


@pytest.mark.parametrize("number", [1, 3, 5])
def test_the_suggested_number_is_that_of_patterns_above_noise(number: int) -> None:
    rng = np.random.default_rng(number)
    signal = 3 * rng.standard_normal((500, number)) @ rng.standard_normal((number, 80))
    shares, suggested = scree(signal + rng.standard_normal((500, 80)))
    assert suggested == number
    assert shares.sum() == pytest.approx(1)
    assert np.all(np.diff(shares) <= 0)


def test_noise_that_differs_between_features_is_not_taken_for_components() -> None:
    rng = np.random.default_rng(0)
    lines = np.zeros((2, 200))
    lines[0, :20], lines[1, 20:40] = 2, 2
    shares = rng.dirichlet((1, 1), 800)
    counts = rng.poisson(shares @ lines + np.geomspace(3, 1e-3, 200))
    for noise in ("uniform", "poisson"):
        assert scree(counts, noise)[1] == 1  # two lines whose shares add up to 1: one about the mean
    assert [suggested_number(method, 1) for method in ("pca", "ica", "nmf", "gmm")] == [1, 1, 2, 2]


def test_channels_with_a_few_counts_in_all_do_not_hide_a_phase() -> None:
    rng = np.random.default_rng(0)
    lines = np.zeros((2, 60))
    lines[0, :20] = lines[1, 20:40] = 1
    shares = rng.random((1500, 2))
    lone = np.zeros((1500, 200), int)
    lone[rng.integers(0, 1500, 400), rng.integers(0, 200, 400)] = 1
    found = decompose(np.hstack([rng.poisson(shares @ lines), lone]), "nmf", 2, noise="poisson")
    assert alike(lines, found.components[:, :60]).min() > 0.99
    assert alike(shares.T, found.loadings.T).min() > 0.7


def test_negative_samples_are_refused_by_nmf_with_the_offset_that_would_do() -> None:
    samples, _, _ = mixed()
    with pytest.raises(BadImage, match=r"offset of 0\.5"):
        decompose(samples - samples.min() - 0.5, "nmf", 3)
    shifted = samples - samples.min() - 0.49984
    with pytest.raises(
        BadImage, match=r"value is -0\.4998.* An offset of 0\.2 is not enough.*Add an offset of 0\.5 "
    ):
        decompose(shifted, "nmf", 3, offset=0.2)
    found = decompose(shifted, "nmf", 4, offset=0.5)
    assert np.abs(found.reconstruct() - shifted).mean() < 0.05


@pytest.mark.parametrize("method", ["pca", "ica", "gmm", "pca_gmm"])
def test_samples_that_are_all_the_same_are_refused(method: str) -> None:
    with pytest.raises(BadImage, match="All 9 samples are the same"):
        decompose(np.ones((9, 5)), method, 2)


def test_a_class_of_one_sample_has_no_components_of_its_own() -> None:
    samples = 0.01 * np.random.default_rng(0).standard_normal((40, 6))
    samples[3] += 9
    found = decompose(samples, "pca_gmm", 2)
    assert [len(part.loadings) for part in found.within] == [39, 1]
    assert len(found.within[1].components) == 0


def test_impossible_requests_are_refused_with_the_numbers() -> None:
    samples, _, _ = mixed(5)
    with pytest.raises(BadOption, match="6 components were asked of 5 samples"):
        decompose(samples, "pca", 6)
    with pytest.raises(BadOption, match="0 components"):
        decompose(samples, "nmf", 0)
    for method in METHODS:
        with pytest.raises(BadOption, match=r"components is 2\.5"):
            decompose(samples, method, 2.5)
        for seed in (-1, 2.5):
            with pytest.raises(BadOption, match="seed is"):
                decompose(samples, method, 2, seed=seed)
    with pytest.raises(UnknownOption, match="Did you mean 'nmf'"):
        decompose(samples, "nfm", 2)
    with pytest.raises(BadOption, match="noise"):
        decompose(samples, "pca", 2, noise="gauss")
    samples[3, 0, 0] = np.nan
    with pytest.raises(BadImage, match="not finite, the first is sample 3"):
        decompose(samples, "pca", 2)
    with pytest.raises(BadImage, match="zero"):
        decompose(np.zeros((5, 4)), "nmf", 2)
