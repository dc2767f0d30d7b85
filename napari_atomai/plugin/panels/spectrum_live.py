"""The spectrum of an image layer, computed again when what is looked at changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_atomai.plugin import region
from napari_atomai.plugin.connections import Connections
from napari_atomai.plugin.latest import Latest
from napari_atomai.plugin.layers import image_of
from napari_atomai.plugin.panels.picker import ImagePicker
from napari_atomai.plugin.shown import frame_shape
from napari_atomai.plugin.slots import worded
from napari_atomai.stat.spectra import averaging, positions, spectral_axis

if TYPE_CHECKING:
    from napari_atomai.data.spectrum import Spectrum

WHOLE, PIXEL, REGION = "Whole image", "One pixel", "A region"
ROLE = "spectrum region"
_EVERY = 60
_TELL = 200


class SpectralPicker(ImagePicker):
    """A box with the viewer's spectrum images."""

    def _images(self) -> list[Any]:
        return [layer for layer in super()._images() if is_spectrum_image(layer)]


def is_spectrum_image(layer: Any) -> bool:
    """Whether an image layer has a spectral axis before its rows and columns."""
    try:
        spectral_axis(image_of(layer))
    except Exception:  # noqa: BLE001 - whatever it is, it is no spectrum image
        return False
    return True


@dataclass
class _Request:
    """What was asked of a worker; it looks here whether it is still wanted."""

    wanted: bool = True
    fraction: float = 0.0


