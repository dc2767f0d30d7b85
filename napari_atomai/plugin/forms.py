"""A Recipe as a form: one row for each option, with its range, its default and its description."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QLineEdit, QWidget

from napari_atomai.data.recipe import Recipe


class RecipeForm(QObject):
    """Shows some options of a recipe and gives back the recipe.

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
        super().__init__()
        self._kind = kind
        self._widgets: dict[str, QWidget] = {}
        for name, label in fields:
            info = kind.model_fields[name]
            widget = _widget(info, (units or {}).get(name, ""))
            widget.setToolTip(info.description or "")
            widget.setObjectName(name)
            self._widgets[name] = widget
            layout.addRow(label, widget)
            _changed(widget).connect(self.changed)

    def widget(self, name: str) -> Any:
        """Return the widget of an option."""
        return self._widgets[name]

    def options(self) -> dict[str, Any]:
        """Return the options as they stand in the form."""
        return {name: _value(widget) for name, widget in self._widgets.items()}

    def recipe(self) -> Recipe:
        """Return the recipe; options that are not shown have their defaults."""
        return self._kind.of(self.options())


def _widget(info: FieldInfo, unit: str) -> QWidget:
    if get_origin(info.annotation) is Literal:
        box = QComboBox()
        box.addItems([str(value) for value in get_args(info.annotation)])
        box.setCurrentText(str(info.default))
        return box
    if info.annotation is float:
        return _spin(info, unit)
    return QLineEdit(str(info.default))


def _spin(info: FieldInfo, unit: str) -> QDoubleSpinBox:
    low, high = _range(info)
    spin = QDoubleSpinBox()
    spin.setDecimals(2 if high <= 1 else 1)
    spin.setRange(low, high)
    spin.setSingleStep(0.05 if high <= 1 else 1.0)
    spin.setValue(float(info.default))
    spin.setSuffix(f" {unit}" if unit else "")
    if low == 0 and "0 =" in (info.description or ""):
        spin.setSpecialValueText("automatic")
    return spin


def _range(info: FieldInfo) -> tuple[float, float]:
    low, high = -1e9, 1e9
    for limit in info.metadata:
        if isinstance(limit, Ge | Gt):
            low = float(limit.ge if isinstance(limit, Ge) else limit.gt)  # type: ignore[arg-type]
        if isinstance(limit, Le | Lt):
            high = float(limit.le if isinstance(limit, Le) else limit.lt)  # type: ignore[arg-type]
    return low, high


def _changed(widget: QWidget) -> Any:
    if isinstance(widget, QComboBox):
        return widget.currentTextChanged
    return widget.valueChanged if isinstance(widget, QDoubleSpinBox) else widget.textChanged


def _value(widget: QWidget) -> Any:
    if isinstance(widget, QComboBox):
        return widget.currentText()
    return widget.value() if isinstance(widget, QDoubleSpinBox) else widget.text().strip()
