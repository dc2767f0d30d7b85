"""Opening files in a real window. Each viewer costs seconds: keep these few."""

from __future__ import annotations

import textwrap
import time

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QTimer, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QDockWidget, QTabBar

from napari_atomai.data.image import Axis, Image, first_picture
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.errors import CannotRead
from napari_atomai.files import reading
from napari_atomai.files.reading import FORMATS
from napari_atomai.plugin import docks
from napari_atomai.plugin.badge import badge_in
from napari_atomai.plugin.commands import auto_contrast
from napari_atomai.plugin.layers import calibrate, image_of
from napari_atomai.plugin.opened import opened_of

PLUGIN = "napari-atomai"


@pytest.fixture
def viewer(make_napari_viewer, npe2pm_with_ours):
    return make_napari_viewer(show=True)


@pytest.fixture
def npe2pm_with_ours(npe2pm):
    from pathlib import Path

    from npe2 import PluginManifest

    npe2pm.register(PluginManifest.from_file(Path(__file__).resolve().parents[2] / "napari.yaml"))
    return npe2pm


def datasets_panel(viewer):
    docked = [dock for dock in viewer.window._qt_window.findChildren(QDockWidget) if "Datasets" in dock.name]
    return docked[0].inner_widget() if docked else None


def several(path, count=3):
    """Write a file with several datasets of different shapes; return its path."""
    np.savez(path, **{f"map{i}": np.random.default_rng(i).random((22 - i, 30)) for i in range(count)})
    return path


def test_of_several_datasets_one_becomes_a_layer_and_all_are_listed(viewer, tmp_path, until):
    path = several(tmp_path / "maps.npz")

    (layer,) = viewer.open(path, plugin=PLUGIN)

    assert layer.data.shape == (22, 30)
    until(lambda: datasets_panel(viewer) is not None)
    panel = datasets_panel(viewer)
    assert [item.text(0).splitlines()[1] for item in panel._items()] == [
        f"y x: {22 - i} × 30" for i in range(3)
    ]
    assert [item.text(0).startswith("✓") for item in panel._items()] == [True, False, False]

    panel.form.tree.itemDoubleClicked.emit(panel._items()[2], 0)
    until(lambda: len(viewer.layers) == 2)
    assert viewer.layers[1].data.shape == (20, 30)
    until(lambda: panel._items()[2].text(0).startswith("✓"))

    viewer.layers.remove(layer)
    until(lambda: not panel._items()[0].text(0).startswith("✓"))
    until(lambda: not any(item.icon(0).isNull() for item in panel._items()) and panel._drawing is None)
    panel._items()[0].setSelected(True)
    panel.form.close_button.click()
    assert opened_of(viewer).files == ()
    until(lambda: panel._items() == [])
    assert len(viewer.layers) == 1
    _tabs(viewer, until)
    _errors_and_nesting(viewer, tmp_path, until)
    _contrast(viewer)
    _badge(viewer)


def _errors_and_nesting(viewer, tmp_path, until):
    (tmp_path / "bad.npy").write_bytes(b"no array")
    np.save(tmp_path / "good.npy", np.eye(20))
    told = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari.utils.notifications.show_error", told.append)
        with pytest.raises(CannotRead, match=r"bad\.npy"):  # in a script
            viewer.open(tmp_path / "bad.npy", plugin=PLUGIN)
        told.clear()
        before = list(viewer.layers)
        drop(viewer, [tmp_path / "bad.npy", tmp_path / "good.npy"])
        until(lambda: len(viewer.layers) > len(before))
    opened = [layer for layer in viewer.layers if layer not in before]
    assert [layer.data.shape for layer in opened] == [(20, 20)]
    assert len(told) == 1
    assert "bad.npy" in told[0]
    assert "Alt" not in told[0]  # nobody else opens it here
    viewer.layers.remove(opened[0])

    np.save(tmp_path / "outer.npy", np.eye(30))
    np.save(tmp_path / "inner.npy", np.eye(40))
    served: list[int] = []
    opened, read, beats = [], reading.read_all, []
    timer = QTimer()
    timer.timeout.connect(lambda: beats.append(time.monotonic()))

    def slowly(path, **options):
        began = time.monotonic()
        time.sleep(0.5)
        served.append(sum(began < beat < began + 0.5 for beat in beats))
        return read(path, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "read_all", slowly)
        timer.start(10)
        QTimer.singleShot(50, lambda: opened.extend(viewer.open(str(tmp_path / "inner.npy"), plugin=PLUGIN)))
        opened += viewer.open(str(tmp_path / "outer.npy"), plugin=PLUGIN)
    timer.stop()
    until(lambda: len(opened) == 2)
    assert min(served) > 5  # the window was served while the files were read
    assert {layer.data.shape for layer in opened} == {(30, 30), (40, 40)}


