"""Microscope files into napari: by drag and drop and by File > Open."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_atomai.data.image import NO_CALIBRATION, SPECTRUM_IMAGE
from napari_atomai.data.progress import Progress

log = logging.getLogger(__name__)
LayerData = tuple[Any, ...]
Paths = str | Sequence[str]

_FOLDERS = frozenset({".zspy"})
"""Endings of formats that may be folders."""
_SEEN = frozenset({NO_CALIBRATION, SPECTRUM_IMAGE})
"""Notes that need no message in a window: the badge says the one, the slider the other."""
_PLUGIN = "napari-atomai"
_THEN = 100
_NO_LAYER: LayerData = (None,)
"""What napari takes for "read, and nothing to show as a layer"."""


@dataclass(frozen=True)
class _Read:
    path: Path
    datasets: list[Any]
    layers: list[LayerData]
    error: Exception | None = None


def get_reader(path: Paths) -> Callable[[Paths], list[LayerData]] | None:
    """Return a reader if all files have the names of formats we open; nothing is read.

    A file that is not what its name says is refused by `read`, in words; napari would only say that
    nobody opens it.
    """
    from napari_atomai.files.endings import FORMATS

    try:
        return read if all(_by_name(one, FORMATS) for one in _each(path)) else None
    except Exception:  # noqa: BLE001 - napari asks every plugin about every file: never get in the way
        return None


def _by_name(name: str, formats: Any) -> bool:
    path = Path(name)
    suffix = path.suffix.lower()
    # No addresses: we open files of this computer only.
    return suffix in formats and "://" not in name and (suffix in _FOLDERS or not path.is_dir())


def read(path: Paths) -> list[LayerData]:
    """Read files into layers, with their calibration; what cannot be read is said in words.

    The files are read in a worker thread while the window goes on. In a window the first picture of each
    file becomes a layer, and its other datasets are listed in the Datasets panel; without one every image
    becomes a layer, the first of each file visible.

    What cannot be read raises where nobody looks at a window: in a script. In a window, napari would then
    leave the files after it unopened, and offer to open those before it once more: there it is said in
    words, and napari goes on.
    """
    from napari import current_viewer

    viewer = current_viewer()
    paths = [Path(one) for one in _each(path)]
    files = _read_files(viewer, paths)
    _say(viewer, files)
    read_well = [file for file in files if file.error is None]
    if viewer is not None and read_well:
        _list(viewer, read_well)
    return [layer for file in read_well for layer in file.layers] or [_NO_LAYER]


def _read_files(viewer: Any, paths: list[Path]) -> list[_Read]:
    from napari.utils.notifications import show_error

    from napari_atomai.errors import AtomAIError, Stopped
    from napari_atomai.plugin.status import shown_in_status
    from napari_atomai.plugin.waiting import wait_for

    doing = f"reading {', '.join(one.name for one in paths)}"
    in_window = viewer is not None
    tolerant = in_window and _somebody_looks()
    try:
        with shown_in_status(viewer, paths) as tell:
            files: list[_Read] = wait_for(_reading(paths, in_window, tolerant), doing, tell)
    except Stopped:  # the program is being left: nobody wants to choose another reader now
        if viewer is None:
            raise
        return []
    except AtomAIError as error:
        # napari words a reader's failure as "Tried opening with ..., but failed": say why.
        show_error(str(error))
        log.debug("%s failed", doing, exc_info=error)
        raise
    return files


def _somebody_looks() -> bool:
    """Tell whether the window is in use: its events are served, or napari's own command is opening it."""
    from qtpy.QtCore import QThread

    program = Path(sys.argv[0])
    by_command = program.stem == "napari" or program.parts[-2:] == ("napari", "__main__.py")
    return by_command or QThread.currentThread().loopLevel() > 0


def _reading(
    paths: list[Path], in_window: bool, tolerant: bool
) -> Callable[[], Generator[Progress, None, list[_Read]]]:
    def start() -> Generator[Progress, None, list[_Read]]:
        files = []
        for number, path in enumerate(paths):
            yield Progress(number, len(paths), f"reading {path.name}")
            try:
                files.append(_read_one(path, everything=not in_window))
            except Exception as error:
                if not tolerant:
                    raise
                files.append(_Read(path, [], [], error))
        if any(file.layers for file in files):
            _warm_up()
        return files

    return start


def _read_one(path: Path, *, everything: bool) -> _Read:
    # Imported in the worker thread: they bring dask and the readers.
    from napari_atomai.data.image import Image, first_picture
    from napari_atomai.files import reading
    from napari_atomai.plugin.layers import image_layer_data

    datasets = reading.read(path) if everything else reading.read_all(path)
    images = [item for item in datasets if isinstance(item, Image)]
    shown = images if everything or not images else [first_picture(images)]
    layers = [_shown(image_layer_data(image), first=i == 0) for i, image in enumerate(shown)]
    return _Read(path, list(datasets), layers)


