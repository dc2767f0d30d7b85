"""ONNX Runtime gives what torch gives, and refuses what does not fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from napari_atomai.errors import BadModel
from napari_atomai.files.weights import Weights
from napari_atomai.predictors.engines import OnnxEngine, engine_for


@pytest.mark.parametrize("filters", [(4, 6), (4, 6, 8), (4, 6, 8, 10)])
@pytest.mark.parametrize("classes", [1, 3])
def test_onnx_runtime_agrees_with_torch(
    make_weights: Callable[..., Weights], filters: tuple[int, ...], classes: int
) -> None:
    torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")
    from napari_atomai.nets.segmentation import UNet

    weights = make_weights(filters, classes)
    net = UNet(**weights.card.net_options)
    net.load_state_dict({n: torch.from_numpy(a) for n, a in weights.tensors.items()}, strict=False)
    image = np.random.default_rng(1).standard_normal((2, 2, 64, 48)).astype(np.float32)
    with torch.no_grad():
        logits = net.eval()(torch.from_numpy(image))
    expected = torch.sigmoid(logits) if classes == 1 else torch.softmax(logits, dim=1)
    np.testing.assert_allclose(OnnxEngine(weights)(image), expected.numpy(), atol=1e-5)


def test_the_halo_covers_all_that_a_pixel_depends_on(weights: Weights) -> None:
    engine = OnnxEngine(weights)
    size = 4 * engine.halo
    image = np.random.default_rng(0).standard_normal((1, 2, size, size)).astype(np.float32)
    other = image.copy()
    other[..., : engine.halo] += 5.0
    far = np.s_[..., 2 * engine.halo :]
    np.testing.assert_allclose(engine(other)[far], engine(image)[far], atol=1e-6)


def test_the_engine_of_a_model_is_built_once(weights: Weights) -> None:
    assert engine_for(weights) is engine_for(weights)


def test_a_missing_tensor_is_named(weights: Weights) -> None:
    kept = {name: array for name, array in weights.tensors.items() if name != "bottom.3.weight"}
    with pytest.raises(BadModel, match=r"bottom\.3\.weight"):
        OnnxEngine(dataclasses.replace(weights, tensors=kept))


def test_weights_of_another_net_are_refused(weights: Weights, make_weights: Callable[..., Weights]) -> None:
    with pytest.raises(BadModel, match="asks for 4 outputs"):
        OnnxEngine(dataclasses.replace(weights, tensors=make_weights((6, 6, 8)).tensors))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"net": "resnet"}, "resnet"),
        ({"net_options": {}}, "filters"),
        ({"net_options": {"filters": "x"}}, "how its"),
    ],
)
def test_a_card_that_does_not_describe_a_unet_is_refused(
    weights: Weights, change: dict[str, object], words: str
) -> None:
    card = weights.card.model_copy(update=change)
    with pytest.raises(BadModel, match=words):
        OnnxEngine(dataclasses.replace(weights, card=card))
