from __future__ import annotations

import csv
import importlib
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.plugins.utils import get_preferred_reader
from npe2 import PluginManifest
from PIL import Image as Picture

from napari_atomai.data.image import Image
from napari_atomai.errors import AtomAIError
from napari_atomai.plugin import commands, readers, results, samples, writers
from napari_atomai.plugin.layers import KEY, image_layer_data, image_of

MANIFEST = Path(__file__).resolve().parents[2] / "napari.yaml"


@pytest.fixture(scope="module")
def manifest():
    return PluginManifest.from_file(MANIFEST)


@pytest.fixture
def with_plugin(npe2pm, manifest):
    """Register the manifest with an otherwise empty plugin manager."""
    npe2pm.register(manifest)
    return npe2pm


def test_the_package_finds_the_manifest_of_the_top_level():
    link = MANIFEST.parent / "napari_atomai" / "napari.yaml"

    assert link.read_text() == MANIFEST.read_text()
    assert not link.is_symlink() or not link.readlink().is_absolute()


def test_every_command_of_the_manifest_is_there(manifest):
    for command in manifest.contributions.commands:
        module, _, name = command.python_name.partition(":")
        assert callable(getattr(importlib.import_module(module), name)), command.id


def test_entry_points_load_no_heavy_library(manifest, in_child):
    modules = sorted({str(c.python_name).partition(":")[0] for c in manifest.contributions.commands})
    code = (
        f"import importlib, sys; [importlib.import_module(m) for m in {modules!r}];"
        "bad = {'torch', 'onnxruntime', 'rsciio', 'hyperspy', 'matplotlib', 'ase'} & set(sys.modules);"
        "assert not bad, bad"
    )

    done = in_child(code)

    assert done.returncode == 0, done.stderr


def test_the_manifest_offers_every_format_that_can_be_read(manifest):
    from napari_atomai.files.reading import FORMATS

    patterns = {pattern for reader in manifest.contributions.readers for pattern in reader.filename_patterns}

    assert patterns == {f"*{suffix}" for suffix in FORMATS}


def test_a_picture_opens_grey_and_says_that_it_has_no_calibration(with_plugin, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 4), np.uint8)
    Picture.fromarray(pixels).save(tmp_path / "a.png", dpi=(96, 96))  # dots per inch of paper
    viewer = ViewerModel()

    (layer,) = viewer.open(tmp_path / "a.png", plugin="napari-atomai")

    assert layer.data.shape == (20, 30)
    assert not layer.rgb
    assert image_of(layer).pixel_size is None
    assert [str(unit) for unit in layer.units] == ["pixel", "pixel"]


def test_files_that_several_readers_open_are_opened_with_ours_when_the_user_says_so(with_plugin, monkeypatch):
    with_plugin.register(PluginManifest.from_distribution("napari"))
    plugins = SimpleNamespace(extension2reader={"*.tif": "napari", "*.csv": "other"})
    told = []
    monkeypatch.setattr(commands, "get_settings", lambda: SimpleNamespace(plugins=plugins))
    monkeypatch.setattr(commands, "show_info", told.append)

    commands.open_without_asking()

    ours = {pattern for pattern, reader in plugins.extension2reader.items() if reader == "napari-atomai"}
    shared = {"*.tif", "*.tiff", "*.png", "*.jpg", "*.jpeg", "*.bmp", "*.npy", "*.npz", "*.h5", "*.hdf5"}
    assert ours == {*shared, "*.zspy/"}
    assert plugins.extension2reader["*.csv"] == "other"
    assert "*.tif" in told[0]
    assert "Preferences" in told[0]


@pytest.mark.parametrize("before", [{}, {"*/": "somebody"}])
def test_of_folders_only_zspy_is_opened_with_ours_when_the_user_says_so(tmp_path, monkeypatch, before):
    plugins = SimpleNamespace(extension2reader=before)
    settings = SimpleNamespace(plugins=plugins)
    monkeypatch.setattr(commands, "get_settings", lambda: settings)
    monkeypatch.setattr("napari.plugins.utils.get_settings", lambda: settings)
    monkeypatch.setattr(commands, "show_info", lambda words: None)
    for name in ("a.zspy", "series"):
        (tmp_path / name).mkdir()

    commands.open_without_asking()

    assert get_preferred_reader(tmp_path / "a.zspy") == "napari-atomai"
    assert get_preferred_reader(tmp_path / "series") == before.get("*/", "napari")


@pytest.mark.parametrize(
    "path", ["a.svg", "", "nowhere/at/all", "x" * 5000, "a\0b.csv", ["a.npy", "b.svg"], "http://a.b/c.jpg"]
)
def test_files_of_other_kinds_are_left_to_other_plugins_without_complaint(path):
    assert readers.get_reader(path) is None


