"""Engines give what torch gives, or are not used."""

from __future__ import annotations

import dataclasses
import gc
import logging
import sys
import types
import weakref
from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from torch import nn  # noqa: E402

from napari_atomai.data.card import ModelCard  # noqa: E402
from napari_atomai.errors import BadModel, MissingExtra  # noqa: E402
from napari_atomai.files.weights import Weights  # noqa: E402
from napari_atomai.nets.registry import build_net, describe_net  # noqa: E402
from napari_atomai.predictors import choosing  # noqa: E402
from napari_atomai.predictors.choosing import TOLERANCE, difference, engine_of, weights_hash  # noqa: E402
from napari_atomai.predictors.eager import TorchEngine  # noqa: E402
from napari_atomai.predictors.engines import GraphEngine, OnnxEngine, engine_for  # noqa: E402
from napari_atomai.predictors.half import OpenVinoEngine  # noqa: E402
from tests.predictors.nets import SMALL, Blur, lively, shared, small  # noqa: E402


def batch(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).random(shape, np.float32)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("classes", [1, 3])
def test_onnx_runtime_gives_what_torch_gives(name: str, classes: int) -> None:
    net = shared(name, classes)
    engine = engine_of(net)
    assert isinstance(engine, GraphEngine)
    images = batch(2, 1, 72, 40)
    np.testing.assert_allclose(engine(images), TorchEngine(net)(images), atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"stem": "plain", "norm": "instance"},
        {"stem": "plain", "activation": "leaky_relu", "dropout": 0.3},
        {"norm": "group"},
        {"norm": "none"},
    ],
)
def test_every_kind_of_unet_runs_in_onnx_runtime(options: dict[str, object]) -> None:
    net = build_net("unet", {"channels": 1, "classes": 2, "filters": [8, 8, 8], **options})
    images = batch(1, 1, 48, 32)
    engine = engine_of(lively(net))
    assert isinstance(engine, GraphEngine)
    np.testing.assert_allclose(engine(images), TorchEngine(net)(images), atol=1e-5)


def test_what_a_unet_joins_is_not_held_twice() -> None:
    import onnx

    graph = onnx.load_model_from_string(engine_of(shared("unet")).content).graph
    assert "Concat" not in {node.op_type for node in graph.node}


def test_a_user_net_with_groups_and_joins_along_other_axes_is_exported_as_it_is() -> None:
    class Joined(nn.Module):
        channels = 2

        def __init__(self) -> None:
            super().__init__()
            self.grouped = nn.Conv2d(4, 2, 3, padding=1, groups=2)
            self.tall = nn.Conv2d(2, 2, 1)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            both = self.tall(torch.cat([image, image.flip(1)], dim=2))[:, :, : image.shape[2]]
            return self.grouped(torch.cat([image, both], dim=1))

    net, images = lively(Joined()), batch(1, 2, 12, 9)
    engine = engine_of(net, "onnx")
    assert isinstance(engine, GraphEngine)
    np.testing.assert_allclose(engine(images), TorchEngine(net)(images), atol=1e-6)


def test_a_net_of_a_user_runs_in_torch_unless_onnx_is_asked_for() -> None:
    net = Blur(classes=2)
    assert isinstance(engine_of(net, channels=1), TorchEngine)
    engine = engine_of(net, "onnx", channels=1)
    assert isinstance(engine, GraphEngine)
    np.testing.assert_allclose(
        engine(batch(1, 1, 9, 7)), TorchEngine(net, channels=1)(batch(1, 1, 9, 7)), atol=1e-6
    )


