"""The border of an image is no border to the net: maps there are like those inside."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.errors import BadImage  # noqa: E402
from napari_atomai.models import load_model  # noqa: E402
from napari_atomai.nets.registry import build_net  # noqa: E402
from napari_atomai.predictors.ensemble import EnsemblePredictor  # noqa: E402
from napari_atomai.predictors.segmentation import SegPredictor  # noqa: E402
from napari_atomai.prepare.scaling import Scaling  # noqa: E402

AS_IS = Scaling(kind="none")
NETS = ("unet", "dilnet", "segresnet", "reshednet")
SIZES = {"channels": 1, "classes": 2}
WAYS: dict[str, Callable[[Any, np.ndarray], np.ndarray]] = {
    "torch": lambda net, image: SegPredictor(net, scaling=AS_IS, engine="torch").predict(image),
    "onnx": lambda net, image: SegPredictor(net, scaling=AS_IS, engine="onnx").predict(image),
    "tiles": lambda net, image: SegPredictor(net, scaling=AS_IS, engine="torch", tile=32).predict(image),
    "lazy": lambda net, image: np.asarray(
        SegPredictor(net, scaling=AS_IS, engine="torch", tile=32)
        .lazily(da.from_array(image))
        .compute(scheduler="synchronous")
    ),
    "ensemble": lambda net, image: EnsemblePredictor([net, net], scaling=AS_IS).predict(image)[0],
}


def unlike_inside(maps: np.ndarray) -> float:
    """How much maps (y, x, classes) differ from their middle; a net may tell 8 rows and columns apart."""
    rows, columns, classes = maps.shape
    blocks = maps.reshape(rows // 8, 8, columns // 8, 8, classes)
    middle = blocks[rows // 16, :, columns // 16]
    return float(np.abs(blocks - middle[None, :, None]).max())


@pytest.mark.parametrize("way", WAYS)
def test_an_image_that_is_the_same_everywhere_gives_the_same_everywhere(way: str) -> None:
    net = build_net("unet", {**SIZES, "filters": [4, 8], "bottleneck": [1]}, seed=3).eval()
    maps = WAYS[way](net, np.full((1, 160, 128), 0.7, np.float32))
    assert unlike_inside(maps[0]) < 1e-5


@pytest.mark.parametrize("name", NETS)
def test_of_every_net_the_border_hardly_differs_from_the_inside(name: str) -> None:
    net = build_net(name, SIZES, seed=3).eval()
    image = np.full((1, 160, 160), 0.7, np.float32)
    with torch.no_grad():
        plain = net(torch.from_numpy(image)[None]).softmax(1).permute(0, 2, 3, 1).numpy()
    maps = SegPredictor(net, scaling=AS_IS, engine="torch").predict(image)
    assert unlike_inside(plain[0]) > 1e-3  # what zeros beyond the border do
    assert unlike_inside(maps[0]) < 0.25 * unlike_inside(plain[0])


def test_the_mxene_net_of_atomai_is_as_bright_at_the_border_as_inside(shared_data: Path) -> None:
    import napari_atomai as aoi
    from napari_atomai.models.resizing import resized

    torch.set_num_threads(1)
    model = load_model(shared_data / "weights_atomai_unet_MXene_metadict.tar")
    frame = aoi.read(shared_data / "stem_MXene_Ti3C2_9HF_1536.tif")[0].frame(0)
    small = resized(np.asarray(frame, np.float32)[None], (448, 448))  # a size that the net takes as it is
    maps = SegPredictor(model.net, scaling=model.scaling).predict(small)[0, ..., 0]
    border = np.ones(maps.shape, bool)
    border[12:-12, 12:-12] = False
    assert maps[border].mean() == pytest.approx(maps[~border].mean(), rel=0.15)


def test_pixels_that_are_not_finite_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    net = build_net("unet", {**SIZES, "filters": [4, 8], "bottleneck": [1]}, seed=3).eval()
    images = np.random.default_rng(0).random((3, 32, 32))
    images[1, 4:6, 4] = np.nan
    with caplog.at_level(logging.WARNING):
        assert np.isfinite(SegPredictor(net, engine="torch").predict(images)).all()
        EnsemblePredictor([net, net]).predict(images)
    assert len(caplog.messages) == 2
    assert all("1 of 3 images" in words and "image 1, with 2" in words for words in caplog.messages)


def test_an_image_without_a_finite_pixel_is_refused() -> None:
    net = build_net("unet", {**SIZES, "filters": [4, 8], "bottleneck": [1]}, seed=3).eval()
    images = np.zeros((3, 32, 32))
    images[2] = np.nan
    with pytest.raises(BadImage, match="Image 2 of 3 has no pixel that is finite"):
        SegPredictor(net, engine="torch").predict(images)


def test_channels_that_come_first_are_told_how_to_move() -> None:
    net = build_net("unet", {**SIZES, "filters": [4, 8], "bottleneck": [1]}, seed=3).eval()
    with pytest.raises(BadImage, match=r"images\[:, 0\]"):
        SegPredictor(net, engine="torch").predict(np.zeros((2, 1, 32, 32)))
