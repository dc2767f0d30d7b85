"""Results as HSPY and NSID: maps, calibration, atoms and record in one file."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from napari_atomai.cli.parser import ALSO
from napari_atomai.data.image import Image
from napari_atomai.data.recipe import Record
from napari_atomai.errors import UnknownOption
from napari_atomai.files.reading import read
from napari_atomai.files.writing import WRITERS
from napari_atomai.workflow.find import Found
from napari_atomai.workflow.results import write_results
from tests.workflow.test_results import _found, _image

FILES = {"hspy": "results.hspy", "nsid": "results.h5"}


@pytest.fixture(autouse=True)
def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_atomai.plots.overlay", lambda *_a, **_k: None)
    monkeypatch.setattr("napari_atomai.plots.save_figure", lambda _figure, path: path.write_bytes(b"PNG"))


def _maps(path: Path) -> dict[str, Image]:
    return {image.name.partition(": ")[2]: image for image in read(path)}


def _check(path: Path, found: Found, image: Image) -> None:
    maps = _maps(path)
    np.testing.assert_array_equal(maps["Classes"].pixels, found.classes)
    np.testing.assert_array_equal(maps["Probability"].pixels, found.probability)
    for each in maps.values():
        assert each.axes == image.axes
        original = each.metadata["original"]
        assert Record.from_json(original["recipe"]) == found.record
        np.testing.assert_allclose(np.atleast_1d(original["atoms"]["row_px"]), found.atoms.positions[:, 0])
        np.testing.assert_allclose(np.atleast_1d(original["atoms"]["x_nm"]), found.atoms.positions_nm[:, 1])
        names = [found.atoms.class_names[i] for i in found.atoms.classes]
        assert list(original["atoms"]["class"]) == names


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("name", FILES)
def test_maps_atoms_and_record_are_read_back(tmp_path: Path, name: str, frames: int) -> None:
    image = _image(frames)
    found = _found(image)
    paths = write_results(found, image, tmp_path / "out", formats=[name])
    assert tmp_path / "out" / FILES[name] in paths
    assert paths[-1].name == "recipe.json"
    _check(tmp_path / "out" / FILES[name], found, image)


@pytest.mark.parametrize("name", FILES)
def test_an_image_without_calibration_or_atoms_is_written_too(tmp_path: Path, name: str) -> None:
    image = _image(pixel_size=None)
    write_results(_found(image).at(0.99), image, tmp_path / "out", formats=[name])
    maps = _maps(tmp_path / "out" / FILES[name])
    assert maps["Classes"].pixel_size is None
    np.testing.assert_array_equal(maps["Probability"].pixels, _found(image).probability)


def test_hyperspy_draws_the_atoms_on_the_class_map(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hs = pytest.importorskip("hyperspy.api")
    image = _image()
    found = _found(image)
    write_results(found, image, tmp_path / "out", formats=["hspy"])
    classes, probability = hs.load(str(tmp_path / "out" / "results.hspy"))
    assert (classes.metadata.General.title, probability.metadata.General.title) == ("Classes", "Probability")
    assert [(a.name, a.scale, a.units) for a in classes.axes_manager._axes] == [
        ("y", 0.02, "nm"),
        ("x", 0.02, "nm"),
    ]
    offsets = classes.metadata.Markers.Atoms.get_current_kwargs()["offsets"]
    np.testing.assert_allclose(offsets, found.atoms.positions_nm[:, ::-1])
    assert json.loads(classes.original_metadata.recipe)["steps"][0]["step"] == "find_atoms"


def test_files_of_an_earlier_result_do_not_stay_beside_a_new_one(tmp_path: Path) -> None:
    image = _image()
    write_results(_found(image), image, tmp_path / "out", formats=list(FILES))
    write_results(_found(image), image, tmp_path / "out")
    assert not [name for name in FILES.values() if (tmp_path / "out" / name).exists()]


def test_a_format_that_does_not_exist_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    image = _image()
    with pytest.raises(UnknownOption, match="hspy"):
        write_results(_found(image), image, tmp_path / "out", formats=["hsp"])
    assert not (tmp_path / "out").exists()


def test_the_command_line_knows_every_format() -> None:
    assert set(ALSO) == set(WRITERS) == set(FILES)
