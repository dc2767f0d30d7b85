"""Nothing is lost: sessions are written and come back, also after kill -9, damage, and a full disk."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer
from napari.utils.colormaps import DirectLabelColormap

from napari_atomai.data.recipe import FindAtoms, ModelRecord, RefineAtoms
from napari_atomai.errors import CannotRead, SaveFailed
from napari_atomai.files import work as files
from napari_atomai.plugin import autosave, keeping, own_models, teaching
from napari_atomai.plugin.kept_models import with_its_model
from napari_atomai.plugin.layers import KEY, image_layer_data, notes_of, uid_of
from napari_atomai.plugin.session import session_of
from napari_atomai.workflow.record import file_sha256
from napari_atomai.workflow.saved_models import taught_model, with_model_at


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def session(qtbot, viewer, picture, finder, until):
    viewer.layers.append(ImageLayer(picture[0], scale=(0.02, 0.02), units=("nm", "nm"), name="lattice"))
    session = session_of(viewer)
    session.find(viewer.layers[0], FindAtoms(), RefineAtoms())
    until(lambda: session.job is None)
    points = session.points(uid_of(viewer.layers[0]))
    points.selected_data = {0}
    points.remove_selected()
    points.add([[40.3, 50.1]])
    points.selected_data = {2}
    session.correcting.set_class(points, "Si")
    return session


def contents(viewer):
    points = next(layer for layer in viewer.layers if notes_of(layer).get("role") == "atoms")
    return points.data.tolist(), points.features.to_json(), [layer.name for layer in viewer.layers]


def test_a_session_comes_back_whole_and_works_on(session, viewer, tmp_path, qtbot):
    path = tmp_path / "day.atomai"
    keeping.write_session(viewer, path)
    other = ViewerModel()
    keeping.read_session(other, path)

    assert contents(other) == contents(viewer)
    uid = uid_of(viewer.layers[0])
    again = session_of(other)
    np.testing.assert_array_equal(again.layer(uid).data, viewer.layers[0].data)
    assert str(again.layer(uid).units[0]) == "nanometer"
    before = len(again.points(uid).data)
    again.set_threshold(uid, 0.06)
    assert len(again.points(uid).data) > before
    assert "Si" in set(again.points(uid).features["class"])
    manual = again.points(uid).features["source"] == "manual"
    assert manual.sum() == 1


def test_arrows_tracks_and_colours_come_back(qtbot, viewer, tmp_path):
    random = np.random.default_rng(0)
    nm = {"scale": (0.1, 0.1), "units": ("nm", "nm")}
    notes = {KEY: {"role": "lattice arrows", "parent_uid": "i", "shows": "strain"}}
    viewer.add_vectors(
        random.random((5, 2, 2)), name="arrows", edge_color=random.random((5, 4)), length=3, edge_width=2,
        vector_style="arrow", features={"length_px": np.arange(5.0)}, metadata=notes, **nm,
    )  # fmt: skip
    path = [[0, 0, 1, 1], [0, 1, 2, 2], [1, 0, 5, 5], [1, 1, 6, 6]]
    viewer.add_tracks(np.array(path, float), name="tracks", features={"state": [0, 0, 1, 1]}, tail_width=3)
    viewer.add_points(random.random((4, 2)), name="sites", face_color=random.random((4, 4)), size=4, **nm)
    colours = {None: "transparent", 5: "red", 6: "blue"}
    rings = viewer.add_labels(
        np.arange(9).reshape(3, 3), name="rings", colormap=DirectLabelColormap(color_dict=colours)
    )
    rings.editable = False
    keeping.write_session(viewer, tmp_path / "day.atomai")
    other = ViewerModel()
    keeping.read_session(other, tmp_path / "day.atomai")

    for name, looks in {
        "arrows": ("edge_color", "length", "edge_width", "vector_style", "scale"),
        "tracks": ("tail_width", "tail_length", "color_by"),
        "sites": ("face_color", "border_color", "size"),
        "rings": ("editable",),
    }.items():
        before, after = viewer.layers[name], other.layers[name]
        np.testing.assert_array_equal(after.data, before.data)
        assert list(after.features) == list(before.features)
        for look in looks:
            assert np.array_equal(getattr(after, look), getattr(before, look)), (name, look)
    assert notes_of(other.layers["arrows"])["shows"] == "strain"
    np.testing.assert_array_equal(other.layers["rings"].colormap.map(6), rings.colormap.map(6))


def test_what_lies_over_an_image_follows_its_calibration_after_reopening(session, viewer, tmp_path):
    from napari.layers import Image as Picture

    from napari_atomai.plugin.overlays import overlay

    image = viewer.layers[0]
    teaching.region_layer(viewer.layers, image).add_rectangles(np.array([[5, 5], [5, 60], [70, 60], [70, 5]]))
    coarse = np.zeros((24, 30))
    overlay(viewer.layers, "strain", image, partial(Picture, coarse, name="strain"), ndim=2, step=4)
    keeping.write_session(viewer, tmp_path / "day.atomai")
    other = ViewerModel()
    keeping.read_session(other, tmp_path / "day.atomai")
    again = next(layer for layer in other.layers if uid_of(layer) == uid_of(image))
    strain = other.layers["strain"]
    drawn = next(layer for layer in other.layers if notes_of(layer).get("role") == "reviewed")
    again.scale = (0.05, 0.05)
    np.testing.assert_allclose(strain.scale, (0.2, 0.2))
    np.testing.assert_allclose(drawn.scale, (0.05, 0.05))
    again.translate = (1.0, 2.0)
    np.testing.assert_allclose(drawn.translate, (1.0, 2.0))


@pytest.mark.parametrize("damaged", [1, 2, 3])
@pytest.mark.parametrize("how", ["cut", "flipped", "empty"])
def test_of_three_autosaves_the_newest_whole_one_is_taken(session, viewer, until, damaged, how):
    saving, points = session.autosave, session.points(uid_of(viewer.layers[0]))
    for step in range(3):
        points.add([[30.0 + step, 30.0]])
        saving.write()
        until(lambda: saving._job is None)
        time.sleep(0.02)
    paths = sorted(saving._folder.glob("*.atomai"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    contents = [path.read_bytes() for path in paths]
    for path, content in list(zip(paths, contents, strict=True))[:damaged]:
        middle, flipped = len(content) // 2, bytes([content[len(content) // 2] ^ 0xFF])
        kept_time = path.stat().st_mtime_ns
        path.write_bytes(
            {"cut": content[:middle], "flipped": content[:middle] + flipped + content[middle + 1 :]}.get(
                how, b""
            )
        )
        os.utime(path, ns=(kept_time, kept_time))
    work, notes = autosave.newest(saving._folder)
    assert len(notes) == damaged
    assert len(list(saving._folder.glob("*.damaged"))) == damaged, "set aside, not deleted"
    if damaged == 3:
        assert work is None
        return
    kept = next(entry for entry in work.entry["layers"] if entry["kind"] == "points")
    assert len(work.arrays[f"{kept['uid']}/data"]) == len(points.data) - damaged


def test_a_taught_model_comes_back_with_the_session(session, viewer, tmp_path, monkeypatch):
    monkeypatch.setenv(own_models.FOLDER, str(tmp_path / "models"))
    uid, model = uid_of(viewer.layers[0]), tmp_path / "mine.safetensors"
    model.write_bytes(b"weights")
    found = session.result(uid).found
    used = ModelRecord(name="mine", sha256=file_sha256(model))
    record = with_model_at(found.record.model_copy(update={"model": used}), model)
    found = dataclasses.replace(found, record=record)
    session.put_back(uid, found)
    keeping.write_session(viewer, tmp_path / "day.atomai")
    model.unlink()
    other = ViewerModel()
    keeping.read_session(other, tmp_path / "day.atomai")
    place = taught_model(session_of(other).result(uid).found.record)
    assert place.parent == own_models.home()
    assert place.read_bytes() == b"weights"

    asked = []
    place.unlink()
    same, note = with_its_model(found, {}, tmp_path, lambda name: asked.append(name))
    assert asked == ["mine"]
    assert same is found
    assert "'mine' is not in" in note


def test_an_image_of_a_file_is_kept_by_its_path_and_found_beside_the_session(qtbot, tmp_path, picture):
    from napari_atomai.files.reading import read

    folder, moved = tmp_path / "here", tmp_path / "there"
    folder.mkdir(), moved.mkdir()
    np.save(folder / "scan.npy", picture[0].astype(np.float32))
    data, options, _ = image_layer_data(read(folder / "scan.npy")[0])
    viewer = ViewerModel()
    viewer.add_image(data, **options)
    keeping.write_session(viewer, folder / "day.atomai")
    assert (folder / "day.atomai").stat().st_size < 20_000
    for name in ("scan.npy", "day.atomai"):
        (folder / name).rename(moved / name)
    other = ViewerModel()
    keeping.read_session(other, moved / "day.atomai")
    np.testing.assert_array_equal(other.layers[0].data, picture[0].astype(np.float32))


def test_an_image_whose_file_is_gone_is_asked_for_and_the_rest_comes_back(
    qtbot, tmp_path, picture, monkeypatch
):
    from napari_atomai.files.reading import read

    np.save(tmp_path / "scan.npy", picture[0])
    data, options, _ = image_layer_data(read(tmp_path / "scan.npy")[0])
    viewer = ViewerModel()
    viewer.add_image(data, **options)
    viewer.add_points(np.ones((2, 2)), name="mine")
    keeping.write_session(viewer, tmp_path / "day.atomai")
    (tmp_path / "scan.npy").unlink()
    asked, told = [], []
    monkeypatch.setattr("napari_atomai.plugin.asking.answer", lambda ask: asked.append(ask) or "")
    monkeypatch.setattr(keeping, "show_warning", told.append)
    other = ViewerModel()
    keeping.read_session(other, tmp_path / "day.atomai")
    assert len(asked) == 1
    assert "is not there any more" in told[0]
    assert [layer.name for layer in other.layers] == ["mine"]


@pytest.mark.parametrize("how", ["cut", "flipped", "text", "newer"])
def test_a_damaged_or_newer_session_is_refused_in_words(session, viewer, tmp_path, how):
    path = tmp_path / "day.atomai"
    keeping.write_session(viewer, path)
    content = bytearray(path.read_bytes())
    if how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "flipped":
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
    elif how == "text":
        path.write_text("no session")
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("session.json", json.dumps({"version": 99}))
    with pytest.raises(CannotRead, match="version 99" if how == "newer" else "cannot be read as a session"):
        files.read_work(path)


def test_a_full_disk_leaves_the_old_session_and_the_work(session, viewer, tmp_path, monkeypatch):
    path = tmp_path / "day.atomai"
    keeping.write_session(viewer, path)
    before = path.read_bytes()
    session.autosave.note()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SaveFailed, match="space"):
        keeping.write_session(viewer, path)
    assert path.read_bytes() == before
    assert session.autosave.dirty


def test_every_change_is_written_and_three_generations_are_kept(session, viewer, until):
    saving = session.autosave
    points = session.points(uid_of(viewer.layers[0]))
    for step in range(5):
        points.add([[30.0 + step, 30.0]])
        assert saving.dirty
        saving.write()
        until(lambda: saving._job is None)
    assert len(list(saving._folder.glob("*.atomai"))) == 3
    work, notes = autosave.newest(saving._folder)
    assert notes == []
    kept = next(entry for entry in work.entry["layers"] if entry["kind"] == "points")
    assert len(work.arrays[f"{kept['uid']}/data"]) == len(points.data)


def test_a_change_is_written_by_itself_soon(session, until):
    until(lambda: session.autosave._count > 0 and session.autosave._job is None)
    assert list(session.autosave._folder.glob("*.atomai"))


def test_a_damaged_autosave_is_set_aside_and_the_one_before_taken(session, viewer, until):
    saving = session.autosave
    for _ in range(2):
        saving.write()
        until(lambda: saving._job is None)
        time.sleep(0.02)
    newest = max(saving._folder.glob("*.atomai"), key=lambda path: path.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes()[:100])
    work, notes = autosave.newest(saving._folder)
    assert work is not None
    assert "The one before it is taken" in notes[0]
    assert list(saving._folder.glob("*.damaged"))


def test_a_living_window_is_not_offered_and_a_clean_end_leaves_nothing(session, until):
    session.autosave.write()
    until(lambda: session.autosave._job is None)
    assert autosave.left_behind() == []
    session.autosave.close(keep=False)
    assert not list(autosave.home().iterdir())


CHILD = """
import sys, time
import numpy as np
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication
from napari_atomai.plugin.session import session_of
from tests.plugin.conftest import found_in, lattice
from napari_atomai.data.image import Image
from napari_atomai.plugin import results
from napari_atomai.plugin.layers import uid_of
app = QApplication([])
viewer = ViewerModel()
pixels, where = lattice()
layer = viewer.add_image(pixels, name="lattice")
session = session_of(viewer)
found = found_in(Image.from_array(pixels), where)
results.show(viewer.layers, found, layer)
session.put_back(uid_of(layer), found)
points = session.points(uid_of(layer))
count = 0
while True:
    points.add([[30.25, 40.75]])
    session.autosave.write()
    while session.autosave._job is not None:
        app.processEvents()
    count += 1
    print(count, len(points.data), flush=True)
