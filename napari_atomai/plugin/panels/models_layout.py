"""What the Models panel looks like: a list of models, and the card of the one that is chosen. No logic."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFormLayout, QLabel, QVBoxLayout, QWidget

from napari_atomai.data.card import ModelCard
from napari_atomai.plugin.own_models import OwnModel
from napari_atomai.plugin.panels.picker import ImagePicker
from napari_atomai.plugin.panels.status_line import StatusLine
from napari_atomai.plugin.panels.table import AtomsTable
from napari_atomai.plugin.panels.widgets import button, row, rows_table

_DAMAGED = "damaged"
_LIST_HEIGHT = 200
_BEFORE, _AFTER = "before_", "after_"
_MOST_DIGITS = 24
"""Longer entries of a card are cut: they are in the file."""


class ModelsForm(QWidget):
    """The widgets of the Models panel, from top to bottom.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self.table, self.rows = rows_table(), AtomsTable()
        self.table.setModel(self.rows)
        self.table.setFixedHeight(_LIST_HEIGHT)
        self.picker = ImagePicker(layers)
        self.use_button = button("Find atoms with it", "Find the atoms of this image with the chosen model")
        self.add_button = button("Add a file ...", "Copy a .safetensors file among your own models")
        self.delete_button = button("Delete ...", "Delete one of your own models")
        self.status, self.card = StatusLine(), QLabel()
        self.card.setWordWrap(True)
        self.card.setTextFormat(Qt.TextFormat.RichText)
        self.card.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("Image", self.picker)
        layout = QVBoxLayout(self)
        layout.addWidget(self.table)
        layout.addLayout(rows)
        layout.addWidget(self.use_button)
        layout.addLayout(row(self.add_button, self.delete_button))
        layout.addWidget(self.status)
        layout.addWidget(self.card)
        layout.addStretch(1)

    def show_models(self, models: Sequence[OwnModel]) -> None:
        """List models by name, what they do, how many nets they have, and how large they are."""
        columns = {
            "model": [model.name for model in models],
            "does": [_DAMAGED if model.card is None else model.card.task for model in models],
            "nets": [0 if model.card is None else model.card.members for model in models],
            "MB": [round(model.size / 1e6, 1) for model in models],
        }
        self.rows.set_columns({name: np.array(column) for name, column in columns.items()}, {})
        self.table.resizeColumnsToContents()

    def show_card(self, model: OwnModel | None) -> None:
        """Show what is known of a model."""
        self.use_button.setEnabled(model is not None and model.card is not None)
        self.delete_button.setEnabled(model is not None and model.is_own)
        self.card.setText("" if model is None else as_html(model))


def as_html(model: OwnModel) -> str:
    """Return the card of a model as a table."""
    if model.card is None:
        return f"<b>{escape(model.name)}</b><br>The file is damaged, or is no model of napari-atomai."
    lines = "".join(
        f"<tr><td>{escape(name)}&nbsp;&nbsp;</td><td>{escape(value)}</td></tr>"
        for name, value in _known(model.card)
        if value
    )
    place = escape(str(model.path)) if model.is_own else "comes with the package"
    return (
        f"<b>{escape(model.card.name)}</b><br>{escape(model.card.description)}"
        f"<table>{lines}</table><small>{place}</small>"
    )


def _known(card: ModelCard) -> list[tuple[str, str]]:
    nets = f"{card.members} x {card.net}" if card.members > 1 else card.net
    made = next((card.training[name] for name in ("teach", "elit") if name in card.training), card.training)
    told = made if isinstance(made, dict) else {}
    finds = card.task == "find atoms"
    return [
        ("Net", nets),
        ("Classes", ", ".join(card.classes)),
        ("Spacing", f"{card.spacing_min:g} to {card.spacing_max:g} px" if finds else ""),
        *_measured(card.metrics),
        *((str(name).replace("_", " "), _short(value)) for name, value in told.items()),
        ("Licence", card.licence),
        ("Made", card.created[:16].replace("T", " ")),
    ]


def _measured(metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return what was measured; what was measured before and after teaching stands in one line."""
    pairs = {name.removeprefix(_AFTER): value for name, value in metrics.items() if name.startswith(_AFTER)}
    alone = {n: value for n, value in metrics.items() if not n.startswith((_BEFORE, _AFTER))}
    known = [
        (name, f"{metrics.get(_BEFORE + name, math.nan):.3g} before, {value:.3g} after")
        for name, value in pairs.items()
    ]
    known += [(name, f"{value:.3g}") for name, value in alone.items()]
    return [(name.replace("_", " "), text) for name, text in known]


def _short(value: Any) -> str:
    if not isinstance(value, str | int | float):
        return ""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _MOST_DIGITS else f"{text[:_MOST_DIGITS]}..."
