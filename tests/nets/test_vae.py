"""The net of the autoencoders: what it promises before it has learned anything."""

from __future__ import annotations

import math
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.errors import BadOption, UnknownOption  # noqa: E402
from napari_atomai.nets.latent import LatentNet, Terms  # noqa: E402
from napari_atomai.nets.pose import Pose, place  # noqa: E402
from napari_atomai.nets.registry import build_net, describe_net  # noqa: E402

KINDS: list[dict[str, Any]] = [
    {},
    {"encoder": "conv", "decoder": "conv"},
    {"invariances": ["rotation"]},
    {"invariances": ["rotation"], "decoder": "spatial", "encoder": "mlp"},
    {"invariances": ["translation"], "classes": 2},
    {"invariances": ["rotation", "translation", "scale"], "classes": 3, "labels": 2},
    {"invariances": ["rotation"], "binary": True},
]


def net_of(**options: Any) -> LatentNet:
    small = {"in_dim": [16, 16], "hidden": 16, **options}
    net = build_net("vae", small, seed=3)
    assert isinstance(net, LatentNet)
    return net


def patches(count: int, *size: int) -> torch.Tensor:
    return torch.randn(count, *size, generator=torch.Generator().manual_seed(0))


def spots(count: int = 1, side: float = 3.0) -> torch.Tensor:
    axis = torch.arange(23) - 11.0
    rows, columns = torch.meshgrid(axis, axis, indexing="ij")
    above = torch.exp(-((rows - 4) ** 2 + columns**2) / 6)
    return (above + 2 * torch.exp(-(rows**2 + (columns - side) ** 2) / 6)).expand(count, 23, 23)


@pytest.mark.parametrize("options", KINDS)
def test_terms_are_finite_in_training_and_in_use(options: dict[str, Any]) -> None:
    net = net_of(**options)
    flat = torch.cat([patches(6, 256).clamp(0, 1), torch.eye(2)[[0, 1] * 3][:, : net.labels]], dim=1)
    result = net.train()(flat)
    assert result.shape == (6, len(Terms._fields))
    result[:, 1:].sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    assert torch.equal(net.eval()(flat), net(flat))


@pytest.mark.parametrize("options", KINDS)
def test_a_net_is_described_and_built_again(options: dict[str, Any]) -> None:
    net = net_of(**options)
    name, found = describe_net(net)
    again = build_net(name, found)
    again.load_state_dict(net.state_dict())
    labels = torch.zeros(4, net.labels)
    ours, theirs = (each.eval().found(patches(4, 16, 16), labels) for each in (net, again))
    assert torch.equal(ours.mean, theirs.mean)
    assert torch.equal(ours.pose.angle, theirs.pose.angle)


def test_what_the_rings_tell_does_not_change_when_a_patch_is_turned() -> None:
    net = net_of(invariances=["rotation"]).eval()
    angle = torch.linspace(-3, 3, 12)
    turned = place(spots(12), Pose(angle, torch.zeros(12, 2), torch.ones(12)), (16, 16))
    mean = net.found(turned, torch.zeros(12, 0)).mean
    further = place(spots(1, side=6.0), Pose.none(angle[:1]), (16, 16))
    other = net.found(further, torch.zeros(1, 0)).mean
    assert (mean - mean[:1]).abs().max() < 0.1 * (mean[:1] - other).abs().max()


def test_classes_have_probabilities() -> None:
    found = net_of(invariances=["rotation"], classes=3).eval().found(patches(5, 16, 16), torch.zeros(5, 0))
    assert torch.allclose(found.classes.sum(dim=1), torch.ones(5))


def test_while_classes_form_they_are_used_alike_and_latents_are_silent() -> None:
    net = net_of(classes=4).train()
    net.begin(silent=100)
    misfit = torch.tensor([[0.0, 500.0, 500.0, 500.0]]).repeat(8, 1) + patches(8, 4)
    assert torch.allclose(net._shares(misfit).sum(dim=0), torch.full((4,), 2.0), atol=0.2)
    state, none = torch.eye(4)[:1], torch.zeros(1, 0)
    assert torch.equal(net.decode(torch.ones(1, 2), state, none), net.decode(-torch.ones(1, 2), state, none))
    net.begin(silent=0)
    net.seen += 1
    assert torch.allclose(net._shares(misfit), torch.softmax(-misfit, dim=1))


def test_the_canvas_covers_a_patch_in_every_pose() -> None:
    assert net_of().canvas_size == (16, 16)
    rows, columns = net_of(invariances=["rotation"]).canvas_size
    assert min(rows, columns) >= 16 * math.sqrt(2)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"invariances": ["rotaton"]}, "rotation"),
        ({"encoder": "ring"}, "rings"),
        ({"decoder": "convs"}, "conv"),
    ],
)
def test_a_misspelt_option_is_named_with_the_nearest(options: dict[str, Any], word: str) -> None:
    with pytest.raises(UnknownOption, match=word):
        net_of(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"in_dim": [32], "invariances": ["rotation"]},
        {"encoder": "rings"},
        {"latent_dim": 0},
        {"classes": 0},
        {"rotation_prior": -1.0},
        {"translation_prior": 0.0},
        {"temperature": 0.0},
        {"in_dim": [4, 4, 4]},
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(BadOption):
        net_of(**options)
