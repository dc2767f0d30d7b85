"""Slots that cannot raise: an exception that escapes a slot may end the program. No Qt."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from napari_atomai.plugin.messages import explain


def worded(doing: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a method of a widget tell its user what went wrong while `doing` something.

    The widget has a method ``say(sentence)``.
    """

    def wrap(method: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(method)
        def slot(self: Any, *arguments: Any) -> None:
            try:
                method(self, *arguments)
            except Exception as error:  # noqa: BLE001 - a slot must not raise; it is worded and shown
                self.say(explain(error, doing).text)

        return slot

    return wrap
