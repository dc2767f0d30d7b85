"""Small nets with random weights and lively statistics, in torch."""

from __future__ import annotations

import functools

import torch
from torch import nn

from napari_atomai.nets.registry import build_net

SMALL = {
    "unet": {"filters": [4, 6, 8]},
    "dilnet": {"filters": 4},
    "segresnet": {"filters": [4, 6, 8]},
    "reshednet": {"filters": [4, 6, 8], "layers": [1, 1, 1]},
}


def lively(net: nn.Module, seed: int = 0) -> nn.Module:
    """Give a net weights under which all of its parts have a say in the result."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for part in net.modules():
            if isinstance(part, nn.Conv2d):
                fan = part.weight[0].numel()
                part.weight.copy_(torch.randn(part.weight.shape, generator=random) * (2 / fan) ** 0.5)
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.copy_(torch.rand(part.running_mean.shape, generator=random) - 0.5)
                part.running_var.copy_(torch.rand(part.running_var.shape, generator=random) + 0.5)
    return net


def small(name: str, classes: int = 3, channels: int = 1, seed: int = 0) -> nn.Module:
    """Build one of the package's nets."""
    return lively(build_net(name, {"channels": channels, "classes": classes, **SMALL[name]}), seed)


class Blur(nn.Module):
    """A net of a user: it sees so many pixels aside, and says nothing of itself."""

    def __init__(self, reach: int = 2, classes: int = 2) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, classes, 2 * reach + 1, padding=reach)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.conv(image)


@functools.cache
def shared(name: str, classes: int = 3) -> nn.Module:
    """One of the package's nets for tests that only use it: it is exported once for all of them."""
    return small(name, classes)