def _tabs(viewer, until):
    titles = ["Atoms", "Datasets", "Spectrum", "FFT", "Measure", "Calibrate", "Metadata"]
    window = viewer.window._qt_window
    window.resize(1366, 768)
    for title in titles:
        viewer.window.add_plugin_dock_widget(PLUGIN, title)  # as the Plugins menu does: one below the other

    def legible():
        bars = [bar for bar in window.findChildren(QTabBar) if bar.count() == len(titles)]
        return bars and all(
            bar.fontMetrics().horizontalAdvance(bar.tabText(i)) <= bar.tabRect(i).height()
            for bar in bars
            for i in range(bar.count())
        )

    until(legible)
    (bar,) = (bar for bar in window.findChildren(QTabBar) if bar.count() == len(titles))
    assert sorted(bar.tabText(i) for i in range(bar.count())) == sorted(titles)
    assert bar.height() >= bar.tabRect(bar.count() - 1).bottom()  # none is hidden behind an arrow
    assert window.width() == 1366


def _contrast(viewer):
    pixels = np.linspace(0, 1, 10000).reshape(100, 100)
    pixels[0, :3] = np.nan, np.inf, 1e6
    layer = viewer.add_image(pixels, name="outlier", contrast_limits=(0, 1e6))
    viewer.layers.selection = {layer}

    auto_contrast(viewer)

    assert layer.contrast_limits == pytest.approx((0.005, 0.995), abs=0.002)


def _badge(viewer):
    badge = badge_in(viewer).overlay
    theirs = viewer.layers[-1]
    ours = next(layer for layer in viewer.layers if layer.metadata.get("napari_atomai", {}).get("source"))
    viewer.layers.selection.active = ours
    assert badge.visible
    viewer.layers.selection.active = theirs
    assert not badge.visible
    viewer.layers.selection.active = ours
    calibrate(ours, 0.1)
    assert not badge.visible
    calibrate(ours, 0)
    assert badge.visible
    assert not viewer.canvas.overlays.text.visible


