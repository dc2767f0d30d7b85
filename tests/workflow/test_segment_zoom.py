"""A net sees an image at the size at which atoms lie as far apart as in its training."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.errors import BadOption  # noqa: E402
from napari_atomai.models import Segmentor  # noqa: E402
from napari_atomai.models.resizing import resized  # noqa: E402
from napari_atomai.prepare.masks import disc_labels  # noqa: E402
from napari_atomai.simulate.samples import perovskite  # noqa: E402
from napari_atomai.workflow.segment import segment  # noqa: E402


def patches(image: np.ndarray) -> np.ndarray:
    return image.reshape(4, 48, 4, 48).transpose(0, 2, 1, 3).reshape(-1, 48, 48)


@pytest.fixture(scope="module")
def model() -> Segmentor:
    torch.set_num_threads(1)
    sample = perovskite(size=192, seed=3)
    table = np.column_stack([sample.truth.positions, sample.truth.classes])
    labels = np.asarray(disc_labels(table, (192, 192), nb_classes=3, radius=4)).reshape(192, 192)
    made = Segmentor(nb_classes=3, net_options={"filters": [8, 16], "bottleneck": [1, 1]})
    images = patches(np.asarray(sample.image.pixels))
    made.fit(images, patches(labels), training_cycles=150, batch_size=8, learning_rate=0.01)
    return made


@pytest.mark.parametrize("times", [0.5, 3.0])
def test_a_crystal_of_another_size_is_seen_as_in_training(model: Segmentor, times: float) -> None:
    sample = perovskite(size=256, seed=8)
    side = round(256 * times)
    image = resized(np.asarray(sample.image.pixels, np.float32)[None], (side, side))[0]

    found = segment(image, model)

    assert found.record.measured["zoom"] == pytest.approx(1 / times, rel=0.06)
    assert len(found.atoms) == pytest.approx(len(sample.truth.positions), rel=0.06)
    assert any(f"at zoom {found.record.measured['zoom']:.3g}" in note for note in found.notes)


def test_a_crystal_of_the_size_of_the_training_is_not_resampled(model: Segmentor) -> None:
    found = segment(perovskite(size=192, seed=8).image, model)

    assert found.record.measured["zoom"] == 1
    assert not any("zoom" in note for note in found.notes)


def test_noise_is_seen_as_it_is_and_that_is_said(model: Segmentor) -> None:
    found = segment(np.random.default_rng(0).normal(size=(192, 192)), model)

    assert found.record.measured["zoom"] == 1
    assert any("no lattice at any zoom" in note for note in found.notes)


def test_a_net_that_does_not_know_its_spacing_sees_the_image_as_it_is(model: Segmentor) -> None:
    image = np.kron(np.asarray(perovskite(size=96, seed=8).image.pixels), np.ones((3, 3)))
    unknowing = Segmentor(nb_classes=3, net_options={"filters": [8, 16], "bottleneck": [1, 1]})
    unknowing.net.load_state_dict(model.net.state_dict())

    assert segment(image, unknowing).record.measured["zoom"] == 1


def test_a_zoom_that_leaves_nothing_of_an_image_is_refused(model: Segmentor) -> None:
    with pytest.raises(BadOption, match="nothing is left"):
        segment(np.ones((64, 64)), model, zoom=0.01)
