"""The snippets of the paper run with nothing but their import line changed, and do what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

SEGMENTOR = """
import napari_atomai as aoi
# Initialize model
model = aoi.models.Segmentor(nb_classes=3) # uses U-Net by default
# Train
model.fit(images, labels, images_test, labels_test, # training data
          training_cycles=300, compute_accuracy=True, swa=True # training params
        )
nn_output, coordinates = model.predict(expdata)
"""

# The paper's text has no listing of an ensemble: this is how its library is called for one.
ENSEMBLE = """
import napari_atomai as aoi
# Initialize and compile ensemble trainer
etrainer = aoi.trainers.EnsembleTrainer("Unet", nb_classes=3)
etrainer.compile_ensemble_trainer(training_cycles=5, compute_accuracy=True)
# Train ensemble of models starting every time with new randomly initialized weights
smodel, ensemble = etrainer.train_ensemble_from_scratch(
    images, labels, images_test, labels_test, n_models=3)
# Initialize ensemble predictor
p = aoi.predictors.EnsemblePredictor(smodel, ensemble, nb_classes=3)
# Predict with ensemble
nn_out, nn_out_var = p.predict(expdata)
"""


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def names() -> dict[str, Any]:
    """Return what the snippets take for granted: images with one atom each, of two kinds; small and quick."""

    def made(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        rows, cols = np.indices((8, 8))
        kinds, centres = np.arange(count) % 2, rng.uniform(1, 6, (count, 2))
        away = np.hypot(rows - centres[:, 0, None, None], cols - centres[:, 1, None, None])
        # A heavy atom is broad, a light one narrow: each image is scaled by its own brightest pixel.
        images = np.exp(-(away**2) / np.where(kinds, 1.0, 6.0)[:, None, None])
        labels = np.where(away <= 1.5, kinds[:, None, None], 2)
        return images + 0.03 * rng.standard_normal(images.shape), labels

    images, labels = made(32, 0)
    images_test, labels_test = made(8, 1)
    expdata, truth = made(40, 2)
    return {
        "images": images,
        "labels": labels,
        "images_test": images_test,
        "labels_test": labels_test,
        "expdata": expdata,
        "truth": truth,
    }


@pytest.mark.timeout(300)  # as many cycles as the paper's
def test_the_segmentor_of_the_paper(
    names: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(SEGMENTOR, names)
    assert names["nn_output"].shape == (40, 8, 8, 3)
    found = [names["coordinates"][frame] for frame in range(40)]
    assert all(table.shape[1] == 3 for table in found)
    assert np.mean([len(table) == 1 for table in found]) > 0.85
    right = [table[0, 2] == frame % 2 for frame, table in enumerate(found) if len(table)]
    assert np.mean(right) > 0.85
    assert len(names["model"].history["test_accuracy"]) == 300
    assert list(tmp_path.iterdir()) == []


def test_the_ensemble_of_the_papers_library(names: dict[str, Any]) -> None:
    exec(ENSEMBLE, names)
    assert len(names["ensemble"]) == 3
    assert names["nn_out"].shape == names["nn_out_var"].shape == (40, 8, 8, 3)
    assert names["nn_out_var"].max() > 0
