"""What is measured of a net is what its layers say."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.errors import BadModel, BadOption  # noqa: E402
from napari_atomai.nets.registry import build_net  # noqa: E402
from napari_atomai.predictors.probing import evaluating, facts_of  # noqa: E402
from tests.predictors.nets import SMALL, Blur, small  # noqa: E402

nn = torch.nn


@pytest.mark.parametrize("reach", [0, 1, 5])
def test_the_halo_of_one_convolution_is_half_its_kernel(reach: int) -> None:
    facts = facts_of(Blur(reach, classes=2), channels=1)
    assert (facts.halo, facts.multiple, facts.classes, facts.channels) == (reach, 1, 2, 1)
    assert not facts.whole


class Pooled(nn.Module):
    """Two poolings; it takes any size, but tiles have to start where its pools do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        coarse = nn.functional.avg_pool2d(self.conv(image), 4, ceil_mode=True)
        size = [4 * side for side in coarse.shape[2:]]
        fine = nn.functional.interpolate(coarse, size=size, mode="nearest")
        return fine[..., : image.shape[2], : image.shape[3]]


def test_the_step_of_a_net_that_takes_any_size_is_that_of_its_pools() -> None:
    facts = facts_of(Pooled(), channels=1)
    assert (facts.multiple, facts.halo, facts.whole) == (4, 4, False)


@pytest.mark.parametrize("name", SMALL)
def test_a_change_outside_the_halo_changes_nothing_inside(name: str) -> None:
    net = small(name).eval()
    facts = facts_of(net)
    side = facts.multiple * (2 + 2 * facts.halo // facts.multiple)
    image = torch.rand(
        1, 1, 4 * facts.multiple, side + 2 * facts.halo, generator=torch.Generator().manual_seed(1)
    )
    other = image.clone()
    other[..., : facts.halo] += 3
    with torch.no_grad():
        change = (net(other) - net(image)).abs().amax(dim=(0, 1, 2))
    assert change[2 * facts.halo :].max() < 1e-5
    assert change[facts.halo : facts.halo + facts.multiple].max() > 1e-3


@pytest.mark.parametrize("name", SMALL)
def test_the_measured_halo_is_within_the_one_the_net_computes(name: str) -> None:
    net = build_net(name, {"channels": 1, "classes": 1, **SMALL[name]})
    assert 0 < facts_of(net).halo <= net.halo


def test_the_memory_at_work_grows_with_the_filters() -> None:
    options = {"channels": 1, "classes": 1, "stem": "plain"}
    thin = facts_of(build_net("unet", {**options, "filters": [16, 16, 16]})).bytes_per_pixel
    thick = facts_of(build_net("unet", {**options, "filters": [32, 32, 32]})).bytes_per_pixel
    assert 1.7 < thick / thin < 2.1
    assert thin > 3 * 16 * 4  # what was kept, what came up and the result, of 16 channels in 4 bytes


class Centred(nn.Module):
    """Where a pixel lies has a say."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image + torch.linspace(0, 1, image.shape[-1], dtype=image.dtype)


class Stretched(nn.Module):
    """Its interpolation goes from corner to corner, and so depends on the size."""

    multiple = 2

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        coarse = nn.functional.avg_pool2d(image, 2)
        return nn.functional.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=True)


class Normed(nn.Module):
    """Its statistics are those of the whole image."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.norm(image)


@pytest.mark.parametrize("kind", [Centred, Stretched, Normed])
def test_a_net_that_no_overlap_makes_exact_is_known(kind: type) -> None:
    facts = facts_of(kind(), channels=1)
    assert facts.whole
    assert facts.halo >= 64


def test_a_net_in_evaluation_by_parts_is_left_as_it_was() -> None:
    net = small("unet").train()
    list(net.modules())[3].eval()
    modes = [part.training for part in net.modules()]
    with evaluating(net):
        assert not any(part.training for part in net.modules())
    assert [part.training for part in net.modules()] == modes
    with pytest.raises(ZeroDivisionError), evaluating(net):
        raise ZeroDivisionError
    assert [part.training for part in net.modules()] == modes


def test_measuring_leaves_random_state_weights_and_statistics_alone() -> None:
    net = small("unet").train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    random = torch.get_rng_state()
    facts_of(net)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_net_that_does_not_say_its_channels_is_asked_for_them() -> None:
    with pytest.raises(BadOption, match="Blur"):
        facts_of(Blur())


def test_wrong_channels_and_wrong_sizes_are_refused_with_what_the_net_gave() -> None:
    with pytest.raises(BadModel, match="expected input"):
        facts_of(Blur(), channels=2)
    with pytest.raises(BadModel, match=r"\(1, 1, 127, 127\)|\(1, 1, \d+, \d+\)"):
        facts_of(nn.Sequential(nn.Conv2d(1, 1, 2)), channels=1)
