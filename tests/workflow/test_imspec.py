"""Structure and spectrum from two images to a model, its honest score, and spectra for a new image."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.cli import main  # noqa: E402
from napari_atomai.data.image import Axis, Image  # noqa: E402
from napari_atomai.data.progress import finish  # noqa: E402
from napari_atomai.data.recipes_spectra import TrainImSpec  # noqa: E402
from napari_atomai.data.spectrum import Spectrum  # noqa: E402
from napari_atomai.errors import BadImage, BadModel, NotCalibrated  # noqa: E402
from napari_atomai.files.reading import read  # noqa: E402
from napari_atomai.files.writing import write_hspy  # noqa: E402
from napari_atomai.models.imspec import ImSpec  # noqa: E402
from napari_atomai.workflow import imspec_process, pairs_task  # noqa: E402
from napari_atomai.workflow.imspec import (  # noqa: E402
    ImSpecResult,
    cutting_pairs,
    expected_structure,
    maps_of,
    predict_spectra,
    predict_structure,
    training_imspec,
    training_on_line,
)
from napari_atomai.workflow.process import Task  # noqa: E402

RECIPE = TrainImSpec(window=12.0, patch=6, filters=6, latent_dim=2, training_cycles=25)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def scene(seed: int = 0, *, random: bool = False) -> tuple[Image, Image]:
    """A smooth field of 72 nm: bright places have a peak at high energies, the steeper the broader."""
    rng = np.random.default_rng(seed)
    from scipy import ndimage

    field = ndimage.gaussian_filter(rng.standard_normal((72, 72)), 4)
    field /= field.std()
    local = ndimage.zoom(field, 0.25, order=1, grid_mode=True, mode="grid-constant")
    local = rng.standard_normal(local.shape) if random else local
    energies = np.arange(16)[:, None, None]
    cube = 50 * np.exp(-((energies - 8 - 3 * np.tanh(local)) ** 2) / 6)
    axes = (Axis("y", 1.0, 0.5, "nm"), Axis("x", 1.0, 0.5, "nm"))
    coarse = (Axis("E", 0.1, 1.0, "eV"), Axis("y", 4.0, 2.0, "nm"), Axis("x", 4.0, 2.0, "nm"))
    return Image(100 + field, axes, name="haadf"), Image(cube, coarse, name="si")


@pytest.fixture(scope="module")
def result() -> ImSpecResult:
    torch.set_num_threads(1)
    return finish(training_imspec(*scene(), RECIPE))


def test_the_held_out_score_beats_every_baseline(result: ImSpecResult) -> None:
    assert result.comparison.scores["model"] > 0.9
    assert result.comparison.scores["model"] > result.comparison.scores["mean"] + 0.5
    assert not set(result.train) & set(result.test)


def test_spectra_that_have_nothing_to_do_with_the_image_are_told_so() -> None:
    found = finish(training_imspec(*scene(random=True), RECIPE.model_copy(update={"training_cycles": 8})))
    assert not found.comparison.better
    assert "not allow a prediction" in found.comparison.sentence()


def test_maps_lie_where_the_spectra_were(result: ImSpecResult) -> None:
    errors, latents = result.error_map(), result.latent_maps()
    assert errors.shape == (18, 18)
    assert latents.shape == (2, 18, 18)
    row, column = result.pairs.places[37]
    off = result.predicted.mean[37] - result.pairs.spectra[37]
    assert errors[row, column] == pytest.approx(np.sqrt(np.mean(off**2)))
    names = [image.name for image in maps_of(result)]
    assert names == ["predicted spectra", "error of the prediction (RMS)"]


def test_a_walk_along_a_latent_shows_structure_and_spectrum(result: ImSpecResult) -> None:
    values, inputs, targets = result.along(0, 5)
    assert (np.diff(values) > 0).all()
    assert inputs.shape == (5, 6, 6)
    assert targets.shape == (5, 16)


def test_the_structure_behind_high_energies_is_bright(result: ImSpecResult) -> None:
    high, low = expected_structure(result, 2.1, 2.5), expected_structure(result, 1.0, 1.4)
    assert high.shape == (6, 6)
    assert high.mean() > low.mean()
    with pytest.raises(BadImage, match="No channel"):
        expected_structure(result, 50, 60)
    with pytest.raises(BadModel, match="spec2im"):
        predict_structure(result, result.pairs.spectra)


def test_a_new_image_gets_a_calibrated_spectrum_image(result: ImSpecResult) -> None:
    image, truth = scene(5)
    told = predict_spectra(result.model, image, step=4.0)
    assert told.axes == truth.axes
    off = np.square(told.pixels - truth.pixels).sum()
    assert off < 0.2 * np.square(truth.pixels - truth.pixels.mean(axis=(1, 2), keepdims=True)).sum()
    # Half as fine pixels show the same structure: the window is one of nm.
    half = image.pixels.reshape(36, 2, 36, 2).mean(axis=(1, 3))
    axes = (Axis("y", 2.0, 1.0, "nm"), Axis("x", 2.0, 1.0, "nm"))
    other = predict_spectra(result.model, Image(half, axes), step=4.0)
    assert np.square(other.pixels - told.pixels).mean() < 0.05 * told.pixels.var()


def test_an_image_of_another_kind_is_refused(result: ImSpecResult) -> None:
    image = scene(5)[0]
    with pytest.raises(NotCalibrated, match="no pixel size"):
        predict_spectra(result.model, Image.from_array(image.pixels))
    with pytest.raises(BadImage, match="window 12"):
        predict_spectra(result.model, image.calibrated(0.05))
    with pytest.raises(BadImage, match="pixels of"):
        predict_spectra(result.model, image.calibrated(20.0))
    with pytest.raises(BadModel, match="window"):
        predict_spectra(ImSpec((6, 6), (16,)), image)


def test_structure_comes_of_spectra_too() -> None:
    found = finish(training_imspec(*scene(), RECIPE.model_copy(update={"direction": "spec2im"})))
    assert found.comparison.scores["model"] > 0.3
    assert predict_structure(found, found.pairs.spectra[:3]).shape == (3, 6, 6)
    assert maps_of(found)[0].name == "predicted structures"


def test_a_process_gives_what_the_same_work_gives_here(result: ImSpecResult, tmp_path: Path) -> None:
    description = pairs_task.description_of(result.pairs, RECIPE)
    task = Task(imspec_process.MODULE, description, pairs_task.arrays_of(result.pairs), tmp_path)
    summary = finish(imspec_process.working(task))
    back = imspec_process.result_of(tmp_path, summary, result.pairs, RECIPE)
    np.testing.assert_array_equal(back.predicted.mean, result.predicted.mean)
    np.testing.assert_array_equal(back.test, result.test)
    assert dict(back.comparison.scores) == dict(result.comparison.scores)


def test_the_command_line_does_it_from_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, spectra = scene()
    write_hspy([image], tmp_path / "haadf.hspy")
    write_hspy([spectra], tmp_path / "si.hspy")
    words = ["--window", "12", "--patch", "6", "--filters", "4", "--training-cycles", "3", "--models", "2"]
    files = [str(tmp_path / "haadf.hspy"), str(tmp_path / "si.hspy")]
    out = tmp_path / "out"
    assert main(["im2spec", *files, "--out", str(out), *words, "--predict", files[0], "-q"]) == 0
    assert {path.name for path in out.iterdir()} == {
        "haadf_predicted.hspy",
        "model.safetensors",
        "predicted.hspy",
        "recipe.json",
        "scores.json",
    }
    assert {one.name for one in read(out / "predicted.hspy")} >= {"predicted: predicted spectra"}
    assert ImSpec.load(out / "model.safetensors").about["window"] == 12.0
    assert main(["im2spec", *files, "--out", str(out), *words]) == 2
    assert "holds results already" in capsys.readouterr().err
    assert main(["im2spec", files[0], files[0], "--out", str(tmp_path / "no"), *words]) == 1
    assert "no spectrum image" in capsys.readouterr().err


def test_the_command_line_takes_a_mask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, spectra = scene()
    write_hspy([image], tmp_path / "haadf.hspy")
    write_hspy([spectra], tmp_path / "si.hspy")
    mask = np.zeros((18, 18), np.uint8)
    mask[:, 4:] = 1
    np.save(tmp_path / "mask.npy", mask)
    words = ["--window", "12", "--patch", "6", "--filters", "4", "--training-cycles", "1"]
    command = ["im2spec", str(tmp_path / "haadf.hspy"), str(tmp_path / "si.hspy"), *words]
    asked = ["--out", str(tmp_path / "out"), "--mask", str(tmp_path / "mask.npy")]
    assert main([*command, *asked]) == 0
    assert "masked" in (tmp_path / "out" / "scores.json").read_text()
    np.save(tmp_path / "mask.npy", mask[:5])
    assert main([*command, "--overwrite", *asked]) != 0
    assert "(5, 18)" in capsys.readouterr().err


def test_a_masked_half_of_the_spectra_is_left_alone() -> None:
    image, spectra = scene()
    mask = np.ones((18, 18), bool)
    mask[:, :6] = False
    quick = RECIPE.model_copy(update={"training_cycles": 1})
    found = finish(training_imspec(image, spectra, quick, mask=mask))
    assert len(found.pairs) == 18 * 12
    assert np.isnan(found.error_map()[:, :6]).all()
    reversed_axis = dataclasses.replace(
        spectra, pixels=spectra.pixels[::-1], axes=(Axis("E", -0.1, 2.5, "eV"), *spectra.axes[1:])
    )
    other = finish(training_imspec(image, reversed_axis, quick, mask=mask))
    np.testing.assert_allclose(other.predicted.mean, found.predicted.mean, rtol=1e-4, atol=1e-3)


def test_a_line_scan_is_learned_from_along_its_line() -> None:
    image, spectra = scene()
    quick = RECIPE.model_copy(update={"training_cycles": 1, "window": 4.0})
    row = np.asarray(spectra.pixels)[:, 9].T
    values = np.insert(
        row, np.arange(1, 18), (row[1:] + row[:-1]) / 2, axis=0
    )  # twice as many along the line
    scan = Spectrum(values, (Axis("x", 2.0, 0.0, "nm"), spectra.axes[0]))
    ends = [(37.5, 1.5), (37.5, 69.5)]  # the tenth row of the spectrum image, in pixels of the image
    found = finish(training_on_line(image, scan, ends, quick))
    whole = finish(cutting_pairs(image, spectra, quick))
    np.testing.assert_allclose(found.pairs.patches[::2], whole.patches[whole.places[:, 0] == 9], atol=1e-6)
    np.testing.assert_allclose(found.pairs.spectra[::2], row)
    assert found.error_map().shape == (1, 35)
    with pytest.raises(BadImage, match="single spectrum"):
        finish(training_on_line(image, Spectrum(row[0], (spectra.axes[0],)), ends, quick))
