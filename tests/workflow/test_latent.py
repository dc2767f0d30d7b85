"""What varies in a simulated perovskite whose B columns are displaced: patches, latents, clusters, files."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")
pytest.importorskip("sklearn")

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.progress import finish
from napari_atomai.data.recipe import CutPatches, LearnLatents, Record
from napari_atomai.errors import BadAtoms, BadImage, BadModel, BadOption
from napari_atomai.files.export import read_csv
from napari_atomai.models import load_model
from napari_atomai.stat.latent import correlated
from napari_atomai.workflow.latent import Cut, Latents, applying, concluding, cutting, learning
from napari_atomai.workflow.latent_manifold import turned
from napari_atomai.workflow.latent_process import working
from napari_atomai.workflow.latent_results import write_latents
from napari_atomai.workflow.latent_task import MODEL, MODULE, as_task
from napari_atomai.workflow.process import Task, read_kept

NM, CELL, CELLS = 0.028, 14.0, 18
WINDOW = {"classes": ("B",), "window": 2 * CELL * NM, "pixels": 16}


@pytest.fixture(scope="module")
def scene() -> tuple[Image, Atoms, np.ndarray]:
    """Return an image, its atoms, and how far along the columns each B is displaced (0 for A)."""
    a = (np.indices((CELLS, CELLS)).reshape(2, -1).T + 0.5) * CELL
    b = (np.indices((CELLS - 1, CELLS - 1)).reshape(2, -1).T + 1.0) * CELL
    moved = 1.5 * np.sin(2 * np.pi * b[:, 1] / (CELLS * CELL))
    b[:, 1] += moved
    axis = np.arange(CELLS * CELL)
    pixels = np.full((len(axis), len(axis)), 0.1)
    for height, where in ((1.0, a), (0.6, b)):
        by_row, by_column = (np.exp(-((axis - where[:, k, None]) ** 2) / 8) for k in (0, 1))
        pixels += height * by_row.T @ by_column
    pixels = np.random.default_rng(0).poisson(200 * pixels).astype(np.float32)
    classes = np.repeat([0, 1], [len(a), len(b)])
    atoms = Atoms.make(np.concatenate([a, b]), classes, class_names=("A", "B"))
    return Image.from_array(pixels, NM), atoms, np.concatenate([np.zeros(len(a)), moved])


@pytest.fixture(scope="module")
def cut(scene: Any) -> Cut:
    image, atoms, _ = scene
    return finish(cutting(image, CutPatches.of(WINDOW), atoms))


@pytest.fixture(scope="module")
def learned(cut: Cut) -> Latents:
    recipe = LearnLatents(rotation=False, translation=False, cycles=30, batch_size=25)
    return finish(learning(cut, recipe))


def test_the_first_latent_goes_with_the_displacement(scene: Any, learned: Latents) -> None:
    moved = scene[2][learned.atoms.ids]
    assert abs(correlated(learned.latent.mean, moved).linear[0]) > 0.95
    assert learned.record.measured["explained"] > 0.9
    assert learned.record.step(LearnLatents) is not None
    assert learned.record.step(CutPatches) is not None


def test_moments_find_its_size_without_training(scene: Any, cut: Cut) -> None:
    found = finish(learning(cut, LearnLatents(model="zernike", clusters="none")))
    moved = scene[2][found.atoms.ids]
    assert abs(correlated(found.latent.mean, np.abs(moved)).linear[0]) > 0.95
    assert found.clusters is None
    manifold = found.manifolds[0]
    assert manifold.first[0] > manifold.first[-1]
    shown = manifold.images.reshape(-1, 16 * 16)
    assert np.isin(shown[:, 77], cut.motifs.patches[:, 4, 13]).all()  # they are patches of the image


def test_the_manifold_decodes_what_the_cursor_would(learned: Latents) -> None:
    manifold = learned.manifolds[0]
    corner = learned.decoder.decode([[manifold.first[0], manifold.second[-1]]])
    assert np.allclose(manifold.images[0, -1], corner[0], atol=1e-3)


def test_clusters_and_latents_are_columns_of_the_atoms(learned: Latents) -> None:
    atoms, labels = learned.atoms, learned.atoms.features["cluster"]
    assert {"z1", "z1_sd", "z2", "cluster", "cluster_probability"} <= set(atoms.features)
    assert set(np.unique(labels)) == set(range(1, learned.clusters.number + 1))  # type: ignore[union-attr]
    mean = learned.mean_patch(labels == 1)
    assert np.allclose(mean, learned.patches[labels == 1].mean(axis=0), atol=1e-3)


def test_a_saved_model_finds_the_same_latents_again_without_training(scene: Any, learned: Latents) -> None:
    image, atoms, _ = scene
    asked = CutPatches.of({**WINDOW, "pixels": 12}), LearnLatents(latent_dim=5, clusters="none")
    found = finish(applying(image, asked, learned.decoder, (atoms, None, None)))  # type: ignore[arg-type]
    assert np.allclose(found.latent.mean, learned.latent.mean, atol=1e-5)
    assert found.patches.shape == learned.patches.shape
    step = found.record.step(LearnLatents)
    assert step is not None
    assert (step.latent_dim, step.rotation, step.clusters) == (2, False, "none")
    assert any("trained before" in note for note in found.record.notes)
    told = asked[1].model_copy(update={"conditional": True})
    both = finish(cutting(image, CutPatches.of({**WINDOW, "classes": ()}), atoms))
    with pytest.raises(BadModel, match="told no classes, and there are 2"):
        finish(concluding(both, told, learned.decoder))  # type: ignore[arg-type]


def test_latents_are_free_of_classes_that_are_told(scene: Any, tmp_path: Path) -> None:
    image, atoms, _ = scene
    both = finish(cutting(image, CutPatches.of({**WINDOW, "classes": ()}), atoms))
    recipe = LearnLatents(conditional=True, rotation=False, translation=False, cycles=25, batch_size=25)
    found = finish(learning(both, recipe))
    classes = both.motifs.centres.classes
    apart = [np.subtract(*(found.latent.mean[classes == k, j].mean() for k in (0, 1))) for j in (0, 1)]
    assert np.abs(apart).max() < 0.5  # of a width of 1
    assert np.array_equal(found.latent.labels, classes + 1)
    assert len(found.manifolds) == 2
    a, b = (found.manifolds[k].images[3, 3] for k in (0, 1))
    assert a[8, 8] > 1.3 * b[8, 8]  # A is the brighter one
    write_latents(found, tmp_path)
    again = load_model(tmp_path / MODEL)
    assert np.allclose(again.encode(found.patches, classes).mean, found.latent.mean, atol=1e-5)


def test_atoms_of_one_class_tell_no_classes(cut: Cut) -> None:
    with pytest.raises(BadAtoms, match="all of one class"):
        finish(learning(cut, LearnLatents(conditional=True)))
    with pytest.raises(BadOption, match="choose one"):
        LearnLatents.of({"conditional": True, "states": 3})


def test_fewer_moments_than_asked_for_are_said(cut: Cut) -> None:
    found = finish(learning(cut, LearnLatents(model="zernike", degree=30, latent_dim=2)))
    assert any("up to degree 16 were taken, not 30" in note for note in found.record.notes)
    whole = finish(learning(cut, LearnLatents(model="zernike", degree=8)))
    assert not any("degree" in note for note in whole.record.notes)


def test_patches_are_turned_as_the_angle_says() -> None:
    patch = np.random.default_rng(0).normal(size=(1, 9, 9)).astype(np.float32)
    assert np.allclose(turned(patch, [np.pi / 2])[0], np.rot90(patch[0]), atol=1e-4)
    assert np.allclose(turned(patch, [0.0]), patch, atol=1e-6)


def test_files_hold_what_was_found(learned: Latents, tmp_path: Path) -> None:
    import h5py

    (tmp_path / "map_z9.png").write_bytes(b"of an earlier result")
    paths = write_latents(learned, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in paths}
    table = read_csv(tmp_path / "latents.csv")
    assert np.allclose(table.features["z1"], learned.latent.mean[:, 0])
    assert np.array_equal(table.ids, learned.atoms.ids)
    with h5py.File(tmp_path / "latent.h5") as file:
        assert np.array_equal(file["patches"], learned.patches)
        assert np.array_equal(file["columns/cluster"], learned.atoms.features["cluster"])
        assert file["manifold/images"].shape == (1, 7, 7, 16, 16)
    again = load_model(tmp_path / "model.safetensors")
    assert np.allclose(again.encode(learned.patches).mean, learned.latent.mean, atol=1e-5)
    assert Record.from_json((tmp_path / "latent.json").read_text()) == learned.record


def test_the_process_shows_its_manifold_and_keeps_the_best_when_it_is_stopped(
    cut: Cut, tmp_path: Path
) -> None:
    previews: list[str] = []
    description, arrays = as_task(cut, LearnLatents(cycles=50, batch_size=50, rotation=False))
    task = Task(MODULE, description, arrays, tmp_path, lambda line: previews.append(line["preview"]))
    work = working(task)
    next(each for each in work if "train_loss" in each.losses)
    next(work)
    assert np.load(tmp_path / "preview-manifold.npy").shape == (7 * 16, 7 * 16)
    assert np.load(tmp_path / "preview-reconstructions.npy").shape == (32, 8 * 16)
    assert previews == ["manifold", "reconstructions"]
    assert read_kept(tmp_path) is not None  # should it be killed
    work.close()
    kept = read_kept(tmp_path)
    assert kept is not None
    assert kept["history"]["train_loss"]
    assert load_model(tmp_path / MODEL).in_dim == (16, 16)


def test_atoms_of_a_movie_have_tracks(scene: Any) -> None:
    image, atoms, _ = scene
    movie = Image.from_array(np.stack([np.asarray(image.pixels)] * 3), NM)
    there = Atoms.concatenate([dataclasses.replace(atoms, frames=atoms.frames + t) for t in range(3)])
    patches = finish(cutting(movie, CutPatches.of(WINDOW), there))
    found = finish(learning(patches, LearnLatents(model="zernike", clusters="none")))
    assert found.tracks is not None
    assert np.array_equal(np.bincount(found.atoms.features["track"]), np.full(len(found) // 3, 3))


def test_patches_of_which_nothing_can_be_learned_are_refused_in_words(scene: Any) -> None:
    image, atoms, _ = scene
    flat = Image.from_array(np.zeros(image.shape, np.float32), NM)
    same = finish(cutting(flat, CutPatches.of(WINDOW), atoms))
    for recipe in (LearnLatents(), LearnLatents(model="zernike")):
        with pytest.raises(BadImage, match=r"are the same|Nothing varies"):
            finish(learning(same, recipe))
    few = finish(cutting(image, CutPatches.of(WINDOW), atoms.keep(atoms.classes == 1).keep([20, 21])))
    with pytest.raises(BadImage, match="There are 2 patches"):
        finish(learning(few))
    with pytest.raises(BadOption, match="clusters of"):
        finish(learning(few, LearnLatents(model="zernike", number=9)))
