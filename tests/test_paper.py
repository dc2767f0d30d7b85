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


IMSPEC = """
import napari_atomai as aoi
in_dim = (16, 16) # Input dimensions (image height and width)
out_dim = (64,) # Output dimensions (spectra length)

# Initialize and train model
model = aoi.models.ImSpec(in_dim, out_dim, latent_dim=10)
model.fit(imgs_train, spectra_train, imgs_test, spectra_test, # training data
          full_epoch=True, training_cycles=120, swa=True # training parameters
        )

predicted_spectra = model.predict(imgdata)
"""


@pytest.mark.timeout(300)  # as many cycles as the paper's
def test_the_imspec_of_the_paper() -> None:
    def made(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        # A disc whose size gives a peak its energy.
        radii = np.random.default_rng(seed).uniform(2, 7, count)[:, None]
        rows, cols = np.indices((16, 16)).reshape(2, 1, -1) - 7.5
        images = (np.hypot(rows, cols) < radii).reshape(-1, 16, 16) * 5.0
        return images, 300 * np.exp(-((np.arange(64) - 8 * radii) ** 2) / 50)

    imgs, spectra = made(24, 0)
    imgs_test, spectra_test = made(8, 1)
    imgdata, truth = made(20, 2)
    names: dict[str, Any] = {"imgs_train": imgs, "spectra_train": spectra, "imgdata": imgdata}
    names |= {"imgs_test": imgs_test, "spectra_test": spectra_test}
    exec(IMSPEC, names)
    off = np.square(names["predicted_spectra"] - truth).sum()
    assert names["predicted_spectra"].shape == (20, 64)
    assert off < 0.1 * np.square(truth - truth.mean(axis=0)).sum()


IMLOCAL = """
import napari_atomai as aoi
# Get local descriptors
imstack = aoi.stat.imlocal(nn_output, coords, window_size=32, coord_class=1)

# Compute distortion "eigenvectors" with associated loading maps
pca_results = imstack.imblock_pca(n_components=4, plot_results=True)
"""


def test_the_local_statistics_of_the_paper() -> None:
    rng = np.random.default_rng(0)
    places = np.stack(np.meshgrid(np.arange(20, 240, 20), np.arange(20, 240, 20)), -1).reshape(-1, 2)
    coords = {0: np.column_stack([places, np.ones(len(places))])}
    names: dict[str, Any] = {"nn_output": rng.random((1, 256, 256, 3)), "coords": coords}
    exec(IMLOCAL, names)
    components, loadings, where = names["pca_results"]
    assert components.shape == (4, 32, 32, 3)
    assert loadings.shape == (len(where), 4)
    assert np.array_equal(where, places)
    flat = components.reshape(4, -1)
    assert np.allclose(flat @ flat.T, np.eye(4), atol=1e-6)
    assert len(names["imstack"].figure.axes) == 8


# The paper tells of these in words; this is how its library is called.
GRAPHS = """
import napari_atomai as aoi
map_dict = {0: "C", 1: "Si"}
coords = aoi.utils.filter_subgraphs(coordinates, map_dict, px2ang=0.1)
clusters = aoi.utils.find_cycle_clusters(coords[0], cycles=[5, 7], map_dict=map_dict, px2ang=0.1)
atoms = aoi.utils.ase_obj_basic(coords, 0, "graphene", map_dict, "POSCAR", px2ang=0.1)
"""


def test_the_graphs_and_structures_of_the_papers_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ase")
    from napari_atomai.simulate.samples import stone_wales

    motif = np.array([[0, 0], [0, 1], [np.sqrt(3) / 2, 1.5], [np.sqrt(3) / 2, 2.5]])
    corners = np.stack(np.meshgrid(np.arange(12) * np.sqrt(3), np.arange(7) * 3, indexing="ij"), -1)
    where = (corners.reshape(-1, 1, 2) + motif).reshape(-1, 2) * 1.42
    where = stone_wales(where, 1.42, where.mean(axis=0)) / 0.1
    lonely = np.array([[3000.0, 3000, 1]])
    table = np.concatenate([np.column_stack([where, np.zeros(len(where))]), lonely])
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"coordinates": {0: table}}
    exec(GRAPHS, names)
    assert len(names["coords"][0]) == len(where)
    assert [len(cluster) for cluster in names["clusters"]] == [16]
    assert len(names["atoms"]) == len(where)
    assert [path.name for path in tmp_path.iterdir()] == ["POSCAR"]
