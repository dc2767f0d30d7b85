"""Where a motif lies in a patch: brought there, taken back, and found again."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.nets.polar import Polar  # noqa: E402
from napari_atomai.nets.pose import (  # noqa: E402
    Belief,
    Pose,
    Prior,
    into_canvas,
    out_of_canvas,
    place,
    take_back,
)
from napari_atomai.nets.pose_search import find_shift, find_turn  # noqa: E402
from napari_atomai.nets.sampling import halved  # noqa: E402

SPOTS = ((-8.0, 2.0, 1.0), (5.0, 6.0, 1.5), (3.0, -9.0, 0.7), (0.0, 0.0, 2.0))


def motif(side: int = 57) -> torch.Tensor:
    axis = torch.arange(side) - (side - 1) / 2
    rows, columns = torch.meshgrid(axis, axis, indexing="ij")
    return sum(a * torch.exp(-((rows - r) ** 2 + (columns - c) ** 2) / 8) for r, c, a in SPOTS)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def off_circle(found: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    return torch.remainder(found - true + math.pi, 2 * math.pi) - math.pi


def poses(count: int, shift: float, scale: float) -> Pose:
    angle = (torch.rand(count, generator=torch.Generator().manual_seed(1)) * 2 - 1) * math.pi
    return Pose(angle, shift * random(count, 2, seed=2), torch.exp(scale * random(count, seed=3)))


def test_a_quarter_turn_is_counter_clockwise_as_displayed() -> None:
    canvas = torch.zeros(1, 9, 9)
    canvas[0, 4, 7] = 1.0  # right of the centre
    pose = Pose(torch.tensor([math.pi / 2]), torch.zeros(1, 2), torch.ones(1))
    turned = place(canvas, pose, (9, 9))
    assert turned[0].argmax() == 1 * 9 + 4  # above it
    assert float(turned.max()) == pytest.approx(1, abs=1e-5)


def test_a_shift_is_row_then_column_and_a_scale_enlarges() -> None:
    canvas = torch.zeros(1, 9, 9)
    canvas[0, 4, 5] = 1.0
    moved = place(canvas, Pose(torch.zeros(1), torch.tensor([[2.0, 1.0]]), torch.ones(1)), (9, 9))
    assert moved[0].argmax() == 6 * 9 + 6
    grown = place(canvas, Pose(torch.zeros(1), torch.zeros(1, 2), torch.full((1,), 3.0)), (9, 9))
    assert grown[0].argmax() == 4 * 9 + 7


def test_what_is_placed_can_be_taken_back() -> None:
    # Wide and smooth, since what is interpolated twice loses its peaks.
    canvas = torch.nn.functional.interpolate(motif()[None, None], scale_factor=2, mode="bilinear")[0]
    canvas, pose = canvas[:, 41:74, 41:74].expand(20, 33, 33), poses(20, 1.0, 0.1)
    back = take_back(place(canvas, pose, (33, 33)), pose)
    inner = (slice(None), slice(8, 25), slice(8, 25))
    assert (back - canvas)[inner].abs().max() < 0.06


def test_shifts_turn_with_the_canvas() -> None:
    angle, shift = poses(20, 3.0, 0.0)[:2]
    assert torch.allclose(out_of_canvas(angle, into_canvas(angle, shift)), shift, atol=1e-5)
    quarter = into_canvas(torch.tensor([math.pi / 2]), torch.tensor([[-1.0, 0.0]]))  # up, seen turned
    assert torch.allclose(quarter, torch.tensor([[0.0, 1.0]]), atol=1e-6)


def test_rings_of_a_turned_patch_are_turned_rings() -> None:
    polar = Polar((33, 33))
    canvas = torch.nn.functional.interpolate(motif()[None, None], scale_factor=2, mode="bilinear")[0]
    step = 2 * math.pi / polar.angles
    turned = place(canvas, Pose(torch.tensor([5 * step]), torch.zeros(1, 2), torch.ones(1)), (33, 33))
    plain = place(canvas, Pose.none(canvas), (33, 33))
    assert torch.allclose(polar.of(turned), polar.of(plain).roll(5, dims=2), atol=0.08)


def test_the_area_of_all_rings_is_that_of_the_disc() -> None:
    polar = Polar((33, 33))
    ones = torch.ones(1, polar.count, polar.angles)
    assert float(polar.energy(ones)) == pytest.approx(math.pi * 16**2, rel=0.01)


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 0.0), (0.0, 0.1), (1.2, 0.0), (1.2, 0.1)])
def test_poses_are_found_in_noise_over_the_whole_circle(shift: float, scale: float) -> None:
    truth, prior = poses(60, shift, scale), Prior(math.inf, (shift, shift), scale)
    canvas = motif().expand(60, 57, 57)
    patches = place(canvas, truth, (32, 32)) + 0.2 * random(60, 32, 32, seed=5)
    belief, polar = Belief(prior, torch.tensor(0.04)), Polar((32, 32))
    pose = Pose.none(patches)._replace(
        shift=truth.shift + 0.5 * shift * random(60, 2, seed=6)
    )  # a first look
    for _ in range(3):
        pose, kl = find_turn(patches, canvas, pose, polar, belief)
        if shift:
            pose = find_shift(patches, canvas, pose, belief)
    assert off_circle(pose.angle, truth.angle).abs().median() < math.radians(0.8)
    assert off_circle(pose.angle, truth.angle).abs().max() < math.radians(4)
    assert (pose.shift - truth.shift).square().mean().sqrt() < 0.15
    assert (pose.scale.log() - truth.scale.log()).square().mean().sqrt() < 0.03
    assert 3 < float(kl.mean()) < 6  # about a hundredth of the circle is left


def test_rings_that_were_sampled_before_are_not_sampled_again() -> None:
    truth, prior = poses(20, 1.0, 0.0), Prior(math.inf, (1.0, 1.0))
    canvas, polar = motif().expand(20, 57, 57), Polar((32, 32))
    patches, belief = place(canvas, truth, (32, 32)), Belief(prior, torch.tensor(0.01))
    anew = find_turn(patches, canvas, truth, polar, belief)
    given = find_turn(torch.zeros_like(patches), canvas, truth, polar, belief, polar.of(patches, truth))
    assert torch.allclose(given[0].angle, anew[0].angle, atol=1e-4)
    assert torch.allclose(given[1], anew[1], atol=1e-3)


@pytest.mark.parametrize("size", [(32, 32), (33, 31), (1, 96), (1, 95)])
def test_the_centre_stays_where_it_is_at_half_the_size(size: tuple[int, int]) -> None:
    row, column = (torch.arange(n) - (n - 1) / 2 for n in size)
    image = torch.exp(-(row[:, None] ** 2 / 8 + (column - 3) ** 2 / 18))[None]
    small = halved(image)
    row, column = (torch.arange(n) - (n - 1) / 2 for n in small.shape[1:])
    assert float((small[0] * row[:, None]).sum() / small.sum()) == pytest.approx(0, abs=1e-4)
    assert 2 * float((small[0] * column).sum() / small.sum()) == pytest.approx(3, abs=0.02)


def test_a_prior_holds_where_the_patch_says_nothing() -> None:
    patches, canvas = 0.5 * random(40, 32, 32), motif().expand(40, 57, 57)
    narrow = Belief(Prior(0.1, (0.5, 0.5), 0.02), torch.tensor(1e6))
    pose, kl = find_turn(patches, canvas, Pose.none(patches), Polar((32, 32)), narrow)
    pose = find_shift(patches, canvas, pose, narrow)
    assert pose.angle.abs().max() < 0.05
    assert pose.shift.abs().max() < 0.6
    assert kl.abs().max() < 0.01


def test_spectra_are_shifted_along_their_only_axis() -> None:
    energy = torch.arange(96) - 47.5
    shift = 4 * random(50, seed=7)
    canvas = torch.exp(-(energy**2) / 50).expand(50, 1, 96)
    patches = torch.exp(-((energy - shift[:, None]) ** 2) / 50)[:, None] + 0.02 * random(50, 1, 96, seed=8)
    belief = Belief(Prior(0.0, (0.0, 4.0), 0.0), torch.tensor(4e-4))
    found = find_shift(patches, canvas, Pose.none(patches), belief).shift
    assert (found[:, 1] - shift).abs().max() < 0.2
    assert found[:, 0].abs().max() == 0
