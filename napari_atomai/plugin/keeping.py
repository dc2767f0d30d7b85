"""Save a session, open one, take up work after a crash, ask before a window closes."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info, show_warning

from napari_atomai.data.progress import Progress
from napari_atomai.files.work import SUFFIX, Work, read_work, write_work
from napari_atomai.plugin import autosave, run_folders, teaching
from napari_atomai.plugin.asking import ask_choice, ask_file, ask_save
from napari_atomai.plugin.docks import soon
from napari_atomai.plugin.kept_models import with_its_model
from napari_atomai.plugin.messages import explain
from napari_atomai.plugin.saved_work import add_hashes, beside, restore, restored_found, take
from napari_atomai.plugin.session import session_of
from napari_atomai.plugin.waiting import wait_for
from napari_atomai.workflow.process import read_kept

if TYPE_CHECKING:
    import napari

    from napari_atomai.plugin.jobs import Work as Working

_KINDS = f"Sessions (*{SUFFIX})"
_SAVE, _DISCARD, _CANCEL = "Save session ...", "Close without saving", "Cancel"
_TAKE, _DELETE, _LATER, _GO_ON = "Recover", "Delete", "Later", "Go on"

_kept: weakref.WeakKeyDictionary[Any, autosave.CloseGuard] = weakref.WeakKeyDictionary()


def save_session(viewer: napari.viewer.Viewer) -> bool:  # napari injects by this name
    """Ask where, and write everything that was done in a window; True when it was written."""
    path = ask_save(_window(viewer), "Save session", _KINDS, f"session{SUFFIX}")
    if path is None:
        return False
    path = path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)
    return _guarded(lambda: write_session(viewer, path), "saving the session")


def open_session(viewer: napari.viewer.Viewer) -> bool:  # napari injects by this name
    """Ask for a session, and put it into the window."""
    path = ask_file(_window(viewer), "Open session", _KINDS)
    return path is not None and _guarded(lambda: read_session(viewer, path), "opening the session")


def recover(viewer: napari.viewer.Viewer) -> bool:  # napari injects by this name
    """Put back the newest work that a window which did not come to its end has left."""
    folders = autosave.left_behind()
    if folders:
        return _guarded(lambda: _recover(viewer, folders[0]), "recovering unsaved work")
    if teaching.interrupted():
        return _guarded(lambda: _offer_training(viewer), "going on with a training")
    show_info("There is no unsaved work of an earlier window.")
    return False


def write_session(viewer: Any, path: Path) -> None:
    """Write what was done in a viewer into a file.

    Raises
    ------
    SaveFailed
        If it cannot be written; everything is still in the window.
    """
    session = session_of(viewer)
    work = take(viewer, session.found())
    wait_for(_writing(path, work), "saving the session")
    session.autosave.saved()


def read_session(viewer: Any, path: Path) -> None:
    """Put a session of a file into a viewer.

    Raises
    ------
    CannotRead
        If it is none, is damaged, or newer than this program.
    """
    work = wait_for(_reading(path), "opening the session")
    put_back(viewer, work, path.parent)
    session_of(viewer).autosave.saved()


def put_back(viewer: Any, work: Work, folder: Path) -> None:
    """Put a piece of work into a viewer; what could not be brought back is said."""
    session = session_of(viewer)

    def find(known: dict[str, Any]) -> Path | None:
        there = beside(folder)(known)
        if there is not None:
            return there
        name = Path(known["path"]).name
        return ask_file(_window(viewer), f"Where is {name}?")

    def find_model(name: str) -> Path | None:
        return ask_file(_window(viewer), f"Where is the model {name}?", "Models (*.safetensors)")

    _, notes = restore(viewer, work, find)
    for entry in work.entry["found"]:
        found, note = with_its_model(restored_found(entry, work.arrays), work.models, folder, find_model)
        session.put_back(entry["uid"], found)
        notes += [note] if note else []
    if notes:
        show_warning("\n".join(notes))


def watch(viewer: Any) -> None:
    """Ask before the window is closed with unsaved work, end what runs, and offer what was left behind."""
    bare = getattr(viewer, "__wrapped__", viewer)
    window = _window(bare)
    if window is None or bare in _kept:
        return
    here = weakref.ref(bare)
    _kept[bare] = autosave.CloseGuard(window, lambda: _may_close(here()), lambda: _closed(here()))
    session = session_of(bare)
    session.autosave.dirty_changed.connect(window.setWindowModified)
    if "[*]" not in window.windowTitle():
        window.setWindowTitle(f"{window.windowTitle()}[*]")
    if autosave.left_behind() or teaching.interrupted():
        soon(bare, offer, "offering unsaved work")


def offer(viewer: Any) -> None:
    """Ask what shall become of work, and of a training, that an earlier window has left."""
    folders = autosave.left_behind()
    if folders:
        _offer_work(viewer, folders)
    _offer_training(viewer)


def _offer_training(viewer: Any) -> None:
    slot = session_of(viewer).slot(teaching.TRAIN)
    folders = teaching.interrupted()
    if not folders or slot.job is not None:
        return
    kept = read_kept(folders[0])
    so_far = f" Its best net so far is of step {kept['best_step']}." if kept and "best_step" in kept else ""
    question = f"A training ended with its program before it was done.{so_far}"
    answer = ask_choice(_window(viewer), "Training", question, (_GO_ON, _DELETE, _LATER))
    if answer == _GO_ON and teaching.go_on(slot, folders[0]):
        show_info("The training goes on from its last checkpoint: open Train to see it.")
    elif answer == _DELETE:
        run_folders.discard(folders[0])


def _offer_work(viewer: Any, folders: list[Path]) -> None:
    when = folders[0].name[:16]
    question = f"Unsaved work of {when} was found: napari did not come to its end then."
    answer = ask_choice(_window(viewer), "Unsaved work", question, (_TAKE, _DELETE, _LATER))
    if answer == _TAKE:
        _recover(viewer, folders[0])
    elif answer == _DELETE:
        autosave.discard(folders[0])


def _recover(viewer: Any, folder: Path) -> None:
    work, notes = autosave.newest(folder)
    if notes:
        show_warning("\n".join(notes))
    if work is None:
        return
    put_back(viewer, work, folder)
    session_of(viewer).autosave.note()
    autosave.discard(folder)


def _may_close(viewer: Any) -> bool:
    if viewer is None or not session_of(viewer).autosave.dirty:
        return True
    question = "What was done since the last saving is not in a file of yours yet."
    answer = ask_choice(_window(viewer), "Close", question, (_SAVE, _DISCARD, _CANCEL))
    if answer == _DISCARD:
        session_of(viewer).autosave.saved()
    return answer == _DISCARD or (answer == _SAVE and save_session(viewer))


def _closed(viewer: Any) -> None:
    if viewer is not None:
        session = session_of(viewer)
        session.end_all()
        # A program that closes a viewer has taken the layers away before: nothing is left to be offered.
        session.autosave.close(keep=session.autosave.dirty and len(viewer.layers) > 0)


def _guarded(act: Callable[[], None], doing: str) -> bool:
    try:
        act()
    except Exception as error:  # noqa: BLE001 - an action must not raise; it is worded and shown
        show_warning(explain(error, doing).text)
        return False
    return True


def _window(viewer: Any) -> Any:
    return getattr(getattr(viewer, "window", None), "_qt_window", None)


def _writing(path: Path, work: Work) -> Callable[[], Working]:
    def start() -> Working:
        yield Progress(0, 0, "saving")
        from napari_atomai.workflow.saved_models import add_models

        add_hashes(work)
        add_models(work)
        write_work(path, work)

    return start


def _reading(path: Path) -> Callable[[], Working]:
    def start() -> Working:
        yield Progress(0, 0, "opening")
        return read_work(path)

    return start
