from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager
from npe2 import PluginManifest
from npe2.manifest.utils import import_python_name

from napari_atomai.errors import CannotRead
from napari_atomai.files import registry
from napari_atomai.files.published import SAMPLES
from napari_atomai.plugin import readers, samples

ROOT = Path(__file__).resolve().parents[2]
WITH_LAYERS = [sample for sample in SAMPLES if sample.layers]
FE = "stem_Fe_grain-boundary"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty folder that samples are kept in."""
    monkeypatch.setenv(registry.FOLDER_VARIABLE, str(tmp_path))
    return tmp_path


@pytest.fixture
def arriving(cache, shared_data, monkeypatch):
    """What would be downloaded comes from the folder of real files; returns the threads it came in."""
    threads = []

    def fetch(name, folder=None, progress=None):
        threads.append(threading.current_thread())
        return Path(shutil.copy(shared_data / registry.find(name).file, cache))

    monkeypatch.setattr(registry, "fetch", fetch)
    return threads


@pytest.fixture
def said(monkeypatch):
    """What notifications said."""
    notes = []
    monkeypatch.setattr(notification_manager, "dispatch", lambda note: notes.append(note.message))
    return notes


def open_sample(name):
    return import_python_name(f"napari_atomai.plugin.samples:{samples.function_name(name)}")()


@pytest.mark.parametrize("entry", WITH_LAYERS, ids=lambda entry: entry.name)
def test_each_published_sample_has_a_function_that_says_what_it_opens(entry):
    function = import_python_name(f"napari_atomai.plugin.samples:{samples.function_name(entry.name)}")

    assert function.__name__.isidentifier()
    assert entry.shows in function.__doc__


def test_names_that_are_no_samples_are_not_there():
    for name in ("nothing", "eels_STO", FE):  # a single spectrum has no layers; "-" is not in a name
        with pytest.raises(AttributeError, match="has no attribute"):
            getattr(samples, name)


def test_the_menu_offers_the_registry_in_its_order_with_size_and_licence():
    manifest = PluginManifest.from_file(ROOT / "napari.yaml").contributions
    commands = {command.id: command.python_name for command in manifest.commands}
    offered = [entry for entry in manifest.sample_data if "(simulated)" not in entry.display_name]

    assert [(entry.key, entry.display_name) for entry in offered] == [(s.name, s.menu) for s in WITH_LAYERS]
    assert [commands[entry.command] for entry in offered] == [
        f"napari_atomai.plugin.samples:{samples.function_name(s.name)}" for s in WITH_LAYERS
    ]


def test_a_sample_opens_in_a_viewer_with_the_pixels_of_the_file(arriving, npe2pm, shared_data, said):
    npe2pm.register(PluginManifest.from_file(ROOT / "napari.yaml"))
    viewer = ViewerModel()

    (layer,) = viewer.open_sample("napari-atomai", FE)

    np.testing.assert_array_equal(np.asarray(layer.data), np.load(shared_data / f"{FE}.npy"))
    assert len(viewer.layers) == 1
    assert len(arriving) == 1


def test_a_sample_in_the_cache_is_opened_without_a_download(cache, shared_data, said):
    shutil.copy(shared_data / f"{FE}.npy", cache)  # the network is closed

    ((pixels, options, kind),) = open_sample(FE)

    assert np.asarray(pixels).shape == (512, 512)
    assert (kind, options["name"]) == ("image", FE)
    assert not any("Downloading" in text for text in said)


def test_whom_to_name_is_said(arriving, said):
    open_sample(FE)

    assert any("A. Leitherer" in text and "Apache-2.0" in text for text in said)
    assert any("Downloading" in text and "0.3 MB" in text for text in said)


@pytest.mark.usefixtures("qapp")
def test_the_window_goes_on_while_a_sample_is_downloaded(arriving, said):
    open_sample(FE)

    assert arriving[0] is not threading.main_thread()


@pytest.mark.usefixtures("qapp")
def test_without_a_network_the_sentence_is_raised_and_no_layer_is_made(cache, monkeypatch, npe2pm, said):
    def offline(name, folder=None, progress=None):
        raise CannotRead("x could not be downloaded from y.", remedy="Check the connection.")

    monkeypatch.setattr(registry, "fetch", offline)
    npe2pm.register(PluginManifest.from_file(ROOT / "napari.yaml"))
    viewer = ViewerModel()

    with pytest.raises(CannotRead, match="Check the connection") as caught:
        viewer.open_sample("napari-atomai", FE)

    assert caught.value.__cause__ is None
    assert all(step.name != "offline" for step in caught.traceback)  # of the way there, only the last steps
    assert list(viewer.layers) == []
    assert not any("could not be downloaded" in text for text in said)  # napari shows what is raised


def test_the_page_about_samples_lists_each_with_licence_source_and_size():
    page = (ROOT / "docs" / "samples.md").read_text(encoding="utf-8")

    for entry in SAMPLES:
        (line,) = (line for line in page.splitlines() if line.startswith(f"| `{entry.name}` |"))
        cells = [cell.strip() for cell in line.split("|")]
        assert cells[2].lower() == entry.shows.lower()
        assert cells[3] == entry.origin.licence
        assert f"https://github.com/{entry.origin.repository}/tree/{entry.commit}" in cells[4]
        assert cells[5] == entry.size_in_words
        assert entry.origin.credit in page


def test_the_reader_is_the_one_that_opens_files(arriving, monkeypatch, said):
    asked = []
    monkeypatch.setattr(readers, "read", lambda path: asked.append(path) or [])

    open_sample(FE)

    assert [Path(path).name for path in asked] == [f"{FE}.npy"]