class Fickle(Blur):
    """What it does depends on the size, which an exported graph does not show."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.conv(image) * (1.0 if image.shape[0] == 1 else 5.0)


def test_an_engine_that_gives_something_else_is_not_used_and_that_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        engine = engine_of(Fickle(), "onnx", channels=1)
    assert isinstance(engine, TorchEngine)
    assert "differ by up to" in caplog.text
    assert "0.0001 is allowed" in caplog.text


def test_a_net_that_cannot_be_exported_runs_in_torch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> bytes:
        raise ValueError("no such operator")

    monkeypatch.setattr(choosing, "exported", refuse)
    with caplog.at_level(logging.WARNING):
        assert isinstance(engine_of(small("unet")), TorchEngine)
    assert "no such operator" in caplog.text


def test_an_engine_is_built_once_and_again_when_the_weights_changed() -> None:
    net = small("unet")
    first = engine_of(net)
    assert engine_of(net) is first
    before = weights_hash(net)
    with torch.no_grad():
        next(net.buffers()).add_(0.5)
    assert weights_hash(net) != before
    assert engine_of(net) is not first


def test_an_engine_does_not_keep_the_net_alive() -> None:
    net = small("unet")
    engine = engine_of(net)
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None
    assert engine(batch(1, 1, 8, 8)).shape == (1, 3, 8, 8)


def weights_of(net: torch.nn.Module) -> Weights:
    name, options = describe_net(net)
    tensors = {name: value.numpy() for name, value in net.state_dict().items()}
    return Weights(ModelCard(name="mine", net=name, net_options=options), tensors, "0")


@pytest.mark.parametrize("name", SMALL)
def test_a_saved_model_of_any_net_has_an_engine(name: str) -> None:
    net = shared(name)
    engine = engine_for(weights_of(net))
    images = batch(1, 1, 40, 24)
    np.testing.assert_allclose(engine(images), TorchEngine(net)(images), atol=1e-5)


@pytest.mark.parametrize("options", [{"stem": "plain"}, {"activation": "leaky_relu"}, {"norm": "none"}])
def test_a_saved_unet_of_another_kind_is_not_drawn_as_the_usual_one(options: dict[str, str]) -> None:
    net = lively(build_net("unet", {"channels": 1, "filters": [4, 6], **options}))
    weights = weights_of(net)
    images = batch(1, 1, 16, 24)
    np.testing.assert_allclose(engine_for(weights)(images), TorchEngine(net)(images), atol=1e-5)
    with pytest.raises(BadModel, match="Without torch"):
        OnnxEngine(weights)


def test_weights_of_another_net_are_refused() -> None:
    weights = weights_of(shared("dilnet"))
    tensors = {name: value for name, value in weights.tensors.items() if not name.startswith("head")}
    with pytest.raises(BadModel, match=r"head\.weight"):
        engine_for(dataclasses.replace(weights, tensors=tensors))


def test_channels_last_and_double_precision_nets_run_in_torch() -> None:
    net = small("unet").double()
    images = batch(1, 1, 16, 16)
    with torch.no_grad():
        expected = torch.softmax(net.eval()(torch.from_numpy(images).double()), 1).numpy()
    np.testing.assert_allclose(TorchEngine(net)(images), expected, atol=1e-6)


def fake_openvino(error: float) -> types.ModuleType:
    """Stands for OpenVINO: runs the graph in ONNX Runtime and adds an error."""
    module = types.ModuleType("openvino")

    class Compiled:
        def __init__(self, content: bytes) -> None:
            self.engine = GraphEngine(content, choosing.facts_of(shared("unet")), "fake")

        def __call__(self, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            return [self.engine(inputs["image"]) + np.float32(error)]

        def release_memory(self) -> None:
            self.engine.rest()

    class Core:
        def read_model(self, content: bytes, weights: bytes) -> bytes:
            assert weights == b""
            return content

        def compile_model(self, content: bytes, device: str, options: dict[str, str]) -> Compiled:
            assert (device, options["INFERENCE_PRECISION_HINT"]) == ("CPU", "bf16")
            return Compiled(content)

    module.Core = Core
    return module


def test_openvino_is_used_while_it_is_near_torch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    net = small("unet")
    monkeypatch.setitem(sys.modules, "openvino", fake_openvino(0.5 * TOLERANCE["openvino"]))
    engine = engine_of(net, "openvino")
    assert isinstance(engine, OpenVinoEngine)
    assert difference(engine, TorchEngine(net)) == pytest.approx(0.01, abs=1e-4)
    engine.rest()
    with torch.no_grad():
        next(net.parameters()).mul_(1.01)
    monkeypatch.setitem(sys.modules, "openvino", fake_openvino(2 * TOLERANCE["openvino"]))
    with caplog.at_level(logging.WARNING):
        assert isinstance(engine_of(net, "openvino"), GraphEngine)
    assert "not run by openvino" in caplog.text


def test_openvino_that_is_not_installed_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtra, match="pip install openvino"):
        engine_of(small("unet"), "openvino")


def test_the_engines_of_this_module_need_no_torch_for_the_bundled_net(
    make_weights: Callable[..., Weights],
) -> None:
    assert type(engine_for(make_weights())) is OnnxEngine
