"""The U-Net keeps sizes, starts the same from the same seed, and learns."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

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