class LiveSpectrum(QObject):
    """The spectrum of a pixel, a region or the whole of the layer it is given.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose slider stands at an energy.
    parent : QObject
        With it ends the work.
    """

    ready = Signal(object)
    failed = Signal(object)
    told = Signal(str)
    """What is being done; empty when it is done."""
    lost_region = Signal()
    """Its rectangle was deleted."""
    moved = Signal()
    """The viewer's slider stands elsewhere."""
    pointed = Signal(int, int)
    """Row and column of the pixel under the mouse, with Shift held."""

    def __init__(self, viewer: Any, parent: QObject) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.layer: Any = None
        self.shapes: Any = None
        self.mode, self.pixel = WHOLE, (0, 0)
        self.on = True
        self._asked: Any = None
        self._request = _Request()
        self._work = Latest(self, "Spectrum of an image")
        self._work.succeeded.connect(self._on_spectrum)
        self._work.failed.connect(self._on_failed)
        self._layer_events, self._shape_events = Connections(self), Connections(self)
        self._viewer_events = Connections(self)
        self._viewer_events.connect(viewer.dims.events.current_step, self._on_moved)
        self._viewer_events.connect(viewer.layers.events.removed, self._on_removed)
        viewer.mouse_move_callbacks.append(self._on_mouse)
        self._soon = _timer(self, _EVERY, self.refresh, once=True)
        self._tell = _timer(self, _TELL, self._on_tell, once=False)
        callbacks, on_mouse, holder = viewer.mouse_move_callbacks, self._on_mouse, [self._request]
        self._holder = holder
        self.destroyed.connect(lambda *_: _end(callbacks, on_mouse, holder))

    def say(self, sentence: str) -> None:
        """Tell what went wrong."""
        self.told.emit(sentence)

    @property
    def busy(self) -> bool:
        """Whether a spectrum is still to come."""
        return bool(self._soon.isActive() or self._work.busy)

    # --- what it is asked ---

    def watch(self, layer: Any) -> None:
        """Take the spectra of this layer from now on; None: of none."""
        self.stop()
        self._layer_events.close()
        self._shape_events.close()
        self.layer, self.shapes, self._asked = layer, None, None
        if layer is not None:
            rows, columns = frame_shape(layer)
            self.pixel = (rows // 2, columns // 2)
            self._layer_events.connect(layer.events.data, self._on_pixels)
            for name in ("scale", "translate", "units"):
                self._layer_events.connect(getattr(layer.events, name), self._on_pixels)

    def choose(self, mode: str) -> None:
        """Take the spectrum of the whole image, of a pixel or of a region."""
        self.mode = mode
        self._shape_events.close()
        if self.shapes is not None and self.shapes in self.viewer.layers:
            self.shapes.visible = mode == REGION
        self.shapes = None
        if mode == REGION and self.layer is not None:
            shapes = region.region_for(self.viewer.layers, self.layer, ROLE, "spectrum region")
            self.shapes = shapes
            shapes.visible = True
            self.viewer.layers.selection.active = shapes
            shapes.mode = "select"
            shapes.selected_data = {len(shapes.data) - 1}
            for emitter in (shapes.events.data, shapes.events.set_data):
                self._shape_events.connect(emitter, self.later)
        self.later()

    def later(self, *_: Any) -> None:
        """Look soon whether the spectrum has to be taken again."""
        if not self._soon.isActive():
            self._soon.start()

    def again(self) -> None:
        """Take the spectrum again, even if nothing changed."""
        self._asked = None
        self.later()

    def stop(self) -> None:
        """Stop what is being computed."""
        self._request.wanted = False
        self._soon.stop()
        self._work.drop()
        self._tell.stop()
        self._asked = None
        self.told.emit("")

    @worded("taking a spectrum")
    def refresh(self) -> None:
        """Take the spectrum of what is chosen now, if that is not what was taken last."""
        if self.layer is None or not self.on:
            return
        parts = self._parts()
        if parts is None:
            self.told.emit("The region is too small: draw it larger.")
            return
        if parts == self._asked:
            return
        self._asked = parts
        self._request.wanted = False
        self._request = self._holder[0] = _Request()
        self._work.ask(_taking(image_of(self.layer), *parts, self._request))
        self._tell.start()

    def _parts(self) -> tuple[Any, Any] | None:
        if self.mode == PIXEL:
            rows, columns = frame_shape(self.layer)
            return min(self.pixel[0], rows - 1), min(self.pixel[1], columns - 1)
        if self.mode != REGION or self.shapes is None:
            return None, None
        box = region.box_of(self.shapes, self.layer, smallest=1)
        return None if box is None else (slice(box[0], box[2]), slice(box[1], box[3]))

    # --- the viewer's slider ---

    def energy(self) -> float | None:
        """Energy the viewer's slider stands at; None without an image, or where there is no slider."""
        if self.layer is None:
            return None
        from napari_atomai.plugin.shown import shown_frame

        image = image_of(self.layer)
        axis = spectral_axis(image)
        index = shown_frame(self.viewer, self.layer)[axis]
        return float(positions(image.axes[axis], image.shape[axis])[index])

    @worded("moving the slider")
    def go_to(self, energy: float) -> None:
        """Move the viewer's slider to the channel next to an energy."""
        if self.layer is None:
            return
        image = image_of(self.layer)
        axis = spectral_axis(image)
        channel = int(np.argmin(np.abs(positions(image.axes[axis], image.shape[axis]) - energy)))
        ahead = self.viewer.dims.ndim - self.layer.ndim
        low, high, step = self.viewer.dims.range[ahead + axis]
        # The slider's range is that of all layers: its unit may not be the layer's.
        from napari_atomai.plugin.layers import world_of

        place = np.zeros(self.layer.ndim)
        place[axis] = channel
        world = world_of(self.layer, place, self.viewer.layers)[axis]
        self.viewer.dims.set_point(ahead + axis, float(np.clip(world, low, high)) if step else world)

    # --- what happens ---

    def _on_moved(self, _event: Any = None) -> None:
        self.moved.emit()

    def _on_removed(self, event: Any) -> None:
        if event.value is self.shapes:
            self.shapes = None
            self.lost_region.emit()

    def _on_pixels(self, _event: Any = None) -> None:
        self.again()
        self.moved.emit()

    def _on_mouse(self, _viewer: Any, event: Any) -> None:
        if self.mode != PIXEL or self.layer is None or "Shift" not in getattr(event, "modifiers", ()):
            return
        try:
            where = np.rint(np.asarray(self.layer.world_to_data(event.position))[-2:]).astype(int)
            rows, columns = frame_shape(self.layer)
        except Exception:  # noqa: BLE001 - a mouse over nothing is no reason for an error
            return
        if 0 <= where[0] < rows and 0 <= where[1] < columns:
            self.pointed.emit(int(where[0]), int(where[1]))

    def _on_tell(self) -> None:
        if not self._work.busy:
            self._tell.stop()
            self.told.emit("")
        else:
            self.told.emit(f"Reading spectra: {100 * self._request.fraction:.0f} %")

    @worded("showing a spectrum")
    def _on_spectrum(self, spectrum: Spectrum | None) -> None:
        if spectrum is not None:
            self._tell.stop()
            self.told.emit("")
            self.ready.emit(spectrum)

    def _on_failed(self, error: BaseException) -> None:
        self._tell.stop()
        self.failed.emit(error)


def _taking(image: Any, rows: Any, columns: Any, request: _Request) -> Callable[[], Spectrum | None]:
    def compute() -> Spectrum | None:
        work = averaging(image, rows, columns)
        while True:
            try:
                progress = next(work)
            except StopIteration as end:
                spectrum: Spectrum = end.value
                return spectrum
            request.fraction = progress.fraction
            if not request.wanted:
                work.close()
                return None

    return compute


def _timer(owner: QObject, every: int, call: Callable[[], None], *, once: bool) -> QTimer:
    timer = QTimer(owner)
    timer.setSingleShot(once)
    timer.setInterval(every)
    timer.timeout.connect(call)
    return timer


def _end(callbacks: list[Any], callback: Any, holder: list[_Request]) -> None:
    holder[0].wanted = False
    if callback in callbacks:
        callbacks.remove(callback)
