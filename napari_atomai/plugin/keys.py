"""Keys for correcting atoms: one table, from which they are bound and the help page is written. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Key:
    """A key of the atoms' layer.

    Parameters
    ----------
    key : str
        As napari writes it.
    does : str
        What it does, for the help page.
    action : str
        Which action it is bound to; empty where napari itself binds it.
    """

    key: str
    does: str
    action: str = ""


KEYS = (
    Key("2 or P", "Add atoms: each click sets one, and it is fitted at once"),
    Key("3 or S", "Select: click an atom, drag a box around some, or drag what is selected"),
    Key("4 or Z", "Move the picture"),
    Key("L", "Lasso: draw around atoms to select them", "lasso"),
    Key("Delete or 1", "Take the selected atoms away"),
    Key("C", "Give the selected atoms the next class", "next_class"),
    Key("R", "Fit the selected atoms anew", "refit"),
    Key("Control-Z", "Undo", "undo"),
    Key("Control-Shift-Z", "Redo", "redo"),
    Key("N", "Go to the next most uncertain atom", "next_uncertain"),
    Key("B", "Go back to the one before", "previous_uncertain"),
    Key("Y", "Accept it, and go on", "accept"),
    Key("X", "Reject it: it is taken away; and go on", "reject"),
)


def bind(layer: Any, actions: Mapping[str, Callable[[], Any]]) -> None:
    """Bind the keys of the table to a layer; they act while it is the active one.

    Parameters
    ----------
    layer : napari layer
        Whose own keys they become.
    actions : dict of str to callable
        What each action of the table does.
    """
    for entry in KEYS:
        if entry.action:
            layer.bind_key(entry.key, _without_layer(actions[entry.action]), overwrite=True)


def _without_layer(action: Callable[[], Any]) -> Callable[[Any], None]:
    def act(_layer: Any) -> None:
        action()

    return act


def as_markdown() -> str:
    """Return the table for the help page."""
    lines = ["| Key | What it does |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {entry.key} | {entry.does} |" for entry in KEYS)]) + "\n"


def as_html() -> str:
    """Return the table for a panel."""
    rows = (f"<tr><td><b>{entry.key}</b>&nbsp;&nbsp;</td><td>{entry.does}</td></tr>" for entry in KEYS)
    return f"<table>{''.join(rows)}</table>"