def _say(viewer: Any, files: list[_Read]) -> None:
    """Show what could not be read, and once each what is to be said about the rest."""
    from napari.utils.notifications import show_error, show_info

    from napari_atomai.plugin.messages import explain

    for file in files:
        if file.error is not None:
            message = explain(file.error, f"reading {file.path.name}")
            parts = (message.text, _other_readers(file.path), message.details and f"\n\n{message.details}")
            show_error(" ".join(part for part in parts if part))
    notes = dict.fromkeys(note for file in files for item in file.datasets for note in item.notes)
    told = [note for note in notes if viewer is None or note not in _SEEN]
    if told:  # one after the other they would stand on the picture for long
        show_info("\n".join(told))


def _other_readers(path: Path) -> str:
    from npe2 import PluginManager

    readers = PluginManager.instance().iter_compatible_readers([str(path)])
    others = any(reader.plugin_name != _PLUGIN for reader in readers)
    return "To try another reader, hold Alt while you drop it." if others else ""


def _warm_up() -> None:
    # The first layer makes napari load scipy's filters and pint's table of units: in this worker thread
    # nobody waits for them.
    import numpy as np
    import scipy.ndimage  # noqa: F401
    from napari.layers import Image as ImageLayer

    ImageLayer(np.eye(2), units=("nm", "nm"))


def _shown(layer: LayerData, *, first: bool) -> LayerData:
    # Of a file with several images the first is seen; the others would only cover it.
    data, options, kind = layer
    return data, {**options, "visible": first}, kind


def _list(viewer: Any, files: list[_Read]) -> None:
    from napari_atomai.plugin import docks
    from napari_atomai.plugin.badge import badge_in
    from napari_atomai.plugin.canvas import delete_in_place, of_window
    from napari_atomai.plugin.opened import opened_of

    delete_in_place(of_window(viewer))
    # What the first picture brings with it is drawn in turns of its own: each takes a tenth of a second.
    badge = (badge_in, "looking for the calibration", _THEN)
    if not len(viewer.layers):
        bar = (docks.scale_bar, "showing the scale bar", _THEN)
        docks.in_turns(viewer, [(_look, "choosing the slice to show", 0), bar, badge])
    elif any(file.layers for file in files):
        docks.in_turns(viewer, [(_bring_into_view, "showing the image", 0), badge])
    else:
        docks.in_turns(viewer, [badge])
    opened = opened_of(viewer)
    for file in files:
        source = file.datasets[0].source
        opened.add(file.path if source is None else source.path, file.datasets)
    if any(len(file.datasets) > 1 for file in files):
        docks.open_soon(viewer, docks.DATASETS)
    spectra = [file.datasets[0] for file in files if not file.layers]
    if spectra:
        docks.show_soon(viewer, spectra[0])


def _look(viewer: Any) -> None:
    """Bring the sliders to the frame that the first layer wants to be seen at."""
    from napari_atomai.plugin.layers import notes_of

    if not len(viewer.layers):
        return
    layer = viewer.layers[0]
    look = notes_of(layer).get("look", ())
    if look:
        place = layer.data_to_world((*look, 0, 0))
        for axis in range(len(look)):
            viewer.dims.set_point(axis + viewer.dims.ndim - layer.ndim, place[axis])


def _bring_into_view(viewer: Any) -> None:
    """Move the camera to the newest layer if it would not be seen: napari fits the view to the first only."""
    import numpy as np

    from napari_atomai.plugin.layers import world_of

    layer = viewer.layers[-1] if len(viewer.layers) else None
    if layer is None or viewer.dims.ndisplay > 2:
        return
    ahead = (0.0,) * (layer.ndim - 2)
    ends = (layer.data.shape[layer.ndim - 2] - 0.5, layer.data.shape[layer.ndim - 1] - 0.5)
    first = np.array(world_of(layer, (*ahead, -0.5, -0.5), viewer.layers)[-2:])
    last = np.array(world_of(layer, (*ahead, *ends), viewer.layers)[-2:])
    camera, window = viewer.scene.camera, np.array(viewer.canvas.size, float)
    middle, half = np.array(camera.center[-2:]), window / camera.zoom / 2
    seen = np.clip(np.minimum(last, middle + half) - np.maximum(first, middle - half), 0, None)
    size = last - first
    # At least half of it inside, and at least a tenth of the window.
    if (seen >= 0.5 * size).all() and (size >= 0.2 * half).any():
        return
    camera.center = (*camera.center[:-2], *((first + last) / 2))
    camera.zoom = 0.95 * float(np.min(window / size))


def _each(path: Paths) -> list[str]:
    return [path] if isinstance(path, str) else [str(one) for one in path]
