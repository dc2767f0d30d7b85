"""A button that starts work, one that stops it, how far it is, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_atomai.data.progress import Progress
from napari_atomai.plugin.messages import time_left
from napari_atomai.plugin.panels.status_line import StatusLine
from napari_atomai.plugin.panels.widgets import row


class RunBox(QWidget):
    """Starts and stops the work of a `JobSlot`, and shows how far it is.

    Parameters
    ----------
    idle : str
        What the button says: "Find atoms".
    busy : str
        What it says while the work goes on: "Finding ...".
    """

    run = Signal()

    def __init__(self, idle: str, busy: str) -> None:
        super().__init__()
        self._idle, self._busy = idle, busy
        self._slot: Any = None
        self._uid: Callable[[], str] = str
        self.button = QPushButton(idle)
        self.button.setDefault(True)
        self.stop_button = QPushButton("Stop")
        self.stop_button.setEnabled(False)
        self.progress = QProgressBar()
        self.progress.setVisible(False)
        self.status = StatusLine()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row(self.button, self.stop_button))
        layout.addWidget(self.progress)
        layout.addWidget(self.status)
        self.button.clicked.connect(self._on_click)

    def bind(self, slot: Any, uid: Callable[[], str] = str) -> None:
        """Show the work of a slot from now on.

        Parameters
        ----------
        slot : JobSlot
            Whose job is started and stopped here.
        uid : callable
            Returns the uid of the image that the panel is about: what is said of others is not shown.
        """
        self._slot, self._uid = slot, uid
        self.stop_button.clicked.connect(slot.stop)
        slot.progressed.connect(self._on_progress)
        slot.running_changed.connect(self.refresh)
        slot.said.connect(self._on_said)
        self.refresh()

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.status.say(sentence)

    def refresh(self) -> None:
        """Show whether work is going on."""
        self.show_running(self._slot is not None and self._slot.job is not None)

    def show_running(self, running: bool) -> None:
        """Show whether work is going on; the button stays alive, so that a second click is answered."""
        self.stop_button.setEnabled(running)
        self.button.setText(self._busy if running else self._idle)
        self.progress.setVisible(running)
        if running:
            self.progress.setRange(0, 0)
            self.progress.setFormat("")

    def _on_click(self) -> None:
        self.run.emit()

    def _on_progress(self, progress: Progress) -> None:
        job = self._slot.job
        left = time_left(progress.fraction, job.elapsed) if job is not None else ""
        self.progress.setRange(0, max(progress.of, 0))
        self.progress.setValue(progress.step)
        self.progress.setFormat(" · ".join(part for part in (progress.message, "%p %", left) if part))

    def _on_said(self, uid: str, sentence: str) -> None:
        if uid in ("", self._uid()):
            self.say(sentence)