@pytest.mark.parametrize(("name", "ours"), [("a.zspy", True), ("a.npy", False), ("movie", False)])
def test_of_folders_only_those_of_a_format_that_may_be_one_are_taken(tmp_path, name, ours):
    (tmp_path / name).mkdir()

    assert (readers.get_reader(str(tmp_path / name)) is not None) == ours


def test_an_array_opens_as_a_layer_by_the_plugin(with_plugin, tmp_path):
    pixels = np.random.default_rng(0).random((20, 30))
    np.save(tmp_path / "scan one.npy", pixels)
    viewer = ViewerModel()

    (layer,) = viewer.open(tmp_path / "scan one.npy", plugin="napari-atomai")

    assert np.array_equal(layer.data, pixels)
    assert layer.name.startswith("scan one")
    assert image_of(layer).source.path == tmp_path / "scan one.npy"


def test_several_files_open_as_several_layers(with_plugin, tmp_path):
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", np.eye(20))
    viewer = ViewerModel()

    viewer.open([tmp_path / "a.npy", tmp_path / "b.npy"], plugin="napari-atomai")

    assert len(viewer.layers) == 2


@pytest.mark.parametrize("kind", ["not what its name says", "pickled", "empty", "missing"])
def test_a_file_that_cannot_be_read_is_refused_in_words_that_name_it(tmp_path, monkeypatch, kind):
    path = tmp_path / "bad.npy"
    if kind == "pickled":
        np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    elif kind != "missing":
        path.write_bytes(b"" if kind == "empty" else pickle.dumps("no array") * 20)
    told = []
    monkeypatch.setattr("napari.utils.notifications.show_error", told.append)

    with pytest.raises(AtomAIError, match=r"bad\.npy") as error:
        readers.get_reader(str(path))(str(path))

    assert told == [str(error.value)]


def test_notes_of_a_reader_are_told_once(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr("napari.utils.notifications.show_info", told.append)
    image = Image(np.zeros((4, 5)), Image.from_array(np.zeros((4, 5))).axes, notes=("Converted.",))
    monkeypatch.setattr("napari_atomai.files.reading.read", lambda path: [image, image])

    readers.read(str(tmp_path / "a.npy"))

    assert told == ["Converted."]


@pytest.mark.parametrize("sample", [samples.graphene_with_si, samples.perovskite])
def test_samples_are_calibrated_images(sample):
    ((data, options, kind),) = sample()

    assert kind == "image"
    assert options["units"] == ("nm", "nm")
    assert min(data.shape) >= 256
    assert options["metadata"][KEY]["uid"]


def test_samples_open_from_the_menu(with_plugin):
    viewer = ViewerModel()

    (layer,) = viewer.open_sample("napari-atomai", "graphene")

    assert image_of(layer).pixel_size is not None


@pytest.fixture
def points(picture, find_result):
    viewer = ViewerModel()
    image = Image.from_array(picture[0], 0.02)
    data, options, _ = image_layer_data(image)
    layer = viewer.add_image(data, **options)
    return results.show(viewer.layers, find_result(image, picture[1]), layer)


def test_points_are_saved_as_a_table_in_nanometres(points, tmp_path):
    path = tmp_path / "atoms.csv"

    data, attributes, _ = points.as_layer_data_tuple()
    assert writers.write_csv(str(path), data, attributes) == [str(path)]

    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert len(rows) == len(points.data)
    assert [float(row["row_px"]) for row in rows] == pytest.approx(points.data[:, 0], abs=1e-4)
    assert [float(row["x_nm"]) for row in rows] == pytest.approx(points.data[:, 1] * 0.02, abs=1e-5)
    assert {row["class"] for row in rows} == {"A", "B"}


def test_points_are_saved_as_a_structure_through_the_save_dialog(with_plugin, points, tmp_path):
    path = tmp_path / "atoms.xyz"

    written = points.save(str(path), plugin="napari-atomai")

    assert written == [str(path)]
    assert path.read_text().splitlines()[0].strip() == str(len(points.data))


def test_points_that_somebody_set_by_hand_can_be_saved_too(tmp_path):
    layer = ViewerModel().add_points([[1.0, 2.0], [3.0, 4.0]])
    data, attributes, _ = layer.as_layer_data_tuple()

    writers.write_csv(str(tmp_path / "a.csv"), data, attributes)

    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert [row["row_px"] for row in rows] != []
    assert [float(row["col_px"]) for row in rows] == [2.0, 4.0]


def test_of_a_file_with_several_images_the_first_is_seen(tmp_path, monkeypatch):
    image = Image.from_array(np.zeros((4, 5)))
    monkeypatch.setattr("napari_atomai.files.reading.read", lambda path: [image, image, image])

    layers = readers.read([str(tmp_path / "a.emd"), str(tmp_path / "b.emd")])

    assert [options["visible"] for _, options, _ in layers] == [True, False, False] * 2
