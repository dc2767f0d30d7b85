"""One option of a recipe as a widget, chosen by the option's type."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QHBoxLayout, QLineEdit, QSpinBox, QWidget

from napari_atomai.errors import BadOption

_MOST = 2_000_000_000


class _Heard(QObject):
    changed = Signal()


@dataclass(frozen=True, eq=False)
class FormField:
    """A widget, what it holds, and how it says that it was changed.

    Parameters
    ----------
    widget : QWidget
        What is shown.
    get, put : callable
        Return and set the value.
    changed : signal
        Emitted when it was changed by whomever; with or without arguments.
    """

    widget: QWidget
    get: Callable[[], Any]
    put: Callable[[Any], None]
    changed: Any


def field_for(info: FieldInfo, unit: str = "") -> FormField:
    """Make the field of an option: its range from its limits, its start from its default."""
    made = _of_type(info.annotation, info, unit)
    if info.default is not PydanticUndefined:
        made.put(info.default)
    return made


def _of_type(kind: Any, info: FieldInfo, unit: str) -> FormField:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return _choice(parts)
    if origin in (types.UnionType, Union) and type(None) in parts and len(parts) == 2:
        return _optional(_of_type(next(part for part in parts if part is not type(None)), info, unit))
    if origin is tuple and parts and parts[-1] is not Ellipsis and set(parts) <= {int, float}:
        return _several([_of_type(part, info, unit) for part in parts])
    if origin is tuple and parts:
        return _list(parts[0])
    simple = {bool: _switch, int: _whole, float: _number}.get(kind, _text)
    return simple(info, unit)


def _choice(values: tuple[Any, ...]) -> FormField:
    box = QComboBox()
    box.addItems([str(value) for value in values])
    return FormField(
        box,
        lambda: values[box.currentIndex()],
        lambda value: box.setCurrentText(str(value)),
        box.currentTextChanged,
    )


def _switch(_info: FieldInfo, _unit: str) -> FormField:
    box = QCheckBox()
    return FormField(box, box.isChecked, lambda value: box.setChecked(bool(value)), box.toggled)


def _whole(info: FieldInfo, unit: str) -> FormField:
    spin = QSpinBox()
    low, high = _range(info)
    spin.setRange(int(max(low, -_MOST)), int(min(high, _MOST)))
    _dress(spin, info, unit, low)
    return FormField(spin, spin.value, lambda value: spin.setValue(int(value)), spin.valueChanged)


def _number(info: FieldInfo, unit: str) -> FormField:
    spin = QDoubleSpinBox()
    low, high = _range(info)
    default = info.default if isinstance(info.default, float | int) else 1.0
    small = 0 < abs(default) < 0.01
    needed = len(f"{default:.6f}".rstrip("0").partition(".")[2])  # a default of 0.05 must not become 0.1
    spin.setDecimals(6 if small else max(2 if high <= 1 else 1, needed))
    spin.setRange(low, high)
    spin.setSingleStep(abs(default) if small else 0.05 if high <= 1 else 1.0)
    _dress(spin, info, unit, low)
    return FormField(spin, spin.value, lambda value: spin.setValue(float(value)), spin.valueChanged)


def _dress(spin: Any, info: FieldInfo, unit: str, low: float) -> None:
    spin.setSuffix(f" {unit}" if unit else "")
    if low == 0 and "0 =" in (info.description or ""):
        spin.setSpecialValueText("automatic")


def _text(_info: FieldInfo, _unit: str) -> FormField:
    line = QLineEdit()
    return FormField(
        line, lambda: line.text().strip(), lambda value: line.setText(str(value)), line.textChanged
    )


def _list(kind: Any) -> FormField:
    """Make a line of values with commas between them."""
    line = QLineEdit()
    line.setPlaceholderText("with commas between them")

    def get() -> tuple[Any, ...]:
        parts = [part.strip() for part in line.text().split(",") if part.strip()]
        try:
            return tuple(kind(part) for part in parts)
        except ValueError as error:
            raise BadOption(f"{line.text()!r} is no list of numbers.", remedy="Write 1, 2, 3.") from error

    return FormField(
        line, get, lambda value: line.setText(", ".join(str(part) for part in value)), line.textChanged
    )


def _several(fields: list[FormField]) -> FormField:
    """Put the fields of a pair side by side."""
    heard, box = _held([one.widget for one in fields])
    for one in fields:
        one.changed.connect(heard.changed)

    def put(values: Any) -> None:
        for one, value in zip(fields, values, strict=True):
            one.put(value)

    return FormField(box, lambda: tuple(one.get() for one in fields), put, heard.changed)


def _optional(inner: FormField) -> FormField:
    """Put a box before a field; not ticked means None."""
    tick = QCheckBox()
    heard, box = _held([tick, inner.widget])
    inner.widget.setEnabled(False)
    tick.toggled.connect(inner.widget.setEnabled)
    tick.toggled.connect(heard.changed)
    inner.changed.connect(heard.changed)

    def put(value: Any) -> None:
        tick.setChecked(value is not None)
        if value is not None:
            inner.put(value)

    return FormField(box, lambda: inner.get() if tick.isChecked() else None, put, heard.changed)


def _held(widgets: list[QWidget]) -> tuple[_Heard, QWidget]:
    box = QWidget()
    line = QHBoxLayout(box)
    line.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        line.addWidget(widget, stretch=0 if isinstance(widget, QCheckBox) else 1)
    heard = _Heard(box)
    return heard, box


def _range(info: FieldInfo) -> tuple[float, float]:
    low, high = -1e9, 1e9
    for limit in info.metadata:
        if isinstance(limit, Ge | Gt):
            low = float(limit.ge if isinstance(limit, Ge) else limit.gt)  # type: ignore[arg-type]
        if isinstance(limit, Le | Lt):
            high = float(limit.le if isinstance(limit, Le) else limit.lt)  # type: ignore[arg-type]
    return low, high
