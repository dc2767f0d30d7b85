"""Copy as script: what was done in a window, as Python that needs none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info, show_warning
from qtpy.QtWidgets import QApplication

from napari_atomai.data.recipe import FindAtoms, Record, RefineAtoms
from napari_atomai.errors import BadOption
from napari_atomai.plugin.messages import explain
from napari_atomai.plugin.points import atoms_of
from napari_atomai.plugin.session import session_of
from napari_atomai.workflow.hand_edits import Edits, edits_between
from napari_atomai.workflow.script import Part, as_script

if TYPE_CHECKING:
    import napari

    from napari_atomai.plugin.job_slots import JobSlot
    from napari_atomai.plugin.session import Session


def copy_as_script(viewer: napari.viewer.Viewer) -> bool:  # napari injects by this name
    """Put a script that does again what was done with all images, edits included, on the clipboard."""
    try:
        text, said = script_of(session_of(viewer))
    except Exception as error:  # noqa: BLE001 - an action must not raise; it is worded and shown
        show_warning(explain(error, "writing the script").text)
        return False
    QApplication.clipboard().setText(text)
    show_info(said)
    return True


def script_of(session: Session) -> tuple[str, str]:
    """Return the script of a session, and a sentence on what it does.

    Raises
    ------
    BadOption
        If nothing was done, or nothing of it can be done again without the window.
    """
    parts = [(uid, _part(session, uid, result)) for uid, result in session.atoms.results().items()]
    parts += [more for slot in session.slots() if slot is not session.atoms for more in _more(session, slot)]
    usable = [part for _, part in parts if _usable(part)]
    text = as_script(usable or [part for _, part in parts])
    files = len({part.record.input.path for part in usable})
    said = f"Copied: Python that finds the atoms of {files} image{'' if files == 1 else 's'} again."
    further = [step.title for part in usable for step in part.record.steps if type(step) not in _OF_ATOMS]
    if further:
        said += f" Then: {', '.join(dict.fromkeys(further))}."
    layers = [session.layer(uid) for uid, part in parts if not _usable(part)]
    left = ", ".join(dict.fromkeys(layer.name for layer in layers if layer is not None))
    return text, f"{said} Without a file, so left out: {left}." if left else said


_OF_ATOMS = (FindAtoms, RefineAtoms)


def _usable(part: Part) -> bool:
    try:
        as_script([part])
    except BadOption:
        return False
    return True


def _part(session: Session, uid: str, result: Any) -> Part:
    points, found = session.points(uid), result.found
    return Part(found.record, Edits() if points is None else edits_between(found.atoms, atoms_of(points)))


def _more(session: Session, slot: JobSlot) -> Iterator[tuple[str, Part]]:
    """Return what came of atoms and images in another kind of work: lattices, rings, components ..."""
    for uid, result in slot.results().items():
        record, atoms = getattr(result, "record", None), session.result(uid)
        if isinstance(record, Record) and record.steps:
            edits = Edits() if atoms is None else _part(session, uid, atoms).edits
            yield uid, Part(record, edits if record.step(FindAtoms) is not None else Edits())
