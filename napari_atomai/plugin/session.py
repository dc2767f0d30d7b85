"""One Session for each viewer: the running job and the last result of every image.

A panel may be closed and opened again while the work goes on: it shows what the session knows.
"""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import FindAtoms, RefineAtoms
from napari_atomai.plugin import results
from napari_atomai.plugin.badge import badge_in
from napari_atomai.plugin.edits import edited_atoms
from napari_atomai.plugin.jobs import Job, Work
from napari_atomai.plugin.layers import find_layer, follow, image_of, is_plain_image, notes_of, uid_of
from napari_atomai.plugin.messages import explain
from napari_atomai.plugin.results import recalibrated

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_atomai.workflow.find import Found

_sessions: weakref.WeakKeyDictionary[Any, Session] = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Result:
    """The last result of an image, and how long it took.

    Parameters
    ----------
    found : Found
        Under the threshold that is shown now.
    image : Image
        The pixels and the calibration that went in.
    seconds : float
        Time from the click to the atoms.
    """

    found: Found
    image: Image
    seconds: float


def session_of(viewer: Viewer) -> Session:
    """Return the session of a viewer; the first call makes it."""
    bare = getattr(viewer, "__wrapped__", viewer)  # napari hands widgets a proxy
    session = _sessions.get(bare)
    if session is None:
        session = _sessions[bare] = Session(viewer)
    return session


@dataclass(frozen=True)
class _Running:
    job: Job
    uid: str
    image: Image
    doing: str
    pixels: Any  # the layer's own data at the start: another object later means other pixels
    finding: bool = False


