"""A Recipe as a form: one row for each option, with its range, its default and its description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFormLayout

from napari_atomai.data.recipe import Recipe
from napari_atomai.plugin.form_fields import FormField, field_for


class RecipeForm(QObject):
    """Shows some options of a recipe and gives back the recipe.

    An option may be a number, a whole number, a yes or no, a text, one of several words, a pair of numbers, a
    list, or any of these or None.

    Parameters
    ----------
    kind : type of Recipe
        The recipe.
    fields : sequence of (str, str)
        Name of each option to show, and what to call it.
    layout : QFormLayout
        Where the rows are added.
    units : dict of str to str
        What to write behind a number.
    """

    changed = Signal()

    def __init__(
        self,
        kind: type[Recipe],
        fields: Sequence[tuple[str, str]],
        layout: QFormLayout,
        units: dict[str, str] | None = None,
    ) -> None:
        super().__init__(layout)
        self._kind = kind
        self._fields: dict[str, FormField] = {}
        for name, label in fields:
            info = kind.model_fields[name]
            made = self._fields[name] = field_for(info, (units or {}).get(name, ""))
            made.widget.setToolTip(info.description or "")
            made.widget.setObjectName(name)
            layout.addRow(label, made.widget)
            made.changed.connect(self.changed)

    def widget(self, name: str) -> Any:
        """Return the widget of an option."""
        return self._fields[name].widget

    def options(self) -> dict[str, Any]:
        """Return the options as they stand in the form."""
        return {name: field.get() for name, field in self._fields.items()}

    def put(self, options: Mapping[str, Any]) -> None:
        """Put values into the form; names that it does not show are left alone."""
        for name in self._fields.keys() & options.keys():
            self._fields[name].put(options[name])

    def recipe(self) -> Recipe:
        """Return the recipe; options that are not shown have their defaults.

        Raises
        ------
        BadOption
            If a value is not possible.
        """
        return self._kind.of(self.options())