def drop(viewer, paths):
    """Drop files on a window, out of the event loop."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    event = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    dropped, caught = [], []

    def act():
        try:
            viewer.window._qt_viewer.dropEvent(event)
        except Exception as error:  # noqa: BLE001 - a slot must not raise
            caught.append(error)
        dropped.append(mime)

    QTimer.singleShot(0, act)
    return dropped, caught


def test_a_damaged_file_in_a_drop_of_several_is_said_and_the_others_open(
    viewer, tmp_path, monkeypatch, until
):
    names = ("first.dm4", "damaged.dm3", "last.dm4")
    told, asked = [], []
    monkeypatch.setattr("napari.utils.notifications.show_error", told.append)
    monkeypatch.setattr("napari._qt.qt_viewer.handle_gui_reading", lambda *a, **k: asked.append(a))
    paths = [tmp_path / name for name in names]
    for path in paths:
        path.write_bytes(b"no microscope wrote this")
    read = reading.read_all

    def read_or_refuse(path, **options):
        if path.name == "damaged.dm3":
            return read(path, **options)
        return [Image(np.eye(30), Image.from_array(np.eye(30)).axes, name=path.stem)]

    monkeypatch.setattr(reading, "read_all", read_or_refuse)

    dropped, caught = drop(viewer, paths)

    until(lambda: dropped)
    assert caught == []
    assert [layer.name for layer in viewer.layers] == ["first", "last"]
    assert len(told) == 1
    assert "damaged.dm3" in told[0]
    assert asked == []
    assert opened_of(viewer).files == () or all(
        file.path.name != "damaged.dm3" for file in opened_of(viewer).files
    )
    _says_what_it_reads(viewer, paths[0], monkeypatch, until)


def _says_what_it_reads(viewer, path, monkeypatch, until):
    said = []
    viewer.events.status.connect(lambda event: said.append(str(event.value)))
    drop(viewer, [path])
    until(lambda: len(viewer.layers) == 3)
    assert not any("Reading" in words for words in said)  # a quick file does not flicker
    read = reading.read_all

    def slowly(path, **options):
        time.sleep(1)
        return read(path, **options)

    monkeypatch.setattr(reading, "read_all", slowly)
    drop(viewer, [path])
    until(lambda: len(viewer.layers) == 4)
    assert any(words.startswith("Reading first.dm4 (24 bytes) ... ") for words in said)
    assert not str(viewer.status).startswith("Reading")


def test_spectra_alone_make_no_layer_and_go_to_their_panel(viewer, tmp_path, monkeypatch, until):
    spectrum = Spectrum(np.arange(5.0), (Axis("E", 0.5, 0.0, "eV"),), name="one")
    monkeypatch.setattr(reading, "read_all", lambda path: [spectrum])
    (tmp_path / "a.npy").touch()
    shown = []
    monkeypatch.setattr(docks, "show_spectrum", lambda viewer, what: shown.append(what))

    assert viewer.open(tmp_path / "a.npy", plugin=PLUGIN) == []

    until(lambda: shown)
    assert shown == [spectrum]
    assert len(viewer.layers) == 0


@pytest.mark.timeout(240)  # more than forty files
def test_every_real_file_opens_in_one_window(viewer, shared_data, qtbot):
    files = [path for path in sorted(shared_data.iterdir()) if path.suffix.lower() in FORMATS]
    assert len(files) > 40
    for path in files:
        viewer.layers.clear()
        layers = viewer.open(path, plugin=PLUGIN)
        datasets = opened_of(viewer).files[-1].datasets
        images = [item for item in datasets if isinstance(item, Image)]
        assert len(layers) == min(len(images), 1), path.name
        if layers:
            shown, picture = image_of(layers[0]), first_picture(images)
            assert shown.shape == picture.shape, path.name
            assert (shown.quantity, shown.value_unit) == (picture.quantity, picture.value_unit), path.name
            assert shown.metadata.keys() == picture.metadata.keys(), path.name
        qtbot.wait(20)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", ["viewer.close()", "napari.qt.get_qapp().closeAllWindows()"])
def test_a_window_closed_in_mid_read_neither_crashes_nor_hangs(in_child, tmp_path, how):
    np.save(tmp_path / "slow.npy", np.eye(30))
    code = textwrap.dedent(
        f"""
        import time
        import napari, napari.qt
        from qtpy.QtCore import QTimer
        from napari_atomai.files import reading
        read = reading.read_all
        def slowly(path, **options):
            time.sleep(1)
            return read(path, **options)
        reading.read_all = slowly
        viewer = napari.Viewer()
        def opening():
            try:
                viewer.open({str(tmp_path / "slow.npy")!r}, plugin="napari-atomai")
            except Exception as error:
                print("ended by", type(error).__name__, error)
            else:
                print("ended well")
        QTimer.singleShot(100, opening)
        QTimer.singleShot(500, lambda: {how})
        napari.run()
        print("left")
        """
    )

    done = in_child(code)

    assert done.returncode == 0, done.stderr
    assert "left" in done.stdout
    assert "ended" in done.stdout
    for bad in ("Traceback", "deleted", "QThread"):
        assert bad not in done.stderr, done.stderr
