"""The snippets of the paper run with nothing but their import line changed, and do what it says."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_atomai

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
TRAJECTORIES = """
import napari_atomai as aoi
imstack = aoi.stat.imlocal(nn_output, coords, window_size=16, coord_class=1)
traj = imstack.get_all_trajectories(min_length=4, run_gmm=True, rmax=6, n_components=2)
trans = imstack.transition_matrix(n_components=2, rmax=6, sum_all_transitions=True)
"""


def test_the_trajectories_of_the_papers_library() -> None:
    rng = np.random.default_rng(0)
    sites = np.stack(np.meshgrid([16, 40], [16, 40], indexing="ij"), -1).reshape(-1, 2)
    rows, cols = np.indices((56, 56))
    coords, output = {}, np.zeros((6, 56, 56, 1))
    for frame in range(6):
        where = sites + rng.normal(0, 0.3, sites.shape)
        heights = np.where(np.arange(4) == frame % 2, 3.0, 1.0)
        for height, (row, col) in zip(heights, where, strict=True):
            output[frame, ..., 0] += height * np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / 8)
        coords[frame] = np.column_stack([where, np.ones(4)])[rng.permutation(4)]
    names: dict[str, Any] = {"nn_output": output, "coords": coords}
    exec(TRAJECTORIES, names)
    assert [len(path) for path in names["traj"]["trajectories"]] == [6] * 4
    # Two atoms are bright in turns, so that bright is always followed by dim.
    bright = int(np.argmax(names["trans"]["gmm_components"].max(axis=(1, 2, 3))))
    assert names["trans"]["all_transitions"][bright, bright] == 0
    assert names["trans"]["all_transitions"][bright].sum() == pytest.approx(1)


LATENTS = """
import napari_atomai as aoi
# Get a stack of image patches from the experimental data or Segmentor output
window_size=32
imstack, com, frames = aoi.utils.extract_subimages(nn_output, coords, window_size)

# Initialize rVAE model
input_dim = (32, 32)
rvae = aoi.models.rVAE(input_dim)

# Train
rvae.fit(imstack_train, latent_dim=2, rotation_prior=np.pi/3,
         training_cycles=100, batch_size=100)

# Visualize the learned manifold
rvae.manifold2d();
"""


def test_the_papers_autoencoder() -> None:
    rng = np.random.default_rng(0)
    sites = np.stack(np.meshgrid(range(24, 200, 40), range(24, 200, 40), indexing="ij"), -1).reshape(-1, 2)
    angle, (rows, cols) = rng.uniform(-0.5, 0.5, len(sites)), np.indices((208, 208))
    output = np.zeros((1, 208, 208, 1))
    for (row, col), turn in zip(sites, angle, strict=True):
        for side in (-6, 6):
            away = (rows - row - side * np.sin(turn)) ** 2 + (cols - col - side * np.cos(turn)) ** 2
            output[0, ..., 0] += (1 + side / 12) * np.exp(-away / 8)
    coords = {0: np.column_stack([sites, np.zeros(len(sites))])}
    patches = np.stack([output[0, r - 16 : r + 16, c - 16 : c + 16] for r, c in sites])
    names: dict[str, Any] = {"nn_output": output, "coords": coords, "imstack_train": patches, "np": np}
    exec(LATENTS, names)
    assert names["imstack"].shape == patches.shape
    found = names["rvae"].encode(names["imstack"]).angle
    # Rows point down, and angles are counter-clockwise: a partner that is further down is at a negative one.
    assert np.corrcoef(found, -angle)[0, 1] > 0.99
    assert names["rvae"].manifold2d().images.shape == (9, 9, 32, 32)


# And these.
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


SUPPLEMENT = """
import napari_atomai as aoi
trainer = aoi.trainers.SegTrainer("Unet", nb_classes=3)
trainer.compile_trainer((images, labels, images_test, labels_test), training_cycles=5, swa=True)
trained = trainer.run()
nn_output = aoi.predictors.SegPredictor(trained).predict(expdata)
"""


def test_the_low_level_words_of_the_papers_library(names: dict[str, Any]) -> None:
    exec(SUPPLEMENT, names)
    assert names["nn_output"].shape == (40, 8, 8, 3)


def _there(name: str) -> bool:
    """Whether a dotted name can be reached from the package."""
    parts, here = name.split("."), "napari_atomai"
    found: Any = importlib.import_module(here)
    for part in parts:
        here = f"{here}.{part}"
        if hasattr(found, part):
            found = getattr(found, part)
        elif importlib.util.find_spec(here) is not None:
            found = importlib.import_module(here)
        else:
            return False
    return True


def test_what_the_table_of_the_docs_names_is_there() -> None:
    table = (Path(__file__).parents[1] / "docs" / "paper.md").read_text()
    rooms = {path.stem for path in Path(napari_atomai.__file__).parent.iterdir()}
    here = [row.split("|")[2] for row in table.splitlines() if row.startswith("|")]
    named = {name for cell in here for name in re.findall(r"`([a-z]\w*(?:\.\w+)+)", cell)}
    ours = sorted(name for name in named if name.split(".")[0] in rooms)
    assert len(ours) > 30
    assert [name for name in ours if not _there(name)] == []