"""


@pytest.mark.timeout(120)
def test_work_is_there_again_after_kill_9(qtbot, viewer, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True, env=environment
    )
    for line in child.stdout:
        count, atoms = map(int, line.split())
        if count == 4:
            break
    time.sleep(0.03)  # in the middle of the next one
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()

    assert len(autosave.left_behind()) == 1
    assert keeping.recover(viewer)
    points = next(layer for layer in viewer.layers if notes_of(layer).get("role") == "atoms")
    assert len(points.data) in (atoms, atoms + 1)
    assert session_of(viewer).result(uid_of(viewer.layers[0])) is not None
    assert autosave.left_behind() == []
    assert session_of(viewer).autosave.dirty


@pytest.mark.parametrize(
    ("answer", "closes"), [("Close without saving", True), ("Cancel", False), ("Save session ...", True)]
)
def test_closing_with_unsaved_work_asks(session, viewer, monkeypatch, tmp_path, answer, closes):
    answers = iter([answer, str(tmp_path / "saved")])
    monkeypatch.setattr("napari_atomai.plugin.asking.answer", lambda ask: next(answers))
    assert keeping._may_close(viewer) is closes
    assert (tmp_path / "saved.atomai").exists() == answer.startswith("Save")
    assert session.autosave.dirty is not closes


def test_a_window_that_closes_leaves_unsaved_work_and_nothing_else(session, viewer, until):
    session.autosave.write()
    until(lambda: session.autosave._job is None)
    keeping._closed(viewer)
    assert len(autosave.left_behind()) == 1
    viewer.layers.clear()
    assert not session.autosave._soon.isActive()


def test_an_emptied_viewer_leaves_nothing_behind(session, viewer, until):
    session.autosave.write()
    until(lambda: session.autosave._job is None)
    viewer.layers.clear()
    keeping._closed(viewer)
    assert autosave.left_behind() == []


def test_the_engine_reads_from_the_file_what_was_done_by_hand(session, viewer, tmp_path):
    from napari_atomai.plugin.points import atoms_of
    from napari_atomai.workflow.saved import read_images

    layer = viewer.layers[0]
    shapes = teaching.region_layer(viewer.layers, layer)
    shapes.add_rectangles(np.array([[5, 5], [5, 60], [70, 60], [70, 5]]))
    keeping.write_session(viewer, tmp_path / "day.atomai")
    (image,) = read_images(tmp_path / "day.atomai")

    points = session.points(uid_of(layer))
    found = session.result(uid_of(layer)).found
    assert len(image.found) == len(found.atoms) < len(found.candidates)
    assert image.edits.removed == (int(found.atoms.ids[0]),)
    assert [label for *_, label in image.edits.changed.values()] == ["Si"]
    ((_, row, column, _),) = image.edits.added.values()
    assert [row, column] == points.data[-1].tolist()
    now = atoms_of(points)
    assert image.atoms.positions.tolist() == now.positions.tolist()
    assert image.atoms.table()["class"].tolist() == now.table()["class"].tolist()
    assert image.atoms.pixel_size == now.pixel_size == (0.02, 0.02)
    np.testing.assert_allclose(image.regions[0], [[5, 5], [5, 60], [70, 60], [70, 5]])


def test_pixels_that_are_no_longer_those_of_the_file_are_kept(qtbot, tmp_path, picture):
    from napari_atomai.files.reading import read

    np.save(tmp_path / "scan.npy", picture[0])
    data, options, _ = image_layer_data(read(tmp_path / "scan.npy")[0])
    viewer = ViewerModel()
    viewer.add_image(data, **options).data = 2 * picture[0]
    keeping.write_session(viewer, tmp_path / "day.atomai")
    other = ViewerModel()
    keeping.read_session(other, tmp_path / "day.atomai")
    np.testing.assert_array_equal(other.layers[0].data, 2 * picture[0])


def test_a_renamed_image_beside_the_session_is_opened(qtbot, tmp_path, picture):
    from napari_atomai.files.reading import read

    np.save(tmp_path / "scan.npy", picture[0])
    data, options, _ = image_layer_data(read(tmp_path / "scan.npy")[0])
    viewer = ViewerModel()
    viewer.add_image(data, **options)
    keeping.write_session(viewer, tmp_path / "day.atomai")
    (tmp_path / "scan.npy").rename(tmp_path / "tuesday 7.npy")
    other = ViewerModel()
    keeping.read_session(other, tmp_path / "day.atomai")
    np.testing.assert_array_equal(other.layers[0].data, picture[0])
