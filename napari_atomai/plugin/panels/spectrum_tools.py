"""Tools of the Spectrum panel: edges of elements, a background before an edge, and a shift of energies."""

from __future__ import annotations

import dataclasses
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QFormLayout, QLineEdit, QWidget

from napari_atomai.data.edges import edges_of
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.errors import AtomAIError
from napari_atomai.plugin.panels.spectrum_plot import Drawing
from napari_atomai.plugin.panels.widgets import button, row
from napari_atomai.stat.edge_background import power_law
from napari_atomai.stat.spectra import spectral_axis

_BACKGROUND = "background"
_GREY = "#888888"


class SpectrumTools(QWidget):
    """Rows for elements, background and energy calibration."""

    changed = Signal()
    shifted = Signal(float)
    """By how much all energies of the chosen spectrum, or of the image, are to be moved."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = QLineEdit()
        self.elements.setPlaceholderText("Sr, Ti, O")
        self.elements.setToolTip("Elements whose edges (eV) or X-ray lines (keV) are marked")
        self.low, self.high = _spin("Begin of the window before an edge"), _spin("End of that window")
        self.subtract = QCheckBox("Subtract the background")
        self.subtract.setToolTip("Fit a power law in the window of the background, and take it off")
        self.shift = _spin("By how much all energies move; typed here, done by the button")
        self.shift_button = button("Move energies", "Calibrate: add this to every energy")
        rows = QFormLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("Elements", self.elements)
        rows.addRow("Background", row(self.low, self.high))
        rows.addRow("", self.subtract)
        rows.addRow("Shift", row(self.shift, self.shift_button))
        self.elements.editingFinished.connect(self.changed)
        for spin in (self.low, self.high):
            spin.valueChanged.connect(self.changed)
        self.subtract.toggled.connect(self.changed)
        self.shift_button.clicked.connect(lambda: self.shifted.emit(self.shift.value()))

    def applied(self, drawing: Drawing) -> tuple[Drawing, str]:
        """Return the drawing with edges and background, and what is to be said."""
        if not drawing.curves:
            return drawing, ""
        said = ""
        try:
            edges = tuple((one.energy, one.name) for one in edges_of(self.elements.text(), drawing.unit))
        except AtomAIError as error:
            edges, said = (), str(error)
        drawing = dataclasses.replace(drawing, edges=edges)
        if self.high.value() <= self.low.value():
            return drawing, said
        try:
            return self._with_background(drawing), said
        except AtomAIError as error:
            return drawing, str(error)

    def taken_off(self) -> tuple[float, float] | None:
        """Return the window of the background, in the unit of the plot, where it is to be taken off."""
        low, high = self.low.value(), self.high.value()
        return (low, high) if self.subtract.isChecked() and high > low else None

    def _with_background(self, drawing: Drawing) -> Drawing:
        curves, off = [], self.subtract.isChecked()
        for curve in drawing.curves:
            fitted, exponent = power_law(curve.energy, curve.values, self.low.value(), self.high.value())
            if off:
                curves.append(dataclasses.replace(curve, values=curve.values - fitted))
            else:
                name = f"{_BACKGROUND}, r = {exponent:.2f}"
                curves += [curve, dataclasses.replace(curve, values=fitted, colour=_GREY, name=name)]
        return dataclasses.replace(drawing, curves=tuple(curves))


def moved(spectrum: Spectrum, shift: float) -> Spectrum:
    """Return a spectrum with another zero of its energies."""
    axis = spectrum.axes[-1]
    axes = (*spectrum.axes[:-1], dataclasses.replace(axis, offset=axis.offset + shift))
    return dataclasses.replace(spectrum, axes=axes)


def move_energies(layer: Any, image: Any, shift: float) -> None:
    """Move the energies of a spectrum image's layer; its rows and columns stay."""
    place = list(layer.translate)
    axis = spectral_axis(image)
    # The layer counts in its own scale: in the unit of the axis, of which `image` tells.
    factor = layer.scale[axis] / image.axes[axis].scale
    place[axis] += shift * factor
    layer.translate = place


def _spin(tip: str) -> QDoubleSpinBox:
    spin = QDoubleSpinBox()
    spin.setRange(-1e7, 1e7)
    spin.setDecimals(3)
    spin.setMinimumWidth(80)
    spin.setToolTip(tip)
    return spin
