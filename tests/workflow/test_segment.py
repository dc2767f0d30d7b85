"""Segmenting gives classes, atoms refined on the raw pixels, uncertainty and a record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.data.image import Image  # noqa: E402
from napari_atomai.data.recipe import Record  # noqa: E402
from napari_atomai.errors import BadOption, CannotRead  # noqa: E402
from napari_atomai.models import Segmentor  # noqa: E402
from napari_atomai.prepare.masks import disc_labels  # noqa: E402
from napari_atomai.simulate.samples import perovskite  # noqa: E402
from napari_atomai.simulate.truth import match  # noqa: E402
from napari_atomai.trainers.ensemble import Ensemble, EnsembleTrainer  # noqa: E402
from napari_atomai.workflow.results import write_results  # noqa: E402
from napari_atomai.workflow.segment import segment  # noqa: E402

SMALL = {"filters": [8, 16], "bottleneck": [1, 1]}
NAMES = ("Sr", "Ti")


def patches(image: np.ndarray) -> np.ndarray:
    return image.reshape(4, 48, 4, 48).transpose(0, 2, 1, 3).reshape(-1, 48, 48)


@pytest.fixture(scope="module")
def crystal() -> tuple[np.ndarray, np.ndarray]:
    torch.set_num_threads(1)
    sample = perovskite(size=192, seed=3)
    table = np.column_stack([sample.truth.positions, sample.truth.classes])
    labels = np.asarray(disc_labels(table, (192, 192), nb_classes=3, radius=4)).reshape(192, 192)
    return patches(np.asarray(sample.image.pixels)), patches(labels)


@pytest.fixture(scope="module")
def model(crystal: tuple[np.ndarray, np.ndarray]) -> Segmentor:
    made = Segmentor(nb_classes=3, net_options=SMALL, class_names=NAMES)
    made.fit(*crystal, training_cycles=150, batch_size=8, learning_rate=0.01)
    return made


@pytest.fixture(scope="module")
def ensemble(crystal: tuple[np.ndarray, np.ndarray], model: Segmentor) -> Ensemble:
    trainer = EnsembleTrainer("Unet", 3, net_options=SMALL, class_names=NAMES)
    return trainer.train_ensemble_from_baseline(
        *crystal, n_models=2, basemodel=model.net, training_cycles_ensemble=20, batch_size=8
    )[1]


@pytest.fixture(scope="module")
def scene() -> Image:
    return perovskite(size=192, seed=8).image


def test_both_sublattices_are_found_and_classed(model: Segmentor, scene: Image) -> None:
    truth = perovskite(size=192, seed=8).truth
    result = segment(scene, model)
    found, true = match(result.atoms.positions, truth.positions, 3.0)
    assert len(found) > 0.95 * len(truth.positions)
    right = result.atoms.classes[found] == truth.classes[true]
    assert right.mean() > 0.95
    off = result.atoms.positions[found] - truth.positions[true]
    assert np.median(np.hypot(*off.T)) < 0.3
    assert result.atoms.class_names == NAMES
    assert result.classes.shape == scene.shape
    assert set(np.unique(result.classes)) == {0, 1, 2}
    assert result.uncertainty is None


def test_a_movie_gives_what_its_frames_give(model: Segmentor, scene: Image) -> None:
    pixels = np.asarray(scene.pixels)
    movie = segment(np.stack([pixels, pixels.T]), model)
    alone = segment(pixels, model)
    np.testing.assert_array_equal(movie.maps[0], alone.maps)
    np.testing.assert_array_equal(movie.atoms.positions[movie.atoms.frames == 0], alone.atoms.positions)
    assert movie.maps.shape == (2, *pixels.shape, 3)


def test_an_ensemble_says_where_it_is_unsure(ensemble: Ensemble, scene: Image) -> None:
    result = segment(scene, ensemble)
    assert result.uncertainty is not None
    assert result.uncertainty.shape == scene.shape
    assert result.uncertainty.max() > 0


def test_uncertainty_rises_where_the_image_is_unlike_the_training_set(
    ensemble: Ensemble, scene: Image
) -> None:
    pixels = np.asarray(scene.pixels, float).copy()
    rows, columns = np.indices(pixels.shape)
    stripes = np.sin(columns / 1.7) * np.sin(rows / 11)  # nothing that the nets have seen
    pixels[:, 96:] = pixels.mean() + pixels.std() * stripes[:, 96:]
    unsure = segment(pixels, ensemble).uncertainty
    assert unsure is not None
    assert unsure[:, 112:].mean() > 1.3 * unsure[:, :80].mean()


def test_another_threshold_finds_the_atoms_of_that_threshold(model: Segmentor, scene: Image) -> None:
    result = segment(scene, model)
    again = result.at(0.8)
    np.testing.assert_array_equal(again.atoms.positions, segment(scene, model, threshold=0.8).atoms.positions)
    assert again.threshold == 0.8


def test_a_saved_model_gives_the_same_and_its_record_is_read_again(
    model: Segmentor, scene: Image, tmp_path: Path
) -> None:
    path = model.save_model(tmp_path / "mine")
    result = segment(scene, path)
    np.testing.assert_allclose(result.maps, segment(scene, model).maps, atol=1e-6)
    folder = tmp_path / "out"
    write_results(result, scene, folder)
    write_results(result, scene, folder)  # of the same input: replaced without asking
    assert Record.from_json((folder / "recipe.json").read_text()) == result.record
    assert (folder / "atoms.csv").read_text().count("Ti") > 10


def test_pixels_that_are_not_finite_are_told_of(model: Segmentor, scene: Image) -> None:
    pixels = np.asarray(scene.pixels, float).copy()
    pixels[5, 5] = np.nan
    result = segment(pixels, model)
    assert any("not finite" in note for note in result.notes)
    assert np.isfinite(result.maps).all()


def test_an_image_without_objects_says_so(model: Segmentor) -> None:
    result = segment(np.zeros((64, 64)), model, threshold=0.99)
    assert len(result.atoms) == 0
    assert "No pixel reaches" in result.notes[-1]


def test_a_finder_of_atoms_is_refused() -> None:
    with pytest.raises(BadOption, match="find_atoms"):
        segment(np.zeros((64, 64)), "atoms")


def test_a_damaged_model_is_refused(model: Segmentor, scene: Image, tmp_path: Path) -> None:
    path = model.save_model(tmp_path / "mine")
    content = bytearray(path.read_bytes())
    content[-1000:] = bytes(1000)
    path.write_bytes(content)
    with pytest.raises(CannotRead, match="damaged"):
        segment(scene, path)
