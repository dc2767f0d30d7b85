"""Connections to napari's events that end when their widget does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject


class Connections:
    """Keeps what a widget listens to.

    napari holds its callbacks weakly, but a Qt object can be deleted while its Python half lives on: the
    next event would then reach a deleted object.

    Parameters
    ----------
    owner : QObject
        When it is destroyed, everything is disconnected.
    """

    def __init__(self, owner: QObject) -> None:
        self._pairs: list[tuple[Any, Callable[..., Any]]] = []
        owner.destroyed.connect(self.close)

    def connect(self, emitter: Any, callback: Callable[..., Any]) -> None:
        """Connect a callback to one of napari's event emitters."""
        emitter.connect(callback)
        self._pairs.append((emitter, callback))

    def close(self, *_: Any) -> None:
        """Disconnect everything."""
        for emitter, callback in self._pairs:
            with contextlib.suppress(ValueError, RuntimeError, KeyError):
                emitter.disconnect(callback)
        self._pairs.clear()
