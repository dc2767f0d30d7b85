"""Questions to the user: which file, which folder, yes or no. Tests replace `answer`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget


def ask_file(parent: QWidget, title: str, kinds: str = "", start: str = "") -> Path | None:
    """Ask for a file that is there; None if the user thinks better of it.

    Parameters
    ----------
    parent : QWidget
        Above which the dialogue stands.
    title : str
        What is asked for.
    kinds : str
        As Qt writes them: "Models (*.safetensors)".
    start : str
        Name or folder to begin with.
    """
    return _path(answer(lambda: QFileDialog.getOpenFileName(parent, title, start, kinds)))


def ask_save(parent: QWidget, title: str, kinds: str = "", start: str = "") -> Path | None:
    """Ask where to write a file; as `ask_file`."""
    return _path(answer(lambda: QFileDialog.getSaveFileName(parent, title, start, kinds)))


def ask_folder(parent: QWidget, title: str, start: str = "") -> Path | None:
    """Ask for a folder; as `ask_file`."""
    return _path(answer(lambda: QFileDialog.getExistingDirectory(parent, title, start)))


def ask_choice(parent: QWidget, title: str, question: str, choices: tuple[str, ...]) -> str:
    """Ask for one of several answers; the last is what closing the dialogue means."""

    def ask() -> str:
        box = QMessageBox(parent)
        box.setWindowTitle(title)
        box.setText(question)
        buttons = {box.addButton(text, QMessageBox.ButtonRole.ActionRole): text for text in choices}
        box.setEscapeButton(list(buttons)[-1])
        box.setDefaultButton(next(iter(buttons)))
        box.exec()
        return buttons.get(box.clickedButton(), choices[-1])

    return str(answer(ask))


def answer(ask: Callable[[], Any]) -> Any:
    """Return what a dialogue gives; the one place where dialogues are opened."""
    return ask()


def _path(given: Any) -> Path | None:
    text = given[0] if isinstance(given, tuple) else given
    return Path(text) if text else None
