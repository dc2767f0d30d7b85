"""The U-Net keeps sizes, starts the same from the same seed, and learns."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.files.weights import read_weights  # noqa: E402
from napari_atomai.models.storage import bundled_models  # noqa: E402
from napari_atomai.nets.segmentation import UNet  # noqa: E402

OPTIONS = [
    {},
    {"filters": (8, 16), "bottleneck": (1,)},
    {"filters": (8, 16, 24, 32), "layers": 1, "bottleneck": (1, 2), "channels": 3, "classes": 3},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_the_output_has_the_size_of_the_input(options: dict[str, object]) -> None:
    net = UNet(**options).eval()
    size = 3 * net.multiple, 2 * net.multiple
    with torch.no_grad():
        result = net(torch.zeros(2, net.options["channels"], *size))
    assert result.shape == (2, net.options["classes"], *size)


@pytest.mark.parametrize("options", OPTIONS)
def test_a_net_is_built_again_from_its_options(options: dict[str, object]) -> None:
    net = UNet(**options)
    twin = UNet(**net.options)
    twin.load_state_dict(net.state_dict())
    assert twin.options == net.options


def test_every_parameter_takes_part() -> None:
    net = UNet(filters=(8, 16, 24))
    net(torch.randn(2, 2, 32, 32, generator=torch.Generator().manual_seed(0))).square().mean().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("path", bundled_models().values(), ids=lambda path: path.stem)
def test_the_weights_that_ship_with_the_package_fit_it(path: Path) -> None:
    for weights in read_weights(path).of_members():
        net = UNet(**weights.card.net_options)
        own = {name: tuple(value.shape) for name, value in net.state_dict().items() if value.ndim}
        given = {name: array.shape for name, array in weights.tensors.items() if array.ndim}
        assert own == given


def test_the_unshuffling_stem_takes_a_third_of_the_arithmetic_at_equal_parameters() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    work, parameters = [], []
    for stem in ("plain", "unshuffle"):
        net = UNet(1, 3, (16, 32, 64, 128), (1, 2, 2), (1, 1, 1), stem).eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net(torch.zeros(1, 1, 64, 64))
        work.append(counter.get_total_flops())
        parameters.append(sum(p.numel() for p in net.parameters()))
    assert parameters[1] == pytest.approx(parameters[0], rel=0.01)
    assert work[1] < work[0] / 3
