"""What every net of the registry promises, whichever it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.errors import BadOption, UnknownOption  # noqa: E402
from napari_atomai.nets import registry  # noqa: E402
from napari_atomai.nets.registry import build_net, describe_net, size_multiple  # noqa: E402

SMALL: dict[str, list[dict[str, Any]]] = {
    "unet": [
        {"filters": [4, 6], "layers": 1, "bottleneck": [1, 2]},
        {"filters": [4, 6, 8], "layers": [1, 2], "bottleneck": [1], "stem": "plain"},
    ],
    "dilnet": [{"filters": 4, "dilations": [1, 2]}],
    "reshednet": [{"filters": [4, 6], "layers": [1, 2]}],
    "segresnet": [{"filters": [4, 6, 8], "layers": [1, 1]}],
    "atomai_unet": [
        {"filters": 2, "layers": [1, 1, 2, 1]},
        {"filters": 2, "layers": [1, 1, 1, 2], "dilated": True},
    ],
    "atomai_dilnet": [{"filters": 3, "layers": [1, 2, 1, 1]}],
    "atomai_segresnet": [{"filters": 3, "layers": [1, 1, 2], "upsampling": "nearest"}],
    "atomai_reshednet": [{"filters": 3, "layers": [1, 1, 1]}],
}
ELSEWHERE = {"imspec", "vae"}  # nets that give no map of classes: each has tests of its own, beside this file
CASES = [(name, options) for name, several in SMALL.items() for options in several]
OWN = [(name, options) for name, options in CASES if not name.startswith("atomai_")]
STYLES: list[dict[str, Any]] = [
    {},
    {"norm": "group", "activation": "silu", "dropout": 0.2},
    {"norm": "instance", "activation": "gelu"},
    {"norm": "none", "activation": "elu"},
    {"activation": "leaky_relu"},
]


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def settled(net: torch.nn.Module, channels: int = 1) -> torch.nn.Module:
    """The net in use, with batch statistics that it has seen."""
    net.train()
    with torch.no_grad():
        for seed in range(3):
            net(noise(2, channels, 32, 32, seed=seed))
    return net.eval()


def test_every_net_is_tested() -> None:
    assert set(SMALL) | set(ELSEWHERE) == set(registry._BUILT_IN)
    for name in ELSEWHERE:
        assert Path(__file__).with_name(f"test_{name}.py").is_file()


@pytest.mark.parametrize(("name", "options"), CASES)
class TestEveryNet:
    """One class for all of them."""

    @pytest.mark.parametrize(("channels", "classes"), [(1, 1), (3, 2), (2, 5)])
    def test_gives_a_map_per_class_of_the_size_of_the_image(
        self, name: str, options: dict[str, Any], channels: int, classes: int
    ) -> None:
        net = build_net(name, {**options, "channels": channels, "classes": classes})
        size = 3 * net.multiple, 4 * net.multiple
        assert net(noise(2, channels, *size)).shape == (2, classes, *size)
        assert (net.channels, net.classes, size_multiple(net)) == (channels, classes, net.multiple)

    def test_needs_the_multiple_that_it_says(self, name: str, options: dict[str, Any]) -> None:
        net = build_net(name, {**options, "channels": 1}).eval()
        assert net.multiple > 1
        with torch.no_grad():
            for size in (4 * net.multiple + 1, 4 * net.multiple + net.multiple // 2):
                try:
                    fits = net(noise(1, 1, size, 4 * net.multiple)).shape[2] == size
                except RuntimeError:
                    fits = False
                assert not fits, f"{size} rows went through although the multiple is {net.multiple}"

    def test_every_parameter_has_a_say(self, name: str, options: dict[str, Any]) -> None:
        net = settled(build_net(name, {**options, "channels": 2, "classes": 3}), channels=2)
        (net(noise(2, 2, 16, 24)) * noise(2, 3, 16, 24, seed=1)).sum().backward()
        assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []

    def test_an_image_shifted_by_the_multiple_gives_shifted_maps(
        self, name: str, options: dict[str, Any]
    ) -> None:
        net = settled(build_net(name, {**options, "channels": 1, "classes": 2}))
        step, edge = net.multiple, net.halo
        image = noise(1, 1, 2 * edge + 3 * step, 2 * edge + 3 * step)
        with torch.no_grad():
            here = net(image)[..., edge + step : -edge, edge + step : -edge]
            there = net(image.roll((-step, -step), (2, 3)))[..., edge:-edge, edge:-edge]
        torch.testing.assert_close(there[..., :-step, :-step], here, atol=1e-5, rtol=1e-5)
        assert here.std() > 1e-3

    def test_pixels_farther_than_the_halo_have_no_say_and_nearer_ones_do(
        self, name: str, options: dict[str, Any]
    ) -> None:
        net = settled(build_net(name, {**options, "channels": 1, "classes": 1}))
        middle = net.halo + net.multiple
        image = noise(1, 1, 2 * middle, 2 * middle).requires_grad_()
        reach = 0
        for offset in {0, net.multiple // 2, net.multiple - 1}:
            (grad,) = torch.autograd.grad(net(image)[0, 0, middle + offset, middle + offset], image)
            rows = grad[0, 0].abs().amax(1).nonzero()[:, 0] - (middle + offset)
            reach = max(reach, int(rows.abs().max()))
        assert reach <= net.halo
        assert net.halo <= 2 * reach + net.multiple  # no more is computed twice than need be

    def test_is_built_again_from_its_description(self, name: str, options: dict[str, Any]) -> None:
        net = settled(build_net(name, {**options, "channels": 1, "classes": 2}, seed=3))
        found, described = describe_net(net)
        assert json.loads(json.dumps(described)) == described
        twin = build_net(found, described, seed=4)
        assert list(twin.state_dict()) == list(net.state_dict())
        twin.load_state_dict(net.state_dict())
        with torch.no_grad():
            assert torch.equal(twin.eval()(noise(1, 1, 16, 16)), net(noise(1, 1, 16, 16)))
        assert describe_net(twin) == (found, described)

    def test_starts_with_the_same_bits_from_the_same_seed(self, name: str, options: dict[str, Any]) -> None:
        before = torch.random.get_rng_state()
        first = build_net(name, options, seed=7).state_dict()
        torch.rand(11)  # whatever else the program did
        second = build_net(name, options, seed=7).state_dict()
        other = build_net(name, options, seed=8).state_dict()
        assert all(torch.equal(first[key], second[key]) for key in first)
        assert not all(torch.equal(first[key], other[key]) for key in first)
        torch.random.set_rng_state(before)

    def test_leaves_the_global_random_state_alone(self, name: str, options: dict[str, Any]) -> None:
        before = torch.random.get_rng_state()
        build_net(name, options, seed=7)
        assert torch.equal(torch.random.get_rng_state(), before)

    @pytest.mark.parametrize(
        ("wrong", "error", "words"),
        [
            ({"channels": 0}, BadOption, "'channels' is 0"),
            ({"classes": 1.5}, BadOption, "'classes' is 1.5"),
            ({"classes": True}, BadOption, "'classes' is True"),
            ({"chanels": 1}, UnknownOption, "Did you mean 'channels'"),
        ],
    )
    def test_refuses_wrong_options_with_their_values(
        self, name: str, options: dict[str, Any], wrong: dict[str, Any], error: type[Exception], words: str
    ) -> None:
        with pytest.raises(error, match=words):
            build_net(name, {**options, **wrong})


@pytest.mark.parametrize(("name", "options"), OWN)
class TestEveryNetOfOurs:
    """Normalisation, activation and dropout can be chosen."""

    @pytest.mark.parametrize("style", STYLES)
    def test_every_parameter_learns(self, name: str, options: dict[str, Any], style: dict[str, Any]) -> None:
        net = build_net(name, {**options, **style, "channels": 2, "classes": 3})
        # A loss that is not symmetric, so that no gradient vanishes by cancelling.
        (net(noise(2, 2, 16, 24)) * noise(2, 3, 16, 24, seed=1)).sum().backward()
        assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []

    @pytest.mark.parametrize("norm", ["group", "instance"])
    def test_has_no_halo_where_the_whole_image_has_a_say(
        self, name: str, options: dict[str, Any], norm: str
    ) -> None:
        net = build_net(name, {**options, "channels": 1, "norm": norm}).eval()
        image = noise(1, 1, 64, 64)
        other = image.clone()
        other[..., -1, -1] += 30
        with torch.no_grad():
            assert not torch.equal(net(image)[..., :4, :4], net(other)[..., :4, :4])
        assert net.halo is None

    def test_is_the_same_every_time_it_is_used_and_not_while_it_trains_with_dropout(
        self, name: str, options: dict[str, Any]
    ) -> None:
        net = build_net(name, {**options, "channels": 1, "dropout": 0.5})
        image = noise(2, 1, 16, 16)
        with torch.no_grad():
            assert not torch.equal(net.train()(image), net(image))
            assert torch.equal(net.eval()(image), net(image))

    @pytest.mark.parametrize(
        ("wrong", "error", "words"),
        [
            ({"dropout": 1.0}, BadOption, "'dropout' is 1.0"),
            ({"norm": "bach"}, UnknownOption, "Did you mean 'batch'"),
            ({"activation": "rellu"}, UnknownOption, "Did you mean 'relu'"),
        ],
    )
    def test_refuses_a_wrong_style(
        self, name: str, options: dict[str, Any], wrong: dict[str, Any], error: type[Exception], words: str
    ) -> None:
        with pytest.raises(error, match=words):
            build_net(name, {**options, **wrong})


@pytest.mark.parametrize(
    ("name", "wrong", "words"),
    [
        ("unet", {"filters": [8]}, r"'filters' is \[8\]"),
        ("unet", {"filters": "32"}, "'filters' is '32'"),
        ("unet", {"filters": [8, 0]}, r"'filters\[1\]' is 0"),
        ("unet", {"layers": [1, 1, 1]}, r"'layers' is \[1, 1, 1\]. Give 2 whole"),
        ("unet", {"bottleneck": []}, r"'bottleneck' is \[\]"),
        ("unet", {"stem": "plane"}, "Did you mean 'plain'"),
        ("dilnet", {"cascades": 0}, "'cascades' is 0"),
        ("dilnet", {"layers": 1}, "'layers' is 1"),
        ("dilnet", {"dilations": [2, -4]}, r"'dilations\[1\]' is -4"),
        ("reshednet", {"filters": [8, 8]}, r"'layers' is \(3, 4, 5\). Give 2"),
        ("atomai_unet", {"layers": [1, 2]}, r"'layers' is \[1, 2\]. Give 4"),
        ("atomai_reshednet", {"upsampling": "bilinar"}, "Did you mean 'bilinear'"),
        ("segresnet", {"layers": [1, 0]}, r"'layers\[1\]' is 0"),
    ],
)
def test_wrong_shapes_of_a_net_are_refused(name: str, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises((BadOption, UnknownOption), match=words):
        build_net(name, wrong)
