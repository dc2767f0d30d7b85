"""One Session for each viewer: its kinds of work, and the atoms of its images.

A panel may be closed and opened again while the work goes on: it shows what the session knows.
"""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import FindAtoms, RefineAtoms
from napari_atomai.plugin import results
from napari_atomai.plugin.autosave import Autosave
from napari_atomai.plugin.badge import badge_in
from napari_atomai.plugin.canvas import delete_in_place, of_window
from napari_atomai.plugin.correcting import Correcting
from napari_atomai.plugin.edits import edited_atoms
from napari_atomai.plugin.job_slots import NOTHING, JobSlot
from napari_atomai.plugin.jobs import Job, Work
from napari_atomai.plugin.layers import find_layer, follow, image_of, notes_of, uid_of
from napari_atomai.plugin.process import ProcessJob
from napari_atomai.plugin.results import recalibrated

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_atomai.workflow.find import Found

ATOMS = "atoms"
"""The slot in which atoms are found and exported."""
_MOVES = ("scale", "translate", "rotate", "shear", "affine", "units")

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
        if getattr(bare, "window", None) is not None:
            from napari_atomai.plugin.keeping import watch  # it needs sessions itself

            watch(bare)
    return session


class Session(QObject):
    """The work of a viewer: one `JobSlot` for each kind, and the atoms on its layers.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly: a session never keeps a closed window alive.
    """

    slot_made = Signal(object)
    progressed = Signal(object)
    running_changed = Signal()
    result_changed = Signal(str)
    said = Signal(str, str)  # uid of the image ("" = any), sentence

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = weakref.ref(getattr(viewer, "__wrapped__", viewer))
        self._slots: dict[str, JobSlot] = {}
        self._wanted: float | None = None  # the threshold chosen while the atoms are still being found
        self._finding = False
        self.atoms = self.slot(ATOMS)
        for name in ("progressed", "running_changed", "result_changed", "said"):
            getattr(self.atoms, name).connect(getattr(self, name))
        self.correcting = Correcting(self, self._viewer())
        self.autosave = Autosave(self, self._viewer())
        self.autosave.failed.connect(lambda sentence: self.atoms.said.emit("", sentence))
        viewer.layers.events.removed.connect(self._on_removed)
        badge_in(viewer)
        delete_in_place(of_window(self._viewer()))

    # --- kinds of work ---

    def slot(self, name: str) -> JobSlot:
        """Return the slot of a kind of work; the first call makes it."""
        if name not in self._slots:
            self._slots[name] = JobSlot(self._viewer(), name)
            self.slot_made.emit(self._slots[name])
        return self._slots[name]

    def slots(self) -> tuple[JobSlot, ...]:
        """Return all slots there are."""
        return tuple(self._slots.values())

    def end_all(self) -> None:
        """Stop everything that runs: the window is being closed."""
        for slot in self._slots.values():
            if isinstance(slot.job, ProcessJob):
                slot.job.kill()
            elif slot.job is not None:
                slot.job.stop()

    # --- the atoms of images ---

    @property
    def job(self) -> Job | ProcessJob | None:
        """The job that finds or exports atoms, or None."""
        return self.atoms.job

    def result(self, uid: str) -> Result | None:
        """Return the atoms last found in an image."""
        result: Result | None = self.atoms.result(uid)
        return result

    def layer(self, uid: str) -> Layer | None:
        """Return the image layer of that uid, while it is in the viewer."""
        layer: Layer | None = self.atoms.layer(uid)
        return layer

    def points(self, uid: str) -> Any:
        """Return the Points layer with the atoms of an image, or None."""
        return find_layer(self._layers(), results.ATOMS, uid)

    def found(self) -> dict[str, Found]:
        """Return what was found, by the uid of the image."""
        return {uid: result.found for uid, result in self.atoms.results().items()}

    def put_back(self, uid: str, found: Found) -> None:
        """Take over what was found in an image earlier; its layers are there already."""
        layer = self.layer(uid)
        if layer is None:
            return
        self._follow(layer)
        self.atoms.put(uid, Result(recalibrated(found, layer), image_of(layer), 0.0))
        points = self.points(uid)
        if points is not None:
            self.correcting.adopt(points)

    def is_finding(self, uid: str) -> bool:
        """Tell whether the atoms of an image are being found just now."""
        return self._finding and self.atoms.job is not None and self.atoms.running_uid == uid

    def find(self, layer: Layer, find: FindAtoms, refine: RefineAtoms) -> bool:
        """Start finding the atoms of an image; False and a sentence if that cannot be."""
        try:
            image = image_of(layer)
        except Exception as error:  # noqa: BLE001 - a slot must not raise; it is worded and shown
            self.atoms.tell(error, "finding atoms")
            return False

        def show(found: Found, there: Layer) -> Result:
            return self._show(found, there, image)

        if self.atoms.job is None:
            self._wanted, self._finding = None, True
        return self.atoms.start(layer, _finding(image, find, refine), "finding atoms", show)

    def export(self, uid: str, folder: Path) -> bool:
        """Start writing the last result of an image into a folder."""
        result, layer, points = self.result(uid), self.layer(uid), self.points(uid)
        if result is None or layer is None:
            self.atoms.said.emit(uid, "There are no atoms to export yet: press Find atoms first.")
            return False
        if points is None:
            self.atoms.said.emit(uid, "The atoms' layer was deleted: press Find atoms again to export them.")
            return False
        atoms = edited_atoms(points, result.found)
        image = dataclasses.replace(result.image, axes=image_of(layer).axes)
        if self.atoms.job is None:
            self._finding = False
        work = _exporting(result.found, image, folder, atoms)
        return self.atoms.start(layer, work, "exporting atoms", self._exported)

    def stop(self) -> None:
        """Stop the running job."""
        self.atoms.stop()

    def set_threshold(self, uid: str, threshold: float) -> None:
        """Show the last result of an image under another threshold; nothing is computed again."""
        if self.is_finding(uid):
            self._wanted = threshold
        result, layer = self.result(uid), self.layer(uid)
        if result is None or layer is None:
            return
        found = result.found.at(threshold)
        self.correcting.adopt(results.show_atoms(self._layers(), found, layer))
        self.atoms.put(uid, dataclasses.replace(result, found=found))

    def show_classes(self, uid: str) -> None:
        """Bring the class map to the threshold; apart from `set_threshold`, as it costs more."""
        result, layer = self.result(uid), self.layer(uid)
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
        result = self.result(uid)
        if result is not None:
            self.atoms.put(uid, dataclasses.replace(result, found=recalibrated(result.found, parent)))

    # --- how a job ends ---

    def _show(self, found: Found, layer: Layer, image: Image) -> Result:
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            found = found.at(wanted)
        result = Result(recalibrated(found, layer), image, self.atoms.seconds)
        self._follow(layer)
        self.correcting.adopt(results.show(self._layers(), result.found, layer))
        return result

    def _follow(self, layer: Layer) -> None:
        for name in _MOVES:
            getattr(layer.events, name).connect(self._on_moved)

    def _exported(self, paths: list[Path], layer: Layer) -> object:
        names = ", ".join(path.name for path in paths)
        sentence = f"Written to {paths[0].parent}: {names}." if paths else "Nothing was written."
        self.atoms.said.emit(uid_of(layer), sentence)
        return NOTHING

    def _on_moved(self, event: Any) -> None:
        self.follow(uid_of(event.source))

    def _layers(self) -> Any:
        return self.atoms.layers

    def _on_removed(self, event: Any) -> None:
        notes = notes_of(event.value)
        if notes.get("role") == results.ATOMS:
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
