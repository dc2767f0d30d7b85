"""Copy as script: what was done in a window, as Python that needs none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info, show_warning
from qtpy.QtWidgets import QApplication

from napari_atomai.plugin.messages import explain
from napari_atomai.plugin.points import atoms_of
from napari_atomai.plugin.session import session_of
from napari_atomai.workflow.hand_edits import Edits, edits_between
from napari_atomai.workflow.script import Part, as_script

if TYPE_CHECKING:
    import napari

    from napari_atomai.plugin.session import Session


def copy_as_script(viewer: napari.viewer.Viewer) -> bool:  # napari injects by this name
    """Put a script that finds the atoms of all images, edits by hand included, on the clipboard."""
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
        If no atoms were found, or no image has a file to read it from.
    """
    parts = {uid: _part(session, uid, result) for uid, result in session.atoms.results().items()}
    usable = {uid: part for uid, part in parts.items() if part.record.input.path}
    text = as_script(list((usable or parts).values()))
    left = [layer.name for uid in parts if uid not in usable and (layer := session.layer(uid)) is not None]
    said = (
        f"Copied: Python that finds the atoms of {len(usable)} image{'' if len(usable) == 1 else 's'} again."
    )
    return text, f"{said} Without a file, so left out: {', '.join(left)}." if left else said


def _part(session: Session, uid: str, result: Any) -> Part:
    points, found = session.points(uid), result.found
    return Part(found.record, Edits() if points is None else edits_between(found.atoms, atoms_of(points)))
