"""What all panels have in common."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QDockWidget, QMainWindow, QTabWidget, QWidget

_WIDTH = 370
"""Of a dock at the left or right, with its tabs."""
_TABS = {
    Qt.DockWidgetArea.RightDockWidgetArea: QTabWidget.TabPosition.East,
    Qt.DockWidgetArea.LeftDockWidgetArea: QTabWidget.TabPosition.West,
}
"""Where tabs stand: below a dock of that width there is room for four, beside it for a dozen."""


class Panel(QWidget):
    """A panel in a dock of napari's.

    Its tab has a short title: napari writes the plugin's name behind it, and of seven tabs nothing could be
    read. It lies as a tab on our other panels: napari would put each below the last, until none had room.

    Parameters
    ----------
    title : str
        What the tab says.
    """

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title
        self._settling = self.settled = False
        self._done: set[str] = set()
        self._settle_soon = QTimer(self)  # napari is not done with the dock when it is shown
        self._settle_soon.setSingleShot(True)
        self._settle_soon.setInterval(0)
        self._settle_soon.timeout.connect(self._settle)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Settle in the dock when it is shown for the first time."""
        super().showEvent(event)
        if not self._settling:
            self._settling = True
            self._settle_soon.start()

    def once(self, key: str, call: Callable[[], None]) -> None:
        """Call a slot in a later turn when a key is first given; not if the panel ends before."""
        if key in self._done:
            return
        self._done.add(key)
        soon = QTimer(self)
        soon.setSingleShot(True)
        soon.timeout.connect(call)
        soon.timeout.connect(soon.deleteLater)
        soon.start(0)

    def _settle(self) -> None:
        dock = self.parentWidget()
        window = dock.parentWidget() if isinstance(dock, QDockWidget) else None
        if not isinstance(dock, QDockWidget) or not isinstance(window, QMainWindow):
            return
        dock.setWindowTitle(self.title)
        area = window.dockWidgetArea(dock)
        if area in _TABS and dock.width() < _WIDTH and not dock.isFloating():
            window.resizeDocks([dock], [_WIDTH], Qt.Orientation.Horizontal)
        self.settled = True
        others = [other for other in window.findChildren(QDockWidget) if _beside(other, dock, window)]
        if not others:
            return
        if area in _TABS:
            window.setTabPosition(area, _TABS[area])
        if dock not in window.tabifiedDockWidgets(others[-1]):
            window.tabifyDockWidget(others[-1], dock)
            dock.raise_()


def _beside(other: QDockWidget, dock: QDockWidget, window: QMainWindow) -> bool:
    """Whether another dock holds a panel of ours that has settled where this one stands."""
    panel = other.widget()
    ours = other is not dock and isinstance(panel, Panel) and panel.settled
    there = not (other.isHidden() or other.isFloating() or dock.isFloating())
    return ours and there and window.dockWidgetArea(other) == window.dockWidgetArea(dock)