class Session(QObject):
    """Runs one job at a time for a viewer, and puts results on its layers.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly: a session never keeps a closed window alive.
    """

    progressed = Signal(object)
    running_changed = Signal()
    result_changed = Signal(str)
    said = Signal(str, str)  # uid of the image ("" = any), sentence

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = weakref.ref(getattr(viewer, "__wrapped__", viewer))
        self._running: _Running | None = None
        self._results: dict[str, Result] = {}
        self._wanted: float | None = None  # the threshold chosen while the atoms are still being found
        viewer.layers.events.removed.connect(self._on_removed)
        badge_in(viewer)

    # --- what a panel asks ---

    @property
    def job(self) -> Job | None:
        """The running job, or None."""
        return None if self._running is None else self._running.job

    def result(self, uid: str) -> Result | None:
        """Return the last result of an image."""
        return self._results.get(uid)

    def layer(self, uid: str) -> Layer | None:
        """Return the image layer of that uid, while it is in the viewer."""
        return next((x for x in self._layers() if is_plain_image(x) and notes_of(x).get("uid") == uid), None)

    def points(self, uid: str) -> Any:
        """Return the Points layer with the atoms of an image, or None."""
        return find_layer(self._layers(), results.ATOMS, uid)

    def is_finding(self, uid: str) -> bool:
        """Tell whether the atoms of an image are being found just now."""
        return self._running is not None and self._running.finding and self._running.uid == uid

    def find(self, layer: Layer, find: FindAtoms, refine: RefineAtoms) -> bool:
        """Start finding the atoms of an image; False and a sentence if that cannot be."""
        try:
            image = image_of(layer)
        except Exception as error:  # noqa: BLE001 - a slot must not raise; it is worded and shown
            self._tell(error, "finding atoms")
            return False
        job = Job(_finding(image, find, refine), f"Find atoms in {layer.name}")
        running = _Running(job, uid_of(layer), image, "finding atoms", layer.data, finding=True)
        return self._start(running, self._on_found)

    def export(self, uid: str, folder: Path) -> bool:
        """Start writing the last result of an image into a folder."""
        result, layer, points = self._results.get(uid), self.layer(uid), self.points(uid)
        if result is None or layer is None:
            self.said.emit(uid, "There are no atoms to export yet: press Find atoms first.")
            return False
        if points is None:
            self.said.emit(uid, "The atoms' layer was deleted: press Find atoms again to export them.")
            return False
        atoms = edited_atoms(points, result.found)
        image = dataclasses.replace(result.image, axes=image_of(layer).axes)
        job = Job(_exporting(result.found, image, folder, atoms), f"Export atoms of {layer.name}")
        running = _Running(job, uid, image, "exporting atoms", layer.data)
        return self._start(running, self._on_exported)

    def _start(self, running: _Running, succeeded: Callable[[Any], None]) -> bool:
        if self._running is not None:
            self.said.emit("", "Still at work: wait for it to end, or press Stop first.")
            return False
        running.job.progressed.connect(self.progressed)
        running.job.succeeded.connect(succeeded)
        running.job.failed.connect(self._on_failed)
        running.job.stopped.connect(self._on_stopped)
        self._running = running
        running.job.start()
        self.running_changed.emit()
        return True

    def stop(self) -> None:
        """Stop the running job."""
        if self._running is not None:
            self._running.job.stop()
            self.said.emit("", "Stopping ...")

    def set_threshold(self, uid: str, threshold: float) -> None:
        """Show the last result of an image under another threshold; nothing is computed again."""
        if self.is_finding(uid):
            self._wanted = threshold
        result, layer = self._results.get(uid), self.layer(uid)
        if result is None or layer is None:
            return
        found = result.found.at(threshold)
        self._results[uid] = dataclasses.replace(result, found=found)
        results.show_atoms(self._layers(), found, layer)
        self.result_changed.emit(uid)

    def show_classes(self, uid: str) -> None:
        """Bring the class map to the threshold; apart from `set_threshold`, as it costs more."""
        result, layer = self._results.get(uid), self.layer(uid)
        if result is not None and layer is not None:
            results.show_classes(self._layers(), result.found, layer)

    def follow(self, uid: str) -> None:
        """Bring the result layers of an image to where the image lies now."""
        parent = self.layer(uid)
        if parent is None:
            return
        for role in results.ROLES:
            child = find_layer(self._layers(), role, uid)
            if child is not None:
                follow(child, parent)
        result = self._results.get(uid)
        if result is not None:
            self._results[uid] = dataclasses.replace(result, found=recalibrated(result.found, parent))
            self.result_changed.emit(uid)

    # --- how a job ends ---

    def _on_found(self, found: Found) -> None:
        wanted, done = self._wanted, self._end()
        layer = self.layer(done.uid)
        if layer is None:
            self.said.emit("", "The image was removed in mid-run: its atoms were dropped.")
            return
        if layer.data is not done.pixels:
            self.said.emit(
                done.uid, f"{layer.name!r} has other pixels now: the result was dropped. Find again."
            )
            return
        if wanted is not None:
            found = found.at(wanted)
        self._results[done.uid] = Result(recalibrated(found, layer), done.image, done.job.elapsed)
        for name in ("scale", "translate", "rotate", "shear", "affine", "units"):
            getattr(layer.events, name).connect(self._on_moved)
        layer.events.data.connect(self._on_new_pixels)
        try:
            results.show(self._layers(), self._results[done.uid].found, layer)
        except Exception as error:  # noqa: BLE001 - a slot must not raise; it is worded and shown
            self._tell(error, "showing atoms")
            return
        self.result_changed.emit(done.uid)

    def _on_moved(self, event: Any) -> None:
        self.follow(uid_of(event.source))

    def _on_new_pixels(self, event: Any) -> None:
        uid = uid_of(event.source)
        if self._results.pop(uid, None) is not None:
            self.said.emit(
                uid, "The image has other pixels now: its atoms are those of the old ones. Find again."
            )
            self.running_changed.emit()

    def _on_exported(self, paths: list[Path]) -> None:
        done = self._end()
        names = ", ".join(path.name for path in paths)
        self.said.emit(
            done.uid, f"Written to {paths[0].parent}: {names}." if paths else "Nothing was written."
        )

    def _on_failed(self, error: BaseException) -> None:
        self._tell(error, self._end().doing)

    def _on_stopped(self) -> None:
        self._end()
        self.said.emit("", "Stopped. What was there before is unchanged.")

    def _end(self) -> _Running:
        done, self._running, self._wanted = self._running, None, None
        assert done is not None
        self.running_changed.emit()
        return done

    def _tell(self, error: BaseException, doing: str) -> None:
        message = explain(error, doing)
        self.said.emit("", message.text)
        if message.details:
            show_error(f"{message.text}\n\n{message.details}")

    def _layers(self) -> Any:
        viewer = self._viewer()
        return [] if viewer is None else viewer.layers

    def _on_removed(self, event: Any) -> None:
        # Results are as large as the image: they go with it.
        notes = notes_of(event.value)
        if is_plain_image(event.value):
            self._results.pop(notes.get("uid", ""), None)
        elif notes.get("role") == results.ATOMS:
            self.result_changed.emit(str(notes.get("parent_uid", "")))


def _finding(image: Image, find: FindAtoms, refine: RefineAtoms) -> Callable[[], Work]:
    def start() -> Work:
        # Imported in the worker thread: it brings the inference engine.
        from napari_atomai.workflow import find as workflow

        return workflow.finding(image, find, refine)

    return start


def _exporting(found: Found, image: Image, folder: Path, atoms: Atoms | None) -> Callable[[], Work]:
    def start() -> Work:
        from napari_atomai.workflow.results import write_results

        yield Progress(0, 0, "writing files")
        return write_results(found, image, folder, atoms=atoms)

    return start
