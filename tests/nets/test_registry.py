"""Nets are found by name, and those of the user are described and built again like the others."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.errors import BadModel, BadOption, UnknownOption  # noqa: E402
from napari_atomai.nets import registry  # noqa: E402
from napari_atomai.nets.registry import build_net, describe_net, register, size_multiple  # noqa: E402
from napari_atomai.nets.segmentation import UNet  # noqa: E402


@pytest.fixture(autouse=True)
def _own_nets_go(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(registry, "_NETS", dict(registry._NETS))
        yield


def own_net() -> type[torch.nn.Module]:
    @register("Own")
    class Own(torch.nn.Module):
        def __init__(self, channels: int, classes: int = 1, widths: tuple[int, ...] = (2, 3)) -> None:
            super().__init__()
            self.channels, self.classes = channels, classes
            self.one = torch.nn.Conv2d(channels, widths[0], 1)
            self.two = torch.nn.Conv2d(widths[0], classes, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.two(self.one(x))

    return Own


@pytest.mark.parametrize(
    ("paper", "name"),
    [("Unet", "unet"), ("dilnet", "dilnet"), ("SegResNet", "segresnet"), ("ResHedNet", "reshednet")],
)
def test_the_names_of_the_paper_build_the_nets(paper: str, name: str) -> None:
    assert describe_net(build_net(paper))[0] == name


def test_a_misspelt_net_gets_a_suggestion() -> None:
    with pytest.raises(UnknownOption, match="Did you mean 'segresnet'"):
        build_net("segrasnet")
    with pytest.raises(UnknownOption, match="There is no net '3'"):
        build_net(3)  # type: ignore[arg-type]


def test_a_net_built_by_hand_knows_its_options_positional_ones_too() -> None:
    net = UNet(3, 2, filters=(4, 8))
    name, options = describe_net(net)
    assert (name, options["channels"], options["classes"], options["filters"]) == ("unet", 3, 2, [4, 8])
    assert net.options == options
    assert copy.deepcopy(net).options == options


def test_a_net_of_the_user_is_described_and_built_again() -> None:
    own = own_net()
    net = own(2, widths=(5, 3))
    assert describe_net(net) == ("own", {"channels": 2, "classes": 1, "widths": [5, 3]})
    twin = build_net(*describe_net(net))
    twin.load_state_dict(net.state_dict())
    assert type(twin) is own
    assert size_multiple(twin) == 1
    assert "own" in registry.names()


def test_a_missing_option_is_named() -> None:
    own_net()
    with pytest.raises(BadOption, match="needs 'channels'"):
        build_net("own")


def test_a_class_defined_again_takes_its_own_place() -> None:
    first, second = own_net(), own_net()
    assert type(build_net("OWN", {"channels": 1})) is second is not first


def test_a_net_whose_class_was_defined_again_is_still_known_by_its_name() -> None:
    net = own_net()(channels=1)
    own_net()
    assert describe_net(net)[0] == "own"


def test_a_name_that_is_taken_is_refused() -> None:
    own_net()
    for name in ("own", "UNet"):
        with pytest.raises(BadOption, match=f"'{name}' belongs to"):

            @register(name)
            class Other(torch.nn.Module):
                pass


def test_a_constructor_without_names_is_refused() -> None:
    with pytest.raises(BadOption, match=r"takes \*\*options"):

        @register("loose")
        class Loose(torch.nn.Module):
            def __init__(self, **options: int) -> None:
                super().__init__()

    with pytest.raises(BadOption, match=r"not a class of torch.nn.Module"):
        register("function")(len)  # type: ignore[type-var]


def test_a_net_without_a_name_says_how_to_get_one() -> None:
    with pytest.raises(BadModel, match=r"register\('conv2d'\)"):
        describe_net(torch.nn.Conv2d(1, 1, 1))


def test_a_subclass_is_not_taken_for_its_parent() -> None:
    class Deeper(UNet):
        pass

    with pytest.raises(BadModel, match="Deeper, which has no name"):
        describe_net(Deeper())


def test_a_registered_subclass_records_its_own_arguments() -> None:
    @register("wide")
    class Wide(UNet):
        def __init__(self, width: int = 4) -> None:
            super().__init__(filters=(width, 2 * width))

    assert describe_net(Wide(6)) == ("wide", {"width": 6})


def test_a_value_that_json_cannot_hold_is_named_when_it_is_saved() -> None:
    @register("soft")
    class Soft(torch.nn.Module):
        def __init__(self, act: object = None) -> None:
            super().__init__()

    with pytest.raises(BadOption, match="built with act = <built-in"):
        describe_net(Soft(act=torch.tanh))
    with pytest.raises(BadOption, match="built with act = nan"):
        describe_net(Soft(act=float("nan")))
