"""The line of a panel that says what is the case, and what was just done."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel


class StatusLine(QLabel):
    """A sentence under the widgets of a panel.

    "Written to table.csv." is right until the table changes: what was done is said together with what it was
    done with, and goes when that is no longer the same. An empty line takes no room.
    """

    def __init__(self, sentence: str = "") -> None:
        super().__init__(sentence)
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)  # names of files and layers may hold <
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._before = ""
        self._about: Any = None

    def say(self, sentence: str) -> None:
        """Say what is the case."""
        self._about = None
        self.setText(sentence)

    def say_done(self, sentence: str, about: Any) -> None:
        """Say what was done.

        Parameters
        ----------
        sentence : str
            What was done.
        about : object
            What it was done with; compared with what `keep_for` is given. Not None.
        """
        if self._about is None:
            self._before = self.text()
        self._about = about
        self.setText(sentence)

    def keep_for(self, about: Any) -> None:
        """Go back to what was said before, unless what was done was done with this; None is nothing."""
        if self._about is not None and about != self._about:
            self.say(self._before)

    def setText(self, sentence: str | None) -> None:
        """Show a sentence."""
        super().setText(sentence)
        if self.parentWidget() is not None:  # else it would be a window of its own
            self.setVisible(bool(sentence))
