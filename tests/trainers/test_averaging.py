"""SWAG draws from the Gaussian that the trajectory has; what never moved stays."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.errors import BadOption  # noqa: E402
from napari_atomai.trainers.averaging import Swag, copied, mean_weights, refresh_statistics  # noqa: E402
from napari_atomai.trainers.randomness import CPU, Stream, generator, own_randomness, seed_of  # noqa: E402

COVARIANCE = np.array([[4.0, 1.5, 0.0], [1.5, 1.0, 0.0], [0.0, 0.0, 0.0]])
MEAN = np.array([1.0, -2.0, 7.0])


def pair() -> torch.nn.Linear:
    return torch.nn.Linear(3, 1, bias=False)


def collected(count: int, rank: int) -> tuple[Swag, np.ndarray]:
    points = np.random.default_rng(0).multivariate_normal(MEAN, COVARIANCE, count)
    swag, net = Swag(rank), pair()
    for point in points:
        with torch.no_grad():
            net.weight.copy_(torch.from_numpy(point[None]).float())
        swag.add(net)
    return swag, points


def drawn(swag: Swag, count: int, scale: float = 1.0) -> np.ndarray:
    net, rows = pair(), []
    for index in range(count):
        swag.draw(net, generator(0, Stream.SAMPLES, index), scale)
        rows.append(net.weight.detach().numpy()[0].copy())
    return np.array(rows)


def test_half_of_the_covariance_is_diagonal_and_half_of_low_rank() -> None:
    swag, points = collected(400, rank=400)
    samples = drawn(swag, 2000)
    np.testing.assert_allclose(samples.mean(0), points.mean(0), atol=0.15)
    found = np.cov(samples.T)
    expected = 0.5 * np.diag(points.var(0)) + 0.5 * np.cov(points.T)
    np.testing.assert_allclose(found, expected, atol=0.25)


def test_a_weight_that_never_changed_stays() -> None:
    np.testing.assert_array_equal(drawn(collected(10, 5)[0], 5)[:, 2], 7)


def test_a_scale_of_zero_gives_the_mean_and_only_the_last_deviations_are_kept() -> None:
    swag, points = collected(30, rank=4)
    np.testing.assert_allclose(drawn(swag, 1, 0.0)[0], points.mean(0), atol=1e-5)
    assert len(swag.deviations) == 4


def test_one_set_of_weights_has_no_spread() -> None:
    with pytest.raises(BadOption, match="weights of 1 cycles"):
        drawn(collected(1, 5)[0], 1)


def test_statistics_are_those_of_the_batches() -> None:
    net = torch.nn.Sequential(torch.nn.BatchNorm2d(1), torch.nn.Dropout(0.5))
    batches = [torch.randn(4, 1, 8, 8, generator=generator(0, Stream.SAMPLES, i)) + 5 for i in range(3)]
    net.eval()
    refresh_statistics(net, batches)
    assert float(net[0].running_mean) == pytest.approx(float(torch.cat(batches).mean()), rel=1e-5)
    assert not net.training
    assert net[0].momentum == 0.1


def test_the_mean_of_weights_leaves_counters_alone() -> None:
    one, other = torch.nn.BatchNorm2d(2), torch.nn.BatchNorm2d(2)
    with torch.no_grad():
        other.weight.fill_(3.0)
    mean = mean_weights([copied(one), copied(other)])
    assert mean["weight"].tolist() == [2.0, 2.0]
    assert mean["num_batches_tracked"].dtype == torch.int64


def test_streams_are_apart_and_the_global_state_is_put_back() -> None:
    seeds = {seed_of(seed, stream, step) for seed in range(3) for stream in Stream for step in range(3)}
    assert len(seeds) == 3 * len(Stream) * 3
    before = torch.get_rng_state()
    with own_randomness(5, CPU):
        first = torch.randn(3)
    with own_randomness(5, CPU):
        assert torch.equal(first, torch.randn(3))
    assert torch.equal(before, torch.get_rng_state())
